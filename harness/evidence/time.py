"""Evidence of claims about when in a clip the emotion shows.

The signal of `harness.evidence.signals`, in every window of every layer. That it is
there at all is tested by relabeling, corrected for all windows and layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats, smallest_p
from harness.evidence.qualifiers import Rung, as_detail, qualifier_of
from harness.inference.jackknife import jackknife_t
from harness.inference.maxt import MaxT, max_t
from harness.inference.selection import cross_fitted
from harness.measures.raw_cosine import raw_cosine_signal
from harness.measures.similarity import emotion_signals, signal_of_units
from harness.measures.temporal import window_gram
from harness.verdict import Evidence

__all__ = [
    "WindowSignals",
    "documented_cosines",
    "emergence_evidence",
    "window_signals",
]

_Score = Callable[[npt.NDArray[np.bool_]], Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSignals:
    """The signal in every layer and window, under the observed and other labels."""

    table: ClipTable
    gram: Floats  # (layers, windows, prompts, prompts)
    statistics: Floats  # (relabelings, layers, windows), row 0 observed
    score: _Score  # masks over units -> (masks, layers, windows)
    early_and_late: tuple[Floats, Floats]  # (layers,): raw cosine between emotions

    @property
    def observed(self) -> Floats:
        """Shape (layers, windows)."""
        first: Floats = self.statistics[0]
        return first

    @property
    def units(self) -> int:
        return int(self.table.units.max()) + 1

    def shuffled(self) -> WindowSignals:
        """The same clips with their emotions shuffled, for a control."""
        return _signals(self.gram, self.table.shuffled(), self.early_and_late)


def window_signals(activations: Array, table: ClipTable) -> WindowSignals:
    """Within minus between emotions in every window of every layer.

    Parameters
    ----------
    activations : np.ndarray, shape (clips, layers, windows, d)
        Mean over the steps of each window.
    table : ClipTable

    Raises
    ------
    TemporalError
        If there is one window only, or one without steps.
    SimilarityError
        As `prompt_gram`.
    """
    gram = window_gram(activations, table.prompt_of_clip)
    early, late = (
        raw_cosine_signal(activations[:, :, window], table.emotion_of_clip).between
        for window in (0, gram.shape[1] - 1)
    )
    return _signals(gram, table, (early, late))


def _signals(
    gram: Floats, table: ClipTable, early_and_late: tuple[Floats, Floats]
) -> WindowSignals:
    layers, windows = gram.shape[:2]
    flat = gram.reshape(layers * windows, *gram.shape[2:])
    statistics = emotion_signals(
        flat, table.relabelings.labels, template=table.template
    )
    of_units = signal_of_units(
        flat, table.emotion, unit_of_prompt=table.units, template=table.template
    )

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        found = of_units(masks)
        return found.reshape(*found.shape[:-1], layers, windows)

    return WindowSignals(
        table=table,
        gram=gram,
        statistics=statistics.reshape(-1, layers, windows),
        score=score,
        early_and_late=early_and_late,
    )


def emergence_evidence(
    found: WindowSignals, *, null: WindowSignals | None = None, alpha: float = 0.0
) -> Evidence:
    """The signal in the best layer and window, chosen on other templates.

    p is corrected for all layers and windows, and so is the p of each window: the first
    with a p below `alpha` is where the emotion is said to emerge. The same is asked of
    `null`, the half that never saw the words.
    """
    table = found.table
    tested, p = _in_windows(found)
    layers, windows = found.observed.shape

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        return found.score(masks).reshape(*masks.shape[:-1], layers * windows)

    chosen = cross_fitted(score, found.units, rng=table.rng("windows"))
    bounds = jackknife_t(score, found.units).upper_one_sided
    layer, window = divmod(chosen.best, windows)
    detail: dict[str, Any] = {
        "layer": layer,
        "window": f"{window + 1} of {windows}",
        "first window that shows it": _first_below(p, alpha),
        "signal by window, in that layer": found.observed[layer],
        "p by window, corrected for layers and windows": p.min(axis=0),
        "signal by layer and window": found.observed,
    }
    rungs = [_rung("conditional", found, tested)]
    if null is not None:
        heard, heard_p = _in_windows(null)
        rungs.append(_rung("null half", null, heard))
        detail |= {
            "null half: first window that shows it": _first_below(heard_p, alpha),
            "null half: signal by window, in that layer": null.observed[layer],
            "null half: p by window": heard_p.min(axis=0),
        }
    detail["ladder"] = as_detail(rungs)
    return Evidence(
        effect=chosen.effect,
        p=tested.p_any,
        smallest_p=smallest_p(table),
        interval=(chosen.interval.low, chosen.interval.high),
        upper=float(np.max(bounds)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented=documented_cosines(found, layer),
        qualifier=qualifier_of(rungs, alpha),
        detail=detail,
    )


def _in_windows(found: WindowSignals) -> tuple[MaxT, Floats]:
    """Corrected for all layers and windows: the test, and p `(layers, windows)`."""
    flat = found.statistics.reshape(len(found.statistics), -1)
    tested = max_t(flat, exact=found.table.relabelings.exact)
    return tested, tested.p.reshape(found.observed.shape)


def _first_below(p: Floats, alpha: float) -> str:
    """The first window in which some layer's p is below alpha, counted from 1."""
    below = np.flatnonzero(p.min(axis=0) < alpha)
    return f"{below[0] + 1} of {p.shape[1]}" if below.size else "none"


def _rung(name: str, found: WindowSignals, tested: MaxT) -> Rung:
    return Rung(
        rung=name,
        effect=float(found.observed.ravel()[tested.best]),
        p=tested.p_any,
        smallest_p=smallest_p(found.table),
    )


def documented_cosines(found: WindowSignals, layer: int) -> dict[str, float]:
    """What the documents' own formula gives in a layer."""
    early, late = (float(values[layer]) for values in found.early_and_late)
    return {
        "raw cosine between emotions, early": early,
        "raw cosine between emotions, late": late,
        "early - late": early - late,
    }
