"""The figures of a report, drawn from the record alone.

Each figure has a file; this one says in which order they are read. What cannot be drawn
is left out and says why.
"""

from __future__ import annotations

from harness.report.figures.attention import attention_on_the_word
from harness.report.figures.drawing import Figure
from harness.report.figures.ladder import text_or_music
from harness.report.figures.layers import layer_curve
from harness.report.figures.learning import learning_curve
from harness.report.figures.looks import history_of_looks
from harness.report.figures.music import features_by_emotion
from harness.report.figures.over_time import signal_over_time
from harness.report.figures.plane import plane_of_clips
from harness.report.figures.power import power_of_looks
from harness.report.figures.squares import confusions, listeners, similarities
from harness.report.record import Record

__all__ = ["FIGURES", "Figure", "draw_figures"]

FIGURES = (
    layer_curve,
    similarities,
    features_by_emotion,
    listeners,
    confusions,
    text_or_music,
    plane_of_clips,
    signal_over_time,
    attention_on_the_word,
    learning_curve,
    power_of_looks,
    history_of_looks,
)


def draw_figures(record: Record) -> tuple[Figure, ...]:
    """Draw all figures, in the order in which they are read.

    Parameters
    ----------
    record
        Any record; what it lacks, figures are left out for.

    Returns
    -------
    tuple of Figure
        One for each of `FIGURES`; what was left out has no `svg` and says why.
    """
    return tuple(draw(record) for draw in FIGURES)
