"""Records and the files that they vouch for: listed, leased, checked.

A clip is there if its record is. A record carries a checksum of its own and those of
the clip's files, whole and in parts (see `harness.store.formats`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar

from harness.files import checksum_bytes
from harness.models.protocol import ModelCard
from harness.plan import ClipSpec
from harness.store.disk import ASIDE, StoreError
from harness.store.formats import Part
from harness.store.leases import Lease, open_leases
from harness.store.places import open_disk
from harness.store.survey import engine_folder

__all__ = ["Records", "record_checksum"]

_POLL_SECONDS = 0.1

_Result = TypeVar("_Result")


class Records:
    """What is known of the clips of one model and engine."""

    def __init__(self, root: str | Path, card: ModelCard, *, engine: int) -> None:
        self.root = root
        self.card = card
        self.engine = engine
        self.disk = open_disk(root)
        self.folder = engine_folder(card.fingerprint, engine)
        self._leases = open_leases(self.disk, f"{self.folder}/leases")
        self._listed: set[str] | None = None
        self._records: dict[str, dict[str, Any]] = {}
        self._sound: set[str] = set()

    def keys(self) -> set[str]:
        """The clips that were there when the store was last listed."""
        if self._listed is None:
            names = self.disk.names(f"{self.folder}/records")
            self._listed = {
                n.removesuffix(".json") for n in names if n.endswith(".json")
            }
        return self._listed

    def refresh(self) -> None:
        """List again: another process may have written."""
        self._listed = None

    def has(self, key: str) -> bool:
        """Was the clip there when the store was listed, or put since?"""
        return key in self.keys()

    def missing(self, clips: Iterable[ClipSpec]) -> list[ClipSpec]:
        there = self.keys()
        return [clip for clip in clips if clip.key not in there]

    def count(self, keys: Iterable[str]) -> int:
        """How many of `keys` are there now, whoever made them; nothing is checked."""
        self.refresh()
        return len(self.keys().intersection(keys))

    def verify(self, keys: Iterable[str]) -> list[str]:
        """Check every file of these clips against its checksum, once in a process.

        What is damaged is reported and dropped, so that it is missing again. Returns a
        sentence for each.
        """
        there = self.keys()
        unchecked = [key for key in keys if key in there and key not in self._sound]
        found = []
        for key, problem in self.problems(unchecked):
            if problem is None:
                self._sound.add(key)
            elif sentence := self._drop(key):
                found.append(sentence)
        return found

    def problem(self, key: str) -> str | None:
        """What is wrong with a clip, or None; all of its files are read."""
        try:
            files = self.read_record(key)["files"]
        except StoreError as error:
            return str(error)
        for name, expected in files.items():
            try:
                if self.disk.checksum(f"{self.folder}/{name}") != expected:
                    return f"{name} does not match its checksum"
            except FileNotFoundError:
                return f"{name} is missing"
            except OSError as error:
                return f"{name} cannot be read ({error.strerror or error})"
        return None

    def _drop(self, key: str) -> str | None:
        """Make a damaged clip missing, unless somebody has just made it again."""
        self._records.pop(key, None)
        with self.try_lease(key) or nullcontext():
            problem = self.problem(key)
            if problem is None:
                return None
            sentence = f"Clip {key}: {problem}; it was generated again."
            self.disk.append(f"{self.folder}/damage.txt", sentence + "\n")
            self.disk.remove(self.record_name(key))
            self.keys().discard(key)
        return sentence

    def damage_reports(self) -> list[str]:
        """Sentences about clips that were found damaged, by any worker."""
        try:
            content = self.disk.read(f"{self.folder}/damage.txt")
        except OSError:
            return []
        return content.decode("utf-8", "replace").splitlines()

    def problems(self, keys: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """Each clip with what is wrong with it; nothing is dropped."""
        return zip(keys, self.in_threads(self.problem, keys), strict=True)

    # --- who makes what -----------------------------------------------------------

    def try_lease(self, name: str, *, alone: bool = False) -> Lease | None:
        """What only one worker holds, until it is released or its process ends.

        One that is held for long must stand `alone`: never in the way of another name.
        """
        return self._leases.try_take(name, alone=alone)

    @contextmanager
    def lease(self, name: str) -> Iterator[None]:
        """Wait for a lease and hold it; for the few things that are made once.

        What a killed holder left half written is removed.
        """
        while (lease := self._leases.try_take(name, alone=True)) is None:
            time.sleep(_POLL_SECONDS)
        with lease:
            self.clear_leftovers(name)
            yield

    def is_in_use(self) -> bool:
        """Does any worker hold a lease? On a remote store that may take a minute."""
        return self._leases.in_use()

    def left_by_the_dead(self) -> list[str]:
        """What dead workers left of their leases; this may take a minute, too."""
        return self._leases.abandoned()

    def clear_leftovers(self, key: str) -> None:
        """Remove what a killed worker left half written; only for a lease's holder."""
        folder = f"{self.folder}/{ASIDE}"
        for name in self.disk.names(folder):
            if name.startswith(f".{key}."):
                self.disk.remove(f"{folder}/{name}")

    # --- reading ------------------------------------------------------------------

    def record(self, key: str) -> dict[str, Any]:
        """What is known of a clip.

        Raises
        ------
        StoreError
            If the clip is not there, or its record is damaged.
        """
        if key not in self._records:
            try:
                self._records[key] = self.read_record(key)
            except StoreError as error:
                raise StoreError(self._unusable(key, str(error))) from error
        return self._records[key]

    def readable(self) -> Iterator[dict[str, Any]]:
        """The records of all clips that were listed, but those that are damaged."""
        for key in sorted(self.keys()):
            with suppress(StoreError):
                yield self.read_record(key)

    def checked(self, key: str, name: str, part: Part) -> bytes:
        """A part of a file, if it is what it was when it was written."""
        start, length, expected = part
        try:
            content = self.disk.read(
                f"{self.folder}/{name}", start=start, length=length
            )
        except OSError as error:
            raise StoreError(self._unusable(key, f"{name} cannot be read")) from error
        if checksum_bytes(content) != expected:
            problem = f"{name} does not match its checksum"
            raise StoreError(self._unusable(key, problem))
        return content

    def _unusable(self, key: str, problem: str) -> str:
        place = f"{self.disk.label}/{self.folder}"
        return f"Clip {key} is not in `{place}` or is damaged: {problem}. Run again."

    def in_threads(
        self, function: Callable[[str], _Result], keys: Sequence[str]
    ) -> Iterator[_Result]:
        """Reading waits for disks and networks, and hashing needs no interpreter."""
        if len(keys) < 2:
            yield from map(function, keys)
            return
        with ThreadPoolExecutor(self.disk.readers) as pool:
            yield from pool.map(function, keys)

    def write_vouched(self, name: str, data: Any) -> None:
        """Write `data` with a checksum of its own, under this name and no other."""
        content = {"checksum": _checksum_of([name, data]), "data": data}
        self.disk.write_json(f"{self.folder}/{name}", content)

    def read_vouched(self, name: str) -> Any:
        """What `write_vouched` wrote, or None if it is missing or was changed."""
        found = self.disk.read_json(f"{self.folder}/{name}")
        if not isinstance(found, dict) or "data" not in found:
            return None
        sound = found.get("checksum") == _checksum_of([name, found["data"]])
        return found["data"] if sound else None

    def record_name(self, key: str) -> str:
        return f"{self.folder}/records/{key}.json"

    def read_record(self, key: str) -> dict[str, Any]:
        """The record as it is on disk, checked; it is not kept in memory."""
        record = self.disk.read_json(self.record_name(key))
        if not isinstance(record, dict):
            raise StoreError("its record is missing or cannot be read")
        if record.get("checksum") != record_checksum(record):
            raise StoreError("its record does not match its checksum")
        if record.get("key") != key:
            raise StoreError(f"its record is that of clip {record.get('key')}")
        if (record["fingerprint"], record["engine"]) != (
            self.card.fingerprint,
            self.engine,
        ):
            raise StoreError("its record is of another model or engine")
        return record


def _checksum_of(data: Any) -> str:
    return checksum_bytes(json.dumps(data, sort_keys=True).encode())


def record_checksum(record: dict[str, Any]) -> str:
    content = {name: value for name, value in record.items() if name != "checksum"}
    return _checksum_of(content)
