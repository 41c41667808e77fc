"""The page in small, as Markdown: for an issue, a chat, or a lab notebook.

Conventions
-----------
Text from the record is escaped, so that a prompt or a statement can neither break a
table nor start markup. One row per claim, or per member of a family of claims.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.report import across, numerals, wording
from harness.report.record import ClaimRow, Record, grouped, read_record

__all__ = ["escape", "render_markdown"]

_COLUMNS = (
    "claim",
    "status",
    "value",
    "thresholds",
    "interval",
    "corrected p",
    "prompts / clips",
    "documents' own number",
)
_RIGHT = {"value", "interval", "corrected p", "prompts / clips"}


def render_markdown(verdict: Mapping[str, Any]) -> str:
    """Render a verdict record as Markdown.

    Parameters
    ----------
    verdict
        The record as parsed from `verdict.json`; any field may be missing or null.
    """
    record = read_record(verdict)
    parts = [
        *_top(record),
        *_path(record),
        f"**Instrument:** {escape(wording.checks_line(record))}.",
        *_looks(record),
        *_tables(record),
        *_notes(record),
        *_ladders(record),
        *_warnings(record),
    ]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Write text on one line, with whatever Markdown or HTML would read neutralised."""
    flat = " ".join(text.split())
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~#])", r"\\\1", flat)


def _top(record: Record) -> list[str]:
    word, gloss, meaning = wording.headline(record)
    stage = escape(wording.stage_name(record.stage) or "a run")
    lines = [
        f"# {word}: {gloss}",
        f"{stage} of {escape(wording.model_line(record))}; "
        f"{escape(numerals.date(record.environment.get('started')))}.",
        f"**Why.** {escape(wording.why(record))} {meaning}",
    ]
    if record.next_command:
        return [*lines, "**Next.**", _fenced(record.next_command)]
    return [*lines, f"**Next.** {wording.next_step(record)}"]


def _fenced(command: str) -> str:
    """Fence a command; the fence is longer than any run of backticks inside."""
    runs = [len(run) for run in re.findall("`+", command)]
    fence = "`" * max(3, 1 + max(runs, default=0))
    return f"{fence}\n{' '.join(command.split())}\n{fence}"


def _path(record: Record) -> list[str]:
    if not record.path:
        return []
    steps = [
        f"{number}. {escape(wording.asked(step))} "
        f"**{escape(step.answer) or numerals.DASH}**"
        + (f": {escape(step.because)}" if step.because else "")
        + (f" ({escape(step.source)})" if step.source else "")
        for number, step in enumerate(record.path, start=1)
    ]
    return ["## The path", "\n".join(steps), *map(escape, across.leads_to(record))]


def _tables(record: Record) -> list[str]:
    sections: list[tuple[str, tuple[ClaimRow, ...]]] = [
        ("Instrument checks", record.failed_checks),
        ("Gate claims", record.gates),
        ("Panel", record.panel),
        ("Descriptive", record.descriptive),
    ]
    parts = []
    for title, claims in sections:
        if claims:
            parts += [f"## {title}", _table(claims)]
    return parts or ["No claim has been decided."]


def _table(claims: tuple[ClaimRow, ...]) -> str:
    rules = ["---:" if column in _RIGHT else ":---" for column in _COLUMNS]
    rows = [
        _cells(claim, first=index == 0)
        for family in grouped(claims)
        for index, claim in enumerate(family)
    ]
    return "\n".join(_row(cells) for cells in (_COLUMNS, rules, *rows))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(claim: ClaimRow, *, first: bool) -> tuple[str, ...]:
    """Fill a row; only the first member of a family repeats the statement."""
    name = escape(wording.name_of(claim))
    standing = escape(wording.standing(claim))
    if claim.qualifier:
        standing += f", {escape(claim.qualifier)}"
    limits = wording.thresholds(claim)
    return (
        f"{escape(claim.statement)} ({name})".strip() if first else name,
        standing,
        escape(wording.effect(claim)),
        escape(", ".join(f"{name} {number}" for name, number in limits))
        or numerals.DASH,
        escape(wording.interval(claim)),
        escape(_p_values(claim)),
        wording.sample_size(claim),
        "; ".join(f"{escape(k)}: {escape(v)}" for k, v in wording.documented(claim))
        or numerals.DASH,
    )


def _p_values(claim: ClaimRow) -> str:
    shown = numerals.p_value(claim.p)
    return shown if claim.p_gated is None else f"{shown}, gated {across.gated(claim)}"


def _looks(record: Record) -> list[str]:
    looks = across.earlier_looks(record)
    changed = [across.change_line(change) for change in record.changes]
    return [
        *_listed("What changed", changed),
        *_listed("Earlier looks", [across.look_line(look) for look in looks]),
    ]


def _notes(record: Record) -> list[str]:
    lines = [
        f"{wording.name_of(claim)}: {'; '.join(across.notes(claim))}"
        for claim in across.claims_with_notes(record)
    ]
    return _listed("What to know of them", lines)


def _ladders(record: Record) -> list[str]:
    lines = []
    for claim in across.claims_with_ladder(record):
        rungs = [f"{rung} {found} (p {p})" for rung, found, p in across.ladder(claim)]
        lines.append(f"{wording.name_of(claim)}: {', '.join(rungs)}")
    return _listed("Text or music?", lines)


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    return [f"## {title}", "\n".join(f"- {escape(line)}" for line in lines)]


def _warnings(record: Record) -> list[str]:
    return _listed("Warnings", list(record.warnings))
