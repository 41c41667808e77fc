"""A store on any of fsspec's file systems: putting an object is atomic there."""

from __future__ import annotations

import contextlib
import errno
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from harness.files import FileError, checksum_stream, explain
from harness.store.disk import Disk, StoreError

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem

__all__ = ["RemoteDisk"]


def _unreachable() -> tuple[type[Exception], ...]:
    """What s3fs lets through of the library below it, once that is loaded."""
    below = sys.modules.get("botocore.exceptions")
    return () if below is None else (below.BotoCoreError,)


class RemoteDisk(Disk):
    """A folder of a file system."""

    def __init__(
        self, filesystem: AbstractFileSystem, base: str, *, label: str
    ) -> None:
        self.filesystem = filesystem
        self.base = base.rstrip("/")
        self.label = label
        self.readers = 16

    @property
    def directory(self) -> None:
        return None

    @cached_property
    def here(self) -> Path:
        copies = Path(tempfile.mkdtemp(prefix="skeptic-"))
        weakref.finalize(self, shutil.rmtree, copies, ignore_errors=True)
        return copies

    def read(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        end = None if length is None else start + length
        with self._reaching(name):
            content: bytes = self.filesystem.cat_file(
                self._path(name), start=start, end=end
            )
        return content

    def write(self, name: str, content: bytes) -> None:
        path = self._path(name)
        with self._writing(name):
            self._make_parent(path)
            self.filesystem.pipe_file(path, content)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it is there; where the place can, for one caller only."""
        path = self._path(name)
        with self._writing(name):
            self._make_parent(path)
            try:
                self.filesystem.pipe_file(path, content, mode="create")
            except FileExistsError:
                return False
        return True

    def take(self, name: str, source: Path) -> None:
        path = self._path(name)
        with self._writing(name):
            self._make_parent(path)
            self.filesystem.put_file(str(source), path)
        source.unlink()

    def append(self, name: str, text: str) -> None:
        try:
            before = self.read(name)
        except FileNotFoundError:
            before = b""
        self.write(name, before + text.encode())

    def names(self, folder: str) -> list[str]:
        return list(self.sizes(folder))

    def folders(self, folder: str) -> list[str]:
        return [
            PurePosixPath(entry["name"]).name
            for entry in self._entries(folder)
            if entry["type"] == "directory"
        ]

    def sizes(self, folder: str) -> dict[str, int]:
        return {
            PurePosixPath(entry["name"]).name: entry["size"]
            for entry in self._entries(folder)
            if entry["type"] == "file"
        }

    def remove(self, name: str) -> None:
        with self._writing(name), contextlib.suppress(FileNotFoundError):
            self.filesystem.rm(self._path(name), recursive=True)

    def checksum(self, name: str) -> str:
        with self._reaching(name):
            stream: BinaryIO = self.filesystem.open(self._path(name), "rb")
            with stream:
                return checksum_stream(stream)

    def local(self, name: str) -> Path:
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._reaching(name):
            self.filesystem.get_file(self._path(name), str(path))
        return path

    def free_bytes(self) -> int | None:
        return None

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        try:
            with self._reaching(folder):
                entries: list[dict[str, Any]] = self.filesystem.ls(
                    self._path(folder), detail=True
                )
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            msg = f"`{self._shown(folder)}` cannot be read ({error}). Ask for access."
            raise StoreError(msg) from error
        return entries

    @contextlib.contextmanager
    def _reaching(self, name: str) -> Iterator[None]:
        """What cannot be reached is not missing: no `OSError`."""
        try:
            yield
        except _unreachable() as error:
            msg = (
                f"`{self._shown(name)}` cannot be reached ({error}). See to access and "
                "network, or give another --store."
            )
            raise StoreError(msg) from error

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            yield
        except NotImplementedError as error:
            refused = OSError(errno.EROFS, "there is no writing there")
            raise FileError(explain(self._shown(name), refused)) from error
        except OSError as error:
            raise FileError(explain(self._shown(name), error)) from error
        except _unreachable() as error:
            refused = OSError(str(error))
            raise FileError(explain(self._shown(name), refused)) from error

    def _make_parent(self, path: str) -> None:
        with contextlib.suppress(FileExistsError):
            self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)

    def _path(self, name: str) -> str:
        return f"{self.base}/{name}" if self.base else name

    def _shown(self, name: str) -> str:
        return f"{self.label.rstrip('/')}/{name}"
