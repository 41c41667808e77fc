"""How far generation has come: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["Beats", "Display", "progress", "watched"]

_LOG_EVERY_SECONDS = 5.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Beats:
    """What workers in other processes have told."""

    clips: Mapping[str, float] = field(default_factory=dict)  # done, by worker
    notes: tuple[str, ...] = ()
    complete: bool = False  # nothing is missing any more


class Display(Protocol):
    """Shows how many clips are done, and sentences that are worth one."""

    def __call__(
        self, done: float, *, workers: Mapping[str, float] | None = None
    ) -> None: ...

    def say(self, sentence: str) -> None: ...


@contextmanager
def progress(total: int, *, stream: TextIO | None = None) -> Iterator[Display]:
    """Yield a function that is told how many of `total` clips are done.

    Told the clips of each worker as well, it shows them.
    """
    stream = stream or sys.stdout
    if stream.isatty():
        with _bar(stream) as bar:
            yield _Bar(total, bar)
    else:
        log = _Log(total, stream)
        yield log
        log.finish()


@contextmanager
def watched(look: Callable[[], Beats], total: int) -> Iterator[None]:
    """Show progress that others make, by asking `look` until all is there."""
    finished = threading.Event()

    def watch() -> None:
        with progress(total) as display:
            said: set[str] = set()
            while True:
                last = finished.wait(_POLL_SECONDS)
                beats = look()
                for note in beats.notes:
                    if note not in said:
                        display.say(note)
                        said.add(note)
                done = sum(beats.clips.values())
                display(done, workers=beats.clips)
                if last or beats.complete or int(done) >= total:
                    return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _each(workers: Mapping[str, float] | None) -> str:
    """` (gw0 7, gw1 5)`; one worker alone is the sum itself."""
    if workers is None or len(workers) < 2:
        return ""
    each = (f"{name} {int(workers[name])}" for name in sorted(workers))
    return f" ({', '.join(each)})"


def _bar(stream: TextIO) -> Progress:
    return Progress(
        TextColumn("generating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("clips,"),
        TextColumn("{task.fields[rate]:.2f} clips/s,"),
        TimeElapsedColumn(),
        TextColumn("gone,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        TextColumn("{task.fields[workers]}"),
        console=Console(file=stream),
    )


class _Speed:
    """Clips per second since the first was begun; loading the model does not count."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None

    def of(self, done: float) -> float:
        """0 while it is not known."""
        now = time.monotonic()
        if self._first is None:
            if done > 0:
                self._first = (now, done)
            return 0.0
        began, before = self._first
        return (done - before) / (now - began) if now > began else 0.0


class _Bar:
    """In a terminal."""

    def __init__(self, total: int, bar: Progress) -> None:
        self._bar = bar
        self._total = total
        self._speed = _Speed()
        self._task = bar.add_task("", total=total, rate=0.0, workers="")

    def __call__(
        self, done: float, *, workers: Mapping[str, float] | None = None
    ) -> None:
        self._bar.update(
            self._task,
            completed=int(done),
            total=max(self._total, int(done)),
            rate=self._speed.of(done),
            workers=_each(workers),
        )

    def say(self, sentence: str) -> None:
        self._bar.console.print(sentence, markup=False, highlight=False)


class _Log:
    """In a file, or where nobody looks."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._total = total
        self._stream = stream
        self._started = self._last = time.monotonic()
        self._speed = _Speed()
        self._done = 0.0
        self._workers = ""

    def __call__(
        self, done: float, *, workers: Mapping[str, float] | None = None
    ) -> None:
        now, self._done, self._workers = time.monotonic(), done, _each(workers)
        rate = self._speed.of(done)
        if rate <= 0 or now - self._last < _LOG_EVERY_SECONDS:
            return
        self._last = now
        left = max(self._total - done, 0) / rate
        text = f"{self._count()}, {rate:.2f} clips/s, {left:.0f} s left"
        self._print(f"generating: {text}{self._workers}")

    def say(self, sentence: str) -> None:
        self._print(sentence)

    def finish(self) -> None:
        seconds = time.monotonic() - self._started
        self._print(f"generated {self._count()} in {seconds:.0f} s{self._workers}")

    def _count(self) -> str:
        total = max(self._total, int(self._done))
        return f"{int(self._done)} of {total} clips"

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)
