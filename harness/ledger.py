"""What was looked at, when, and what was found: append-only, one JSON line a look.

Each line carries the digest of the data that the look saw and a hash over the line
before it. Looking again at the same data adds nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.files import FileError, write_bytes

__all__ = ["Ledger", "LedgerError", "data_digest"]


class LedgerError(Exception):
    """The ledger is not what was written: which line, and why."""


def data_digest(checksums: Sequence[str]) -> str:
    """Digest of everything a look saw, in any order of the clips."""
    return hashlib.sha256("\n".join(sorted(checksums)).encode()).hexdigest()[:32]


class Ledger:
    """The looks at one store."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def looks(self) -> list[dict[str, Any]]:
        """All looks, oldest first.

        Raises
        ------
        LedgerError
            If a line is not JSON or does not follow from the line before it.
        """
        if not self.path.exists():
            return []
        before, looks = "", []
        lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict) or entry.pop("hash", None) != _hash(
                before, entry
            ):
                msg = (
                    f"`{self.path}:{number}` is not as it was written: looks cannot be "
                    "counted. Restore the file, or start over in a new --store."
                )
                raise LedgerError(msg)
            before = _hash(before, entry)
            looks.append(entry)
        return looks

    def append(self, look: dict[str, Any]) -> bool:
        """Add a look unless the same data was looked at in the same way before."""
        looks = self.looks()
        identity = ("data", "design", "model")
        if any(all(old[k] == look[k] for k in identity) for old in looks):
            return False
        before = ""
        lines = []
        for entry in [*looks, look]:
            before = _hash(before, entry)
            lines.append(json.dumps({**entry, "hash": before}, sort_keys=True))
        try:
            write_bytes(self.path, ("\n".join(lines) + "\n").encode())
        except FileError as error:
            raise LedgerError(str(error)) from error
        return True


def _hash(before: str, entry: dict[str, Any]) -> str:
    text = before + json.dumps(entry, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
