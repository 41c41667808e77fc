"""How much the emotion's word is read while the music is made, in one head.

Conventions
-----------
Attention on the emotion's word over that on the prompt's other words, in equal windows
of the clip; 1 is no more than on any other word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.figures.reading import (
    Floats,
    emotions_of,
    find,
    not_asked,
    number,
    numbers,
    reservation,
)
from harness.report.numerals import fact, significant
from harness.report.record import ClaimRow, Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

__all__ = ["attention_on_the_word"]

_NAME, _TITLE = "attention", "Does the model read the emotion's word?"
_CLAIMS = ("emotion_word_read", "emotion_word_ratio")


def attention_on_the_word(record: Record) -> Figure:
    """Attention ratio over the clip, of each emotion, in the head others chose."""
    claim = find(record, _CLAIMS[0])
    curves = {} if claim is None else _curves(claim)
    if claim is None or not curves:
        why = not_asked(record, claim, "What the model attends to")
        return left_out(_NAME, _TITLE, why, claims=_CLAIMS)
    seconds = number(record.design.get("duration_s"))
    count = len(next(iter(curves.values())))
    step = (seconds if seconds and seconds > 0 else float(count)) / count
    times = (np.arange(count) + 0.5) * step
    order = emotions_of(record)
    known = [emotion for emotion in order if emotion in curves]
    shown = list(dict.fromkeys([*known, *curves]))

    def compose(sheet: Sheet) -> None:
        axes = sheet.add_axes((0.13, 0.14, 0.85, 0.69))
        for place, emotion in enumerate(shown):
            index = order.index(emotion) if emotion in order else place
            hue, marker = drawing.emotion_style(index)
            axes.plot(
                times,
                curves[emotion],
                color=hue,
                marker=marker,
                markersize=4,
                markeredgecolor=drawing.INK,
                markeredgewidth=0.4,
                linewidth=1.3,
                label=emotion,
            )
        axes.axhline(1.0, color=drawing.MUTED, linewidth=0.9)
        unit = "time in the clip (s)" if seconds else "window of the clip"
        drawing.furnish(axes, x=unit, y="attention, emotion's word / others")
        axes.set_xlim(0, count * step)
        drawing.legend(sheet, columns=5)

    caption = _explain(claim) + reservation(claim)
    return drawn(_NAME, _TITLE, caption, compose, height=2.8, claims=_CLAIMS)


def _curves(claim: ClaimRow) -> dict[str, Floats]:
    """By emotion, all equally long; none where the record has none."""
    raw = claim.detail.get("ratio by window and emotion, there")
    named = raw if isinstance(raw, dict) else {}
    found = {str(emotion): numbers(named, emotion) for emotion in named}
    lengths = {len(values) for values in found.values()}
    whole = len(lengths) == 1 and lengths.pop() > 1
    return {e: v for e, v in found.items() if np.isfinite(v).any()} if whole else {}


def _explain(claim: ClaimRow) -> str:
    text = (
        "Attention on the word that names the emotion, over that on the prompt's other "
        f"words, in head {fact(claim.detail.get('head'))} of layer "
        f"{fact(claim.detail.get('layer'))}, which other prompts chose. Above the line "
        "at 1 the word is read more than the rest"
    )
    if claim.effect is not None:
        text += f"; over the whole clip, {significant(claim.effect)} times as much"
    return text + "."
