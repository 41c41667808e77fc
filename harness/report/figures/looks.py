"""History over looks: what every gate claim showed each time the data were looked at.

Conventions
-----------
Effects and intervals are in the unit of their claim, clips per emotion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.numerals import count
from harness.report.record import ClaimRow, LookRow, Record
from harness.report.wording import name_of, scale, unit_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

__all__ = ["history_of_looks"]

_NAME, _TITLE = "history", "What earlier looks showed"
_MOST_GATES, _MOST_LOOKS = 8, 8
_TALL = 1.45  # inches for a row of axes
_HUES = {"supported": drawing.BLUE, "refuted": drawing.VERMILLION}
_MARKERS = {"supported": "o", "weak": "D", "refuted": "X", "invalid": "x"}
_UNDECIDED = "s"


def history_of_looks(record: Record) -> Figure:
    """Effect and interval of each gate at each look, and its minimum."""
    gates = record.gates[:_MOST_GATES]
    ids = tuple(dict.fromkeys(claim.id for claim in gates))
    planned = [look for look in record.looks if look.kind in ("", "planned")]
    looks = [look for look in planned if look.claims][-_MOST_LOOKS:]
    series = {name_of(g): _series(g, looks) for g in gates}
    shown = [g for g in gates if len(series[name_of(g)]) > 1]
    if not shown:
        past = [look for look in planned if not look.same_data]
        why = (
            "What earlier looks found is not known here: the ledger is not at hand."
            if past and not any(look.claims for look in past)
            else "There is no history yet: the gate claims were looked at once."
        )
        return left_out(_NAME, _TITLE, why, claims=ids)
    rows = -(-len(shown) // 2)
    height = rows * _TALL + 0.55

    def compose(sheet: Sheet) -> None:
        for place, gate in enumerate(shown):
            row, column = divmod(place, 2)
            bottom = 1 - (0.42 + (row + 1) * _TALL - 0.38) / height
            box = (0.12 + 0.5 * column, bottom, 0.365, (_TALL - 0.68) / height)
            _plot(sheet.add_axes(box), gate, series[name_of(gate)])
        drawing.legend(sheet, columns=3)

    caption = _explain(record, looks)
    return drawn(_NAME, _TITLE, caption, compose, height=height, claims=ids)


def _series(gate: ClaimRow, looks: list[LookRow]) -> list[tuple[LookRow, ClaimRow]]:
    """The claim as it was at each look that has an effect of it."""
    return [
        (look, then)
        for look in looks
        for then in look.claims
        if (then.id, then.member) == (gate.id, gate.member) and then.effect is not None
    ]


def _explain(record: Record, looks: list[LookRow]) -> str:
    return (
        "Effect of each gate claim with its 95 % interval, at every planned look, "
        "oldest on the left; dotted: the documents' minimum. Each look spends its own "
        f"part of alpha, so that looking again ({count(len(looks))} looks here) does "
        "not make a finding by itself."
    )


def _plot(axes: Axes, gate: ClaimRow, series: list[tuple[LookRow, ClaimRow]]) -> None:
    factor = scale(gate.unit)
    for place, (_, then) in enumerate(series):
        effect = (then.effect or 0.0) * factor
        hue = _HUES.get(then.status, drawing.MUTED)
        if then.ci is not None:
            axes.plot(
                [place, place],
                [bound * factor for bound in then.ci],
                color=hue,
                linewidth=1.3,
            )
        axes.plot(
            place,
            effect,
            _MARKERS.get(then.status, _UNDECIDED),
            color=hue,
            markersize=5,
            label=then.status,
        )
    if gate.minimum is not None:
        axes.axhline(
            gate.minimum * factor,
            color=drawing.INK,
            linewidth=1.0,
            linestyle=drawing.DOTTED,
        )
    unit = unit_label(gate.unit)
    title = name_of(gate).replace("_", " ").replace(" against ", "/")
    drawing.furnish(axes, title=f"{title}\n{unit}".strip())
    axes.title.set_fontsize(drawing.SMALL)
    axes.set_xticks(range(len(series)), [count(look.samples) for look, _ in series])
    axes.set_xlim(-0.5, len(series) - 0.5)
    axes.locator_params(axis="y", nbins=4)
    axes.margins(y=0.15)
    axes.set_xlabel("clips per emotion", fontsize=drawing.SMALL, labelpad=1)
