"""The listening test: its trials, and the key that says what each of them is.

The page knows a trial by an opaque id, and the test by the digest of its key. The key
stays with whoever made the test.

Conventions
-----------
A trial is one clip, presented once; a clip that is heard again is a second trial of it.
Trials and their clips are kept in the order of their ids, which is no order at all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.files import json_bytes, read_json, write_json

__all__ = [
    "FEWEST_RATERS",
    "KEY_SUFFIX",
    "ListeningError",
    "Sheet",
    "Trial",
    "key_path",
    "read_sheet",
    "write_sheet",
]

KEY_SUFFIX = ".key.json"
FEWEST_RATERS = 4  # below, no interval over raters is to be trusted
_ID = re.compile(r"[0-9a-f]{16}")
_FORMAT, _VERSION = "skeptic-listening-key", 1


class ListeningError(Exception):
    """A test cannot be made, or its ratings not be used: what, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One presentation of a clip; nothing but `id` and `sound` is on the page."""

    id: str
    sound: str  # digest of the sound: the same for both trials of one clip
    key: str  # of the clip in the store
    emotion: str  # that the prompt named
    again: bool  # a second presentation of a clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A listening test as it was planned, before anybody has heard it."""

    trials: tuple[Trial, ...]  # in the order of their ids
    emotions: tuple[str, ...]  # what can be answered
    model: str  # fingerprint
    samples: int  # clips per emotion of the run that the clips are from
    raters: int  # how many are asked: the claim is tested when so many have answered
    minimum_ms: int  # of listening, before a clip can be answered
    seed: int

    @property
    def id(self) -> str:
        """Digest of all of it, 16 hexadecimal digits."""
        return hashlib.blake2b(json_bytes(asdict(self)), digest_size=8).hexdigest()

    @property
    def by_id(self) -> dict[str, Trial]:
        return {trial.id: trial for trial in self.trials}

    @property
    def partners(self) -> tuple[tuple[str, str], ...]:
        """The two trials of each clip that is heard again."""
        first = {t.key: t.id for t in self.trials if not t.again}
        return tuple((first[t.key], t.id) for t in self.trials if t.again)


def key_path(folder: Path, test: str) -> Path:
    """Where the key of a test lies."""
    return folder / f"{test}{KEY_SUFFIX}"


def write_sheet(sheet: Sheet, *, folder: Path) -> Path:
    """Write the key; returns its path.

    Raises
    ------
    FileError
        If it cannot be written.
    """
    path = key_path(folder, sheet.id)
    write_json(path, {"format": _FORMAT, "version": _VERSION, **asdict(sheet)})
    return path


def read_sheet(test: str, *, folder: Path) -> Sheet:
    """The test of that id.

    Raises
    ------
    ListeningError
        If its key is not in `folder`, or is not as it was written.
    """
    path = key_path(folder, test)
    if not _ID.fullmatch(test) or not path.is_file():
        known = sorted(p.name.removesuffix(KEY_SUFFIX) for p in _keys(folder))
        msg = (
            f"test `{test}` has no key in `{folder}` (there: "
            f"{', '.join(known) or 'none'}): these ratings are for another test, or "
            "the key is elsewhere. Give the folder that `make` wrote with --keys."
        )
        raise ListeningError(msg)
    sheet = _parsed(read_json(path))
    if sheet is None or sheet.id != test:
        msg = (
            f"`{path}` is not as it was written, so what was heard cannot be told. "
            "Restore the file, or make a new test."
        )
        raise ListeningError(msg)
    return sheet


def _keys(folder: Path) -> Sequence[Path]:
    return list(folder.glob(f"*{KEY_SUFFIX}")) if folder.is_dir() else []


def _parsed(data: Any) -> Sheet | None:
    if not isinstance(data, Mapping) or data.get("format") != _FORMAT:
        return None
    fields = {k: v for k, v in data.items() if k not in ("format", "version")}
    try:
        fields["trials"] = tuple(Trial(**trial) for trial in fields["trials"])
        fields["emotions"] = tuple(fields["emotions"])
        return Sheet(**fields)
    except (KeyError, TypeError):
        return None
