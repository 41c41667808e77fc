"""Power of the planned looks: how likely each finds what the documents ask for.

Conventions
-----------
Power is for an effect of the claim's own `minimum`, never for the one at hand, at the
alpha of each look; clips are per emotion.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.figures.reading import number
from harness.report.numerals import count
from harness.report.record import ClaimRow, Record
from harness.report.wording import name_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

__all__ = ["power_of_looks"]

_NAME, _TITLE = "power", "How likely is a real effect found?"
_AIM = 0.8  # Cohen (1988), Statistical Power Analysis, section 2.4
_MOST = 6  # curves
_LINE = 0.15  # inches for a line of the legend
_WIDE = 52  # characters of one
_Points = tuple[tuple[float, float], ...]


def power_of_looks(record: Record) -> Figure:
    """Power of every gate against clips per emotion, with this run's place."""
    gates = [claim for claim in record.gates if len(claim.power) > 1]
    curves = _curves(gates)
    if not curves:
        why = "The power of the planned looks is not in this record: no spread was "
        why += "measured, or the run is not a planned look."
        ids = dict.fromkeys(claim.id for claim in record.gates)
        return left_out(_NAME, _TITLE, why, claims=tuple(ids))
    here = number(record.design.get("clips_per_emotion"))
    lines = sum(label.count("\n") + 1 for label in curves.values()) + 1
    height = 2.5 + _LINE * lines

    def compose(sheet: Sheet) -> None:
        low = 0.42 / height
        high = 1 - (0.08 + _LINE * lines) / height
        axes = sheet.add_axes((0.135, low, 0.845, high - low))
        for index, (points, label) in enumerate(curves.items()):
            _plot(axes, index, points, label)
        axes.axhline(
            100 * _AIM, color=drawing.INK, linewidth=0.9, linestyle=drawing.DOTTED
        )
        if here is not None and here > 0:
            axes.axvline(
                here, color=drawing.VERMILLION, linewidth=1.2, label="this run"
            )
        axes.set_xscale("log")
        ticks = sorted({samples for points in curves for samples, _ in points})
        axes.set_xticks(ticks, [count(tick) for tick in ticks])
        axes.minorticks_off()
        axes.set_ylim(-3, 103)
        drawing.furnish(
            axes, x="clips per emotion, at each planned look", y="power (%)"
        )
        drawing.legend(sheet)

    return drawn(
        _NAME,
        _TITLE,
        _explain(gates, here),
        compose,
        height=height,
        claims=tuple(dict.fromkeys(claim.id for claim in gates)),
    )


def _curves(gates: Sequence[ClaimRow]) -> dict[_Points, str]:
    """Curves with the names of the claims that share them: lines that coincide hide."""
    names: dict[_Points, list[str]] = {}
    for claim in gates:
        points = tuple(sorted((s, p) for s, p in claim.power if s > 0))
        names.setdefault(points, []).append(name_of(claim).replace("_", " "))
    kept = list(names.items())[:_MOST]
    return {points: fill("; ".join(own), _WIDE) for points, own in kept if points}


def _plot(axes: Axes, index: int, points: _Points, label: str) -> None:
    hue, marker = drawing.emotion_style(index)
    axes.plot(
        [samples for samples, _ in points],
        [100 * power for _, power in points],
        color=hue,
        marker=marker,
        markersize=4.5,
        markeredgecolor=drawing.INK,
        markeredgewidth=0.4,
        linewidth=1.5,
        label=label,
    )


def _explain(gates: Sequence[ClaimRow], here: float | None) -> str:
    text = (
        "If a claim is true with exactly the effect that the documents ask for at "
        "least, this is how often each planned look finds it; studies are planned for "
        "80 % (dotted)"
    )
    now = [
        (power, name_of(claim).replace("_", " "))
        for claim in gates
        for samples, power in claim.power
        if samples == here
    ]
    if now:
        power, name = min(now)
        share = f"{power:.0%}".replace("%", " %")
        text += f". With the {count(here)} clips of this run: {share} for {name}"
        text += ", the least of all" if len(now) > 1 else ""
    return text + ". It rests on the spread that was measured, not on what was found."
