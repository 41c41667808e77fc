"""Files that are whole or not there: written aside, renamed into place, checksummed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

__all__ = [
    "FileError",
    "checksum",
    "checksum_bytes",
    "read_json",
    "write_bytes",
    "write_json",
]


class FileError(Exception):
    """A file cannot be written: which, why, and what to do."""


def write_bytes(path: Path, content: bytes) -> None:
    """Write all of `content` to `path`, or leave `path` as it was.

    Raises
    ------
    FileError
        If there is no room, no permission, or no such place.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise FileError(explain(path, error)) from error


def write_json(path: Path, data: Any) -> None:
    """Write `data` as JSON with sorted keys; see `write_bytes`."""
    text = json.dumps(
        data, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False
    )
    write_bytes(path, (text + "\n").encode())


def read_json(path: Path) -> Any:
    """The file's data, or None if it is missing or not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def checksum(path: Path) -> str:
    """BLAKE2b of the file's bytes, 32 hexadecimal digits."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16))
    return digest.hexdigest()


def checksum_bytes(content: bytes) -> str:
    """BLAKE2b of `content`, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def explain(path: Path, error: OSError) -> str:
    """Why `path` cannot be written, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"`{path}` cannot be written: the disk is full. Nothing that was written "
            "before is lost; free some room or give another --store, and run again."
        )
    return (
        f"`{path}` cannot be written ({error.strerror}). Give a directory that you may "
        "write to with --store."
    )
