"""The layer curve: where in the model the emotion signal stands, as themed SVG.

Conventions
-----------
Curves have shape `(layers,)`, in the unit of the claim that they belong to; a value
that was not measured is NaN and leaves a gap. Colours are Okabe and Ito's, written as
CSS variables with a fallback, so that the page can change them for a dark screen.
Text stays text. Importing matplotlib costs about a second: it happens when the first
figure is drawn, so that the terminal summary never pays for it.

References
----------
Okabe, M. and Ito, K. (2008). Color Universal Design.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.report.numerals import p_value, significant
from harness.report.record import ClaimRow, finite
from harness.report.wording import scale, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LayerCurve", "draw_layer_curve", "explain", "read_layer_curve"]

_Floats = npt.NDArray[np.float64]

# colour that matplotlib writes -> what the page's style sheet may override
_THEME = {
    "#0072b2": "var(--blue, #0072b2)",
    "#d55e00": "var(--vermillion, #d55e00)",
    "#b8bcc4": "var(--band, #b8bcc4)",
    "#1d2126": "var(--ink, #1d2126)",
    "#5c636e": "var(--muted, #5c636e)",
    "#fefefe": "var(--paper, #fefefe)",
}
_BLUE, _VERMILLION, _BAND, _INK, _MUTED, _PAPER = _THEME


def read_layer_curve(claim: ClaimRow | None) -> LayerCurve | None:
    """Read the curve from the claim's detail, or None where it was not measured.

    Parameters
    ----------
    claim
        The gate claim `layer_signal`. Its detail holds `layers` and `signal`, and as
        far as they were measured `null_low`, `null_high`, `null_half_signal` and
        `p_adjusted`, all of the same length.
    """
    if claim is None:
        return None
    layers = _curve(claim, "layers")
    signal = _curve(claim, "signal", length=len(layers))
    if not np.isfinite(layers).any() or not np.isfinite(signal).any():
        return None
    factor = scale(claim.unit)
    return LayerCurve(
        layers=layers,
        signal=signal * factor,
        null_low=_curve(claim, "null_low", length=len(layers)) * factor,
        null_high=_curve(claim, "null_high", length=len(layers)) * factor,
        null_half=_curve(claim, "null_half_signal", length=len(layers)) * factor,
        p_adjusted=_curve(claim, "p_adjusted", length=len(layers)),
        minimum=None if claim.minimum is None else claim.minimum * factor,
        unit=unit_label(claim.unit),
    )


def draw_layer_curve(curve: LayerCurve, *, narrow: bool = False) -> str:
    """Draw the curve as an `<svg>` element to be set inline.

    Parameters
    ----------
    curve
        What to draw.
    narrow
        Draw for a phone: same text size, less than half the width.

    Returns
    -------
    str
        SVG without prolog, name spaces, dates or scripts; the same for the same input.
    """
    import matplotlib
    from matplotlib.figure import Figure

    salt = "narrow" if narrow else "wide"  # keeps the identifiers of the two apart
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure = Figure(figsize=(3.6, 3.3) if narrow else (8.6, 3.6))
        _compose(figure, curve, narrow=narrow)
        packed = io.BytesIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(packed, format="svg", metadata=nothing)
    return _inline(packed.getvalue().decode("utf-8"))


def explain(curve: LayerCurve) -> str:
    """Say in a few sentences what the curve shows, with its numbers."""
    peak = int(np.nanargmax(curve.signal))
    text = f"The signal is largest at layer {curve.layers[peak]:.0f}: "
    text += f"{_amount(curve.signal[peak], curve)}"
    if np.isfinite(curve.p_adjusted[peak]):
        p = p_value(float(curve.p_adjusted[peak]))
        text += f" (p, corrected for the choice of layer: {p})"
    if curve.minimum is not None:
        reached = int(np.sum(curve.signal >= curve.minimum))
        text += (
            f". {reached} of {len(curve.layers)} layers reach the documents"
            f"\N{RIGHT SINGLE QUOTATION MARK} minimum of "
            f"{_as_documents_say(curve.minimum, curve)}"
        )
    if np.isfinite(curve.null_half).any():
        text += ". The half that runs without the words reaches "
        text += f"{_amount(float(np.nanmax(curve.null_half)), curve)}"
    return text + "."


def _curve(claim: ClaimRow, key: str, *, length: int | None = None) -> _Floats:
    """Read a list of numbers; a missing one, or one of another length, is all NaN."""
    raw = claim.detail.get(key)
    values = raw if isinstance(raw, list) else []
    if length is not None and len(values) != length:
        values = [None] * length
    numbers = [finite(value) for value in values]
    return np.array([np.nan if n is None else n for n in numbers], dtype=np.float64)


def _amount(value: float, curve: LayerCurve) -> str:
    return f"{significant(float(value))} {curve.unit}".strip()


def _as_documents_say(value: float, curve: LayerCurve) -> str:
    """Write a cosine as they do too: their 2 % is a difference of 0.02."""
    text = _amount(value, curve)
    return f"{text}, or {value:.0%}".replace("%", " %") if "cosine" in text else text


def _compose(figure: Figure, curve: LayerCurve, *, narrow: bool) -> None:
    figure.patch.set_visible(False)
    axes = figure.add_axes(
        (0.15, 0.13, 0.84, 0.55) if narrow else (0.075, 0.14, 0.915, 0.66)
    )
    _plot_band(axes, curve)
    _plot_lines(axes, curve)
    _plot_minimum(axes, curve)
    _furnish(axes, curve)
    figure.legend(
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=1 if narrow else 2,
        frameon=False,
        labelcolor=_INK,
        fontsize=8.5,
    )


def _plot_band(axes: Axes, curve: LayerCurve) -> None:
    if np.isfinite(curve.null_low).any() and np.isfinite(curve.null_high).any():
        axes.fill_between(
            curve.layers,
            curve.null_low,
            curve.null_high,
            color=_BAND,
            alpha=0.55,
            linewidth=0,
            label="what shuffled labels give (central 95 %)",
        )


def _plot_lines(axes: Axes, curve: LayerCurve) -> None:
    axes.plot(
        curve.layers,
        curve.signal,
        color=_BLUE,
        linewidth=1.8,
        marker="o",
        markersize=4.2,
        label="signal, half with the words",
    )
    if np.isfinite(curve.null_half).any():
        axes.plot(
            curve.layers,
            curve.null_half,
            color=_VERMILLION,
            linewidth=1.5,
            linestyle=(0, (4, 2)),
            marker="s",
            markersize=3.6,
            markerfacecolor=_PAPER,
            label="signal, half without the words",
        )


def _plot_minimum(axes: Axes, curve: LayerCurve) -> None:
    axes.axhline(0.0, color=_MUTED, linewidth=0.7)
    if curve.minimum is not None:
        axes.axhline(
            curve.minimum,
            color=_INK,
            linewidth=1.1,
            linestyle=(0, (1, 2)),
            label=f"documents\N{RIGHT SINGLE QUOTATION MARK} minimum "
            f"({_as_documents_say(curve.minimum, curve)})",
        )


def _furnish(axes: Axes, curve: LayerCurve) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.patch.set_visible(False)
    unit = f" ({curve.unit})" if curve.unit else ""
    axes.set_xlabel("layer (0 is nearest to the input)", color=_INK, fontsize=9)
    axes.set_ylabel(f"emotion signal{unit}", color=_INK, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.tick_params(color=_MUTED, labelcolor=_MUTED, labelsize=8.5)
    axes.margins(x=0.02)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_MUTED)


def _inline(svg: str) -> str:
    """Cut an SVG file down to what an HTML page needs, and theme its colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # matplotlib's own rule is `*`, and would reach the whole page
    svg = re.sub(r"<style.*?</style>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # two figures on one page share them
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    for colour, variable in _THEME.items():
        svg = svg.replace(colour, variable)
    return svg.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCurve:
    """The signal per layer, in the unit shown, with what it is compared with."""

    layers: _Floats
    signal: _Floats
    null_low: _Floats
    null_high: _Floats
    null_half: _Floats
    p_adjusted: _Floats
    minimum: float | None
    unit: str
