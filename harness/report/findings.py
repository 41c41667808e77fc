"""The technical report that the documents ask for, from one run's numbers.

Its sections are those of Plan, 'Technical Report Contents': architecture, emotion
differentiation, acoustics, readiness. A last one says what is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.report import across, numerals, wording
from harness.report.markdown import escape
from harness.report.record import LARGE_FAMILY, ClaimRow, Record, grouped, read_record
from harness.verdict.explain import crossed_lines, tier_of

__all__ = ["render_findings"]

_OPEN = ("inconclusive", "invalid", "undecided")


def render_findings(verdict: Mapping[str, Any]) -> str:
    """Render a verdict record as the findings note, in Markdown.

    Parameters
    ----------
    verdict
        The record as parsed from `verdict.json`; any field may be missing or null.
    """
    record = read_record(verdict)
    stated = verdict.get("claims")
    entries = stated if isinstance(stated, list) else []
    claims = [c for c in entries if isinstance(c, Mapping)]
    parts = [
        *_top(record),
        "## 1. Architecture and instrument",
        _listed(_architecture(record)),
        "## 2. Do the activations carry the emotion?",
        _listed(_found(record, "activations")),
        "## 3. Does the music carry it?",
        _listed(_found(record, "music")),
        "## 4. Readiness for Phase 1",
        _listed(_readiness(record, claims)),
        "## 5. What is not known",
        _listed(_unknown(record)),
    ]
    return "\n\n".join(parts) + "\n"


def _top(record: Record) -> list[str]:
    word, gloss, _ = wording.headline(record)
    name = escape(numerals.fact(record.model.get("name")))
    return [
        f"# Phase 0 findings: {name}",
        f"**{word}: {gloss}.** {escape(wording.why(record))}",
        f"{escape(wording.stage_name(record.stage) or 'A run')}, "
        f"{escape(numerals.date(record.environment.get('started')))}. Design: "
        f"{escape(wording.design_line(record))}.",
    ]


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "- Nothing was asked."


def _architecture(record: Record) -> Iterable[str]:
    yield f"{escape(wording.model_line(record))}."
    for claim in record.instruments:
        if claim.id == "every_step_captured" and claim.detail.get("steps"):
            steps = numerals.fact(claim.detail["steps"])
            yield (
                f"A clip takes {escape(steps)} decoding steps, as its frames and the "
                "delays of its codebooks imply; every layer was captured at each of "
                "them, with and without the words apart."
            )
    yield f"Instrument: {escape(wording.checks_line(record))}."


def _found(record: Record, topic: str) -> Iterable[str]:
    chosen = [c for c in record.claims if c.topic == topic and c.role != "instrument"]
    for family in grouped(tuple(chosen)):
        if len(family) > LARGE_FAMILY:
            spread = f"{wording.tally(family)}; {wording.spread(family)}"
            yield f"{escape(family[0].statement)}: {escape(spread)}."
            continue
        for claim in family:
            yield _sentence(claim)


def _sentence(claim: ClaimRow) -> str:
    member = f" ({escape(claim.member)})" if claim.member else ""
    said = f"{escape(claim.statement)}{member}: **{escape(wording.standing(claim))}**"
    numbers = [escape(wording.effect(claim))]
    if claim.ci is not None:
        numbers.append(f"95 % interval {escape(wording.interval(claim))}")
    if claim.p is not None:
        numbers.append(f"corrected p {escape(numerals.p_value(claim.p))}")
    if claim.n_prompts is not None:
        numbers.append(f"{numerals.count(claim.n_prompts)} prompts")
    notes = "".join(f"; {escape(note)}" for note in across.notes(claim))
    return f"{said}, {', '.join(numbers)}{notes}."


def _readiness(record: Record, claims: list[Mapping[str, Any]]) -> Iterable[str]:
    yield from map(escape, across.leads_to(record))
    tier = tier_of(claims)
    if tier is not None:
        yield f"Tier of success: {escape(tier[0])} ({escape(tier[1])})."
    for text, source, crossed in crossed_lines(claims):
        if crossed:
            yield f"Red line crossed: {escape(text)} ({escape(source)})."
    for claim in record.gates:
        shown = claim.id == "layer_signal" and claim.status == "supported"
        if shown and claim.detail.get("best_layer") is not None:
            layer = numerals.fact(claim.detail["best_layer"])
            yield f"The layer in which emotions differ most is {escape(layer)}."


def _unknown(record: Record) -> Iterable[str]:
    if record.verdict is None:
        yield "There is no verdict: nothing above may be quoted as a result."
    undecided = [
        c for c in record.claims if c.status in _OPEN and c.role != "instrument"
    ]
    for family in grouped(tuple(undecided)):
        names = ", ".join(filter(None, (claim.member for claim in family)))
        which = f" ({names})" if names and len(family) <= LARGE_FAMILY else ""
        needs = next((f" {c.needs}" for c in family if c.needs), "")
        yield escape(f"{family[0].statement}{which}: {family[0].status}.{needs}")
    for statement, needs in record.leaf.blocked if record.leaf else ():
        yield f"{escape(statement)}: blocked, needs {escape(needs)}."
    yield from map(escape, record.warnings)
    yield "This is one model, one bank of prompts and one duration."
    if not any(c.id == "emotion_heard" and c.effect is not None for c in record.claims):
        yield "Whether people hear the emotion is not known: nobody rated the clips."
