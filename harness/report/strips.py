"""Small drawings in the rows of the page: an interval on its thresholds, a waveform.

Conventions
-----------
Positions on an interval strip run from 0 (left) to 100 (right). They are in the order
of the claim's own axis, whatever the direction in which the claim is good. A waveform
is a path in a box of width 100 and height 20, its middle at 10.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.audio import Sound
from harness.report.record import ClaimRow

__all__ = ["Strip", "interval_strip", "waveform_path"]

_MARGIN = 0.06  # of the span, on each side


def interval_strip(claim: ClaimRow) -> Strip | None:
    """Place effect, interval and thresholds of a claim on one axis.

    Returns
    -------
    Strip or None
        None where there is no effect, or nothing to compare it with.
    """
    limits = (claim.none, claim.minimum, claim.strong)
    known = [value for value in (*limits, *(claim.ci or ())) if value is not None]
    if claim.effect is None or not known:
        return None
    low, high = min(claim.effect, *known), max(claim.effect, *known)
    if high <= low:
        return None
    span = (high - low) * (1 + 2 * _MARGIN)
    start = low - (high - low) * _MARGIN

    def place(value: float | None) -> float | None:
        return None if value is None else round(100 * (value - start) / span, 2)

    ends = claim.ci or (None, None)
    return Strip(
        effect=round(100 * (claim.effect - start) / span, 2),
        low=place(ends[0]),
        high=place(ends[1]),
        none=place(claim.none),
        minimum=place(claim.minimum),
        strong=place(claim.strong),
    )


def waveform_path(sound: Sound, *, loudest: float) -> str:
    """Draw a clip's envelope, mirrored, on a scale that all clips share.

    Parameters
    ----------
    sound
        The clip, with its envelope.
    loudest
        Peak magnitude that fills the box, in (0, 1].
    """
    if not sound.envelope or loudest <= 0:
        return ""
    step = 100 / len(sound.envelope)
    strokes = []
    for index, peak in enumerate(sound.envelope):
        reach = max(0.2, 10 * peak / loudest)
        x = (index + 0.5) * step
        strokes.append(f"M{x:.1f} {10 - reach:.1f}V{10 + reach:.1f}")
    return "".join(strokes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """Positions on an interval strip, 0 to 100."""

    effect: float
    low: float | None
    high: float | None
    none: float | None
    minimum: float | None
    strong: float | None
