"""Which micro-batch sizes a store uses for one kind of clip.

The size is part of a clip's key, so every worker of a store must take the same one. It
is written down when the first run chooses it, and halved, for all workers, when memory
runs out. Clips of the sizes before stay as good as they were; where what was written
down is lost, they are found again by their keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from harness.plan import Plan
from harness.sampling.once import once
from harness.store import Store

__all__ = ["first_size", "halved", "settled", "sizes_of"]

_POSSIBLE = (32, 16, 8, 4, 2, 1)  # what is chosen, and its halves


def first_size(plan: Plan, store: Store, *, choose: Callable[[], int]) -> int:
    """The size that the store uses now; if it uses none yet, what `choose` says."""
    name = _name(plan)
    sizes = once(
        store,
        name,
        read=lambda: store.check(name),
        make=lambda: _with_last(_found(plan, store), choose()),
        keep=lambda made: store.write_check(name, made),
    )
    return int(sizes[-1])


def sizes_of(plan: Plan, store: Store) -> tuple[int, ...]:
    """The sizes that clips of `plan` may have, the one to go on with last."""
    own = (plan.generation.batch_size,)
    if not plan.adaptive:
        return own
    return tuple(store.check(_name(plan)) or own)


def settled(plan: Plan, store: Store) -> Plan:
    """The plan with the keys under which its clips are, or will be, in the store."""
    sizes = sizes_of(plan, store)
    if sizes == (plan.generation.batch_size,):
        return plan
    return plan.resized(sizes, store.has)


def halved(plan: Plan, store: Store) -> int:
    """Memory ran out: the size to go on with, written down for everyone.

    Where another worker was here first, it is what that one has written.
    """
    failed = plan.generation.batch_size
    name = _name(plan)
    with store.lease(name):
        sizes = list(sizes_of(plan, store))
        if sizes[-1] >= failed:
            sizes = _with_last(sizes, failed // 2)
            store.write_check(name, sizes)
    return int(sizes[-1])


def _found(plan: Plan, store: Store) -> list[int]:
    """The sizes of which clips are there, whatever is written down."""

    def some_are_there(size: int) -> bool:
        return not store.keys().isdisjoint(plan.resized((size,), _nothing).keys)

    return [size for size in _POSSIBLE if some_are_there(size)]


def _nothing(key: str) -> bool:
    return False


def _with_last(sizes: list[int], last: int) -> list[int]:
    return [size for size in sizes if size != last] + [last]


def _name(plan: Plan) -> str:
    kind = repr((replace(plan.generation, batch_size=0), plan.capture))
    return f"batch-{hashlib.blake2b(kind.encode(), digest_size=8).hexdigest()}"
