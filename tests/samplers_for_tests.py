"""Samplers without a model, for tests of what is done with samplers.

The same clip always gives the same bytes. Neither torch nor audiocraft is imported.
"""

from __future__ import annotations

import copy
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clips_for_tests import GENERATION, make_audio, make_capture

from harness.captures import ClipCapture
from harness.plan import ClipSpec, Generation
from harness.sampling.memory import OutOfMemory
from harness.store import Store

__all__ = [
    "FakeSample",
    "FakeSampler",
    "TightSampler",
    "contents",
    "loader",
    "made",
    "never_loaded",
    "without_waiting",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSample:
    """What the collecting loop needs of a sample."""

    clip: ClipSpec
    audio: npt.NDArray[np.float32]
    capture: ClipCapture


class FakeSampler:
    """Makes clips from their seeds and writes down in a file which it made.

    `flaw` is a deviation from that: it is given the audio of a clip, its place in the
    batch and how many clips were made before.
    """

    def __init__(
        self,
        log: Path,
        *,
        flaw: Callable[[npt.NDArray[np.float32], int, int], None] | None = None,
        seconds: float = 0.0,
        generation: Generation = GENERATION,
    ) -> None:
        self.log = log
        self.flaw = flaw
        self.seconds = seconds
        self.generation = generation
        self.made = 0

    def with_batch_size(self, batch_size: int) -> FakeSampler:
        other = copy.copy(self)
        other.generation = replace(self.generation, batch_size=batch_size)
        return other

    def generate(
        self,
        clips: Sequence[ClipSpec],
        *,
        on_progress: Callable[[float], None] = lambda clips_done: None,
    ) -> Iterator[list[FakeSample]]:
        size = self.generation.batch_size
        for start in range(0, len(clips), size):
            batch = clips[start : start + size]
            time.sleep(self.seconds)
            yield [self._sample(clip, place) for place, clip in enumerate(batch)]
            on_progress(start + len(batch))

    def _sample(self, clip: ClipSpec, place: int) -> FakeSample:
        audio = make_audio(clip.seed)
        if self.flaw is not None:
            self.flaw(audio, place, self.made)
        self.made += 1
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{clip.key}\n")
        return FakeSample(clip=clip, audio=audio, capture=make_capture(clip.seed))

    def provenance(self) -> dict[str, Any]:
        return {"torch": "none"}


def without_waiting(fd: Any) -> None:
    """In place of `os.fsync`: a process that is killed loses nothing that it wrote."""


def made(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def loader(sampler: FakeSampler) -> Any:
    return lambda: sampler


def never_loaded() -> Any:
    pytest.fail("the model was loaded, and nothing had to be generated")


def contents(store: Store) -> dict[str, bytes]:
    """All files of a store but leases and what a killed process left half-written."""
    return {
        str(path.relative_to(store.directory)): path.read_bytes()
        for path in sorted(store.directory.rglob("*"))
        if path.is_file() and not path.name.endswith((".lock", ".partial"))
    }


class Ballast:
    """What a failed micro-batch had allocated."""


class TightSampler(FakeSampler):
    """Has memory for `holds` clips at once, once `free` clips are made."""

    def __init__(self, log: Path, *, holds: int, free: int = 0, batch_size: int = 4):
        super().__init__(log, generation=replace(GENERATION, batch_size=batch_size))
        self.holds = holds
        self.free = free
        self.failed: list[weakref.ref[Ballast]] = []
        self.kept: list[bool] = []

    def generate(self, clips: Sequence[ClipSpec], **more: Any) -> Iterator[Any]:
        self.kept += [ballast() is not None for ballast in self.failed]
        for samples in super().generate(clips, **more):
            if len(made(self.log)) > self.free and self.generation.batch_size > (
                self.holds
            ):
                ballast = Ballast()
                self.failed.append(weakref.ref(ballast))
                msg = "no room"
                raise OutOfMemory(msg)
            yield samples
