"""Fill the store with what a plan needs, with any number of workers at once.

A worker takes leases on clips that are missing, generates them, and goes on until none
is missing. A lease ends with its holder's process, so what a dead worker held is taken
over; a clip that somebody else has meanwhile made is not made again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import Timeout

from harness.sampling.plan import ClipSpec, Plan
from harness.store import Store

if TYPE_CHECKING:
    from harness.sampling.sampler import Sample, Sampler

__all__ = ["REPEAT_CHECK", "collect", "repeat_check"]

REPEAT_CHECK = "repeat"
_POLL_SECONDS = 0.2


def collect(
    plan: Plan,
    store: Store,
    load_sampler: Callable[[], Sampler],
    *,
    on_progress: Callable[[float], None] = lambda clips_done: None,
) -> int:
    """Generate what is missing and return how many clips this worker made.

    `load_sampler` is called only if something has to be generated.
    """
    sampler: Sampler | None = None
    made = 0
    while pending := store.missing(plan.clips):
        with ExitStack() as leases:
            mine = _take(pending, store, leases, limit=plan.generation.batch_size)
            if not mine:
                time.sleep(_POLL_SECONDS)
                continue
            sampler = sampler or load_sampler()
            batches = sampler.generate(mine, on_progress=_after(made, on_progress))
            for samples in batches:
                for sample in samples:
                    _put(sample, store, sampler)
                made += len(samples)
    if made:
        store.write_metadata()
    return made


def _after(made: int, on_progress: Callable[[float], None]) -> Callable[[float], None]:
    """Progress of a batch, told as progress of everything."""
    return lambda done: on_progress(made + done)


def _take(
    pending: Sequence[ClipSpec], store: Store, leases: ExitStack, *, limit: int
) -> list[ClipSpec]:
    """Lease up to `limit` clips that nobody else is making."""
    mine: list[ClipSpec] = []
    for clip in pending:
        if len(mine) == limit:
            break
        try:
            lease = leases.enter_context(store.lease(clip.key).acquire(timeout=0))
        except Timeout:
            continue
        if store.has(clip.key):
            lease.release()
        else:
            store.clear_leftovers(clip.key)
            mine.append(clip)
    return mine


def _put(sample: Sample, store: Store, sampler: Sampler) -> None:
    store.put(
        sample.clip,
        sample.audio,
        sample.capture,
        generation=sampler.generation,
        provenance=sampler.provenance(),
    )


def repeat_check(
    plan: Plan, store: Store, load_sampler: Callable[[], Sampler]
) -> dict[str, Any]:
    """Make a few clips a second time, with other batch mates, and compare the bytes.

    The clips are taken from all over the plan and in reverse order, so that neither
    their neighbours nor their places are those of the first time. Done once per model,
    engine, kind of generation and device; the answer is kept in the store.
    """
    name = f"{REPEAT_CHECK}-{_digest(repr(plan.generation))}"
    found = store.check(name)
    if found is None:
        with store.lease(name):
            found = store.check(name)
            if found is None:
                found = _repeat(plan, store, load_sampler())
                store.write_check(name, found)
    result: dict[str, Any] = found
    return result


def _repeat(plan: Plan, store: Store, sampler: Sampler) -> dict[str, Any]:
    count = min(len(plan.clips), plan.generation.batch_size)
    places = np.linspace(0, len(plan.clips) - 1, count).astype(int)
    clips = [plan.clips[i] for i in dict.fromkeys(places[::-1].tolist())]
    differing = []
    for samples in sampler.generate(clips):
        for sample in samples:
            key = sample.clip.key
            before = store.record(key)["files"]
            if before != store.digests(sample.clip, sample.audio, sample.capture):
                differing.append(key)
    return {"clips": [c.key for c in clips], "differing": differing}


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
