"""Where a store's files are: a local directory, or anything that fsspec reaches.

Conventions
-----------
Names are relative to the root, with `/` between folders. What is missing is an
`OSError` when it is read, and nothing when it is listed or removed.
"""

from __future__ import annotations

import os
import shutil
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from typing import Any

from harness.files import (
    FileError,
    checksum,
    explain,
    json_bytes,
    move_file,
    parse_json,
    write_bytes,
)

__all__ = ["ASIDE", "Disk", "LocalDisk", "StoreError"]

ASIDE = "partial"  # the folder for half-written files of a model and engine


class StoreError(Exception):
    """The store cannot be used or does not hold what was asked for."""


class Disk(ABC):
    """What the store asks of the place where it lies."""

    label: str  # as the user gave it
    readers: int  # how many threads are worth reading with

    @property
    @abstractmethod
    def directory(self) -> Path | None:
        """The root, where it is a directory that other programs can open."""

    @property
    @abstractmethod
    def here(self) -> Path:
        """The local directory that the files given by `local` are in."""

    @abstractmethod
    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """A file's bytes, or `length` of them from `start`."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Write a file whole; a `FileError` says why it cannot be."""

    @abstractmethod
    def take(self, name: str, source: Path) -> None:
        """Move a finished local file here."""

    @abstractmethod
    def append(self, name: str, text: str) -> None:
        """Add to a file of text."""

    @abstractmethod
    def sizes(self, folder: str) -> dict[str, int]:
        """The files directly in a folder, and how many bytes each has."""

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """The files directly in a folder; quicker than `sizes`."""

    @abstractmethod
    def folders(self, folder: str) -> list[str]:
        """The folders directly in a folder."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it, if it is there."""

    @abstractmethod
    def checksum(self, name: str) -> str:
        """BLAKE2b of a file's bytes, read in blocks."""

    @abstractmethod
    def local(self, name: str) -> Path:
        """A local file with this one's bytes, for programs that want a path."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """How many bytes can still be written, where that is known."""

    def read_json(self, name: str) -> Any:
        """The file's data, or None if it is missing or not JSON."""
        try:
            return parse_json(self.read(name))
        except OSError:
            return None

    def write_json(self, name: str, data: Any) -> None:
        """Write `data` as JSON with sorted keys."""
        self.write(name, json_bytes(data))


class LocalDisk(Disk):
    """A directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.label = str(root)
        self.readers = min(os.cpu_count() or 1, 8)

    @property
    def directory(self) -> Path:
        return self.root

    @property
    def here(self) -> Path:
        return self.root

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        with (self.root / name).open("rb") as stream:
            stream.seek(start)
            return stream.read() if length is None else stream.read(length)

    def write(self, name: str, content: bytes) -> None:
        write_bytes(self.root / name, content, aside=self._aside(name))

    def take(self, name: str, source: Path) -> None:
        move_file(source, self.root / name, aside=self._aside(name))

    def append(self, name: str, text: str) -> None:
        path = self.root / name
        try:
            with path.open("a", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise FileError(explain(path, error)) from error

    def names(self, folder: str) -> list[str]:
        return [entry.name for entry in self._entries(folder) if entry.is_file()]

    def folders(self, folder: str) -> list[str]:
        return [entry.name for entry in self._entries(folder) if entry.is_dir()]

    def sizes(self, folder: str) -> dict[str, int]:
        entries = self._entries(folder)
        return {
            entry.name: entry.stat().st_size for entry in entries if entry.is_file()
        }

    def remove(self, name: str) -> None:
        path = self.root / name
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise FileError(explain(path, error)) from error

    def checksum(self, name: str) -> str:
        return checksum(self.root / name)

    def local(self, name: str) -> Path:
        return self.root / name

    def free_bytes(self) -> int | None:
        place = self.root
        while not place.exists():
            place = place.parent
        return shutil.disk_usage(place).free

    def _aside(self, name: str) -> Path | None:
        """The folder for half-written files of a model and engine: one, and small."""
        model_and_engine = PurePosixPath(name).parts[:-2]
        if not model_and_engine:
            return None
        return self.root.joinpath(*model_and_engine, ASIDE)

    def _entries(self, folder: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / folder) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            path = self.root / folder
            msg = f"`{path}` cannot be read ({error.strerror}). Ask for permission."
            raise StoreError(msg) from error
