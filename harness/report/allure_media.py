"""Plots and clips that a claim's result carries in Allure.

A plot is an SVG file. Clips are one HTML page with a player each: Allure does not play
an audio file that is attached as such, and runs no script of what is attached.
"""

from __future__ import annotations

import html
import re
import uuid
from pathlib import Path

from harness.report import numerals
from harness.report.audio import Sound, sounds_of
from harness.report.figures import Figure, draw_figures
from harness.report.record import Record
from harness.report.rows import ClaimRow

__all__ = ["Media"]

_COLOUR = re.compile(r"var\(--[\w-]+,\s*([^)]+)\)")  # a colour of the page, or this one
_STYLE = (
    "body{font:1rem/1.4 system-ui,sans-serif;margin:1rem;color:#1d2126;"
    "background:#fff}main{display:grid;gap:1rem 2rem;"
    "grid-template-columns:repeat(auto-fit,minmax(16rem,1fr))}"
    "figure{margin:0}audio{width:100%}"
    "p{margin:.2rem 0}.about{color:#4a5158}"
)


class Media:
    """Attachments of one run, written to `results` as claims ask for them."""

    def __init__(self, record: Record, results: Path, *, audio_root: Path) -> None:
        self._results = results
        self._figures = [f for f in draw_figures(record) if f.svg]
        self._sounds = sounds_of(record, audio_root=audio_root)

    def of(self, claim: ClaimRow) -> list[dict[str, str]]:
        """Return a claim's plots and, for gates and claims on music, clips.

        A claim whose member names emotions has the clips of these alone.
        """
        plots = [self._plot(f) for f in self._figures if claim.id in f.claims]
        if claim.is_control or not (claim.role == "gate" or claim.topic == "music"):
            return plots
        named = tuple(s for s in self._sounds if _speaks_of(claim, s.clip.emotion))
        return [*plots, *self.clips(named or self._sounds)]

    def clips(self, sounds: tuple[Sound, ...] | None = None) -> list[dict[str, str]]:
        """Return a page of players, of all clips unless told; no page if no clips."""
        chosen = self._sounds if sounds is None else sounds
        if not chosen:
            return []
        emotions = ", ".join(dict.fromkeys(sound.clip.emotion for sound in chosen))
        text, name = _players(chosen), f"Clips to listen to: {emotions}"
        return [self._written(name, text, kind="text/html", suffix=".html")]

    def _plot(self, figure: Figure) -> dict[str, str]:
        svg = _COLOUR.sub(r"\1", figure.svg)
        if "xmlns=" not in svg.partition(">")[0]:
            svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
        return self._written(figure.title, svg, kind="image/svg+xml", suffix=".svg")

    def _written(
        self, name: str, text: str, *, kind: str, suffix: str
    ) -> dict[str, str]:
        """Write a file of its own: Allure shows each file in one place only."""
        source = f"{uuid.uuid4()}-attachment{suffix}"
        (self._results / source).write_text(text, encoding="utf-8")
        return {"name": name, "source": source, "type": kind}


def _speaks_of(claim: ClaimRow, emotion: str) -> bool:
    return bool(re.search(rf"\b{re.escape(emotion)}\b", claim.member))


def _players(sounds: tuple[Sound, ...]) -> str:
    figures = []
    for sound in sounds:
        title = html.escape(f"{sound.clip.emotion}: {sound.clip.prompt}")
        player = (
            f'<audio controls preload="metadata" aria-label="{title}" '
            f'src="{sound.uri}"></audio>'
            if sound.uri
            else ""
        )
        about = html.escape("; ".join(filter(None, [_about(sound), sound.note])))
        figures.append(
            f"<figure><figcaption><p><b>{title}</b></p></figcaption>{player}"
            f'<p class="about">{about}</p></figure>'
        )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Clips</title><style>{_STYLE}</style></head>\n<body><main>"
        + "\n".join(figures)
        + "</main></body></html>\n"
    )


def _about(sound: Sound) -> str:
    clip = sound.clip
    parts = [
        "" if clip.tempo_bpm is None else f"{numerals.significant(clip.tempo_bpm)} BPM",
        clip.mode,
        "" if clip.matches is None else f"matches: {numerals.fact(clip.matches)}",
    ]
    return ", ".join(part for part in parts if part)
