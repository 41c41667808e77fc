"""Numbers, dates and loose values of a record, written for a reader.

Conventions
-----------
What was not measured is a dash, or the words "not measured" where there is room for
them. Negative numbers have a true minus sign; `ascii_only` gives the plain one. Times
are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from harness.report.record import finite

__all__ = [
    "DASH",
    "MINUS",
    "NOT_MEASURED",
    "aligned",
    "ascii_only",
    "count",
    "date",
    "fact",
    "fixed",
    "label",
    "magnitude",
    "p_value",
    "places",
    "seconds",
    "significant",
]

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
NOT_MEASURED = "not measured"


def p_value(p: float | None) -> str:
    """Write a p-value; it is never shown as zero.

    Four decimals, since the first look's alpha is .005.
    """
    if p is None:
        return DASH
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def count(value: float | None) -> str:
    """Write a count, or a dash."""
    return DASH if value is None else f"{value:,.0f}"


def significant(value: float, *, digits: int = 3) -> str:
    """Write a number with `digits` significant digits and no trailing zeros.

    Whole numbers keep all of their digits.
    """
    if value == 0:
        return "0"
    if abs(value) >= 1e9 or abs(value) < 1e-5:
        mantissa, exponent = f"{value:#.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".").replace("-", MINUS)
        return f"{mantissa}e{int(exponent)}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}".replace("-", MINUS)
    return text.rstrip("0").rstrip(".") if "." in text else text


def aligned(values: Sequence[float | None]) -> list[str]:
    """Write a column of numbers with the same decimals; None is a dash."""
    decimals = places([value for value in values if value is not None])
    return [DASH if v is None else fixed(v, decimals=decimals) for v in values]


def fact(value: object) -> str:
    """Write any value of a record in one line; a long list is cut and says so."""
    if value is None or value == "":
        return NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    number = finite(value)
    if number is not None:
        return significant(number, digits=4)
    if isinstance(value, float):
        return DASH
    if isinstance(value, Mapping):
        return "; ".join(f"{label(key)}: {fact(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return _listed(list(value))
    return str(value)


def ascii_only(text: str) -> str:
    """Write this module's dash and minus as hyphens, for a terminal."""
    return text.replace(DASH, "-").replace(MINUS, "-")


def label(key: object) -> str:
    """Write a key of the record as words; a unit at its end goes in brackets."""
    words = str(key).replace("_", " ")
    for suffix, unit in ((" s", "s"), (" bpm", "BPM"), (" hz", "Hz")):
        if words.endswith(suffix):
            return f"{words.removesuffix(suffix)} ({unit})"
    return words


def date(value: object) -> str:
    """Write when the run started: an ISO date or seconds since 1970."""
    number = finite(value)
    try:
        if number is not None:
            return _day(datetime.fromtimestamp(number, tz=UTC))
        return _day(datetime.fromisoformat(str(value)))
    except (ValueError, OverflowError, OSError):  # a year that no calendar has
        return fact(value)


def seconds(value: object) -> str:
    """Write a duration in seconds as hours, minutes and seconds."""
    number = finite(value)
    if number is None:
        return NOT_MEASURED
    if number < 60:
        return f"{significant(number)} s"
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _day(moment: datetime) -> str:
    zone = f" {moment.tzname()}" if moment.tzinfo else ""
    return f"{moment.day} {moment:%B %Y, %H:%M}{zone}"


def places(values: Sequence[float]) -> int:
    """Choose the decimals that show three significant digits of the largest number."""
    if all(value == int(value) for value in values):
        return 0
    largest = max(abs(value) for value in values)
    return min(max(2 - math.floor(math.log10(largest)), 0), 6)


def fixed(value: float, *, decimals: int) -> str:
    """Write a number with so many decimals; a negative zero loses its sign.

    Thousands stay together, since a comma separates the ends of an interval.
    """
    if abs(value) >= 1e9:
        return significant(value)
    text = f"{round(value, decimals) + 0.0:.{decimals}f}"  # + 0.0: no minus zero
    return text.replace("-", MINUS)


def _listed(values: list[Any], *, longest: int = 48) -> str:
    shown = ", ".join(fact(value) for value in values[:longest])
    if len(values) > longest:
        return f"{shown}, ... ({len(values):,} values)"
    return shown or "none"


def magnitude(value: float) -> str:
    """Write a large count in millions or billions."""
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if value >= size:
            return f"{significant(value / size)} {word}"
    return count(value)
