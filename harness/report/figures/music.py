"""What was heard in the clips, by emotion, beside the bounds that the documents set.

Conventions
-----------
One mark per clip. Every feature is drawn in its own unit; a bound is drawn in the row
of the emotion that it is for, and points to where clips of that emotion should lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.report.figures import drawing
from harness.report.figures.drawing import Figure, drawn, left_out
from harness.report.figures.reading import (
    Floats,
    emotions_of,
    number,
    numbers,
    words,
)
from harness.report.numerals import count, significant
from harness.report.record import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

__all__ = ["features_by_emotion"]

_NAME, _TITLE = "music-by-emotion", "What the music sounds like, by emotion"
_CLAIMS = (
    "acoustic_match",
    "tempo_gap",
    "brightness_gap",
    "loudness_gap",
    "mode_gap",
    "feature_separation",
    "single_rule",
    "tempo_arousal",
)
_FEATURES = {  # key in the record -> name with unit
    "tempo_bpm": "tempo (BPM)",
    "rms": "energy (RMS)",
    "brightness_hz": "brightness (Hz)",
    "mode_strength": "minor (\N{MINUS SIGN}) to major (+)",
    "loudness_lufs": "loudness (LUFS)",
    "tempo_salience": "clearness of pulse",
    "mode_clarity": "clearness of key",
}
_GOLDEN = 0.618  # of the way round: neighbours in a row of marks stand apart
_MOST = 12  # rows that can be read
_ROW = 0.16  # inches for an emotion


def features_by_emotion(record: Record) -> Figure:
    """Every feature of every clip, a row for each emotion, with its bounds."""
    spoken = words(record.music, "emotion")
    order = [e for e in emotions_of(record) if e in spoken] or sorted(set(spoken))
    values = {key: numbers(record.music, key, length=len(spoken)) for key in _FEATURES}
    shown = [key for key, own in values.items() if np.isfinite(own).any()]
    if not shown or not order or len(order) > _MOST:
        why = "Nothing was measured in the clips of this run."
        if not record.music:
            why = "What was heard in each clip is not in this record: it is of an "
            why += "older version, or of a run that was cut short."
        return left_out(_NAME, _TITLE, why, claims=_CLAIMS)
    emotion = np.array([order.index(e) if e in order else -1 for e in spoken])
    heard = _Heard(values=values, emotion=emotion)
    bounds = list(_bounds(record.music.get("bounds"), order, heard))
    rows = -(-len(shown) // 2)
    tall = _ROW * len(order) + 0.5  # inches for a row of axes
    height = rows * tall + 0.1

    def compose(sheet: Sheet) -> None:
        for place, key in enumerate(shown):
            row, column = divmod(place, 2)
            bottom = 1 - ((row + 1) * tall - 0.28) / height
            box = (0.185 + 0.42 * column, bottom, 0.375, (tall - 0.5) / height)
            axes = sheet.add_axes(box)
            _marks(axes, values[key], emotion, order)
            for bound in bounds:
                if bound.feature == key:
                    _bound(axes, bound)
            drawing.furnish(axes, title=_FEATURES[key])
            axes.set_yticks(range(len(order)), order if column == 0 else [])
            axes.tick_params(axis="y", length=0, labelcolor=drawing.INK)
            axes.spines["left"].set_visible(False)

    caption = _explain(bounds, len(spoken))
    return drawn(_NAME, _TITLE, caption, compose, height=height, claims=_CLAIMS)


def _explain(bounds: Sequence[_Bound], clips: int) -> str:
    text = (
        f"Each mark is one of {count(clips)} clips; the upright stroke is the median of"
        " its emotion"
    )
    if not bounds:
        return text + "."
    text += (
        ". Triangles stand at the documents' bound for an emotion and point to the "
        f"side where its clips should lie. Of {len(bounds)} bounds, "
    )
    broken = [b for b in bounds if b.kept < b.of]
    text += f"{len(bounds) - len(broken)} are kept by every clip"
    said = [f"{b.emotion}: {b.what} {b.kept} of {b.of}" for b in broken]
    return text + (f"; the others by some: {'; '.join(said)}." if said else ".")


def _marks(
    axes: Axes, values: Floats, emotion: npt.NDArray[np.intp], order: Sequence[str]
) -> None:
    for code in range(len(order)):
        own = values[(emotion == code) & np.isfinite(values)]
        hue, marker = drawing.emotion_style(code)
        around = (np.arange(len(own)) * _GOLDEN) % 1.0 - 0.5
        axes.plot(
            own,
            code + 0.5 * around,
            marker,
            color=hue,
            markersize=3,
            markeredgecolor=drawing.INK,
            markeredgewidth=0.25,
        )
        if len(own):
            middle = float(np.median(own))
            axes.plot(
                [middle, middle],
                [code - 0.4, code + 0.4],
                color=drawing.INK,
                linewidth=1.4,
            )
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.margins(x=0.06)
    axes.locator_params(axis="x", nbins=4)


def _bound(axes: Axes, bound: _Bound) -> None:
    """A line through the emotion's row, with a triangle on its good side."""
    edges = [bound.row - 0.45, bound.row + 0.45]
    axes.plot([bound.at] * 2, edges, color=drawing.VERMILLION, linewidth=0.9)
    axes.plot(
        bound.at,
        bound.row,
        # drawn beside the point, so that its flat side lies on the line
        marker=5 if bound.above else 4,
        color=drawing.VERMILLION,
        markersize=4.5,
        markeredgewidth=0,
    )


def _bounds(stated: object, order: Sequence[str], heard: _Heard) -> Iterator[_Bound]:
    """Every bound that is on a feature of the record."""
    rules = stated if isinstance(stated, Mapping) else {}
    for row, emotion in enumerate(order):
        own = rules.get(emotion)
        for rule, level in (own if isinstance(own, Mapping) else {}).items():
            found = _side_of(str(rule), level, heard.values)
            if found is None:
                continue
            feature, at, above, what = found
            clips = heard.values[feature][heard.emotion == row]
            kept = clips > at if above else clips < at
            yield _Bound(
                emotion=emotion,
                row=row,
                feature=feature,
                at=at,
                above=above,
                what=what,
                kept=int(kept.sum()),
                of=len(clips),
            )


def _side_of(
    rule: str, level: object, values: Mapping[str, Floats]
) -> tuple[str, float, bool, str] | None:
    """Feature, bound, whether above it is good, and that in words."""
    if rule == "mode" and level in ("major", "minor"):
        return "mode_strength", 0.0, level == "major", f"in {level}"
    feature, _, side = rule.rpartition("_")
    if feature not in _FEATURES or side not in ("above", "below"):
        return None
    at = number(level)
    if level == "median" and np.isfinite(values[feature]).any():
        at = float(np.nanmedian(values[feature]))
    if at is None:
        return None
    name, _, unit = _FEATURES[feature].partition(" (")
    amount = f"{significant(at)} {unit.rstrip(')')}".replace(" RMS", "")
    said = "the median of all clips" if level == "median" else amount
    return feature, at, side == "above", f"{name} {side} {said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """Features by clip, and the row of its emotion."""

    values: Mapping[str, Floats]
    emotion: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bound:
    """Where clips of an emotion should lie in one feature, and how many do."""

    emotion: str
    row: int
    feature: str
    at: float
    above: bool
    what: str  # "tempo above 120 BPM"
    kept: int
    of: int
