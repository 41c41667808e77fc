"""The page in small, as Markdown: for an issue, a chat, or a lab notebook.

Conventions
-----------
Text from the record is escaped, so that a prompt or a statement can neither break a
table nor start markup. One row per claim; what a report folds is one row here, too, and
its members follow in a `<details>` that GitHub folds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness.report import across, numerals, wording
from harness.report.calibration import load_calibration
from harness.report.record import ClaimRow, Record, read_record
from harness.report.sections import Section, Step, sections_of, steps_of

__all__ = ["escape", "render_markdown", "step_summary"]

_COLUMNS = (
    "claim",
    "status",
    "value",
    "thresholds",
    "interval",
    "corrected p",
    "prompts / clips",
    "look",
    "documents' own number",
)
_RIGHT = {"value", "interval", "corrected p", "prompts / clips", "look"}
_CUT = "\n*The report goes on in `report.md`: a job's page holds no more of it.*\n"


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
        *_listed("How often this suite errs", _calibration(record)),
        *_warnings(record),
    ]
    return "\n\n".join(parts) + "\n"


def step_summary(verdict: Mapping[str, Any], *, most_bytes: int) -> str:
    """The same for the page of a GitHub job, cut at a line where it is too long."""
    lines, used = [], len(_CUT.encode())
    text = f"{render_markdown(verdict)}\n"
    if len(text.encode("utf-8", "replace")) <= most_bytes:
        return text
    for line in text.splitlines(keepends=True):
        used += len(line.encode("utf-8", "replace"))
        if used > most_bytes:
            break
        lines.append(line)
    return "".join([*lines, _CUT]) if lines else ""


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
        f"**Design.** {escape(wording.design_line(record))}; "
        f"{escape(wording.look_line(record))}.",
        f"**Cost.** {escape(wording.cost_line(record))}.",
        f"**Next.** {escape(wording.next_step(record))}",
    ]
    if record.next_command:
        lines.append(_fenced(record.next_command))
        cost = wording.next_cost(record)
        lines += [f"{cost[0].upper()}{cost[1:]}."] if cost else []
    return lines


def _fenced(command: str) -> str:
    """Fence a command; the fence is longer than any run of backticks inside."""
    runs = [len(run) for run in re.findall("`+", command)]
    fence = "`" * max(3, 1 + max(runs, default=0))
    return f"{fence}\n{' '.join(command.split())}\n{fence}"


def _path(record: Record) -> list[str]:
    if not record.path:
        return []
    steps = [
        "\n".join(_step(number, step))
        for number, step in enumerate(steps_of(record), start=1)
    ]
    return ["## The path", "\n".join(steps), *map(escape, across.leads_to(record))]


def _step(number: int, step: Step) -> Iterable[str]:
    yield (
        f"{number}. {escape(wording.asked(step.node))} "
        f"**{escape(step.answer) or numerals.DASH}**"
        + (f": {escape('; '.join(step.becauses))}" if step.becauses else "")
        + (f" ({escape(step.source)})" if step.source else "")
    )
    for claim in step.claims:
        limits = ", ".join(f"{n} {value}" for n, value in wording.thresholds(claim))
        numbers = (wording.effect(claim), wording.interval(claim), limits)
        yield (
            f"   - {escape(wording.name_of(claim))}: {escape(', '.join(numbers))}, "
            f"p {escape(numerals.p_value(claim.p))}: {escape(wording.standing(claim))}"
        )


def _calibration(record: Record) -> list[str]:
    rates = [f"{rate.says}: {rate.amount}" for rate in load_calibration().rates]
    return [*rates, *filter(None, [wording.chance_line(record)])]


def _tables(record: Record) -> list[str]:
    parts = []
    for section in sections_of(record):
        if section.families:
            parts += [f"## {escape(section.title)}", *_section(section, record)]
    return parts or ["No claim has been decided."]


def _section(section: Section, record: Record) -> Iterable[str]:
    rows, folded = [], []
    for family in section.families:
        if len(family) > section.fold_beyond:
            rows.append(_sum(family, record))
            folded.append(family)
            continue
        rows += [_cells(c, record, first=i == 0) for i, c in enumerate(family)]
    yield _table(rows)
    for family in folded:
        members = [_cells(claim, record, first=False) for claim in family]
        about = f"{escape(family[0].id)}: {len(family)} members"
        yield f"<details><summary>{about}</summary>"
        yield _table(members)
        yield "</details>"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    rules = ["---:" if column in _RIGHT else ":---" for column in _COLUMNS]
    return "\n".join(_row(cells) for cells in (_COLUMNS, rules, *rows))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _sum(family: tuple[ClaimRow, ...], record: Record) -> tuple[str, ...]:
    """A family in one row."""
    claim = family[0]
    return (
        f"{escape(claim.statement)} ({escape(claim.id)})".strip(),
        escape(wording.tally(family)),
        escape(wording.spread(family)),
        _limits(claim),
        numerals.DASH,
        numerals.DASH,
        wording.sample_size(claim),
        wording.look_of(claim, record),
        _documented(claim),
    )


def _cells(claim: ClaimRow, record: Record, *, first: bool) -> tuple[str, ...]:
    """Fill a row; only the first member of a family repeats the statement."""
    name = escape(wording.name_of(claim))
    standing = escape(wording.standing(claim))
    if claim.qualifier:
        standing += f", {escape(claim.qualifier)}"
    return (
        f"{escape(claim.statement)} ({name})".strip() if first else name,
        standing,
        escape(wording.effect(claim)),
        _limits(claim),
        escape(wording.interval(claim)),
        escape(_p_values(claim)),
        wording.sample_size(claim),
        wording.look_of(claim, record),
        _documented(claim),
    )


def _limits(claim: ClaimRow) -> str:
    said = ", ".join(f"{name} {number}" for name, number in wording.thresholds(claim))
    return escape(said) or numerals.DASH


def _documented(claim: ClaimRow) -> str:
    said = (f"{escape(k)}: {escape(v)}" for k, v in wording.documented(claim))
    return "; ".join(said) or numerals.DASH


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
