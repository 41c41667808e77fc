"""What stands around a claim: the other claims, other looks, what is still needed.

The same sentences in HTML, Markdown and plain text.
"""

from __future__ import annotations

from harness.report.numerals import DASH, count, date, p_value
from harness.report.record import ChangeRow, ClaimRow, LookRow, Record
from harness.report.wording import effect, in_unit, interval, standing

__all__ = [
    "carried",
    "change_line",
    "claims_with_ladder",
    "claims_with_notes",
    "earlier_looks",
    "earlier_values",
    "gated",
    "has_gated",
    "invalid",
    "ladder",
    "leads_to",
    "look_line",
    "notes",
]


def has_gated(record: Record) -> bool:
    """Does any claim have a p-value that counts the claims before and beside it?"""
    return any(claim.p_gated is not None for claim in record.claims)


def gated(claim: ClaimRow) -> str:
    """Write the gated p-value, or a dash where the claim was not reached."""
    return p_value(claim.p_gated)


def carried(claim: ClaimRow) -> str:
    """Say at which earlier look the claim was supported, if it was not tested again."""
    if not claim.carried:
        return ""
    at = "an earlier look" if claim.look is None else f"look {count(claim.look)}"
    return f"supported at {at}, not tested again"


def notes(claim: ClaimRow) -> tuple[str, ...]:
    """List what has to be said of a claim beside its numbers."""
    found = claim.status in ("supported", "weak") or claim.qualifier == "prompt-lexical"
    qualifier = claim.qualifier if found else ""
    return tuple(said for said in (carried(claim), qualifier, claim.needs) if said)


def claims_with_notes(record: Record) -> tuple[ClaimRow, ...]:
    """Gates and panel of which something has to be said beside their numbers."""
    return tuple(c for c in (*record.gates, *record.panel) if notes(c))


def invalid(record: Record) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """List why claims that are no checks are invalid, as (because, ids of claims)."""
    found: dict[str, list[str]] = {}
    for claim in record.claims:
        if claim.status == "invalid" and claim.role != "instrument":
            names = found.setdefault(claim.because or "no reason is on record", [])
            if claim.id not in names:
                names.append(claim.id)
    return tuple((because, tuple(names)) for because, names in found.items())


def ladder(claim: ClaimRow) -> tuple[tuple[str, str, str], ...]:
    """List where the effect was looked for, text first, as (rung, effect, p)."""
    return tuple(
        (
            rung.name,
            DASH if rung.effect is None else in_unit(rung.effect, claim),
            p_value(rung.p),
        )
        for rung in claim.ladder
    )


def claims_with_ladder(record: Record) -> tuple[ClaimRow, ...]:
    """Gates of which it was asked whether they came through text or music."""
    return tuple(claim for claim in record.gates if claim.ladder)


def earlier_looks(record: Record) -> tuple[LookRow, ...]:
    """Looks at other data than this run's, oldest first."""
    return tuple(look for look in record.looks if not look.same_data)


def earlier_values(record: Record, claim: ClaimRow) -> tuple[tuple[str, str], ...]:
    """List what earlier looks found of a claim, oldest first, as (look, found)."""
    found = []
    for look in earlier_looks(record):
        for then in look.claims:
            if (then.id, then.member) == (claim.id, claim.member) and not then.carried:
                found.append((_look_name(look), _found(then)))
    return tuple(found)


def _look_name(look: LookRow) -> str:
    kind = "look" if look.kind in ("", "planned") else f"{look.kind} look"
    number = "" if look.number is None else f" {count(look.number)}"
    clips = "" if look.samples is None else f", {count(look.samples)} clips"
    return f"{kind}{number}{clips}"


def _found(claim: ClaimRow) -> str:
    parts = [standing(claim), effect(claim)]
    if claim.ci is not None:
        parts.append(interval(claim))
    if claim.p is not None:
        parts.append(f"p {p_value(claim.p)}")
    return ", ".join(parts)


def look_line(look: LookRow) -> str:
    """Describe an earlier look in one line."""
    kind = "look" if look.kind in ("", "planned") else f"{look.kind} look"
    number = "" if look.number is None else f" {count(look.number)}"
    clips = "" if look.samples is None else f", {count(look.samples)} clips per emotion"
    when = f", {date(look.time)}" if look.time else ""
    verdict = look.verdict or "no verdict"
    gates = ", ".join(f"{name} {status}" for name, status in look.gates)
    return f"{kind}{number}{clips}{when}: {verdict}" + (f"; {gates}" if gates else "")


def change_line(change: ChangeRow) -> str:
    """Say what was said of a claim before, and what is said now."""
    at = "" if change.samples is None else f" with {count(change.samples)} clips"
    return f"{change.claim}: {change.before}{at}, now {change.after}"


def leads_to(record: Record) -> tuple[str, ...]:
    """Where the path ends, and what could not be asked there yet; a sentence each."""
    if record.leaf is None:
        return ()
    waits = [
        f"Not asked yet: {statement} (blocked: needs {needs})."
        for statement, needs in record.leaf.blocked
    ]
    return (record.leaf.text, *waits)
