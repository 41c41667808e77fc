"""Clips of other engines, models, versions and times are told apart."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from clips_for_tests import CARD, CLIPS, FIRST, PLAN, put_clip, reopened, tree

from harness.plan import ENGINE
from harness.store import Store, StoreError
from harness.store.disk import LocalDisk

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_clips_of_another_engine_are_named_and_not_mixed(store: Store) -> None:
    newer = Store(store.root, CARD, engine=ENGINE + 1)
    assert newer.missing(CLIPS) == list(CLIPS)
    assert newer.strangers() == [
        f"3 clips of this model were made by engine {ENGINE} and are not used; "
        f"`python -m harness.store gc --engine {ENGINE}` removes them."
    ]
    assert store.strangers() == []


def test_clips_of_another_model_are_named(store: Store) -> None:
    other = Store(store.root, replace(CARD, fingerprint="f" * 32, name="phantom:deaf"))
    assert other.strangers() == [
        "The store also has clips of other models (3 of phantom:paper)."
    ]


def test_a_store_from_before_engines_is_named_and_left_alone(tmp_path: Path) -> None:
    old = tmp_path / CARD.fingerprint / "records"
    old.mkdir(parents=True)
    (old / f"{FIRST.key}.json").write_text('{"schema": 1}')
    store = Store(tmp_path, CARD)
    assert store.missing([FIRST]) == [FIRST]
    (sentence,) = store.strangers()
    assert sentence.startswith("1 clips of this model were made before engine 1 and")
    assert "gc --engine 0` removes them" in sentence
    put_clip(store, FIRST)
    assert (old / f"{FIRST.key}.json").read_text() == '{"schema": 1}'


@pytest.mark.parametrize("layout", ['{"layout": 3}', '{"layout": 1}', "[]"])
def test_a_store_that_another_version_laid_out_is_refused(
    store: Store, layout: str
) -> None:
    (Path(store.root) / "layout.json").write_text(layout)
    before = tree(Path(store.root))
    with pytest.raises(StoreError, match=r"store` must have layout 2, got .* another"):
        reopened(store)
    assert tree(Path(store.root)) == before


def test_a_store_with_nothing_new_is_not_written_to(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*args: Any) -> None:
        pytest.fail("something was written")

    store.write_metadata()
    before = sorted(Path(store.root).rglob("*"))
    monkeypatch.setattr(LocalDisk, "write", write)
    again = reopened(store)
    assert again.verify(PLAN.keys) == []
    again.write_metadata()
    assert sorted(Path(store.root).rglob("*")) == before  # nor a lease taken


def test_without_a_given_time_it_is_that_of_the_clock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    before = int(time.time())
    put_clip(store, PLAN.clips[3])
    said = store.record(PLAN.clips[3].key)["provenance"]["time"]
    then = datetime.strptime(said, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= then.timestamp() <= time.time()


def test_a_given_time_that_is_none_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(StoreError, match="must be seconds since 1970, got yesterday"):
        put_clip(store, PLAN.clips[3])
    assert not reopened(store).has(PLAN.clips[3].key)


def test_the_record_does_not_name_the_machine(store: Store) -> None:
    text = json.dumps(store.record(FIRST.key))
    assert socket.gethostname() not in text
    assert str(Path(store.root)) not in text
