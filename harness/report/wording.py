"""Claims, designs and verdicts in words, the same in HTML, Markdown and plain text.

Conventions
-----------
A unit that begins with `share`, `fraction`, `proportion` or `accuracy` counts from 0 to
1 and is shown in per cent; every other unit is shown as it stands. Effect and interval
of one claim share their decimals, so that they can be compared at a glance. What was
not measured is a dash.
"""

from __future__ import annotations

import re

from harness.report.numerals import (
    DASH,
    NOT_MEASURED,
    count,
    fact,
    fixed,
    label,
    magnitude,
    places,
    significant,
)
from harness.report.record import ClaimRow, PathNode, Record, finite

__all__ = [
    "QUALIFIERS",
    "STATUSES",
    "VERDICT_WORDS",
    "amount",
    "asked",
    "checks_line",
    "design_line",
    "documented",
    "effect",
    "headline",
    "in_unit",
    "interval",
    "model_line",
    "name_of",
    "next_step",
    "sample_size",
    "scale",
    "spread",
    "stage_name",
    "standing",
    "tally",
    "thresholds",
    "unit_label",
    "why",
]

# word -> (short gloss, what it means for the plan)
VERDICT_WORDS = {
    "GO": (
        "the plan may go on",
        "Every gate claim of this stage holds at the thresholds that the documents set "
        "beforehand.",
    ),
    "EXTEND": (
        "gather more clips",
        "The evidence neither settles the gate claims nor rules them out; a planned "
        "look with new prompts remains.",
    ),
    "PIVOT": (
        "change direction",
        "The claims on which the plan rests do not hold for this model. A clear no is "
        "a result that can be published.",
    ),
    "FIX": (
        "repair the instrument first",
        "A check of the apparatus failed. Until it is repaired, no number below says "
        "anything about the model.",
    ),
}

STATUSES = {
    "supported": "The effect reaches the documents\N{RIGHT SINGLE QUOTATION MARK} "
    "threshold (minimum or strong) and its corrected p-value is below alpha.",
    "weak": "There is an effect (its corrected p-value is below alpha), but it stays "
    "under the documented minimum.",
    "refuted": "The effect was shown to be absent: its one-sided 95 % upper bound "
    "lies below the no-signal threshold, in every layer.",
    "inconclusive": "Neither shown nor excluded with this many prompts. A result that "
    "is not significant is not a refutation.",
    "invalid": "A check of the instrument failed, or the design could not have reached "
    "alpha: the number says nothing about the model.",
}

QUALIFIERS = {
    "text-borne": "seen only where the prompt\N{RIGHT SINGLE QUOTATION MARK}s words "
    "are visible to the model; not enough on its own",
    "audio-borne": "also seen without the words, so it came through the music",
    "acoustics-mediated": "vanishes once tempo, loudness and brightness are "
    "regressed out",
    "prompt-lexical": "seen only where a word recurs; other words for the same emotion "
    "do not show it",
}

_PERCENT_UNITS = ("share", "fraction", "proportion", "accuracy")


def headline(record: Record) -> tuple[str, str, str]:
    """Return the verdict's word, its gloss, and what it means.

    A record without a verdict says so, and never borrows a verdict's word.
    """
    if record.verdict is not None:
        return (record.verdict, *VERDICT_WORDS[record.verdict])
    if record.state == "running":
        return (
            "No verdict",
            "the run is not finished",
            "The run is still going, or was stopped before it could write its end. "
            "Nothing below is a result yet.",
        )
    return (
        "No verdict",
        "the run is incomplete",
        "Not every gate claim was decided. What is missing does not count as passed.",
    )


def why(record: Record) -> str:
    """Return the sentence that gives the reason, or says that there is none."""
    if record.verdict is None and record.state == "running":
        return "Nothing has been decided so far."
    return record.reason or "The record gives no reason."


def next_step(record: Record) -> str:
    """Say what to do where the record has no command to run."""
    if record.verdict is None:
        return "Wait for the run to end, or start it again: what is stored is reused."
    if record.verdict == "FIX":
        return "Repair the checks that are named below, then run the stage again."
    if record.leaf is not None:
        return record.leaf.text
    return "There is nothing more to run at this stage."


def asked(step: PathNode) -> str:
    """Write a step of the path so that its answer can follow."""
    node = step.node or "(unnamed step)"
    return node if node.endswith("?") else f"{node}:"


def stage_name(stage: str) -> str:
    """Write a stage's marker as words: `week1` is "Week 1"."""
    match = re.fullmatch(r"([a-z]+)_?(\d+)", stage)
    return f"{match[1].capitalize()} {match[2]}" if match else stage


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


def checks_line(record: Record) -> str:
    """Sum up the instrument checks in one line, naming those that failed."""
    checks, failed = record.instruments, record.failed_checks
    if not checks:
        return "no checks in the record"
    passed = f"{len(checks) - len(failed)} of {len(checks)} checks passed"
    if not failed:
        return passed
    return f"{passed}; not passed: " + "; ".join(
        f"{name_of(claim)} ({claim.status})" for claim in failed
    )


def model_line(record: Record) -> str:
    """Describe the model in one line."""
    model = record.model
    parts = [fact(model.get("name"))]
    for key, noun in (("layers", "layers"), ("d_model", "wide")):
        value = finite(model.get(key))
        if value is not None:
            parts.append(f"{count(value)} {noun}")
    parameters = finite(model.get("parameters"))
    if parameters is not None:
        parts.append(f"{magnitude(parameters)} parameters")
    return ", ".join(parts)


def design_line(record: Record) -> str:
    """Describe the design in one line: emotions, prompts, seeds, clips."""
    design = record.design
    emotions = design.get("emotions")
    named = [str(emotion) for emotion in emotions] if isinstance(emotions, list) else []
    parts = [
        f"{len(named)} emotions ({', '.join(named)})" if named else "",
        _counted(design.get("prompts_per_emotion"), "prompt", each="emotion"),
        _counted(design.get("seeds_per_prompt"), "seed", each="prompt"),
        _counted(design.get("clips_per_emotion"), "clip", each="emotion"),
    ]
    duration = finite(design.get("duration_s"))
    if duration is not None:
        parts.append(f"{significant(duration)} s each")
    return ", ".join(part for part in parts if part) or NOT_MEASURED


def _short(unit: str) -> str:
    shown = unit_label(unit)
    return "%" if shown.startswith("%") else shown


def _decimals(claim: ClaimRow) -> int:
    shown = [claim.effect, *(claim.ci or ())]
    return places([v * scale(claim.unit) for v in shown if v is not None])


def _counted(value: object, noun: str, *, each: str) -> str:
    number = finite(value)
    if number is None:
        return ""
    return f"{count(number)} {noun}{'' if number == 1 else 's'} per {each}"
