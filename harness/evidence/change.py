"""Evidence of claims about how the signal changes from the start of a clip to its end.

That it *changes* is more than relabelings can say. Shuffled labels have no signal, and
beside them one that is the same early and late seems to change: at alpha .05, in 24 %
of simulated runs with a constant signal of .1, in 36 % with .3. A change therefore has
to be beyond the relabelings and beyond its own spread over units, by the t test on the
change in layers that other units chose. The larger p counts: 1 % of those runs remain,
so that what is found is safe, and some of what is there is missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Floats, smallest_p
from harness.evidence.qualifiers import Rung, as_detail, qualifier_of
from harness.evidence.time import WindowSignals, documented_cosines
from harness.inference.jackknife import jackknife_t, p_above_zero
from harness.inference.maxt import max_t
from harness.inference.selection import CrossFitted, cross_fitted
from harness.measures.temporal import early_minus_late, rise_along_line
from harness.verdict import Evidence

__all__ = ["change_evidence", "early_evidence", "growth_evidence"]


def growth_evidence(
    found: WindowSignals, *, null: WindowSignals | None = None, alpha: float = 0.0
) -> Evidence:
    """By how much the signal rises over the clip, along its least-squares line.

    Parameters as in `change_evidence`.
    """
    contrast = rise_along_line(found.observed.shape[1])
    return change_evidence(found, contrast, null=null, alpha=alpha)


def early_evidence(
    found: WindowSignals, *, null: WindowSignals | None = None, alpha: float = 0.0
) -> Evidence:
    """By how much the first window's signal exceeds the last one's.

    Parameters as in `change_evidence`.
    """
    contrast = early_minus_late(found.observed.shape[1])
    return change_evidence(found, contrast, null=null, alpha=alpha)


def change_evidence(
    found: WindowSignals,
    contrast: Floats,
    *,
    null: WindowSignals | None = None,
    alpha: float = 0.0,
) -> Evidence:
    """A contrast of the signals of windows, in the layer that other templates choose.

    Parameters
    ----------
    found : WindowSignals
    contrast : np.ndarray, shape (windows,)
        Sums to zero.
    null : WindowSignals, optional
        Of the half that never saw the words: a change that is found there, too, at
        `alpha`, did not come from them.
    alpha : float

    Returns
    -------
    Evidence
        The p-value is the larger of two: the labels' (max-T over layers), and the
        change's own (one-sided t).
    """
    table, observed = found.table, found.observed
    change = _change(found, contrast)
    best, interval = change.chosen.best, change.chosen.interval
    detail: dict[str, Any] = {
        "layer": best,
        "p of the labels": change.of_labels,
        "p of the change": change.of_change,
        "change by layer": observed @ contrast,
        "first minus last, in that layer": observed[best, 0] - observed[best, -1],
        "signal by window, in that layer": observed[best],
    }
    rungs = [change.rung("conditional", table)]
    if null is not None:
        rungs.append(_change(null, contrast).rung("null half", table))
        detail["null half: signal by window, in that layer"] = null.observed[best]
    detail["ladder"] = as_detail(rungs)
    return Evidence(
        effect=change.chosen.effect,
        p=change.p,
        smallest_p=smallest_p(table),
        interval=(interval.low, interval.high),
        upper=change.upper,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented=documented_cosines(found, best),
        qualifier=qualifier_of(rungs, alpha),
        detail=detail,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A contrast of windows, tested in two ways."""

    chosen: CrossFitted
    of_labels: float  # p, corrected for layers
    of_change: float  # p
    upper: float  # the largest of all layers

    @property
    def p(self) -> float:
        return max(self.of_labels, self.of_change)

    def rung(self, name: str, table: ClipTable) -> Rung:
        effect, smallest = self.chosen.effect, smallest_p(table)
        return Rung(rung=name, effect=effect, p=self.p, smallest_p=smallest)


def _change(found: WindowSignals, contrast: Floats) -> _Change:
    table = found.table

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        change: Floats = found.score(masks) @ contrast
        return change

    tested = max_t(found.statistics @ contrast, exact=table.relabelings.exact)
    chosen = cross_fitted(score, found.units, rng=table.rng("change"))
    by_layer = jackknife_t(score, found.units)
    return _Change(
        chosen=chosen,
        of_labels=tested.p_any,
        of_change=p_above_zero(chosen.interval),
        upper=float(np.max(by_layer.upper_one_sided)),
    )
