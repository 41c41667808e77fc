"""What is made once for a store is made by the first who comes, and kept."""

from __future__ import annotations

import pytest

from harness.sampling.once import once
from harness.store import Store

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_what_is_there_is_read_and_nothing_is_made(store: Store) -> None:
    kept: list[str] = []
    found = once(
        store,
        "name",
        read=lambda: "there",
        make=lambda: pytest.fail("it was made again"),
        keep=kept.append,
    )
    assert (found, kept) == ("there", [])


def test_what_is_not_there_is_made_and_kept_under_the_lease(store: Store) -> None:
    kept: list[str] = []

    def make() -> str:
        assert store.try_lease("name") is None  # others wait
        return "made"

    found = once(store, "name", read=lambda: None, make=make, keep=kept.append)
    assert (found, kept) == ("made", ["made"])
    lease = store.try_lease("name")
    assert lease is not None
    lease.release()


def test_what_another_made_meanwhile_is_read(store: Store) -> None:
    seen = iter([None, "another's"])
    found = once(
        store,
        "name",
        read=lambda: next(seen),
        make=lambda: pytest.fail("it was made twice"),
        keep=lambda made: pytest.fail("it was kept twice"),
    )
    assert found == "another's"
