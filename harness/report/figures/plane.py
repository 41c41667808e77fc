"""UMAP's plane of the clips, once by emotion and once by prompt.

What lies together by prompt was said alike; what lies together by emotion was meant
alike. UMAP makes clusters of anything: this is a picture, and decides nothing.
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
    matrix,
    not_asked,
    number,
    numbers,
    words,
)
from harness.report.numerals import fact, significant
from harness.report.record import ClaimRow, Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

__all__ = ["plane_of_clips"]

_NAME, _TITLE = "clips-in-a-plane", "Do clips lie together by emotion, or by prompt?"
_CLAIMS = ("clusters_in_plane", "clusters", "template_clusters")


def plane_of_clips(record: Record) -> Figure:
    """Clips in the plane, marked by emotion, and joined by the prompt they share."""
    claim = find(record, _CLAIMS[0])
    points = None if claim is None else matrix(claim.detail, "points")
    if claim is None or points is None or points.shape[1] != 2:
        why = not_asked(record, claim, "A plane of the clips")
        return left_out(_NAME, _TITLE, why, claims=_CLAIMS)
    named = words(claim.detail, "emotions")
    emotion = numbers(claim.detail, "emotion of clip", length=len(points))
    template = numbers(claim.detail, "template of clip", length=len(points))
    if not named or not np.isin(emotion, np.arange(len(named))).all():
        why = not_asked(record, claim, "The emotion of each clip")
        return left_out(_NAME, _TITLE, why, claims=_CLAIMS)
    order = emotions_of(record)
    styles = {
        k: drawing.emotion_style(order.index(name) if name in order else k)
        for k, name in enumerate(named)
    }
    by_prompt = np.isfinite(template).all()

    def compose(sheet: Sheet) -> None:
        wide = 0.47 if by_prompt else 0.7
        left = sheet.add_axes((0.015, 0.03, wide, 0.78))
        for code, (hue, marker) in styles.items():
            own = points[emotion == code]
            left.plot(
                own[:, 0],
                own[:, 1],
                marker,
                color=hue,
                markersize=4.2,
                markeredgecolor=drawing.INK,
                markeredgewidth=0.4,
                label=named[code],
            )
        _frame(left, points, "marked by emotion")
        if by_prompt:
            right = sheet.add_axes((0.515, 0.03, wide, 0.78))
            _stars(right, points, template)
            _frame(right, points, "joined by prompt template")
        drawing.legend(sheet, columns=min(len(named), 5))

    caption = _explain(claim, by_prompt=bool(by_prompt))
    return drawn(_NAME, _TITLE, caption, compose, height=2.5, claims=_CLAIMS)


def _explain(claim: ClaimRow, *, by_prompt: bool) -> str:
    layer = fact(claim.detail.get("layer"))
    text = (
        f"Each mark is a clip, laid out by UMAP from the activations of layer {layer}: "
        "near is alike, axes have no unit"
    )
    if claim.effect is not None:
        text += f". Silhouette of emotions {significant(claim.effect)}"
    templates = number(claim.detail.get("silhouette of templates"))
    if templates is not None:
        text += f", of templates {significant(templates)} (1: apart, 0: mixed)"
    if by_prompt:
        text += (
            ". On the right, lines join clips whose prompts differ in the emotion's "
            "word only: short lines would mean that wording decides where a clip lies"
        )
    return text + ". UMAP draws clusters of anything: a picture, which decides nothing."


def _stars(axes: Axes, points: Floats, template: Floats) -> None:
    """Join each template's clips to their middle."""
    for code in np.unique(template):
        own = points[template == code]
        middle = own.mean(axis=0)
        rays = np.full((3 * len(own), 2), np.nan)
        rays[0::3], rays[1::3] = own, middle
        axes.plot(rays[:, 0], rays[:, 1], color=drawing.MUTED, linewidth=0.6)
    axes.plot(points[:, 0], points[:, 1], "o", color=drawing.BLUE, markersize=2.6)


def _frame(axes: Axes, points: Floats, title: str) -> None:
    drawing.furnish(axes, title=title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.margins(0.06)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(drawing.BAND)
