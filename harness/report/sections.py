"""The order of a report: claims by what they decide, week and topic; steps of the path.

Conventions
-----------
A family is the members of one claim, such as a row per layer. Families with more than
`FOLD_BEYOND` members are one row under which the members are folded; gates and checks
that failed never are.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.report import wording
from harness.report.record import ClaimRow, Record, grouped

__all__ = ["FOLD_BEYOND", "Section", "Step", "disowned", "sections_of", "steps_of"]

FOLD_BEYOND = 2
_NEVER = 10**9
_TOPICS = {"activations": "the activations", "music": "the music"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Claims that are shown in one table."""

    title: str
    note: str
    families: tuple[tuple[ClaimRow, ...], ...]
    fold_beyond: int = FOLD_BEYOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A question of the decision tree with the claims that answer it."""

    node: str
    answer: str
    becauses: tuple[str, ...]
    source: str
    claims: tuple[ClaimRow, ...]


def sections_of(record: Record) -> tuple[Section, ...]:
    """Checks that failed, gates, then panel and descriptive by week and topic.

    The section of the gates is there even where there are none.
    """
    failed = Section(
        title="Instrument checks that failed",
        note="What depends on them is invalid.",
        families=grouped(record.failed_checks),
        fold_beyond=_NEVER,
    )
    gates = Section(
        title="Gate claims",
        note="The verdict rests on these.",
        families=grouped(record.gates),
        fold_beyond=_NEVER,
    )
    return (
        *((failed,) if failed.families else ()),
        gates,
        *_by_week("Panel", "tested together; beside the verdict", record.panel),
        *_by_week("Descriptive", "shown for the reader", record.descriptive),
    )


def steps_of(record: Record) -> tuple[Step, ...]:
    """The path; what is asked twice in a row with one answer is one step."""
    steps: list[Step] = []
    for node in record.path:
        last = steps[-1] if steps else None
        before: tuple[str, ...] = ()
        if last and (last.node, last.answer) == (node.node, node.answer):
            before = last.becauses
            steps.pop()
        steps.append(
            Step(
                node=node.node,
                answer=node.answer,
                becauses=(*before, node.because) if node.because else before,
                source=node.source,
                claims=tuple(c for c in record.claims if c.id in node.claims),
            )
        )
    return tuple(steps)


def disowned(record: Record, claims: tuple[str, ...]) -> str:
    """What must be said of a figure if the claim that it belongs to is invalid."""
    own = [c for c in record.claims if claims and c.id == claims[0]]
    if not own or any(claim.status != "invalid" for claim in own):
        return ""
    return (
        "The claim behind this figure is invalid: it says nothing about the model "
        "until the instrument is repaired."
    )


def _by_week(
    title: str, note: str, claims: tuple[ClaimRow, ...]
) -> tuple[Section, ...]:
    """A section for each week and topic; one for all where no week is on record."""
    places: dict[tuple[float, str], list[ClaimRow]] = {}
    for claim in claims:
        week = 0.0 if claim.week is None else claim.week
        places.setdefault((week, claim.topic), []).append(claim)
    return tuple(
        Section(
            title=_title(title, week, topic),
            note=f"{note[0].upper()}{note[1:]}: {wording.tally(tuple(own))}."
            if title == "Panel"
            else f"{note[0].upper()}{note[1:]}; it never decides.",
            families=grouped(tuple(own)),
        )
        for (week, topic), own in sorted(places.items())
    )


def _title(title: str, week: float, topic: str) -> str:
    about = _TOPICS.get(topic, topic)
    return f"{title}, week {week:.0f}: {about}" if week else f"{title}: {about}"
