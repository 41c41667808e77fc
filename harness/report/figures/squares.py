"""Square tables drawn as shades: which emotions are alike, which are mistaken.

Conventions
-----------
Rows and columns are emotions, in the order of the table. A value is printed in its
square, and its shade grows with its size: blue above zero, vermillion below. Shares
are shaded up to 1, cosines up to the largest, or to `_FULL` where all are smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.figures.reading import (
    Floats,
    emotions_of,
    find,
    matrix,
    not_asked,
    reservation,
    words,
)
from harness.report.numerals import MINUS, p_value
from harness.report.record import ClaimRow, Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

__all__ = ["confusions", "listeners", "similarities"]

_DARKEST = 0.6  # ink on it keeps a contrast of 6
_FULL = 0.2  # cosine: what is small is not made to look large
_MOST = 12  # emotions whose numbers can be read


def similarities(record: Record) -> Figure:
    """How alike the activations of each emotion are to those of each other."""
    name, title = "similarity-matrix", "Which emotions are alike inside the model"
    claims = ("layer_signal", "layer_ranks")
    found, claim = None, None
    for claim_id, key in zip(
        claims,
        ("similarity of emotions", "similarity of emotions, best layer"),
        strict=True,
    ):
        claim = find(record, claim_id)
        found = None if claim is None else _table(claim, key)
        if found is not None:
            break
    if found is None or claim is None:
        claim = find(record, *claims)
        why = not_asked(record, claim, "The similarity of emotions")
        return left_out(name, title, why, claims=claims)
    emotions, values = found
    own = values.diagonal()
    others = values[~np.eye(len(values), dtype=np.bool_)]
    within, between = (
        float(np.nanmean(v)) if np.isfinite(v).any() else np.nan for v in (own, others)
    )
    caption = (
        "Mean similarity (centred cosine) of prompts of one emotion with those of each "
        "other, in the layer where emotions differ most. What is above average is "
        "positive. If the model holds emotions apart, the diagonal is dark: "
        f"within emotions {_signed(within)}, between them {_signed(between)} on average"
    )
    alike = _most(values, emotions, least=_FULL / 2)
    caption += f"; most alike are {alike}." if alike else "."
    if claim.id == "layer_signal" and claim.p is not None:
        caption += f" p of the difference, corrected for layers: {p_value(claim.p)}."

    def compose(sheet: Sheet) -> None:
        full = max(_FULL, float(np.nanmax(np.abs(values))))
        _shade(sheet, values, emotions, full=full, write=_signed, x="", y="")

    caption += reservation(claim)
    return drawn(name, title, caption, compose, height=_height(emotions), claims=claims)


def confusions(record: Record) -> Figure:
    """What the linear probe says of clips of each emotion."""
    name, title = "probe-confusion", "What the probe takes each emotion for"
    claims = ("probe_all", "linear_probe", "probe_pair")
    claim = find(record, "probe_all")
    found = None if claim is None else _table(claim, "confusion")
    if found is None:
        claim = find(record, "linear_probe")
        nested = None if claim is None else claim.detail.get("confusion")
        if isinstance(nested, dict):
            found = _table_of(words(nested, "emotions"), matrix(nested, "share"))
    if found is None or claim is None:
        claim = find(record, *claims[:2])
        why = not_asked(record, claim, "What the linear probe mistakes for what")
        return left_out(name, title, why, claims=claims)
    return _mistakes(
        name,
        title,
        found,
        caption="Of clips of each emotion (rows), the share that a linear probe, "
        "trained on other prompts, takes for each (columns).",
        x="what the probe says (share of clips)",
        claim=claim,
        claims=claims,
    )


def listeners(record: Record) -> Figure:
    """What people named when they heard clips of each emotion."""
    name, title = "listeners-confusion", "What people hear each emotion as"
    claims = ("emotion_heard", "listeners_agree")
    claim = find(record, claims[0])
    raw = None if claim is None else claim.detail.get("confusion")
    rows = raw if isinstance(raw, dict) else {}
    emotions = [e for e in emotions_of(record) if isinstance(rows.get(e), dict)]
    shares = [[rows[e].get(answer) for answer in emotions] for e in emotions]
    found = _table_of(emotions, matrix({"rows": shares}, "rows"))
    if found is None or claim is None:
        why = not_asked(record, claim, "What people hear in the clips")
        if claim is not None and claim.status == "inconclusive" and claim.because:
            why = claim.because
        return left_out(name, title, why, claims=claims)
    return _mistakes(
        name,
        title,
        found,
        caption="Of answers to clips of each emotion (rows), the share that named each "
        "(columns), by people who did not know the prompt.",
        x="what people say (share of answers)",
        claim=claim,
        claims=claims,
    )


def _mistakes(
    name: str,
    title: str,
    table: tuple[list[str], Floats],
    *,
    caption: str,
    x: str,
    claim: ClaimRow,
    claims: Sequence[str],
) -> Figure:
    """Draw what was taken for what, and say how often that was right."""
    emotions, values = table
    right = values.diagonal()
    if np.isfinite(right).any():
        caption += (
            " Right answers stand on the diagonal: "
            f"{_percent(float(np.nanmean(right)))} on average, where guessing gives "
            f"{_percent(1 / len(emotions))}."
        )
    mistake = _most(values, emotions, write=_percent)
    caption += f" Most often mistaken: {mistake}." if mistake else ""

    def compose(sheet: Sheet) -> None:
        _shade(
            sheet,
            values,
            emotions,
            full=1.0,
            write=_percent,
            x=x,
            y="emotion of the prompt",
        )

    caption += reservation(claim)
    return drawn(name, title, caption, compose, height=_height(emotions), claims=claims)


def _table(claim: ClaimRow, key: str) -> tuple[list[str], Floats] | None:
    return _table_of(words(claim.detail, "emotions"), matrix(claim.detail, key))


def _table_of(
    emotions: list[str], values: Floats | None
) -> tuple[list[str], Floats] | None:
    size = len(emotions)
    if values is None or values.shape != (size, size) or not 2 <= size <= _MOST:
        return None
    return emotions, values


def _height(emotions: Sequence[str]) -> float:
    return 0.95 + 0.42 * len(emotions)


def _shade(
    sheet: Sheet,
    values: Floats,
    emotions: Sequence[str],
    *,
    full: float,
    write: Callable[[float], str],
    x: str,
    y: str,
) -> None:
    from matplotlib.patches import Rectangle

    axes = sheet.add_axes((0.25 if y else 0.2, 0.03, 0.73 if y else 0.78, 0.78))
    for (row, column), value in np.ndenumerate(values):
        if not np.isfinite(value):
            continue
        hue = drawing.BLUE if value >= 0 else drawing.VERMILLION
        axes.add_patch(
            Rectangle(
                (column - 0.48, row - 0.48),
                0.96,
                0.96,
                facecolor=hue,
                alpha=round(_DARKEST * min(1.0, abs(float(value)) / full), 3),
                linewidth=0,
            )
        )
        axes.text(
            column,
            row,
            write(float(value)),
            ha="center",
            va="center",
            color=drawing.INK,
            fontsize=drawing.TEXT,
            fontweight="bold" if row == column else "normal",
        )
    size = len(emotions)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    drawing.furnish(axes, x=x, y=y)
    axes.xaxis.set_ticks_position("top")
    axes.xaxis.set_label_position("top")
    axes.set_xticks(range(size), emotions)
    axes.set_yticks(range(size), emotions)
    axes.tick_params(length=0, labelcolor=drawing.INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _most(
    values: Floats,
    emotions: Sequence[str],
    *,
    least: float = 0.0,
    write: Callable[[float], str] | None = None,
) -> str:
    """The two different emotions with the largest value above `least`, or nothing."""
    off = np.where(np.eye(len(values), dtype=np.bool_), np.nan, values)
    if not np.isfinite(off).any() or np.nanmax(off) <= least:
        return ""
    row, column = np.unravel_index(int(np.nanargmax(off)), off.shape)
    a, b = emotions[int(row)], emotions[int(column)]
    if write is None:
        return f"{a} and {b}"
    return f"{a} for {b} ({write(float(off[row, column]))})"


def _signed(value: float) -> str:
    if not np.isfinite(value):
        return "not measured"
    return f"{value:+.2f}".replace("-", MINUS)


def _percent(value: float) -> str:
    return f"{value:.0%}".replace("%", " %")
