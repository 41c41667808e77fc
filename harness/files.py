"""Files that are whole or not there: written aside, renamed into place, checksummed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = [
    "PARTIAL",
    "FileError",
    "checksum",
    "checksum_bytes",
    "checksum_stream",
    "explain",
    "json_bytes",
    "move_file",
    "parse_json",
    "read_json",
    "write_bytes",
    "write_json",
]

PARTIAL = ".partial"  # how the names of half-written files end


class FileError(Exception):
    """A file cannot be written: which, why, and what to do."""


def write_bytes(path: Path, content: bytes, *, aside: Path | None = None) -> None:
    """Write all of `content` to `path`, or leave `path` as it was.

    It is first written to a file in the directory `aside`, on the same disk; where that
    is not given, beside `path`.

    Raises
    ------
    FileError
        If there is no room, no permission, or no such place.
    """

    def write(partial: Path) -> None:
        with partial.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    _put_in_place(path, write, aside=aside)


def move_file(source: Path, path: Path, *, aside: Path | None = None) -> None:
    """Move the finished file `source` to `path`; see `write_bytes`.

    `source` may be on another disk. It stays where it is if it cannot be moved.
    """

    def move(partial: Path) -> None:
        try:
            os.link(source, partial)
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, partial)
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())

    _put_in_place(path, move, aside=aside)
    source.unlink()


def _put_in_place(
    path: Path, write: Callable[[Path], None], *, aside: Path | None
) -> None:
    folder = path.parent if aside is None else aside
    # Not by process alone: two machines may share a disk.
    unique = f"{os.getpid()}-{secrets.token_hex(4)}"
    partial = folder / f".{path.name}.{unique}{PARTIAL}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise FileError(explain(path, error)) from error


def write_json(path: Path, data: Any) -> None:
    """Write `data` as JSON with sorted keys; see `write_bytes`."""
    write_bytes(path, json_bytes(data))


def json_bytes(data: Any) -> bytes:
    """`data` as JSON for people, with sorted keys."""
    text = json.dumps(
        data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    return (text + "\n").encode()


def read_json(path: Path) -> Any:
    """The file's data, or None if it is missing or not JSON."""
    try:
        return parse_json(path.read_bytes())
    except OSError:
        return None


def parse_json(content: bytes) -> Any:
    """The data, or None if `content` is not JSON."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def checksum(path: Path) -> str:
    """BLAKE2b of the file's bytes, 32 hexadecimal digits."""
    with path.open("rb") as stream:
        return checksum_stream(stream)


def checksum_stream(stream: Any) -> str:
    """BLAKE2b of a binary file opened for reading, 32 hexadecimal digits."""
    digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16))
    return digest.hexdigest()


def checksum_bytes(content: bytes | memoryview) -> str:
    """BLAKE2b of `content`, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def explain(path: Path | str, error: OSError) -> str:
    """Why `path` cannot be written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"`{path}` cannot be written: the disk is full. Nothing that was written "
            "before is lost; free some room or give another --store, and run again."
        )
    if error.errno == errno.EISDIR:
        return (
            f"`{path}` cannot be written: there is a directory where a file should be. "
            "Remove it and run again."
        )
    return (
        f"`{path}` cannot be written ({error.strerror or error}). Give a directory "
        "that you may write to with --store."
    )
