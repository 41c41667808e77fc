"""What is made once for a store, by one of its workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.store import Store

__all__ = ["once"]

T = TypeVar("T")


def once(
    store: Store,
    name: str,
    *,
    read: Callable[[], T | None],
    make: Callable[[], T],
    keep: Callable[[T], None],
) -> T:
    """What `read` finds; if that is None, what is made and kept for the next.

    Of workers that come at the same time one makes it, under the lease `name`, and the
    others wait and read.
    """
    found = read()
    if found is None:
        with store.lease(name):
            found = read()
            if found is None:
                found = make()
                keep(found)
    return found
