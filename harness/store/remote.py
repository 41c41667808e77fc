"""A store on any of fsspec's file systems: putting an object is atomic there."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from harness.files import FileError, checksum_stream, explain
from harness.store.disk import Disk, StoreError

if TYPE_CHECKING:
    from fsspec.spec import AbstractFileSystem

__all__ = ["RemoteDisk"]


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
        content: bytes = self.filesystem.cat_file(
            self._path(name), start=start, end=end
        )
        return content

    def write(self, name: str, content: bytes) -> None:
        path = self._path(name)
        try:
            self._make_parent(path)
            self.filesystem.pipe_file(path, content)
        except (OSError, NotImplementedError) as error:
            raise self._refusal(name, error) from error

    def create(self, name: str, content: bytes) -> bool:
        path = self._path(name)
        try:
            self._make_parent(path)
            self.filesystem.pipe_file(path, content, mode="create")
        except FileExistsError:
            return False
        except (OSError, NotImplementedError) as error:
            raise self._refusal(name, error) from error
        return True

    def take(self, name: str, source: Path) -> None:
        path = self._path(name)
        try:
            self._make_parent(path)
            self.filesystem.put_file(str(source), path)
        except (OSError, NotImplementedError) as error:
            raise self._refusal(name, error) from error
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
        try:
            self.filesystem.rm(self._path(name), recursive=True)
        except FileNotFoundError:
            return
        except (OSError, NotImplementedError) as error:
            raise self._refusal(name, error) from error

    def checksum(self, name: str) -> str:
        with self.filesystem.open(self._path(name), "rb") as stream:
            return checksum_stream(stream)

    def local(self, name: str) -> Path:
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.filesystem.get_file(self._path(name), str(path))
        return path

    def free_bytes(self) -> int | None:
        return None

    def _entries(self, folder: str) -> list[dict[str, Any]]:
        try:
            entries: list[dict[str, Any]] = self.filesystem.ls(
                self._path(folder), detail=True
            )
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            msg = f"`{self._shown(folder)}` cannot be read ({error}). Ask for access."
            raise StoreError(msg) from error
        return entries

    def _refusal(self, name: str, error: Exception) -> FileError:
        if not isinstance(error, OSError):
            error = OSError(errno.EROFS, "there is no writing there")
        return FileError(explain(self._shown(name), error))

    def _make_parent(self, path: str) -> None:
        with contextlib.suppress(FileExistsError):
            self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)

    def _path(self, name: str) -> str:
        return f"{self.base}/{name}" if self.base else name

    def _shown(self, name: str) -> str:
        return f"{self.label.rstrip('/')}/{name}"
