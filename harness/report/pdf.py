"""The report on paper: the same content without sounds, set by typst.

Typst is an optional extra (`pip install 'skeptic[pdf]'`): one wheel, no system library.
It reads the texts as data, so that nothing in a record is ever markup.

Conventions
-----------
Only fonts that typst brings are used: a record gives the same bytes on every machine.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.report import across, numerals, wording
from harness.report.audio import CHOICE
from harness.report.calibration import load_calibration
from harness.report.details import detail_of
from harness.report.figures import Figure, draw_figures
from harness.report.record import ClaimRow, Record
from harness.report.sections import Section, disowned, sections_of, steps_of

__all__ = [
    "HOW_TO_INSTALL",
    "PdfError",
    "content_of",
    "is_there",
    "on_paper",
    "render_pdf",
]

HOW_TO_INSTALL = (
    "report.pdf needs typst, which is not installed: uv sync --extra pdf, or "
    "pip install 'skeptic[pdf]'."
)
_TEMPLATE = Path(__file__).parent / "templates" / "report.typ"


class PdfError(RuntimeError):
    """The report cannot be set: what typst says."""


def is_there() -> bool:
    """Is typst installed?"""
    return importlib.util.find_spec("typst") is not None


def render_pdf(record: Record) -> bytes:
    """Set the report of a record.

    Raises
    ------
    PdfError
        If typst is not installed, or refuses what it is given.
    """
    if not is_there():
        raise PdfError(HOW_TO_INSTALL)
    import typst

    every = draw_figures(record)
    figures = [figure for figure in every if figure.svg]
    files = {
        "main": _TEMPLATE.read_bytes(),
        "report.json": _plain(content_of(record, every)),
        **{f"{n}.svg": on_paper(f.svg) for n, f in enumerate(figures)},
    }
    try:
        return bytes(
            typst.compile(  # type: ignore[call-overload]  # its stub knows no dict
                files, format="pdf", ignore_system_fonts=True, timestamp=0
            )
        )
    except typst.TypstError as error:
        why = error.args[0]
        msg = f"report.pdf cannot be set: {why}. Please report it with verdict.json."
        raise PdfError(msg) from error


def _plain(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode(
        "utf-8", "replace"
    )


def on_paper(svg: str) -> bytes:
    """A figure outside of a page: name space on, the style sheet's colours out."""
    svg = re.sub(r"var\(--[\w-]+,\s*([^()]*)\)", r"\1", svg)
    names = (
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    )
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    return svg.replace("<svg", f"<svg {names}", 1).encode("utf-8", "replace")


def content_of(record: Record, figures: Sequence[Figure]) -> dict[str, Any]:
    """All texts, in the order in which they are set."""
    word, gloss, meaning = wording.headline(record)
    cost = wording.next_cost(record)
    return {
        "title": " · ".join(
            part
            for part in (
                wording.stage_name(record.stage) or "A run",
                numerals.fact(record.model.get("name")),
            )
            if part
        ),
        "tone": record.verdict or "NONE",
        "word": word,
        "gloss": gloss,
        "why": wording.why(record),
        "meaning": meaning,
        "next": wording.next_step(record),
        "command": record.next_command,
        "next_cost": f"{cost[0].upper()}{cost[1:]}." if cost else "",
        "facts": [
            ["Model", wording.model_line(record)],
            ["Design", wording.design_line(record)],
            ["Look", wording.look_line(record)],
            ["Date", numerals.date(record.environment.get("started"))],
            ["Cost", wording.cost_line(record)],
        ],
        "steps": [
            {
                "node": wording.asked(step.node),
                "answer": step.answer or numerals.DASH,
                "said": [*step.becauses, *map(_sentence, step.claims)],
                "source": step.source,
            }
            for step in steps_of(record)
        ],
        "leads_to": list(across.leads_to(record)),
        "changes": [across.change_line(change) for change in record.changes],
        "looks": [across.look_line(look) for look in across.earlier_looks(record)],
        "sections": [
            _section(section, record)
            for section in sections_of(record)
            if section.families
        ],
        "figures": [
            {
                "title": f.title,
                "caption": f"{disowned(record, f.claims)} {f.caption}".strip(),
            }
            for f in figures
            if f.svg
        ],
        "missing": [
            f"{wording.asked(f.title)} {f.missing}" for f in figures if not f.svg
        ],
        "clips": [
            [
                clip.emotion or numerals.DASH,
                clip.prompt or "prompt not recorded",
                _measured(clip.tempo_bpm, "BPM"),
                clip.mode or numerals.NOT_MEASURED,
                numerals.fact(clip.matches),
            ]
            for clip in record.clips
        ],
        "choice": CHOICE,
        "checks": wording.checks_line(record),
        "rates": [[rate.says, rate.amount] for rate in load_calibration().rates],
        "chance": wording.chance_line(record),
        "ledger": record.ledger_says,
        "warnings": list(record.warnings),
        "details": [_detail(claim) for claim in (*record.gates, *record.panel)],
        "words": [list(entry) for entry in wording.STATUSES.items()]
        + [list(entry) for entry in wording.QUALIFIERS.items()],
    }


def _measured(value: float | None, unit: str) -> str:
    return numerals.NOT_MEASURED if value is None else f"{numerals.count(value)} {unit}"


def _sentence(claim: ClaimRow) -> str:
    return (
        f"{wording.name_of(claim)}: {wording.effect(claim)} {wording.interval(claim)}, "
        f"{_limits(claim, ', ')}, p {numerals.p_value(claim.p)}: "
        f"{wording.standing(claim)}"
    )


def _section(section: Section, record: Record) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for family in section.families:
        shared = ""
        if len(family) > 1:
            shared = _limits(family[0], ", ")
            head = f"{family[0].id}; {shared}" if shared else family[0].id
            rows.append({"head": family[0].statement, "id": head})
        for claim in family:
            name = claim.member if len(family) > 1 else claim.statement
            cells = _cells(claim, name or claim.id, record)
            if shared and _limits(claim, ", ") == shared:
                cells[3] = ""  # said above
            rows.append({"cells": cells})
    return {"title": section.title, "note": section.note, "rows": rows}


def _limits(claim: ClaimRow, between: str) -> str:
    return between.join(f"{n} {value}" for n, value in wording.thresholds(claim))


def _cells(claim: ClaimRow, name: str, record: Record) -> list[str]:
    own = "\n".join(f"{k}: {v}" for k, v in wording.documented(claim))
    return [
        name,
        "\n".join(filter(None, (wording.standing(claim), claim.qualifier))),
        wording.effect(claim, short=True),
        _limits(claim, "\n") or numerals.DASH,
        wording.interval(claim),
        numerals.p_value(claim.p),
        wording.sample_size(claim),
        wording.look_of(claim, record),
        own or numerals.DASH,
    ]


def _detail(claim: ClaimRow) -> dict[str, Any]:
    facts, _ = detail_of(claim)
    return {
        "name": wording.name_of(claim),
        "because": claim.because or "The record does not say.",
        "source": claim.source or "not given",
        "notes": list(across.notes(claim)),
        "ladder": [
            f"{rung}: {found}, p {p}" for rung, found, p in across.ladder(claim)
        ],
        "facts": [[name, _shortened(value)] for name, value in facts],
    }


def _shortened(value: str) -> str:
    """Long lists are for the page: paper has their beginning."""
    return value if len(value) <= 400 else f"{value[:360]} ... (all in verdict.json)"
