"""The probe's learning curve: would more prompts make it any better?

Conventions
-----------
Accuracy is the mean over pairs of emotions, on templates held out, where guessing is
right half of the time; prompts are those of one emotion that the probe has learnt from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.figures.reading import find, not_asked, numbers, reservation
from harness.report.numerals import count
from harness.report.record import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

__all__ = ["learning_curve"]

_NAME, _TITLE = "learning-curve", "Would the probe learn more from more prompts?"
_CLAIMS = ("probe_learning", "linear_probe", "probe_all")


def learning_curve(record: Record) -> Figure:
    """Accuracy of the linear probe against the prompts it has learnt from."""
    claim = find(record, _CLAIMS[0])
    sizes = numbers(
        {} if claim is None else claim.detail, "prompts of each emotion learnt from"
    )
    accuracy = numbers(
        {} if claim is None else claim.detail, "accuracy", length=len(sizes)
    )
    known = np.isfinite(sizes) & np.isfinite(accuracy)
    if claim is None or known.sum() < 2:
        why = not_asked(record, claim, "How the probe learns")
        return left_out(_NAME, _TITLE, why, claims=_CLAIMS)
    sizes, shares = sizes[known], 100 * accuracy[known]

    def compose(sheet: Sheet) -> None:
        axes = sheet.add_axes((0.135, 0.16, 0.845, 0.68))
        axes.plot(
            sizes,
            shares,
            color=drawing.BLUE,
            marker="o",
            markersize=4.5,
            linewidth=1.6,
            label="templates that it has not seen",
        )
        axes.axhline(
            50,
            color=drawing.MUTED,
            linewidth=1.0,
            linestyle=drawing.DOTTED,
            label="guessing",
        )
        axes.set_ylim(min(45.0, float(shares.min()) - 3), 102)
        drawing.furnish(axes, x="prompts of each emotion learnt from", y="accuracy (%)")
        axes.set_xticks(sizes, [count(size) for size in sizes])
        drawing.legend(sheet, columns=2)

    caption = (
        "Accuracy of the linear probe, mean over pairs of emotions: "
        f"{shares[0]:.0f} % after the fewest prompts of each emotion "
        f"({count(float(sizes[0]))}), {shares[-1]:.0f} % after the most "
        f"({count(float(sizes[-1]))}). A curve that still rises "
        "on the right would rise further with more prompts; a flat one would not."
    )
    caption += reservation(claim)
    return drawn(_NAME, _TITLE, caption, compose, height=2.5, claims=_CLAIMS)
