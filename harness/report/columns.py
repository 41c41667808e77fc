"""Claims in columns on a terminal: one line each, as many columns as there is room for.

Conventions
-----------
A row is a name and either the texts of all columns or one text that runs across them.
Where room is short, columns go in the order of `DROPPED`, then names are cut, and where
the numbers alone do not fit they are wrapped. A number is never cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report import across, numerals, wording
from harness.report.cells import cells, cut, padded, plain, wrapped
from harness.report.record import LARGE_FAMILY, grouped
from harness.report.rows import ClaimRow

__all__ = ["COLUMNS", "DROPPED", "Row", "table_lines", "table_rows"]

COLUMNS = ("status", "strength", "value", "interval", "p", "gated", "n/clips")
DROPPED = ("gated", "n/clips", "strength")

_TO_THE_LEFT = ("status", "strength")
_GAP = "  "
_LONGEST_UNIT = 6
_SHORTEST_NAME = 22  # narrower than this, a claim's name says nothing
_STATEMENT_ROOM = 36  # from here on there is room for what the claim states


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    name: str
    statement: str = ""
    texts: tuple[str, ...] = ()  # one for each of COLUMNS
    across: str = ""  # instead of them
    shorter: str = ""  # the same where there is little room


def table_rows(claims: tuple[ClaimRow, ...], *, members: bool) -> list[Row]:
    """Name the rows of a table; a family has a row of its own, which sums it up.

    Parameters
    ----------
    claims
        In the order in which they are shown.
    members
        Whether each member of a small family has a row below it.
    """
    rows: list[Row] = []
    for family in grouped(claims):
        first = family[0]
        statement = plain(first.statement)
        if len(family) == 1:
            name = plain(wording.name_of(first))
            rows.append(Row(name=name, statement=statement, texts=_texts(first)))
            continue
        tally = _ascii(wording.tally(family))
        reach = _ascii(wording.spread(family))
        summary = tally if reach == "-" else f"{tally}; {reach}"
        rows.append(
            Row(
                name=plain(first.id), statement=statement, across=summary, shorter=tally
            )
        )
        if members and len(family) <= LARGE_FAMILY:
            rows += [Row(name=f"  {plain(c.member)}", texts=_texts(c)) for c in family]
    return rows


def table_lines(
    tables: Sequence[tuple[str, Sequence[Row]]], *, width: int
) -> list[str]:
    """Lay out tables under each other, in the same columns, each under its title."""
    rows = [row for _, table in tables for row in table]
    shown = [
        place
        for place in range(len(COLUMNS))
        if any(row.texts and row.texts[place] not in ("", "-") for row in rows)
    ]
    longest = max((cells(row.name) for row in rows), default=0)
    shown, sizes = _fitting(rows, shown, longest=longest, width=width)
    layout = _Layout(shown=shown, sizes=sizes, width=width)
    lines: list[str] = []
    for title, table in tables:
        lines += ["", *layout.heading(title)]
        for row in table:
            lines += layout.line(row)
    return lines


def _fitting(
    rows: Sequence[Row], shown: list[int], *, longest: int, width: int
) -> tuple[list[int], list[int]]:
    """Choose the columns, and their widths, that leave room for the names."""
    wanted = min(longest, _SHORTEST_NAME)
    for dropped in range(len(DROPPED) + 1):
        left_out = DROPPED[:dropped]
        kept = [place for place in shown if COLUMNS[place] not in left_out]
        sizes = [_size(rows, place) for place in kept]
        if width - sum(sizes) - len(_GAP) * len(sizes) >= wanted:
            break
    return kept, sizes


def _size(rows: Sequence[Row], place: int) -> int:
    heading = cells(_heading(place))
    return max([heading, *(cells(row.texts[place]) for row in rows if row.texts)])


def _heading(place: int) -> str:
    return "" if COLUMNS[place] == "strength" else COLUMNS[place]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Columns of a table: which are shown, how wide, and what is left for names."""

    shown: list[int]
    sizes: list[int]
    width: int

    @property
    def room(self) -> int:
        return self.width - sum(self.sizes) - len(_GAP) * len(self.sizes)

    def heading(self, title: str) -> list[str]:
        return self._columns(title, [_heading(place) for place in self.shown])

    def line(self, row: Row) -> list[str]:
        name = row.name
        if row.statement and self.room >= _STATEMENT_ROOM:
            name = f"{name}: {row.statement}"
        if row.texts:
            return self._columns(name, [row.texts[place] for place in self.shown])
        room = self.width - self.room - len(_GAP)  # from the first column on
        for text in (row.across, row.shorter):
            if (
                self.room >= min(_SHORTEST_NAME, cells(row.name))
                and cells(text) <= room
            ):
                return [padded(cut(name, width=self.room), self.room) + _GAP + text]
        return [cut(row.name, width=self.width), *wrapped(row.across, width=self.width)]

    def _columns(self, name: str, texts: Sequence[str]) -> list[str]:
        columns = [
            padded(text, size, right=COLUMNS[place] not in _TO_THE_LEFT)
            for text, size, place in zip(texts, self.sizes, self.shown, strict=True)
        ]
        aligned = _GAP.join(columns).rstrip()
        if self.room >= min(_SHORTEST_NAME, cells(name)):
            first = padded(cut(name, width=self.room), self.room)
            return [(first + _GAP + aligned).rstrip()]
        if self.width >= cells(aligned) + len(_GAP):
            space = " " * (self.width - sum(self.sizes) - len(_GAP) * (len(texts) - 1))
            return [cut(name, width=self.width), space + aligned]
        return [
            cut(name, width=self.width),
            *wrapped(" ".join(texts), width=self.width),
        ]


def _texts(claim: ClaimRow) -> tuple[str, ...]:
    strong = claim.status == "supported" and claim.strength == "strong"
    number, _, unit = wording.effect(claim, short=True).partition(" ")
    texts = (
        claim.status.upper(),
        "strong" if strong else "",
        f"{number} {cut(plain(unit), width=_LONGEST_UNIT)}",
        wording.interval(claim),
        numerals.p_value(claim.p),
        across.gated(claim),
        wording.sample_size(claim).replace(" ", ""),
    )
    return tuple(_ascii(text) for text in texts)


def _ascii(text: str) -> str:
    return numerals.ascii_only(plain(text))
