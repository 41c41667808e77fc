"""Numbers out of a claim's detail, whatever a record holds there.

Conventions
-----------
What is missing, of another shape or no number reads as None or as NaN, never as an
error: a figure that lacks what it needs is left out and says why.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from harness.report.record import ClaimRow, Record, finite

__all__ = [
    "Floats",
    "emotions_of",
    "find",
    "matrix",
    "not_asked",
    "number",
    "numbers",
    "reservation",
    "words",
]

Floats = npt.NDArray[np.float64]
_LARGEST = 1e12  # no effect, time or count is
_MOST = 100_000  # numbers in one list: more are no list of ours


def find(record: Record, *ids: str, member: str | None = None) -> ClaimRow | None:
    """The first claim that has one of these ids, earlier ids first."""
    for wanted in ids:
        for claim in record.claims:
            if claim.id == wanted and member in (None, claim.member):
                return claim
    return None


def numbers(
    detail: Mapping[str, object], key: str, *, length: int | None = None
) -> Floats:
    """Read a list of numbers, shape `(length,)`; what is none is NaN.

    Without `length`, as many as there are; with it, all NaN if there are others.
    """
    raw = detail.get(key)
    values = raw if isinstance(raw, list) and len(raw) <= _MOST else []
    if length is not None and len(values) != length:
        values = [None] * length
    found = [number(value) for value in values]
    return np.array([np.nan if n is None else n for n in found], dtype=np.float64)


def number(value: object) -> float | None:
    """Read one number; what is none, or too large to be drawn, is None."""
    found = finite(value)
    return None if found is None or abs(found) > _LARGEST else found


def matrix(detail: Mapping[str, object], key: str) -> Floats | None:
    """Read rows of equally many numbers, or None; what is no number is NaN."""
    raw = detail.get(key)
    if not isinstance(raw, list) or not raw or not isinstance(raw[0], list):
        return None
    wide = len(raw[0])
    rows = [numbers({key: row}, key, length=wide) for row in raw]
    found = np.stack(rows)
    return found if np.isfinite(found).any() else None


def words(detail: Mapping[str, object], key: str) -> list[str]:
    """Read a list of words; empty where there is none."""
    raw = detail.get(key)
    return [str(word) for word in raw] if isinstance(raw, list) else []


def emotions_of(record: Record) -> list[str]:
    """The emotions of the design, in its order: each keeps its colour and marker."""
    return list(dict.fromkeys(words(record.design, "emotions")))


def not_asked(record: Record, claim: ClaimRow | None, what: str) -> str:
    """Why `what` cannot be shown: nobody asked, or it could not be measured."""
    if claim is None and record.state != "complete":
        return f"{what} was not reached by this run, or not asked."
    if claim is None:
        return f"{what} was not asked in this run."
    if claim.status == "invalid":
        said = f": {claim.because}" if claim.because else "."
        return f"{what} could not be measured{said}"
    return f"{what} has no numbers in this record: it may be of an older version."


def reservation(claim: ClaimRow) -> str:
    """What has to be said of a drawing whose claim is invalid; else nothing."""
    if claim.status != "invalid":
        return ""
    return " A check of the instrument failed: this is no result."
