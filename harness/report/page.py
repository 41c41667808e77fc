"""The supervisor's page: one HTML file that opens anywhere.

The page is built from the verdict record, what the ledger added to it, and the sounds
of a few clips. It loads nothing from a network and runs no script, so it can be mailed,
archived and printed. A record without a verdict makes a page that says so in large.

Conventions
-----------
Everything from the record is escaped by the template; only figures drawn here are
inserted as they are.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.report import across, numerals, wording
from harness.report.audio import CHOICE, sounds_of
from harness.report.calibration import Calibration, load_calibration
from harness.report.details import detail_of
from harness.report.figures import Figure, draw_figures
from harness.report.record import Record, read_record
from harness.report.sections import disowned, sections_of, steps_of
from harness.report.strips import interval_strip, waveform_path

__all__ = ["policy_for", "render_html", "render_template", "style"]

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(verdict: Mapping[str, Any], *, audio_root: Path) -> str:
    """Render the page.

    Parameters
    ----------
    verdict
        The record as parsed from `verdict.json`; any field may be missing or null.
    audio_root
        The folder that the clips' paths are relative to. A clip that cannot be read is
        stated on the page.
    """
    record = read_record(verdict)
    clips = _clip_context(record, audio_root=audio_root)
    mute = tuple(clip["sound"].complaint for clip in clips if clip["sound"].complaint)
    record = replace(record, warnings=(*record.warnings, *mute))
    return render_template(
        "page.html.j2",
        record=record,
        seen=_Seen(record=record, figures=draw_figures(record)),
        headline=wording.headline(record),
        tone=record.verdict or "NONE",
        facts=_facts(record),
        circumstances=_circumstances(record),
        sections=sections_of(record),
        steps=steps_of(record),
        clips=clips,
        choice=CHOICE,
        emotions_without_clip=_silent_emotions(record),
        verdicts={} if record.verdict is None else wording.VERDICT_WORDS,
    )


def render_template(name: str, **context: Any) -> str:
    """Render a page with its style and the policy that allows nothing else."""
    text = style()
    template = _environment().get_template(name)
    return template.render(style=Markup(text), policy=policy_for(text), **context)


def style() -> str:
    """The style sheet of all pages."""
    return (_TEMPLATES / "style.css").read_text(encoding="utf-8")


def policy_for(text: str) -> str:
    """The Content-Security-Policy under which this style and embedded media work."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["w"] = wording
    environment.globals["across"] = across
    environment.globals["num"] = numerals
    environment.globals["strip_of"] = interval_strip
    environment.globals["detail_of"] = detail_of
    return environment


def _facts(record: Record) -> tuple[tuple[str, str], ...]:
    """List what the reader needs to know about the run before its results."""
    return (
        ("Model", wording.model_line(record)),
        ("Design", wording.design_line(record)),
        ("Look", wording.look_line(record)),
        ("Date", numerals.date(record.environment.get("started"))),
        ("Cost", wording.cost_line(record)),
    )


def _circumstances(record: Record) -> list[tuple[str, str]]:
    """List everything the record says about model, design and machine."""
    said = [(f"model {numerals.label(k)}", "", v) for k, v in record.model.items()]
    rest = {**record.design, **record.environment}
    rest.pop("seconds_by_claim", None)  # each is told beside its claim
    said += [(numerals.label(key), key, value) for key, value in rest.items()]
    if not record.environment:
        said.append(("environment", "", None))
    writers = {"started": numerals.date, "seconds": numerals.seconds, "seed": _exact}
    return [(name, writers.get(key, numerals.fact)(value)) for name, key, value in said]


def _exact(value: object) -> str:
    return numerals.fact(None if value is None else str(value))


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


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What the tables need beside their claims; remembers which figures it gave out."""

    record: Record
    figures: tuple[Figure, ...]
    calibration: Calibration = field(default_factory=load_calibration)
    _given: set[str] = field(default_factory=set)

    @property
    def drawn(self) -> list[dict[str, Any]]:
        """For the section of figures."""
        return [self._placed(f, f.svg) for f in self.figures if f.svg]

    @property
    def missing(self) -> list[Figure]:
        """What could not be drawn, with the reason."""
        return [figure for figure in self.figures if not figure.svg]

    def figures_of(self, claim: str) -> list[dict[str, Any]]:
        """Copies for the first row of the claim that they belong to."""
        found = []
        for figure in self.figures:
            name = f"{claim}/{figure.name}"
            if figure.svg and claim in figure.claims and name not in self._given:
                self._given.add(name)
                place = "".join(c if c.isalnum() else "-" for c in claim)
                found.append(self._placed(figure, figure.copy(place)))
        return found

    def _placed(self, figure: Figure, svg: str) -> dict[str, Any]:
        return {
            "title": figure.title,
            "caption": figure.caption,
            "disowned": disowned(self.record, figure.claims),
            "svg": Markup(svg),
        }
