"""The verdict on a terminal: the report in small, plain text of a given width.

Conventions
-----------
Widths are in terminal cells. The lines hold no colour; `coloured` says which words of a
line may have some, and none of them tells anything by its colour alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.report import across, numerals, wording
from harness.report.cells import cells, cut, plain, wrapped
from harness.report.columns import table_lines, table_rows
from harness.report.record import VERDICTS, Record, read_record

__all__ = ["coloured", "quiet_line", "summary_lines"]

_SHORTEST_REASON = 32
_INDENT = "      "  # as wide as "next: "
_TONES: dict[str, dict[str, bool]] = {
    "GO": {"green": True, "bold": True},
    "EXTEND": {"yellow": True, "bold": True},
    "PIVOT": {"red": True, "bold": True},
    "FIX": {"red": True, "bold": True},
    "No verdict": {"yellow": True, "bold": True},
    "SUPPORTED": {"green": True},
    "WEAK": {"yellow": True},
    "REFUTED": {"red": True},
    "INCONCLUSIVE": {"yellow": True},
    "INVALID": {"red": True, "bold": True},
    "next:": {"bold": True},
}
_STATUS = re.compile(r"\b(SUPPORTED|WEAK|REFUTED|INCONCLUSIVE|INVALID)\b")
_START = re.compile(rf"(?:({'|'.join(VERDICTS)}|No verdict):|(next:))")


def summary_lines(
    verdict: Mapping[str, Any],
    *,
    width: int,
    report: str = "reports/latest/report.html",
) -> list[str]:
    """Sum up a verdict record in lines of at most `width` cells.

    Parameters
    ----------
    verdict
        The record as parsed from `verdict.json`; any field may be missing or null.
    width
        Cells per line, at least 1.
    report
        Where the page is.

    Returns
    -------
    list of str
        Verdict and reason, path, instrument checks, claims, next command, report.

    Raises
    ------
    ValueError
        If `width` is smaller than 1.
    """
    if width < 1:
        msg = f"`width` must be at least 1, got {width}. Pass the terminal's columns."
        raise ValueError(msg)
    record = read_record(verdict)
    return [
        *_top(record, width=width),
        *_path(record, width=width),
        *wrapped(f"instrument: {wording.checks_line(record)}", width=width),
        *_looks(record, width=width),
        *_claims(record, width=width),
        *_beside(record, width=width),
        *_bottom(record, width=width, report=report),
    ]


def quiet_line(verdict: Mapping[str, Any], *, width: int | None = None) -> str:
    """Sum up a verdict record in one line: verdict, reason, next command.

    Parameters
    ----------
    verdict
        The record as parsed from `verdict.json`.
    width
        Cells of the line: the reason is cut, to no less than 32, and the command never
        is. None for a line as long as it has to be, such as in a file.
    """
    record = read_record(verdict)
    word, _, _ = wording.headline(record)
    reason = plain(wording.why(record))
    after = " Next: " + plain(record.next_command or wording.next_step(record))
    if width is not None:
        room = width - cells(f"{word}: {after}")
        reason = cut(reason, width=max(room, _SHORTEST_REASON))
    return f"{word}: {reason}{after}"


def coloured(line: str) -> list[tuple[str, dict[str, bool]]]:
    """Split a line of the summary into texts and what pytest may colour them with."""
    found = []
    start = _START.match(line)
    if start:
        word = start[1] or start[2]
        found.append((0, len(word), _TONES[word]))
    for match in _STATUS.finditer(line):
        found.append((match.start(), match.end(), _TONES[match[0]]))
    spans, at = [], 0
    for begin, end, tone in found:
        spans += [(line[at:begin], {}), (line[begin:end], tone)]
        at = end
    return [span for span in [*spans, (line[at:], {})] if span[0]]


def _top(record: Record, *, width: int) -> list[str]:
    word, gloss, _ = wording.headline(record)
    run = f"{record.stage or 'run'} of {numerals.fact(record.model.get('name'))}"
    return [
        *wrapped(f"{word}: {gloss} ({run})", width=width),
        *wrapped(wording.why(record), width=width),
    ]


def _path(record: Record, *, width: int) -> list[str]:
    steps = [
        f"{number}. {wording.asked(step.node)} {step.answer or '-'}"
        + (f": {step.because}" if step.because else "")
        for number, step in enumerate(record.path, start=1)
    ]
    lines = []
    for step in steps:
        lines += wrapped(step, width=width, indent="   ")
    for said in across.leads_to(record):
        lines += wrapped(f"=> {said}", width=width, indent="   ")
    return lines


def _looks(record: Record, *, width: int) -> list[str]:
    said = [across.look_line(look) for look in across.earlier_looks(record)]
    changed = [across.change_line(change) for change in record.changes]
    told = [*(f"earlier: {s}" for s in said), *(f"changed: {s}" for s in changed)]
    lines = []
    for line in told:
        lines += wrapped(line, width=width, indent="  ")
    return lines


def _claims(record: Record, *, width: int) -> list[str]:
    tables = [
        (title, table_rows(claims, members=title == "gates"))
        for title, claims in (("gates", record.gates), ("panel", record.panel))
        if claims
    ]
    if not tables:
        return wrapped("no gate claim has been decided", width=width)
    return table_lines(tables, width=width)


def _beside(record: Record, *, width: int) -> list[str]:
    """What is to be said of gates beside their numbers, a line or two of each."""
    lines = [""]
    for claim in record.gates:
        said = across.notes(claim)
        if said:
            text = f"{wording.name_of(claim)}: {'; '.join(said)}"
            lines += wrapped(text, width=width, indent="  ")
        rungs = [f"{rung} {found} (p {p})" for rung, found, p in across.ladder(claim)]
        if rungs:
            text = f"{wording.name_of(claim)}, text or music: {', '.join(rungs)}"
            lines += wrapped(numerals.ascii_only(text), width=width, indent="  ")
    for because, names in across.invalid(record):
        text = f"invalid: {', '.join(names)}: {because}"
        lines += wrapped(text, width=width, indent="  ")
    return lines if len(lines) > 1 else []


def _bottom(record: Record, *, width: int, report: str) -> list[str]:
    step = wording.next_step(record)
    lines = ["", *wrapped(f"next: {step}", width=width, indent=_INDENT)]
    # a shell takes lines that end so as one: it can be pasted
    lines += _indented(record.next_command, width=width, go_on=" \\")
    cost = wording.next_cost(record)
    if cost:
        lines += _indented(f"({cost})", width=width)
    return [*lines, *wrapped(f"report: {report}", width=width, indent=_INDENT)]


def _indented(text: str, *, width: int, go_on: str = "") -> list[str]:
    indent = _INDENT if width > 4 * len(_INDENT) else ""
    room = width - len(indent)
    return [indent + line for line in wrapped(text, width=room, go_on=go_on)]
