"""A verdict record from disk, whole or refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["RecordError", "RecordFile", "read_file"]

_NAME = "verdict.json"


class RecordError(ValueError):
    """There is no record to report on: where, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFile:
    """A record and where it was read."""

    path: Path
    verdict: dict[str, Any]


def read_file(place: Path) -> RecordFile:
    """Read the record in a directory, or the file itself.

    Raises
    ------
    RecordError
        If there is none, it cannot be read, or it is not a JSON object.
    """
    path = place / _NAME if place.is_dir() else place
    try:
        verdict = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        msg = f"`{path}` is not there. Run `uv run pytest -m week1` first."
        raise RecordError(msg) from error
    except OSError as error:
        msg = f"`{path}` cannot be read: {error.strerror}. Name another directory."
        raise RecordError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = (
            f"`{path}` must hold a verdict as JSON, but is damaged ({error}). Run the "
            "stage again: clips are reused."
        )
        raise RecordError(msg) from error
    if not isinstance(verdict, dict):
        msg = (
            f"`{path}` must hold a verdict, a JSON object, got "
            f"{type(verdict).__name__}. Run the stage again: clips are reused."
        )
        raise RecordError(msg)
    return RecordFile(path=path, verdict=verdict)
