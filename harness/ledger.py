"""What was looked at, when, and what was found: append-only, one JSON line an event.

Each line carries a hash over itself and the line before it, and a second file, the
seal, how many lines there were and how they ended: an edit, a removal and half a line
are found, in the middle and at the end. Nobody is kept from forging both; what is kept
is an honest person from not noticing.

Conventions
-----------
An entry is a JSON object with a `time` (UTC, as in 2026-01-31T12:00:00Z); what else it
says is up to `harness.history`. A ledger in which a line is broken is neither used nor
written to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.claims import settings
from harness.files import FileError, explain, read_json, write_bytes, write_json

__all__ = [
    "VERSION",
    "Ledger",
    "LedgerError",
    "chained",
    "checked",
    "data_digest",
    "later",
    "now",
    "seal_of",
]

VERSION = 2  # of the entries
_PATIENCE_SECONDS = 60.0  # a line is written in milliseconds
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_REMEDY = "looks cannot be counted. Restore the file, or start over in a new --store."


class LedgerError(Exception):
    """The ledger is not what was written: which line, and why."""


def now() -> str:
    """The time, as entries have it."""
    return datetime.now(UTC).strftime(_TIME)


def later(*, days: float) -> str:
    """A time to come, as entries would have it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime(_TIME)


def data_digest(checksums: Sequence[str]) -> str:
    """Digest of everything a look saw, in any order of the clips."""
    return hashlib.sha256("\n".join(sorted(checksums)).encode()).hexdigest()[:32]


def chained(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of a ledger with these entries."""
    before, lines = "", []
    for entry in entries:
        before = _hash(before, entry)
        lines.append(json.dumps({**entry, "hash": before}, sort_keys=True))
    return lines


def checked(
    lines: Sequence[str],
    *,
    seal: object = None,
    place: str = "ledger",
    remedy: str = _REMEDY,
) -> list[dict[str, Any]]:
    """The entries of the lines of a ledger.

    Parameters
    ----------
    lines : sequence of str
        All of them, oldest first.
    seal : object
        What the seal says, as `seal_of` wrote it; None where there is none.
    place : str
        The file, for the message.
    remedy : str
        What follows from a broken line and what to do, for the message.

    Raises
    ------
    LedgerError
        If a line is not as it was written, was removed or is from the future.
    """
    before, entries, hashes = "", [], [""]
    for number, line in enumerate(lines, start=1):
        entry = _parsed(line)
        if entry is None or entry.pop("hash", None) != _hash(before, entry):
            msg = f"`{place}:{number}` is not as it was written: {remedy}"
            raise LedgerError(msg)
        _check_entry(entry, f"{place}:{number}", remedy)
        before = _hash(before, entry)
        hashes.append(before)
        entries.append(entry)
    _check_seal(seal, hashes, place, remedy)
    return entries


def seal_of(lines: Sequence[str]) -> dict[str, Any]:
    """What vouches for the number of lines and for the last one."""
    return {"lines": len(lines), "hash": json.loads(lines[-1])["hash"]}


def _check_entry(entry: Mapping[str, Any], place: str, remedy: str) -> None:
    if entry.get("version") != VERSION:
        msg = (
            f"`{place}` was written by another version of the suite (must be version "
            f"{VERSION}, got {entry.get('version', 1)}): {remedy}"
        )
        raise LedgerError(msg)
    try:
        time = datetime.strptime(str(entry.get("time")), _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        msg = f"`{place}` has no time: {remedy}"
        raise LedgerError(msg) from error
    tolerance = timedelta(seconds=settings()["clock_tolerance_s"])
    if time > datetime.now(UTC) + tolerance:
        msg = (
            f"`{place}` is from the future, of {entry['time']}: set the clock of this "
            f"machine right; otherwise {remedy}"
        )
        raise LedgerError(msg)


def _check_seal(seal: object, hashes: Sequence[str], place: str, remedy: str) -> None:
    """The ledger may have grown since it was sealed; it may not have shrunk."""
    if seal is None:
        return
    count = seal.get("lines") if isinstance(seal, dict) else None
    if not isinstance(count, int) or not isinstance(seal, dict):
        msg = f"The seal of `{place}` is not as it was written: {remedy}"
        raise LedgerError(msg)
    if not 0 <= count < len(hashes):
        msg = f"`{place}` had {count} lines and has {len(hashes) - 1}: {remedy}"
        raise LedgerError(msg)
    if seal.get("hash") != hashes[count]:
        msg = f"`{place}:{count}` is not what was sealed: {remedy}"
        raise LedgerError(msg)


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _hash(before: str, entry: Mapping[str, Any]) -> str:
    text = before + json.dumps(entry, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Ledger:
    """The looks at one store; or whatever else is kept as they are.

    Parameters
    ----------
    path : Path
        The file; its seal lies beside it.
    remedy : str
        What follows if the file is broken and what to do, for the message.
    """

    def __init__(self, path: Path, *, remedy: str = _REMEDY) -> None:
        self.path = path
        self._remedy = remedy
        self.seal = path.with_suffix(".seal")
        self._lock = FileLock(f"{path}.lock", timeout=_PATIENCE_SECONDS)

    def entries(self) -> list[dict[str, Any]]:
        """All entries, oldest first.

        Raises
        ------
        LedgerError
            If a line is not as it was written, was removed or is from the future.
        """
        lines, seal = self._read()
        entries = checked(lines, seal=seal, place=str(self.path), remedy=self._remedy)
        if seal is None and len(lines) > 1:  # of the first line it may not be there yet
            msg = f"The seal of `{self.path}` is gone: {self._remedy}"
            raise LedgerError(msg)
        return entries

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry, with its version and time.

        Raises
        ------
        LedgerError
            If the ledger is broken, which leaves it as it is, or cannot be written.
        """
        with self.locked():
            lines = chained(
                [*self.entries(), {"version": VERSION, "time": now(), **entry}]
            )
            try:
                write_bytes(self.path, ("\n".join(lines) + "\n").encode())
                write_json(self.seal, seal_of(lines))
            except FileError as error:
                raise LedgerError(str(error)) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else writes meanwhile; may be nested.

        Raises
        ------
        LedgerError
            If the place cannot be written to, or another process does not let go.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as error:
            msg = f"`{self.path}` is held by another run. Run again when it has ended."
            raise LedgerError(msg) from error
        except OSError as error:
            raise LedgerError(explain(self.path, error)) from error
        try:
            yield
        finally:
            self._lock.release()

    def _read(self) -> tuple[list[str], object]:
        """Lines and seal; the seal first, for the ledger grows before it."""
        seal = read_json(self.seal) if self.seal.exists() else None
        if seal is None and self.seal.exists():
            seal = "not JSON"
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return [], seal
        except OSError as error:
            msg = f"`{self.path}` cannot be read ({error.strerror}): {self._remedy}"
            raise LedgerError(msg) from error
        return text.splitlines(), seal
