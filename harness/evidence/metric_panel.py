"""Every metric in every layer, relabeled together.

Within a metric the layers are compared by their largest studentised statistic (max-T:
they are of one kind), and the metrics by their smallest p (min-p, stepping down: they
are not). One min-p over metrics and layers together would ask for more relabelings than
there are: every column is at its best in one of them, and 48 layers of 7 metrics would
use up 3 % of 10,000.

Metrics of different units are compared in standard deviations of the relabelings: how
far beyond shuffled labels. The Wasserstein distance enters as its square, in which
signal and noise add up more nearly, but half of the templates still show less of it
than all: its held-out effects are too small, so that sensitivities are those of all
clips, in the layer that templates choose for each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats
from harness.inference.jackknife import Interval, jackknife_interval
from harness.inference.minp import JointMinP, joint_min_p
from harness.inference.relabel import TIE, relabelings
from harness.inference.selection import CrossFitted, Masks, Score, cross_fitted
from harness.measures.metrics.cca import canonical_correlations
from harness.measures.metrics.documented import documented_cka, documented_norm
from harness.measures.metrics.panel import metric_pairs
from harness.measures.metrics.wasserstein import sliced_wasserstein, slices_of
from harness.measures.similarity import emotion_signals, signal_of_units

__all__ = [
    "METRICS",
    "OTHER_METRICS",
    "MetricPanel",
    "measure_metrics",
]

OTHER_METRICS = (
    "Euclidean",
    "crossnobis",
    "CKA",
    "CCA",
    "MMD",
    "Wasserstein",
    "distance correlation",
)
METRICS = ("cosine", *OTHER_METRICS)
_CHANCE_MASKS, _CHANCE_ROWS = 5, 40  # what chance gives a few prompts: within .05 SD


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPanel:
    """What every metric says of the same clips; mappings are by metric."""

    table: ClipTable
    values: Mapping[str, Floats]  # (layers,), in the metric's own unit
    beyond: Mapping[str, Floats]  # (layers,), in SD of the relabelings
    p_alone: Mapping[str, float]  # corrected for layers, not for metrics
    joint: JointMinP  # of the others, in their order
    held_out: Mapping[str, CrossFitted]  # in SD, in the layer that others choose
    together: CrossFitted  # the same where the metric is chosen, too, but for cosine
    sensitivity: Interval[Floats]  # (metrics,), in SD, of all clips in the best layer
    differences: Interval[Floats]  # (metrics, metrics), of these
    advantage: CrossFitted  # over cosine, of the metric that others choose
    documented: Mapping[str, Floats]  # (layers,), of the metrics that documents compute


def measure_metrics(activations: Array, table: ClipTable) -> MetricPanel:
    """Every metric in every layer, relabeled together.

    Raises
    ------
    InferenceError
        If there are fewer than 4 templates, so that no layer can be held out.
    SimilarityError
        If the activations hold nothing to compare, or there are too few prompts for
        the principal components of CCA.
    """
    units = table.n_units
    gram, pairs = metric_pairs(
        activations, table.prompt_of_clip, table.emotion, template=table.template
    )
    slices = slices_of(gram, template=table.template, rng=table.rng("slices"))
    statistics = _statistics(pairs, slices, table)
    scores = {m: _pair_score(pairs[m], statistics[m], table) for m in pairs}
    scores["Wasserstein"] = _wasserstein_score(slices, table)
    scores = {
        name: _remembered(_standardised(score, statistics[name]))
        for name, score in scores.items()
    }
    held_out = {
        name: cross_fitted(score, units, rng=table.rng("metrics"))
        for name, score in scores.items()
    }

    def of_others(masks: Masks) -> Floats:
        return np.concatenate([scores[name](masks) for name in OTHER_METRICS], axis=1)

    best = [held_out[name].best for name in METRICS]

    def at_best(masks: Masks) -> Floats:
        columns = [scores[m](masks)[:, k] for m, k in zip(METRICS, best, strict=True)]
        return np.stack(columns, axis=1)

    def over_cosine(masks: Masks) -> Floats:
        found = at_best(masks)
        return found[:, 1:] - found[:, :1]

    found = at_best(
        np.concatenate([np.ones((1, units), bool), ~np.eye(units, dtype=bool)])
    )
    apart = found[:, :, None] - found[:, None]
    largest = {name: _beyond(values).max(axis=1) for name, values in statistics.items()}
    exact = table.relabelings.exact
    joint = joint_min_p(np.stack([largest[m] for m in OTHER_METRICS], 1), exact=exact)
    alone = joint_min_p(np.stack([largest[m] for m in METRICS], 1), exact=exact).own
    correlations = canonical_correlations(gram, table.emotion, template=table.template)
    return MetricPanel(
        table=table,
        values={
            **{name: values[0] for name, values in statistics.items()},
            "CCA": np.mean(correlations**2, axis=1),
            "Wasserstein": np.sqrt(statistics["Wasserstein"][0]),
        },
        beyond={name: _beyond(values)[0] for name, values in statistics.items()},
        p_alone=dict(zip(METRICS, alone.tolist(), strict=True)),
        joint=joint,
        held_out=held_out,
        together=cross_fitted(of_others, units, rng=table.rng("metrics")),
        sensitivity=jackknife_interval(found[0], found[1:]),
        differences=jackknife_interval(apart[0], apart[1:]),
        advantage=cross_fitted(over_cosine, units, rng=table.rng("metrics")),
        documented={
            "Euclidean": documented_norm(activations, table.emotion_of_clip),
            "CKA": documented_cka(activations, table.emotion_of_clip),
        },
    )


# --- statistics and scores ------------------------------------------------------------


def _statistics(
    pairs: Mapping[str, Floats], slices: Floats, table: ClipTable
) -> dict[str, Floats]:
    """By metric, shape (relabelings, layers), row 0 observed."""
    labels = table.relabelings.labels
    stacked = np.concatenate(list(pairs.values()))
    signals = emotion_signals(stacked, labels, template=table.template)
    by_metric = np.split(signals, len(pairs), axis=1)
    found = dict(zip(pairs, by_metric, strict=True))
    found["Wasserstein"] = sliced_wasserstein(slices, labels) ** 2
    return found


def _pair_score(pairs: Floats, statistics: Floats, table: ClipTable) -> Score:
    """The metric of the units kept, less what chance gives: the same for any number."""
    signal = signal_of_units(
        pairs, table.emotion, unit_of_prompt=table.units, template=table.template
    )
    chance = statistics.mean(axis=0)
    return lambda masks: signal(masks) - chance


def _wasserstein_score(slices: Floats, table: ClipTable) -> Score:
    """The same, where chance gives the more the fewer units there are."""

    def score(masks: Masks) -> Floats:
        sizes, of_mask = np.unique(masks.sum(axis=1), return_inverse=True)
        observed = np.where(masks[:, table.units], table.emotion, -1)
        shuffled = [_shuffled(table, size) for size in sizes.tolist()]
        # All at once: the prompts have to be sorted only once.
        rows = np.concatenate([observed, *shuffled])
        squares = sliced_wasserstein(slices, rows) ** 2
        parts = np.split(squares, np.cumsum([len(observed), *map(len, shuffled)])[:-1])
        chance = np.stack([part.mean(axis=0) for part in parts[1:]])
        found: Floats = parts[0] - chance[of_mask]
        return found

    return score


def _shuffled(table: ClipTable, size: int) -> npt.NDArray[np.intp]:
    """Shuffled labels of some sets of so many units, -1 in all others, by row."""
    rng = table.rng(f"chance of {size}")
    units = table.n_units
    rows = []
    for _ in range(_CHANCE_MASKS):
        kept = np.isin(table.units, rng.permutation(units)[:size])
        drawn = relabelings(
            table.emotion[kept],
            template=None if table.template is None else table.template[kept],
            cohort=table.cohort[kept],
            count=_CHANCE_ROWS,
            rng=rng,
        )
        labels = np.full((len(drawn.labels), table.n_prompts), -1)
        labels[:, kept] = drawn.labels
        rows.append(labels)
    return np.concatenate(rows)


def _standardised(score: Score, statistics: Floats) -> Score:
    spread = _spread(statistics)
    return lambda masks: score(masks) / spread


def _beyond(statistics: Floats) -> Floats:
    """Studentised by column; 0 in a column that never changes."""
    beyond: Floats = (statistics - statistics.mean(axis=0)) / _spread(statistics)
    return beyond


def _spread(statistics: Floats) -> Floats:
    """Standard deviation of the relabelings; infinite where these do not vary."""
    varies = np.ptp(statistics, axis=0) > TIE * np.abs(statistics).max(axis=0)
    spread: Floats = np.where(varies, statistics.std(axis=0), np.inf)
    return spread


def _remembered(score: Score) -> Score:
    """Computed once for one set of masks, which is what fits to the same halves ask."""
    known: list[tuple[Masks, Floats]] = []

    def again(masks: Masks) -> Floats:
        for asked, found in known:
            if np.array_equal(asked, masks):
                return found
        known.append((masks, score(masks)))
        return known[-1][1]

    return again
