"""Which micro-batch sizes a store uses for one kind of clip.

The size is part of a clip's key, so every worker of a store must take the same one. It
is written down when the first run chooses it, and halved, for all workers, when memory
runs out. Clips of the sizes before stay as good as they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from harness.plan import CaptureSpec, Generation, Plan
from harness.store import Store

__all__ = ["first_size", "halved", "settled", "sizes_of"]


def first_size(
    store: Store,
    generation: Generation,
    capture: CaptureSpec,
    *,
    choose: Callable[[], int],
) -> int:
    """The size that the store uses now; if it uses none yet, what `choose` says."""
    name = _name(generation, capture)
    sizes = store.check(name)
    if sizes is None:
        with store.lease(name):
            sizes = store.check(name)
            if sizes is None:
                sizes = [choose()]
                store.write_check(name, sizes)
    return int(sizes[-1])


def sizes_of(plan: Plan, store: Store) -> tuple[int, ...]:
    """The sizes that clips of `plan` may have, the one to go on with last."""
    own = (plan.generation.batch_size,)
    if not plan.adaptive:
        return own
    return tuple(store.check(_name(plan.generation, plan.capture)) or own)


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
    name = _name(plan.generation, plan.capture)
    with store.lease(name):
        sizes = list(sizes_of(plan, store))
        if sizes[-1] >= failed:
            sizes.append(failed // 2)
            store.write_check(name, sizes)
    return int(sizes[-1])


def _name(generation: Generation, capture: CaptureSpec) -> str:
    kind = repr((replace(generation, batch_size=0), capture))
    return f"batch-{hashlib.blake2b(kind.encode(), digest_size=8).hexdigest()}"
