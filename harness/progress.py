"""How far generation has come: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["progress", "watched"]

_LOG_EVERY_SECONDS = 5.0
_POLL_SECONDS = 0.5

Report = Callable[[float], None]


@contextmanager
def progress(total: int, *, stream: TextIO | None = None) -> Iterator[Report]:
    """Yield a function that is told how many of `total` clips are done."""
    stream = stream or sys.stdout
    show = _bar if stream.isatty() else _log
    with show(total, stream) as report:
        yield report


@contextmanager
def watched(count: Callable[[], int], total: int) -> Iterator[None]:
    """Show progress that others make, by asking `count` until it reaches `total`."""
    finished = threading.Event()

    def watch() -> None:
        with progress(total) as report:
            done = 0
            while done < total and not finished.wait(_POLL_SECONDS):
                done = count()
                report(done)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


@contextmanager
def _bar(total: int, stream: TextIO) -> Iterator[Report]:
    bar = Progress(
        TextColumn("generating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("clips,"),
        TimeElapsedColumn(),
        TextColumn("gone,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(file=stream),
    )
    with bar:
        task = bar.add_task("generating", total=total)
        yield lambda done: bar.update(task, completed=int(done))


@contextmanager
def _log(total: int, stream: TextIO) -> Iterator[Report]:
    started = last = time.monotonic()
    latest = 0.0

    def report(done: float) -> None:
        nonlocal last, latest
        now, latest = time.monotonic(), done
        if now - last >= _LOG_EVERY_SECONDS and done >= 1:
            last = now
            rate = done / (now - started)
            print(
                f"generating: {int(done)} of {total} clips, {rate:.2f} clips/s, "
                f"{(total - done) / rate:.0f} s left",
                file=stream,
                flush=True,
            )

    yield report
    seconds = time.monotonic() - started
    done = f"{int(latest)} of {total} clips in {seconds:.0f} s"
    print(f"generated {done}", file=stream, flush=True)
