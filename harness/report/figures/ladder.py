"""Text or music? Where an effect is looked for, from words alone to music alone.

Conventions
-----------
A rung is one way of looking, drawn at its effect in the unit of its claim; the filled
ones have a p below the alpha of the look. The first has words and no music, the lower
ones music and no words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.figures.reading import number
from harness.report.numerals import p_value
from harness.report.record import ClaimRow, Record, Rung
from harness.report.wording import name_of, scale, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

__all__ = ["text_or_music"]

_NAME, _TITLE = "text-or-music", "Is it in the words, or in the music?"
_CLAIMS = ("layer_signal", "linear_probe", "emotion_emerges", "emotions_diverge")
_MOST = 3  # claims that are drawn
_RUNGS = {
    "every sentence for itself": "each sentence by itself",
    "first step": "words, no music yet",
    "conditional": "words and music",
    "words effect (swap)": "what other words change",
    "music effect (swap)": "what other music changes",
    "null half": "music, without the words",
    "acoustics regressed out": "the same, less tempo,\nenergy and brightness",
    "text regressed out": "words and music,\nless the text",
}
_ROW = 0.30  # inches for a rung
_QUALIFIERS = {
    "text-borne": "comes from the words",
    "audio-borne": "is in the music",
    "prompt-lexical": "is in single sentences, not in others",
    "acoustics-mediated": "is in the music's tempo, energy and brightness",
}


def text_or_music(record: Record) -> Figure:
    """Effects of the claims on which it was asked, rung by rung."""
    asked = [c for c in record.claims if c.id in _CLAIMS and _measured(c)]
    asked.sort(key=lambda c: _CLAIMS.index(c.id))
    claims = asked[:_MOST]
    if not claims:
        done = record.state == "complete"
        unlike = "asked in this run," if done else "reached by this run, not asked,"
        why = f"Whether an effect is in the words or in the music was not {unlike}"
        why += " or could not be measured."
        return left_out(_NAME, _TITLE, why, claims=_CLAIMS)
    alpha = number(record.design.get("alpha"))
    rungs = [len(_measured(claim)) for claim in claims]
    height = sum(_ROW * count + 0.78 for count in rungs) + 0.05

    def compose(sheet: Sheet) -> None:
        top = height
        for claim, count in zip(claims, rungs, strict=True):
            low = top - 0.3 - _ROW * count
            box = (0.40, low / height, 0.43, _ROW * count / height)
            _plot(sheet.add_axes(box), claim, alpha)
            top -= _ROW * count + 0.78

    caption = _explain(claims, alpha)
    return drawn(
        _NAME,
        _TITLE,
        caption,
        compose,
        height=height,
        claims=tuple(dict.fromkeys([*(c.id for c in claims), *_CLAIMS])),
    )


def _measured(claim: ClaimRow) -> list[Rung]:
    return [rung for rung in claim.ladder if number(rung.effect) is not None]


def _named(claim: ClaimRow) -> str:
    return name_of(claim).replace("_", " ")


def _explain(claims: list[ClaimRow], alpha: float | None) -> str:
    text = (
        "A prompt's words are in the activations whatever the music does, so an effect "
        "counts only if it is there without them, in the lower rungs"
    )
    if alpha:
        text += f". Filled marks: p below {alpha:g}"
    said = [
        f"{_named(claim)} {_QUALIFIERS[claim.qualifier]}"
        for claim in claims
        if claim.qualifier in _QUALIFIERS and claim.status in ("supported", "weak")
    ]
    return text + (f". Read so: {'; '.join(said)}." if said else ".")


def _plot(axes: Axes, claim: ClaimRow, alpha: float | None) -> None:
    factor = scale(claim.unit)
    rungs = _measured(claim)
    for row, rung in enumerate(rungs):
        found = rung.p is not None and rung.p < (alpha or 0.0)
        hue = drawing.BLUE if found else drawing.MUTED
        axes.plot(
            (rung.effect or 0.0) * factor,
            row,
            marker="o",
            markersize=5.5,
            color=hue,
            markerfacecolor=hue if found else drawing.PAPER,
        )
        axes.text(
            1.03,
            row,
            f"p {p_value(rung.p)}",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=drawing.SMALL,
            color=drawing.INK if found else drawing.MUTED,
        )
    nothing = 50.0 if claim.id == "linear_probe" else 0.0
    axes.axvline(nothing, color=drawing.MUTED, linewidth=0.8)
    if claim.minimum is not None:
        axes.axvline(
            claim.minimum * factor,
            color=drawing.INK,
            linewidth=1.0,
            linestyle=drawing.DOTTED,
        )
    unit = unit_label(claim.unit)
    drawing.furnish(axes, x=unit or "effect", title=_named(claim).capitalize())
    axes.set_yticks(
        range(len(rungs)),
        [_RUNGS.get(rung.name, rung.name) for rung in rungs],
        linespacing=0.9,
    )
    axes.tick_params(axis="y", length=0, labelcolor=drawing.INK)
    axes.set_ylim(len(rungs) - 0.5, -0.5)
    axes.margins(x=0.08)
    axes.locator_params(axis="x", nbins=5)
    axes.spines["left"].set_visible(False)
