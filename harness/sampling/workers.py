"""Fill the store with what a plan needs, with any number of workers at once.

A worker takes leases on clips that are missing, generates them, and goes on until none
is missing. A lease ends with its holder's process, so what a dead worker held is taken
over; a clip that somebody else has meanwhile made is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from harness.plan import ClipSpec, Plan
from harness.sampling.loading import free_memory
from harness.sampling.memory import OutOfMemory
from harness.sampling.sizes import halved, settled
from harness.store import Store

if TYPE_CHECKING:
    from harness.sampling.sampler import Sample, Sampler

__all__ = ["Drain", "WorkerError", "collect", "drain", "leased", "refuse_private"]

_POLL_SECONDS = 0.2
_ROUNDS = 3  # of making damaged clips again


class WorkerError(Exception):
    """Workers cannot go on: why, and what to do."""


class Drain(Protocol):
    """A way to make what is missing; returns how many clips this process made."""

    def __call__(
        self,
        plan: Plan,
        store: Store,
        load_sampler: Callable[[], Sampler],
        *,
        on_progress: Callable[..., None],
        say: Callable[[str], None],
    ) -> int: ...


def _quiet(told: object, **more: object) -> None:
    """Nobody listens."""


def drain(
    plan: Plan,
    store: Store,
    load_sampler: Callable[[], Sampler],
    *,
    on_progress: Callable[[float], None] = _quiet,
    say: Callable[[str], None] = _quiet,
) -> int:
    """Generate until nothing is missing; returns how many clips this worker made.

    `load_sampler` is called only if something has to be generated. `on_progress` hears
    how many clips are done, `say` a sentence where something is worth one.

    Raises
    ------
    WorkerError
        If memory does not hold a micro-batch that may not become smaller.
    """
    worker = _Worker(store, load_sampler, on_progress=on_progress, say=say)
    rest = _by_length(_missing(plan, store))
    while rest.clips:
        with ExitStack() as leases:
            mine = _take(rest, store, leases)
            if mine:
                worker.make(rest, mine)
        if not mine:
            time.sleep(_POLL_SECONDS)
            store.refresh()
        rest = _missing(rest, store)
    return worker.made


def collect(
    plan: Plan,
    store: Store,
    load_sampler: Callable[[], Sampler],
    *,
    on_progress: Callable[..., None] = _quiet,
    say: Callable[[str], None] = _quiet,
    drain: Drain = drain,
) -> int:
    """Have every clip of the plan in the store, whole; returns how many were made.

    What was there before is checked byte by byte, and made again where it is damaged.

    Raises
    ------
    WorkerError
        If clips are damaged again and again, if what is made does not come to the
        store, or as `drain` does.
    """
    made = 0
    for _ in range(_ROUNDS):
        before, wanted = made, _missing(plan, store)

        def after(done: float, before: int = before, **workers: Any) -> None:
            on_progress(before + done, **workers)

        made += drain(plan, store, load_sampler, on_progress=after, say=say)
        store.refresh()
        _check_that_some_came(wanted, store)
        store.verify(settled(plan, store).keys)
        damaged = len(_missing(plan, store).clips)
        if not damaged:
            store.write_metadata()
            return made
        say(f"{damaged} clips are damaged and are generated again")
    msg = (
        f"`--store {store.root}` damages what is written to it: {damaged} clips "
        f"were not what they must be after {_ROUNDS} attempts. Give another store."
    )
    raise WorkerError(msg)


def refuse_private(store: str) -> None:
    """Refuse a store that ends with the process that writes to it.

    Raises
    ------
    WorkerError
        If it is one.
    """
    if "memory://" in store:
        msg = (
            f"`--store {store}` must be a place that all workers see, but this is in "
            "the memory of one process. Give a directory or another URL."
        )
        raise WorkerError(msg)


def _check_that_some_came(wanted: Plan, store: Store) -> None:
    """Workers elsewhere may have written to a place that is only called the same."""
    if wanted.clips and len(_missing(wanted, store).clips) == len(wanted.clips):
        msg = (
            f"`--store {store.root}` must be a place that all workers see, but of "
            f"{len(wanted.clips)} clips that they made none is there. Give a shared "
            "directory or a URL."
        )
        raise WorkerError(msg)


def _by_length(plan: Plan) -> Plan:
    """Clips of long texts after those of short ones.

    A micro-batch holds texts of one padded length only; what is leased together should
    fill one.
    """
    clips = sorted(plan.clips, key=lambda clip: len(clip.prompt.text.split()))
    return replace(plan, clips=tuple(clips))


def _missing(plan: Plan, store: Store) -> Plan:
    """What is left of the plan, in the size that is used now."""
    plan = settled(plan, store)
    return replace(plan, clips=tuple(store.missing(plan.clips)))


def _take(rest: Plan, store: Store, leases: ExitStack) -> list[ClipSpec]:
    """Lease up to a micro-batch of clips that nobody else is making or has made."""
    mine: list[ClipSpec] = []
    for clip in rest.clips:
        if len(mine) == rest.generation.batch_size:
            break
        # By seed, because the clip may have another key where its size is another.
        lease = store.try_lease(f"clip-{clip.seed:016x}")
        if lease is not None:
            leases.callback(lease.release)
            mine.append(clip)
    store.refresh()
    missing = _missing(replace(rest, clips=tuple(mine)), store)
    mine = leased(missing.clips, store, leases)
    for clip in mine:
        store.clear_leftovers(clip.key)
    return mine


def leased(
    clips: Iterable[ClipSpec], store: Store, leases: ExitStack
) -> list[ClipSpec]:
    """Those of `clips` whose half-written files nobody else may now write or remove."""
    mine = []
    for clip in clips:
        lease = store.try_lease(clip.key)
        if lease is not None:
            leases.callback(lease.release)
            mine.append(clip)
    return mine


class _Worker:
    """Makes clips with a sampler that is loaded when it is needed first."""

    def __init__(
        self,
        store: Store,
        load_sampler: Callable[[], Sampler],
        *,
        on_progress: Callable[[float], None],
        say: Callable[[str], None],
    ) -> None:
        self.store = store
        self.made = 0
        self._load = load_sampler
        self._sampler: Sampler | None = None
        self._on_progress = on_progress
        self._say = say

    def make(self, plan: Plan, clips: list[ClipSpec]) -> None:
        """Make `clips`, or find out that the size of `plan` must become smaller."""
        sampler = self._of_size(plan.generation.batch_size)
        before = self.made
        try:
            for samples in sampler.generate(
                clips, on_progress=lambda done: self._on_progress(before + done)
            ):
                for sample in samples:
                    self._put(sample, sampler)
                self.made += len(samples)
        except (OutOfMemory, MemoryError):
            smaller_is_needed = True  # the error holds on to memory until it is gone
        else:
            smaller_is_needed = False
        if smaller_is_needed:
            self._go_on_smaller(plan)

    def _of_size(self, size: int) -> Sampler:
        if self._sampler is None:
            self._sampler = self._load()
        if self._sampler.generation.batch_size != size:
            self._sampler = self._sampler.with_batch_size(size)
        return self._sampler

    def _put(self, sample: Sample, sampler: Sampler) -> None:
        self.store.put(
            sample.clip,
            sample.audio,
            sample.capture,
            generation=sampler.generation,
            provenance=sampler.provenance(),
        )

    def _go_on_smaller(self, plan: Plan) -> None:
        size = plan.generation.batch_size
        if size == 1:
            msg = (
                "Memory does not hold a single clip. Use a smaller --model, a shorter "
                "--duration, or a --dtype of half the size."
            )
            raise WorkerError(msg)
        if not plan.adaptive:
            msg = (
                f"`--batch-size {size}` must fit into memory, it does not. Give fewer, "
                "or `--batch-size auto`, which halves it and goes on."
            )
            raise WorkerError(msg)
        free_memory()
        smaller = halved(plan, self.store)
        self._say(
            f"memory ran out at micro-batches of {size}; what was made is kept, the "
            f"rest comes in micro-batches of {smaller}"
        )
