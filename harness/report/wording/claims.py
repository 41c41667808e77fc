"""Claims in words, the same in HTML, Markdown and plain text.

Conventions
-----------
A unit that begins with `share`, `fraction`, `proportion` or `accuracy` counts from 0 to
1 and is shown in per cent; every other unit is shown as it stands. Effect and interval
of one claim share their decimals, so that they can be compared at a glance. What was
not measured is a dash.
"""

from __future__ import annotations

from harness.report.numerals import (
    DASH,
    count,
    fact,
    fixed,
    label,
    places,
    significant,
)
from harness.report.record import ClaimRow, Record, finite
from harness.report.wording.words import STATUSES

__all__ = [
    "amount",
    "asked",
    "documented",
    "effect",
    "in_unit",
    "interval",
    "look_of",
    "name_of",
    "sample_size",
    "scale",
    "spread",
    "standing",
    "statuses_of",
    "tally",
    "thresholds",
    "unit_label",
]

_PERCENT_UNITS = ("share", "fraction", "proportion", "accuracy")


def look_of(claim: ClaimRow, record: Record) -> str:
    """Write the number of the look that decided a claim: the run's, or an earlier."""
    return count(claim.look if claim.carried else finite(record.design.get("look")))


def statuses_of(claims: tuple[ClaimRow, ...]) -> tuple[tuple[str, int], ...]:
    """Count statuses, in the order of `STATUSES`, others after them."""
    counts: dict[str, int] = {}
    for claim in claims:
        counts[claim.status] = counts.get(claim.status, 0) + 1
    known = [(name, counts.pop(name)) for name in STATUSES if name in counts]
    return (*known, *counts.items())


def asked(node: str) -> str:
    """Write a question of the path so that its answer can follow."""
    node = node or "(unnamed step)"
    return node if node.endswith("?") else f"{node}:"


def scale(unit: str) -> float:
    """Return the factor by which values in `unit` are multiplied to be shown."""
    return 100.0 if unit.partition(" ")[0] in _PERCENT_UNITS else 1.0


def unit_label(unit: str) -> str:
    """Return the unit as it is printed behind a number, possibly empty."""
    first, _, rest = unit.partition(" ")
    if first in _PERCENT_UNITS:
        return f"% {rest}".strip()
    return "" if unit in {"1", "ratio"} else unit


def amount(claim: ClaimRow) -> str:
    """Write the claim's effect without its unit, or a dash."""
    if claim.effect is None:
        return DASH
    return fixed(claim.effect * scale(claim.unit), decimals=_decimals(claim))


def in_unit(value: float | None, claim: ClaimRow) -> str:
    """Write any value that is in the claim's unit, or a dash."""
    if value is None:
        return DASH
    shown = significant(value * scale(claim.unit))
    return f"{shown} {unit_label(claim.unit)}".strip()


def effect(claim: ClaimRow, *, short: bool = False) -> str:
    """Write the claim's effect with its unit, or a dash.

    `short` says "%" where the unit is a percentage of something.
    """
    if claim.effect is None:
        return DASH
    unit = _short(claim.unit) if short else unit_label(claim.unit)
    return f"{amount(claim)} {unit}".strip()


def interval(claim: ClaimRow) -> str:
    """Write the claim's interval, without unit, or a dash."""
    if claim.ci is None:
        return DASH
    decimals = _decimals(claim)
    low, high = (fixed(b * scale(claim.unit), decimals=decimals) for b in claim.ci)
    return f"[{low}, {high}]"


def thresholds(claim: ClaimRow) -> tuple[tuple[str, str], ...]:
    """List the claim's thresholds, strongest first, as (name, number).

    The number is followed by "%" where it is one, and by no other unit.
    """
    sign = " %" if _short(claim.unit) == "%" else ""
    # a check's threshold may be an upper limit, so it is not called a minimum
    minimum = "required" if claim.role == "instrument" else "minimum"
    limits = (
        ("strong", claim.strong),
        (minimum, claim.minimum),
        ("no signal", claim.none),
    )
    return tuple(
        (name, significant(value * scale(claim.unit)) + sign)
        for name, value in limits
        if value is not None
    )


def sample_size(claim: ClaimRow) -> str:
    """Write how many prompts and how many clips the claim rests on."""
    return f"{count(claim.n_prompts)} / {count(claim.n_clips)}"


def documented(claim: ClaimRow) -> tuple[tuple[str, str], ...]:
    """List the number in the documents and what their formulas give, as (label, value).

    The first was found on their clips, the others are found on the clips of this run.
    """
    theirs = (("they report", claim.documented),) if claim.documented else ()
    return (
        *theirs,
        *((label(key), fact(value)) for key, value in claim.as_documented.items()),
    )


def name_of(claim: ClaimRow) -> str:
    """Name a claim with its family member, if it has one."""
    return f"{claim.id}, {claim.member}" if claim.member else claim.id


def standing(claim: ClaimRow) -> str:
    """Write the status with its strength."""
    if claim.status == "supported" and claim.strength:
        return f"supported ({claim.strength})"
    return claim.status


def tally(claims: tuple[ClaimRow, ...]) -> str:
    """Count statuses: "4 of 6 supported, 2 inconclusive"."""
    counts: dict[str, int] = {"supported": 0}
    for claim in claims:
        counts[claim.status] = counts.get(claim.status, 0) + 1
    passed = counts.pop("supported")
    rest = "".join(f", {number} {status}" for status, number in counts.items())
    return f"{passed} of {len(claims)} supported{rest}"


def spread(claims: tuple[ClaimRow, ...]) -> str:
    """Say how far the effects of a family reach, or a dash."""
    found = [claim.effect for claim in claims if claim.effect is not None]
    if not found:
        return DASH
    low = significant(min(found) * scale(claims[0].unit))
    return f"{low} to {in_unit(max(found), claims[0])}"


def _short(unit: str) -> str:
    shown = unit_label(unit)
    return "%" if shown.startswith("%") else shown


def _decimals(claim: ClaimRow) -> int:
    shown = [claim.effect, *(claim.ci or ())]
    return places([v * scale(claim.unit) for v in shown if v is not None])
