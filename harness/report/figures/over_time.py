"""Similarity over time: when in a clip the emotion shows, in which half of the model.

Conventions
-----------
Signals are differences of mean centred cosines, within emotions less between, in
equal windows of the clip; a window is drawn at its middle, in seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.figures.reading import (
    Floats,
    find,
    not_asked,
    number,
    numbers,
    reservation,
)
from harness.report.numerals import fact, significant
from harness.report.record import ClaimRow, Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

__all__ = ["signal_over_time"]

_NAME, _TITLE = "signal-over-time", "When in a clip the emotion shows"
_CLAIMS = ("emotion_emerges", "emotions_diverge", "emotion_at_the_start")
_SIGNAL = "signal by window, in that layer"


def signal_over_time(record: Record) -> Figure:
    """Signal by window, with the words and without them."""
    claim = find(record, _CLAIMS[0])
    signal = np.array([]) if claim is None else numbers(claim.detail, _SIGNAL)
    if claim is None or np.isfinite(signal).sum() < 2:
        why = not_asked(record, claim, "How the emotion signal changes over a clip")
        return left_out(_NAME, _TITLE, why, claims=_CLAIMS)
    count = len(signal)
    heard = numbers(claim.detail, f"null half: {_SIGNAL}", length=count)
    p = numbers(
        claim.detail, "p by window, corrected for layers and windows", length=count
    )
    heard_p = numbers(claim.detail, "null half: p by window", length=count)
    seconds = number(record.design.get("duration_s"))
    alpha = number(record.design.get("alpha"))
    step = (seconds if seconds and seconds > 0 else float(count)) / count
    times = np.arange(count, dtype=np.float64) * step + step / 2

    def compose(sheet: Sheet) -> None:
        axes = sheet.add_axes((0.155, 0.13, 0.825, 0.66))
        _line(axes, times, signal, p, alpha, with_words=True)
        _line(axes, times, heard, heard_p, alpha, with_words=False)
        axes.axhline(0.0, color=drawing.MUTED, linewidth=0.7)
        unit = "time in the clip (s)" if seconds else "window of the clip"
        drawing.furnish(axes, x=unit, y="emotion signal (cosine)")
        axes.set_xlim(0, count * step)
        drawing.legend(sheet)

    caption = _explain(claim, signal, heard, alpha) + reservation(claim)
    return drawn(_NAME, _TITLE, caption, compose, height=3.0, claims=_CLAIMS)


def _explain(
    claim: ClaimRow, signal: Floats, heard: Floats, alpha: float | None
) -> str:
    layer = fact(claim.detail.get("layer"))
    start, end = (float(v) for v in signal[np.isfinite(signal)][[0, -1]])
    text = (
        f"How much more alike clips of one emotion are, in equal parts of the clip, at "
        f"layer {layer}: {significant(start)} at the start and {significant(end)} at "
        "the end"
    )
    first = claim.detail.get("first window that shows it")
    if isinstance(first, str) and first != "none":
        text += f"; with the words it is first found in part {first}"
    later = claim.detail.get("null half: first window that shows it")
    if np.isfinite(heard).any():
        found = isinstance(later, str) and later != "none"
        text += f", without them in part {later}" if found else ", without them nowhere"
    if alpha:
        text += f". Filled marks: p below {alpha:g}, corrected for layers and windows"
    return text + "."


def _line(
    axes: Axes,
    times: Floats,
    values: Floats,
    p: Floats,
    alpha: float | None,
    *,
    with_words: bool,
) -> None:
    if not np.isfinite(values).any():
        return
    hue = drawing.BLUE if with_words else drawing.VERMILLION
    marker = "o" if with_words else "s"
    axes.plot(
        times,
        values,
        color=hue,
        linewidth=1.6,
        linestyle="-" if with_words else drawing.DASHED,
        marker=marker,
        markersize=4.5,
        markerfacecolor=drawing.PAPER,
        label=f"half {'with' if with_words else 'without'} the words",
    )
    found = p < (alpha or 0.0)
    axes.plot(times[found], values[found], marker, color=hue, markersize=4.5)
