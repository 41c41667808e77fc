"""How often this suite errs, as `reports/calibration/summary.json` has it.

Conventions
-----------
Rates and the bounds of their 95 % intervals are shares, from 0 to 1. What cannot be
read is absent here; the page then says that nothing is known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.report.numerals import count, significant
from harness.report.record import finite

__all__ = ["SUMMARY_FILE", "Calibration", "CalibrationRate", "load_calibration"]

SUMMARY_FILE = Path(__file__).parents[2] / "reports" / "calibration" / "summary.json"
_ORDER = ("zoo", "planted", "documents", "instruments")


@cache
def load_calibration(path: Path = SUMMARY_FILE) -> Calibration:
    """Read the summary; one that is missing or damaged holds no rates."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        data = {}
    parts = _mapping(_mapping(data).get("parts"))
    rates, versions = [], []
    for name in sorted(parts, key=lambda n: (*_ORDER, n).index(n)):
        part = _mapping(parts[name])
        entries = part.get("rates")
        found = [_rate(e) for e in entries] if isinstance(entries, list) else []
        rates += [rate for rate in found if rate is not None]
        versions.append(str(part.get("version") or "unknown"))
    claims = _mapping(_mapping(parts.get("zoo")).get("claims"))
    return Calibration(
        rates=tuple(rates),
        claims={name: _claim(_mapping(found)) for name, found in claims.items()},
        version=", ".join(dict.fromkeys(versions)),
    )


def _claim(found: Mapping[str, Any]) -> tuple[CalibrationRate, ...]:
    said = {
        "sensitivity": "found where it is there",
        "specificity": "silent where nothing is",
    }
    rates = [_rate({**_mapping(found.get(k)), "says": said[k]}) for k in said]
    return tuple(rate for rate in rates if rate is not None)


def _rate(entry: object) -> CalibrationRate | None:
    fields = _mapping(entry)
    bounds = fields.get("interval")
    ends = [finite(b) for b in bounds] if isinstance(bounds, list) else []
    hits, number = finite(fields.get("hits")), finite(fields.get("count"))
    if not number or hits is None or len(ends) != 2 or None in ends:
        return None
    low, high = (end for end in ends if end is not None)
    return CalibrationRate(
        says=str(fields.get("says") or ""), hits=hits, count=number, low=low, high=high
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRate:
    """How often something happened where the truth is known."""

    says: str
    hits: float
    count: float
    low: float
    high: float

    @property
    def amount(self) -> str:
        """The rate in words: "3 of 60, 5 % [1, 13.9]"."""
        rate, low, high = (
            significant(round(100 * share, 1))
            for share in (self.hits / self.count, self.low, self.high)
        )
        return f"{count(self.hits)} of {count(self.count)}, {rate} % [{low}, {high}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The rates of this version, and those of each claim on the phantoms."""

    rates: tuple[CalibrationRate, ...]
    claims: Mapping[str, tuple[CalibrationRate, ...]]
    version: str
