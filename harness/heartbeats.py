"""Workers in other processes tell how far they are: one small file each.

The deciding process makes a directory for them and reads them all (`heartbeats`), to
show the sum. What is lost with a file is a number on a screen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from harness.files import read_json, write_json
from harness.progress import Beats

__all__ = ["Heartbeat", "heartbeats"]

_EVERY_SECONDS = 0.5


class Heartbeat:
    """A worker's progress display, which somebody else looks at."""

    def __init__(self, directory: Path, worker: str) -> None:
        self._path = directory / f"{worker}.json"
        self._done = 0.0
        self._notes: list[str] = []
        self._last = float("-inf")

    def __call__(
        self, done: float, *, workers: Mapping[str, float] | None = None
    ) -> None:
        self._done = done
        # The end of a micro-batch is always told: it may be the last.
        if done == int(done) or time.monotonic() - self._last >= _EVERY_SECONDS:
            self._beat()

    def say(self, sentence: str) -> None:
        self._notes.append(sentence)
        self._beat()

    def finish(self) -> None:
        """Tell that nothing is missing any more."""
        self._beat(complete=True)

    def _beat(self, *, complete: bool = False) -> None:
        self._last = time.monotonic()
        beat = {"clips": self._done, "notes": self._notes, "complete": complete}
        write_json(self._path, beat)


def heartbeats(directory: Path) -> Beats:
    """What all workers have told; what is not whole is left out."""
    clips, notes, complete = {}, [], False
    for path in sorted(directory.glob("*.json")):
        beat = read_json(path)
        if beat is not None:
            clips[path.stem] = float(beat["clips"])
            notes += [f"{path.stem}: {note}" for note in beat["notes"]]
            complete = complete or beat["complete"]
    return Beats(clips=clips, notes=tuple(notes), complete=complete)
