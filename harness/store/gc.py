"""Remove clips by model, engine or age, and files that nothing refers to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.store.audit import open_shelf, unreferenced
from harness.store.disk import ASIDE, Disk, StoreError
from harness.store.forced import FOLDERS
from harness.store.store import Store
from harness.store.survey import Shelf, shelves

__all__ = ["Choice", "Removal", "removals", "size_below"]

_FOLDERS = ("records", "audio", "captures", "tokens", "features")
_FILES = (  # the record first: without it the others are of no clip
    "records/{}.json",
    "features/{}.json",
    "audio/{}.wav",
    "captures/{}.parquet",
    "captures/{}.safetensors",
    "tokens/{}.safetensors",
)
_DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is to be removed: what all of these agree on."""

    model: str | None = None  # a name, or the beginning of a fingerprint
    engine: int | None = None
    older_than_days: float | None = None
    unreferenced: bool = False  # files without a clip, instead of clips

    def includes(self, shelf: Shelf) -> bool:
        if self.engine is not None and shelf.engine != self.engine:
            return False
        return self.model is None or shelf.is_called(self.model)


class Removal:
    """What is to be removed of one model and engine."""

    def __init__(self, shelf: Shelf, store: Store | None, disk: Disk) -> None:
        self.shelf = shelf
        self.store = store
        self.disk = disk
        self.clips: list[str] = []
        self.files: list[str] = []
        self.whole = False  # all clips go, and the folder with them
        self.bytes = 0
        self._sizes: dict[str, int] = {}

    def choose(self, choice: Choice) -> None:
        """Find out what there is to remove."""
        if choice.unreferenced:
            if self.store is not None:
                dead = self.store.left_by_the_dead()
                self.files = [*unreferenced(self.store), *dead]
            self.bytes = _size_of(self.disk, self.files)
            return
        keys = _keys(self.disk, self.shelf)
        self.clips = [k for k in keys if self._is_old(k, choice.older_than_days)]
        self.whole = len(self.clips) == len(keys)
        for folder in (*_FOLDERS, *FOLDERS):
            sizes = self.disk.sizes(f"{self.shelf.folder}/{folder}")
            for name, size in sizes.items():
                key = name.partition(".")[0]
                self._sizes[key] = self._sizes.get(key, 0) + size
        self.bytes = sum(self._sizes.values()) if self.whole else self._bytes()

    def carry_out(self) -> int:
        """Remove it; returns how many clips are kept because somebody uses them.

        What is counted afterwards is what was removed.
        """
        for name in self.files:
            self.disk.remove(name)
        chosen = self.clips
        self.clips = [key for key in chosen if self._remove(key)]
        kept = len(chosen) - len(self.clips)
        if kept:
            self.bytes = self._bytes()
        if chosen and self.whole and not kept:
            self._remove_folder()
        elif chosen and self.store is not None:
            self.store.write_metadata()
        return kept

    def _bytes(self) -> int:
        return sum(self._sizes[key] for key in self.clips)

    def _remove(self, key: str) -> bool:
        """Remove a clip, its record first, unless it is just being made."""
        lease = None if self.store is None else self.store.try_lease(key)
        if self.store is not None and lease is None:
            return False
        top = self.shelf.folder
        for name in _FILES:
            self.disk.remove(f"{top}/{name.format(key)}")
        if lease is not None:
            lease.release()
        return True

    def _remove_folder(self) -> None:
        """Remove what is left of a model and engine, unless a worker has begun anew."""
        top = self.shelf.folder
        if self.store is not None:
            for name in unreferenced(self.store):
                self.disk.remove(name)
            in_use = self.store.is_in_use()  # asked first: then what it wrote is there
            folders = [f"{top}/{folder}" for folder in (*_FOLDERS, ASIDE)]
            left = {name for folder in folders for name in self.disk.names(folder)}
            if in_use or left - {"metadata.csv"}:
                self.store.write_metadata()
                return
        others = [
            shelf
            for shelf in shelves(self.disk)
            if shelf.fingerprint == self.shelf.fingerprint
            and shelf.engine != self.shelf.engine
        ]
        if self.shelf.engine == 0 and others:
            for folder in (*_FOLDERS, "checks", "leases", "damage.txt"):
                self.disk.remove(f"{top}/{folder}")
        else:
            self.disk.remove(top if others else self.shelf.fingerprint)

    def _is_old(self, key: str, days: float | None) -> bool:
        if days is None:
            return True
        if self.store is None:
            return False
        try:
            made = self.store.read_record(key)["provenance"]["time"]
        except StoreError:
            return False  # its age is not known; `verify` names it
        then = datetime.strptime(made, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        return time.time() - then.timestamp() > days * _DAY_SECONDS


def removals(disk: Disk, root: str, choice: Choice) -> Iterator[Removal]:
    """What `choice` removes, by model and engine."""
    for shelf in shelves(disk):
        if choice.includes(shelf):
            removal = Removal(shelf, open_shelf(shelf, root), disk)
            removal.choose(choice)
            if removal.clips or removal.files:
                yield removal


def size_below(disk: Disk, folder: str, *, apart: str | None = None) -> int:
    """Bytes of all files below a folder, `apart` from folders whose names begin so."""
    inner = [f for f in disk.folders(folder) if not (apart and f.startswith(apart))]
    below = sum(size_below(disk, f"{folder}/{f}") for f in inner)
    return below + sum(disk.sizes(folder).values())


def _size_of(disk: Disk, names: Sequence[str]) -> int:
    """Bytes of files, and of all that is in folders."""
    places = [name.rpartition("/") for name in names]
    sizes = {folder: disk.sizes(folder) for folder in {place[0] for place in places}}
    return sum(
        sizes[folder][file] if file in sizes[folder] else size_below(disk, name)
        for name, (folder, _, file) in zip(names, places, strict=True)
    )


def _keys(disk: Disk, shelf: Shelf) -> list[str]:
    names = disk.names(f"{shelf.folder}/records")
    return sorted(name.removesuffix(".json") for name in names)
