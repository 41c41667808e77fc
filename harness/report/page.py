"""The supervisor's page: one HTML file that opens anywhere, and the same in Markdown.

The page is built from the verdict record alone, plus the WAV files of a few clips. It
loads nothing from a network and runs no script, so it can be mailed, archived and
printed. A record without a verdict makes a page that says so in large.

Conventions
-----------
Everything from the record is escaped by the template; only figures drawn here are
inserted as they are. A file is written under a temporary name and renamed, so a reader
finds the old page or the new one, never half of one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.report import across, numerals, wording
from harness.report.audio import sounds_of
from harness.report.findings import render_findings
from harness.report.markdown import render_markdown
from harness.report.record import (
    LARGE_FAMILY,
    ClaimRow,
    Record,
    finite,
    grouped,
    layer_claim,
    read_record,
)
from harness.report.strips import interval_strip, waveform_path

__all__ = [
    "FINDINGS_NAME",
    "HTML_NAME",
    "MARKDOWN_NAME",
    "render_html",
    "write_reports",
]

HTML_NAME = "report.html"
MARKDOWN_NAME = "report.md"
FINDINGS_NAME = "phase0_findings.md"

_HERE = Path(__file__).parent
_LAYER_COLUMNS = {  # key of the detail -> heading of the column
    "layers": "layer",
    "signal": "signal",
    "within": "within emotion",
    "between": "between emotions",
    "null_low": "shuffled, low",
    "null_high": "shuffled, high",
    "null_half_signal": "signal without words",
    "p_adjusted": "corrected p",
}


def write_reports(
    verdict: Mapping[str, Any], *, directory: Path, audio_root: Path
) -> tuple[Path, ...]:
    """Write page, Markdown and findings note for a verdict record.

    Parameters
    ----------
    verdict
        The record as parsed from `verdict.json`; any field may be missing or null.
    directory
        Where the files go; made if it does not exist.
    audio_root
        The folder that the clips' paths are relative to. A clip that cannot be read is
        stated on the page.

    Returns
    -------
    tuple of Path
        The files written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    pages = {
        HTML_NAME: render_html(verdict, audio_root=audio_root),
        MARKDOWN_NAME: render_markdown(verdict),
        FINDINGS_NAME: render_findings(verdict),
    }
    return tuple(_replace(directory / name, text) for name, text in pages.items())


def render_html(verdict: Mapping[str, Any], *, audio_root: Path) -> str:
    """Render the page; see `write_reports` for the parameters."""
    record = read_record(verdict)
    template = _environment().get_template("template.html.j2")
    return template.render(
        record=record,
        style=Markup((_HERE / "style.css").read_text(encoding="utf-8")),
        headline=wording.headline(record),
        tone=record.verdict or "NONE",
        facts=_facts(record),
        circumstances=_circumstances(record),
        sections=_sections(record),
        curve=_curve_context(record),
        clips=_clip_context(record, audio_root=audio_root),
        emotions_without_clip=_silent_emotions(record),
        statuses=wording.STATUSES,
        qualifiers=wording.QUALIFIERS,
        verdicts={} if record.verdict is None else wording.VERDICT_WORDS,
    )


def _replace(path: Path, text: str) -> Path:
    """Write `text` whole or not at all; a lone surrogate becomes a question mark."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(text.encode("utf-8", "replace"))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["w"] = wording
    environment.globals["across"] = across
    environment.globals["num"] = numerals
    environment.globals["strip_of"] = interval_strip
    environment.globals["detail_of"] = _detail
    return environment


def _facts(record: Record) -> tuple[tuple[str, str], ...]:
    """List what the reader needs to know about the run before its results."""
    return (
        ("Model", wording.model_line(record)),
        ("Design", wording.design_line(record)),
        ("Look", _look(record)),
        ("Date", numerals.date(record.environment.get("started"))),
    )


def _look(record: Record) -> str:
    look = finite(record.design.get("look"))
    if look is None:
        return "not one of the planned looks"
    spent = finite(record.design.get("alpha_spent"))
    text = f"planned look {numerals.count(look)}"
    if spent is None:
        return text
    return f"{text}, alpha spent so far {numerals.significant(spent)}"


def _sections(record: Record) -> list[dict[str, Any]]:
    """Order the tables: checks that failed, gates, panel, descriptive."""
    sections = [
        (
            "Instrument checks that failed",
            "What depends on them is invalid.",
            record.failed_checks,
        ),
        ("Gate claims", "The verdict rests on these.", record.gates),
        ("Panel", "Tested together; they accompany the verdict.", record.panel),
        ("Descriptive", "Shown for the reader; they never decide.", record.descriptive),
    ]
    return [
        _section(title, note, grouped(claims))
        for title, note, claims in sections
        if claims or title == "Gate claims"
    ]


def _section(
    title: str, note: str, families: tuple[tuple[ClaimRow, ...], ...]
) -> dict[str, Any]:
    """Set large families apart: each is folded under a line that sums it up."""
    return {
        "title": title,
        "note": note,
        "groups": [f for f in families if len(f) <= LARGE_FAMILY],
        "large": [f for f in families if len(f) > LARGE_FAMILY],
    }


def _circumstances(record: Record) -> list[tuple[str, str]]:
    """List everything the record says about model, design and machine."""
    said = [(f"model {numerals.label(k)}", "", v) for k, v in record.model.items()]
    rest = {**record.design, **record.environment}
    said += [(numerals.label(key), key, value) for key, value in rest.items()]
    if not record.environment:
        said.append(("environment", "", None))
    writers = {"started": numerals.date, "seconds": numerals.seconds, "seed": _exact}
    return [(name, writers.get(key, numerals.fact)(value)) for name, key, value in said]


def _exact(value: object) -> str:
    return numerals.fact(None if value is None else str(value))


def _curve_context(record: Record) -> dict[str, Any] | None:
    # matplotlib takes a second to import, and is needed only where there is a curve
    from harness.report import figures

    claim = layer_claim(record)
    curve = figures.read_layer_curve(claim)
    if claim is None or curve is None:
        return None
    return {
        "invalid": claim.status == "invalid",
        "wide": Markup(figures.draw_layer_curve(curve)),
        "narrow": Markup(figures.draw_layer_curve(curve, narrow=True)),
        "text": figures.explain(curve),
    }


def _clip_context(record: Record, *, audio_root: Path) -> list[dict[str, Any]]:
    sounds = sounds_of(record, audio_root=audio_root)
    loudest = max((max(s.envelope, default=0.0) for s in sounds), default=0.0)
    return [
        {"sound": sound, "wave": waveform_path(sound, loudest=loudest)}
        for sound in sounds
    ]


def _silent_emotions(record: Record) -> list[str]:
    planned = record.design.get("emotions")
    heard = {clip.emotion for clip in record.clips}
    names = [str(name) for name in planned] if isinstance(planned, list) else []
    return [name for name in names if name not in heard]


def _detail(claim: ClaimRow) -> tuple[list[tuple[str, str]], dict[str, Any] | None]:
    """Split a claim's detail into facts and, if it has one, its table over layers."""
    layers = claim.detail.get("layers")
    length = len(layers) if isinstance(layers, list) and len(layers) > 1 else -1
    columns = {
        key: claim.detail[key]
        for key in _LAYER_COLUMNS
        if isinstance(claim.detail.get(key), list) and len(claim.detail[key]) == length
    }
    if len(columns) < 2:
        columns = {}
    facts = [
        (numerals.label(key), numerals.fact(value))
        for key, value in claim.detail.items()
        if key not in columns and key != "upper_bound"
    ]
    bound = finite(claim.detail.get("upper_bound"))
    if bound is not None:
        facts.append(("upper bound, one-sided", wording.in_unit(bound, claim)))
    if claim.seconds is not None:
        facts.append(("time, with what it was first to need", f"{claim.seconds:.1f} s"))
    return facts, _layer_table(claim, columns) if columns else None


def _layer_table(claim: ClaimRow, columns: Mapping[str, list[Any]]) -> dict[str, Any]:
    cells = [_layer_cells(claim, key, values) for key, values in columns.items()]
    return {
        "headings": [_LAYER_COLUMNS[key] for key in columns],
        "rows": list(zip(*cells, strict=True)),
        "unit": wording.unit_label(claim.unit),
    }


def _layer_cells(claim: ClaimRow, key: str, values: list[Any]) -> list[str]:
    numbers = [finite(value) for value in values]
    if key == "layers":
        return [numerals.count(number) for number in numbers]
    if key == "p_adjusted":
        return [numerals.p_value(number) for number in numbers]
    factor = wording.scale(claim.unit)
    return numerals.aligned([None if n is None else n * factor for n in numbers])
