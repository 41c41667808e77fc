"""Does the same clip come out the same again? A few clips are made a second time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.plan import ClipSpec, Plan
from harness.sampling.loading import free_memory
from harness.sampling.memory import OutOfMemory
from harness.sampling.once import once
from harness.sampling.sizes import settled, sizes_of
from harness.sampling.workers import WorkerError, leased
from harness.store import Store

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = ["REPEAT_CHECK", "repeat_check"]

REPEAT_CHECK = "repeat"
_POLL_SECONDS = 0.2


def repeat_check(
    plan: Plan, store: Store, load_sampler: Callable[[], Sampler]
) -> dict[str, Any]:
    """Make a few clips a second time, with other batch mates, and compare the bytes.

    The clips are taken from all over the plan and in reverse order, so that neither
    their neighbours nor their places are those of the first time. They are those of the
    micro-batch size that was used last. Done once per model, engine, kind of generation
    and device; the answer is kept in the store.

    Raises
    ------
    WorkerError
        If memory does not hold a micro-batch of the size that the clips have.
    """
    plan = _last_made(settled(plan, store), store)
    name = f"{REPEAT_CHECK}-{_digest(repr((plan.generation, plan.capture)))}"
    return once(
        store,
        name,
        read=lambda: store.check(name),
        make=lambda: _repeat(plan, store, load_sampler()),
        keep=lambda found: store.write_check(name, found),
    )


def _last_made(plan: Plan, store: Store) -> Plan:
    """The part of the plan that has the newest size of which there are clips."""
    for size in reversed(sizes_of(plan, store)):
        clips = plan.clips_of_size(size)
        if clips:
            generation = replace(plan.generation, batch_size=size)
            return replace(plan, clips=clips, generation=generation)
    return plan


def _repeat(plan: Plan, store: Store, sampler: Sampler) -> dict[str, Any]:
    size = plan.generation.batch_size
    if sampler.generation.batch_size != size:
        sampler = sampler.with_batch_size(size)
    free_memory()
    try:
        clips, differing = _made_again(_spread(plan.clips, count=size), store, sampler)
    except OutOfMemory as error:
        msg = (
            f"Memory does not hold a micro-batch of {size}, of which the clips in "
            f"`--store {store.root}` are. Free some and run again: nothing is lost."
        )
        raise WorkerError(msg) from error
    return {"clips": [c.key for c in clips], "differing": differing}


def _made_again(
    chosen: list[ClipSpec], store: Store, sampler: Sampler
) -> tuple[list[ClipSpec], list[str]]:
    """The clips that nobody else is at, and those of them that come out different."""
    while True:
        with ExitStack() as leases:
            clips = leased(chosen, store, leases)
            if clips or not chosen:
                return clips, _differing(clips, store, sampler)
        time.sleep(_POLL_SECONDS)


def _differing(clips: list[ClipSpec], store: Store, sampler: Sampler) -> list[str]:
    differing = []
    for samples in sampler.generate(clips):
        for sample in samples:
            key = sample.clip.key
            before = store.digests_of(key)
            if before != store.digests(sample.audio, sample.capture):
                differing.append(key)
    return differing


def _spread(clips: tuple[ClipSpec, ...], *, count: int) -> list[ClipSpec]:
    places = np.linspace(0, len(clips) - 1, min(len(clips), count)).astype(int)
    return [clips[i] for i in dict.fromkeys(places[::-1].tolist())]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
