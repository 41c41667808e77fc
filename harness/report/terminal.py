"""The verdict on a terminal: plain text, aligned, no wider than it is told to be.

Conventions
-----------
Widths are in terminal cells: a wide East Asian character takes two, a combining mark
none. Characters that steer a terminal are dropped from whatever the record says. Texts
are cut before numbers are; where the numbers alone do not fit, they are wrapped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report import across, numerals, wording
from harness.report.record import LARGE_FAMILY, ClaimRow, Record, grouped, read_record

__all__ = ["cells", "cut", "summary_lines", "wrapped"]

# a name, and the numbers of a claim or the summary of a family
_Row = tuple[str, tuple[str, ...] | str]

_GAP = "  "
_HEADINGS = ("status", "value", "interval", "p", "gated", "n/clips")
_GATED = 4  # shown where there is any; n counts prompts
_LONGEST_UNIT = 10
_SHORTEST_NAME = 24  # narrower than this, a claim's name says nothing


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


def cells(text: str) -> int:
    """Count the terminal cells that `text` takes."""
    return sum(_cell(character) for character in text)


def cut(text: str, *, width: int) -> str:
    """Shorten `text` to `width` cells, ending in dots where something was lost."""
    if cells(text) <= width:
        return text
    dots = "..."[:width]
    kept, used = [], len(dots)
    for character in text:
        used += _cell(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept).rstrip() + dots


def wrapped(text: str, *, width: int, indent: str = "") -> list[str]:
    """Break `text` at its spaces into lines of at most `width` cells.

    Parameters
    ----------
    text
        Any text; what steers a terminal is dropped.
    width
        Cells per line. A word that is longer is broken too.
    indent
        What every line but the first begins with, where there is room for it.
    """
    indent = indent if len(indent) * 2 < width else ""
    lines: list[str] = []
    line = ""
    for word in _plain(text).split():
        for piece in _pieces(word, width=width - len(indent)):
            joined = f"{line} {piece}" if line.strip() else line + piece
            if line.strip() and cells(joined) > width:
                lines.append(line)
                joined = indent + piece
            line = joined
    return [*lines, line] if line else lines


def _pieces(word: str, *, width: int) -> list[str]:
    """Break a word into pieces of at most `width` cells."""
    pieces = [""]
    for character in word:
        fitting = character if _cell(character) <= width else "?"
        if cells(pieces[-1]) + _cell(fitting) > width:
            pieces.append("")
        pieces[-1] += fitting
    return pieces


def _plain(text: str) -> str:
    """Put text on one line and drop what steers a terminal (categories C)."""
    flat = " ".join(text.split())
    return "".join(c for c in flat if not unicodedata.category(c).startswith("C"))


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _top(record: Record, *, width: int) -> list[str]:
    word, gloss, _ = wording.headline(record)
    run = f"{record.stage or 'run'} of {numerals.fact(record.model.get('name'))}"
    return [
        *wrapped(f"{word}: {gloss} ({run})", width=width),
        *wrapped(wording.why(record), width=width),
    ]


def _path(record: Record, *, width: int) -> list[str]:
    steps = [
        f"{number}. {wording.asked(step)} {step.answer or '-'}"
        + (f": {step.because}" if step.because else "")
        for number, step in enumerate(record.path, start=1)
    ]
    lines = [cut(_plain(step), width=width) for step in steps]
    for said in across.leads_to(record):
        lines += wrapped(f"=> {said}", width=width, indent="   ")
    return lines


def _looks(record: Record, *, width: int) -> list[str]:
    said = [across.look_line(look) for look in across.earlier_looks(record)]
    changed = [across.change_line(change) for change in record.changes]
    lines = [*(f"earlier: {s}" for s in said), *(f"changed: {s}" for s in changed)]
    return [cut(_plain(line), width=width) for line in lines]


def _beside(record: Record, *, width: int) -> list[str]:
    """What is to be said of claims beside their numbers, a line or two of each."""
    lines = [""]
    for claim in across.claims_with_notes(record):
        text = f"{wording.name_of(claim)}: {'; '.join(across.notes(claim))}"
        lines += wrapped(text, width=width, indent="  ")
    for claim in across.claims_with_ladder(record):
        rungs = [f"{rung} {found} (p {p})" for rung, found, p in across.ladder(claim)]
        text = f"{wording.name_of(claim)}, text or music: {', '.join(rungs)}"
        lines += wrapped(numerals.ascii_only(text), width=width, indent="  ")
    return lines if len(lines) > 1 else []


def _claims(record: Record, *, width: int) -> list[str]:
    gated = across.has_gated(record)
    headings = _kept(_HEADINGS, gated=gated)
    shown = (("gates", record.gates), ("panel", record.panel))
    tables = {title: _rows(claims, gated=gated) for title, claims in shown if claims}
    if not tables:
        return wrapped("no gate claim has been decided", width=width)
    numbers = [
        row for rows in tables.values() for _, row in rows if not isinstance(row, str)
    ]
    sizes = [max(map(cells, column)) for column in zip(headings, *numbers, strict=True)]
    lines: list[str] = []
    for title, rows in tables.items():
        lines += ["", *_table(title, rows, headings, sizes=sizes, width=width)]
    return lines


def _kept(columns: tuple[str, ...], *, gated: bool) -> tuple[str, ...]:
    return columns if gated else columns[:_GATED] + columns[_GATED + 1 :]


def _rows(claims: tuple[ClaimRow, ...], *, gated: bool) -> list[_Row]:
    """Name the rows of a table; a family has a row of its own, which sums it up."""
    rows: list[_Row] = []
    for family in grouped(claims):
        first, alone = family[0], len(family) == 1
        name = wording.name_of(first) if alone else first.id
        title = _plain(f"{name}: {first.statement}".rstrip(": "))
        if alone:
            rows.append((title, _kept(_numbers(first), gated=gated)))
            continue
        rows.append((title, _summed_up(family)))
        for claim in family if len(family) <= LARGE_FAMILY else ():
            rows.append(
                (f"  {_plain(claim.member)}", _kept(_numbers(claim), gated=gated))
            )
    return rows


def _summed_up(family: tuple[ClaimRow, ...]) -> str:
    text = wording.tally(family)
    if len(family) > LARGE_FAMILY:
        text += f"; {numerals.ascii_only(wording.spread(family))}"
    return _plain(f"({text})")


def _numbers(claim: ClaimRow) -> tuple[str, ...]:
    status = claim.status.upper()
    if claim.status == "supported" and claim.strength == "strong":
        status += " strong"
    texts = (
        status,
        _value(claim),
        wording.interval(claim),
        numerals.p_value(claim.p),
        across.gated(claim),
        wording.sample_size(claim).replace(" ", ""),
    )
    return tuple(numerals.ascii_only(_plain(text)) for text in texts)


def _value(claim: ClaimRow) -> str:
    """Write the effect; a long unit is cut, its number is not."""
    number, _, unit = wording.effect(claim, short=True).partition(" ")
    return f"{number} {cut(_plain(unit), width=_LONGEST_UNIT)}".strip()


def _table(
    title: str,
    rows: Sequence[_Row],
    headings: Sequence[str],
    *,
    sizes: Sequence[int],
    width: int,
) -> list[str]:
    """Lay out a table: in line where names fit, else stacked, else wrapped."""
    room = width - sum(sizes) - len(_GAP) * len(sizes)
    lines = _row_lines(title, headings, sizes=sizes, room=room, width=width)
    for name, numbers in rows:
        if isinstance(numbers, str):
            lines += _family_lines(name, numbers, width=width)
        else:
            lines += _row_lines(name, numbers, sizes=sizes, room=room, width=width)
    return lines


def _row_lines(
    name: str, numbers: Sequence[str], *, sizes: Sequence[int], room: int, width: int
) -> list[str]:
    columns = [_padded(numbers[0], sizes[0])]
    for text, size in zip(numbers[1:], sizes[1:], strict=True):
        columns.append(_padded(text, size, right=True))
    aligned = _GAP.join(columns)
    if room >= min(_SHORTEST_NAME, cells(name)):
        return [_padded(cut(name, width=room), room) + _GAP + aligned]
    if width >= cells(aligned) + len(_GAP):
        return [cut(name, width=width), " " * (width - cells(aligned)) + aligned]
    return [cut(name, width=width), *wrapped(" ".join(numbers), width=width)]


def _family_lines(name: str, summary: str, *, width: int) -> list[str]:
    """Name a family and sum it up, on one line where there is room."""
    room = width - cells(summary) - 1
    if room >= min(_SHORTEST_NAME, cells(name)):
        return [f"{cut(name, width=room)} {summary}"]
    return [cut(name, width=width), *wrapped(summary, width=width)]


def _padded(text: str, width: int, *, right: bool = False) -> str:
    """Fill up with spaces, counted in cells."""
    space = " " * (width - cells(text))
    return space + text if right else text + space


def _bottom(record: Record, *, width: int, report: str) -> list[str]:
    step = record.next_command or wording.next_step(record)
    return [
        "",
        *wrapped(f"next: {step}", width=width, indent="      "),
        *wrapped(f"report: {report}", width=width, indent="        "),
    ]
