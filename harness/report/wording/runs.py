"""A run in words: its verdict, what it cost, what comes next, how it was designed."""

from __future__ import annotations

import re

from harness.report.numerals import (
    NOT_MEASURED,
    count,
    fact,
    magnitude,
    seconds,
    significant,
)
from harness.report.record import Record, finite
from harness.report.wording.claims import name_of
from harness.report.wording.words import VERDICT_WORDS

__all__ = [
    "chance_line",
    "checks_line",
    "cost_line",
    "design_line",
    "headline",
    "look_line",
    "model_line",
    "next_cost",
    "next_step",
    "stage_name",
    "why",
]

_NO_VERDICT = "There is no verdict: "


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
    if record.state == "complete":
        return (
            "No verdict",
            "the record cannot be believed",
            "Its verdict and its claims do not go together, or the verdict is none "
            "that is known. Nothing below may be quoted as a result.",
        )
    return (
        "No verdict",
        "the run is incomplete",
        "Not every gate claim was decided. What is missing does not count as passed.",
    )


def why(record: Record) -> str:
    """Return the sentence that gives the reason, or says that there is none.

    That there is no verdict is not said again: it stands before, in every report.
    """
    if record.verdict is None and record.state == "running":
        return "Nothing has been decided so far."
    reason = record.reason or "The record gives no reason."
    if record.verdict is None and reason.startswith(_NO_VERDICT):
        reason = reason.removeprefix(_NO_VERDICT)
        reason = reason[:1].upper() + reason[1:]
    return reason


def next_step(record: Record) -> str:
    """Say what to do, whether or not the record has a command for it."""
    if record.verdict is None and record.state == "running":
        return "Wait for the run to end, or start it again: what is stored is reused."
    if record.verdict is None:
        return "Start it again: what is stored is reused."
    if record.verdict == "FIX":
        repair = "Repair what the failed checks name, then run the stage again"
        same = " (the same settings: change what a check names)"
        return f"{repair}{same if record.next_command else ''}."
    if record.leaf is not None:
        return record.leaf.text
    if record.next_command:
        return "Run this:"
    return "There is nothing more to run at this stage."


def next_cost(record: Record) -> str:
    """Say what the next command will take, or nothing where that is not known."""
    if not record.next_command or record.next_clips is None:
        return ""
    if record.next_clips == 0:
        return "no more clips of these prompts have to be made"
    clips = (
        f"{count(record.next_clips)} more clip{'' if record.next_clips == 1 else 's'}"
    )
    if record.next_seconds is None:
        return f"{clips}; how long that takes is not known"
    return f"{clips}, about {seconds(record.next_seconds)}"


def cost_line(record: Record) -> str:
    """Say what the run cost: clips, of which new ones, and time."""
    environment = record.environment
    clips, made = (finite(environment.get(key)) for key in ("clips", "clips_made"))
    parts = []
    if clips is not None:
        new = "" if made is None else f" ({count(made)} made by this run)"
        there = finite(environment.get("clips_stored"))
        some = there is not None and there < clips
        of = f"{count(there)} of " if some else ""
        parts.append(f"{of}{count(clips)} clip{'' if clips == 1 else 's'}{new}")
    if finite(environment.get("seconds")) is not None:
        parts.append(seconds(environment.get("seconds")))
    return ", ".join(parts) or NOT_MEASURED


def look_line(record: Record) -> str:
    """Say which look the run was, and what alpha it had."""
    look = finite(record.design.get("look"))
    if look is None:
        return "not one of the planned looks"
    text = f"planned look {count(look)}"
    alpha = finite(record.design.get("alpha"))
    if alpha is not None:
        text += f", alpha {significant(alpha)}"
    spent = finite(record.design.get("alpha_spent"))
    return text if spent is None else f"{text}, alpha spent so far {significant(spent)}"


def chance_line(record: Record) -> str:
    """Say how many families of the panel luck alone would put below alpha."""
    alpha = finite(record.design.get("alpha"))
    number = len({claim.id for claim in record.panel if claim.p is not None})
    if not number or not alpha:
        return ""
    return (
        f"The panel has {number} tested claim{'' if number == 1 else 's'}, each "
        f"corrected for its own members: if nothing were true, luck alone would put "
        f"{significant(number * alpha)} of them below alpha, {significant(alpha)}."
    )


def stage_name(stage: str) -> str:
    """Write a stage's marker as words: `week1` is "Week 1"."""
    match = re.fullmatch(r"([a-z]+)_?(\d+)", stage)
    return f"{match[1].capitalize()} {match[2]}" if match else stage


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


def _counted(value: object, noun: str, *, each: str) -> str:
    number = finite(value)
    if number is None:
        return ""
    return f"{count(number)} {noun}{'' if number == 1 else 's'} per {each}"
