"""The layer curve: where in the model the emotion signal stands, and what chance gives.

Conventions
-----------
Curves have shape `(layers,)`, in the unit of the claim `layer_signal`; a value that was
not measured is NaN and leaves a gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.figures.reading import (
    Floats,
    find,
    not_asked,
    numbers,
    reservation,
)
from harness.report.numerals import p_value, significant
from harness.report.record import ClaimRow, Record
from harness.report.wording import scale, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

__all__ = ["layer_curve"]

_NAME, _TITLE = "layer-curve", "Where in the model the emotion is"
_CLAIMS = ("layer_signal", "layer_signal_by_layer", "late_layers", "layer_ranks")


def layer_curve(record: Record) -> Figure:
    """Signal by layer, with the band of shuffled labels and the half without words."""
    claim = find(record, _CLAIMS[0])
    curve = None if claim is None else _read(claim)
    if claim is None or curve is None:
        why = not_asked(record, claim, "The emotion signal of each layer")
        return left_out(_NAME, _TITLE, why, claims=_CLAIMS)

    def compose(sheet: Sheet) -> None:
        axes = sheet.add_axes((0.155, 0.125, 0.825, 0.60))
        _plot(axes, curve)
        drawing.legend(sheet)

    caption = _explain(curve) + reservation(claim)
    return drawn(_NAME, _TITLE, caption, compose, height=3.3, claims=_CLAIMS)


def _read(claim: ClaimRow) -> _Curve | None:
    layers = numbers(claim.detail, "layers")
    factor, length = scale(claim.unit), len(layers)

    def values(key: str) -> Floats:
        return numbers(claim.detail, key, length=length)

    signal = values("signal") * factor
    if not (np.isfinite(layers) & np.isfinite(signal)).any():
        return None
    return _Curve(
        layers=layers,
        signal=signal,
        null_low=values("null_low") * factor,
        null_high=values("null_high") * factor,
        null_half=values("null_half_signal") * factor,
        p_adjusted=values("p_adjusted"),
        minimum=None if claim.minimum is None else claim.minimum * factor,
        unit=unit_label(claim.unit),
    )


def _explain(curve: _Curve) -> str:
    peak = int(np.nanargmax(curve.signal))
    text = (
        "How much more alike clips of one emotion are than clips of different emotions."
        f" It is largest at layer {curve.layers[peak]:.0f}: "
        f"{_amount(curve.signal[peak], curve)}"
    )
    if np.isfinite(curve.p_adjusted[peak]):
        p = p_value(float(curve.p_adjusted[peak]))
        text += f" (p, corrected for the choice of layer: {p})"
    if np.isfinite(curve.null_high).any():
        above = int(np.sum(curve.signal > curve.null_high))
        text += (
            f". {above} of {len(curve.layers)} layers lie above the grey band, where "
            "shuffled labels put 95 % of their signals"
        )
    if curve.minimum is not None:
        reached = int(np.sum(curve.signal >= curve.minimum))
        text += f"; {reached} reach the documents' minimum"
    if np.isfinite(curve.null_half).any():
        text += ". The half of the model that never sees the words, where only the "
        text += "music can tell them apart, reaches "
        text += _amount(float(np.nanmax(curve.null_half)), curve)
    return text + "."


def _amount(value: float, curve: _Curve) -> str:
    return f"{significant(float(value))} {curve.unit}".strip()


def _as_documents_say(value: float, curve: _Curve) -> str:
    """Write a cosine as they do too: their 2 % is a difference of 0.02."""
    text = _amount(value, curve)
    return f"{text}, or {value:.0%}".replace("%", " %") if "cosine" in text else text


def _plot(axes: Axes, curve: _Curve) -> None:
    from matplotlib.ticker import MaxNLocator

    if np.isfinite(curve.null_low).any() and np.isfinite(curve.null_high).any():
        axes.fill_between(
            curve.layers,
            curve.null_low,
            curve.null_high,
            color=drawing.BAND,
            alpha=0.55,
            linewidth=0,
            label="what shuffled labels give (central 95 %)",
        )
    axes.plot(
        curve.layers,
        curve.signal,
        color=drawing.BLUE,
        linewidth=1.6,
        marker="o",
        markersize=4,
        label="half with the words",
    )
    if np.isfinite(curve.null_half).any():
        axes.plot(
            curve.layers,
            curve.null_half,
            color=drawing.VERMILLION,
            linewidth=1.4,
            linestyle=drawing.DASHED,
            marker="s",
            markersize=3.6,
            markerfacecolor=drawing.PAPER,
            label="half without the words",
        )
    axes.axhline(0.0, color=drawing.MUTED, linewidth=0.7)
    if curve.minimum is not None:
        axes.axhline(
            curve.minimum,
            color=drawing.INK,
            linewidth=1.1,
            linestyle=drawing.DOTTED,
            label=f"documents' minimum ({_as_documents_say(curve.minimum, curve)})",
        )
    unit = f" ({curve.unit})" if curve.unit else ""
    drawing.furnish(
        axes, x="layer (0 is nearest to the input)", y=f"emotion signal{unit}"
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.margins(x=0.03)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """The signal per layer, in the unit shown, with what it is compared with."""

    layers: Floats
    signal: Floats
    null_low: Floats
    null_high: Floats
    null_half: Floats
    p_adjusted: Floats
    minimum: float | None
    unit: str
