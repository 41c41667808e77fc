"""Evidence of what the linear probe reads: of each pair, of all, by layer, in time.

All of them hold whole templates out, choose a layer on the training templates only, and
take p from refits under other labelings, the largest of all that was tried in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats, fewer_relabelings
from harness.inference.jackknife import Interval, jackknife_interval
from harness.inference.maxt import max_t
from harness.inference.relabel import Relabelings, p_value
from harness.measures.learning_curve import LearningCurve
from harness.measures.probe import (
    ProbeError,
    multiclass_accuracy,
    pairwise_accuracy,
    probe_folds,
    selectivity,
)
from harness.measures.probe_nested import (
    NestedAccuracy,
    layer_accuracies,
    nested_accuracy,
)
from harness.measures.probe_pairs import (
    accuracies_of_scores,
    confusion_of_scores,
    pair_accuracies,
)
from harness.verdict import Evidence

__all__ = [
    "learning_evidence",
    "multiclass_evidence",
    "probe_panel",
    "probe_time_evidence",
]

_DRAWS = 10  # of training sets of one size
_SIZES = (0.125, 0.25, 0.5, 0.75, 1.0)  # shares of the training templates


def probe_panel(
    activations: Array, table: ClipTable
) -> Mapping[frozenset[str] | int, Evidence]:
    """Accuracy for every pair (p corrected for pairs and layers), and in every layer
    (p corrected for layers).

    Returns
    -------
    mapping
        By pair of emotions, and by number of layer.

    Raises
    ------
    ProbeError
        If activations are not finite or the same for every clip, or there are too few
        prompts.
    """
    folds, drawn = _design(activations, table)
    refits = pair_accuracies(
        activations,
        drawn.labels,
        fold_of_prompt=folds,
        prompt_of_clip=table.prompt_of_clip,
    )
    nested = _nested(activations, table, folds)
    layers = _of_layers(activations, refits.mean(axis=2), table, folds, drawn)
    found: dict[frozenset[str] | int, Evidence] = dict(enumerate(layers))
    found.update(_of_pairs(refits, nested, table, drawn))
    return found


def multiclass_evidence(activations: Array, table: ClipTable) -> Evidence:
    """Accuracy of the highest score among all emotions, on the scale of two classes.

    With k emotions, .5 + .5 (accuracy - 1/k) / (1 - 1/k): the same share of the way
    from chance to 1. `detail` has the accuracy itself and the confusion matrix.

    Raises
    ------
    ProbeError
        As `probe_panel`.
    """
    folds, drawn = _design(activations, table)
    refits = multiclass_accuracy(
        activations,
        drawn.labels,
        fold_of_prompt=folds,
        prompt_of_clip=table.prompt_of_clip,
    )
    nested = _nested(activations, table, folds)
    emotions, truth = len(table.emotions), table.emotion_of_clip
    matrix = confusion_of_scores(nested.scores, truth)
    left_out = [
        np.trace(confusion_of_scores(scores, truth)) / emotions
        for scores in nested.left_out_scores
    ]
    accuracy = float(np.trace(matrix) / emotions)
    interval = jackknife_interval(
        _two_class(accuracy, emotions), _two_class(np.array(left_out), emotions)
    )
    return _evidence(
        interval,
        p=p_value(refits.max(axis=1)),
        table=table,
        drawn=drawn,
        detail={
            "accuracy": accuracy,
            "chance": 1 / emotions,
            "emotions": table.emotions,
            "confusion": matrix,
            "accuracy by layer": refits[0],
            "selectivity by layer": selectivity(refits),
            "layer chosen in each fold": nested.layer_of_fold,
        },
    )


def learning_evidence(activations: Array, table: ClipTable) -> Evidence:
    """Accuracy with all training templates less that with half of them.

    Layers are those that all training templates choose, for every size. `detail` has
    the curve, by prompts of each emotion that the probe has learnt from.

    Raises
    ------
    ProbeError
        As `probe_panel`, or if there are fewer than 2 templates to learn from.
    """
    folds = _folds(activations, table)
    nested = _nested(activations, table, folds)
    curve = LearningCurve(
        activations,
        table.emotion,
        fold_of_prompt=folds,
        unit_of_prompt=table.units,
        layer_of_fold=nested.layer_of_fold,
        prompt_of_clip=table.prompt_of_clip,
    )
    units = table.n_units
    orders = table.rng("learning").random((_DRAWS, units))
    all_, half = curve.largest, curve.largest // 2
    sizes = sorted({max(round(share * all_), 1) for share in _SIZES})

    def gained(gone: int | None = None) -> float:
        whole = curve.accuracy(all_, orders, gone=gone)
        return whole - curve.accuracy(half, orders, gone=gone)

    interval = jackknife_interval(
        gained(), np.array([gained(unit) for unit in range(units)])
    )
    return Evidence(
        effect=interval.estimate,
        interval=(interval.low, interval.high),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail={
            "prompts of each emotion learnt from": sizes,
            "accuracy": [curve.accuracy(size, orders) for size in sizes],
            "layer chosen in each fold": nested.layer_of_fold,
        },
    )


def probe_time_evidence(
    windows: Array, table: ClipTable, *, layers: tuple[int, ...]
) -> Evidence:
    """Accuracy in the window and layer that the training templates choose.

    Parameters
    ----------
    windows : np.ndarray, shape (clips, layers, windows, d)
        Mean over the steps of each window; zero where a window has none.
    table : ClipTable
    layers : tuple of int
        The numbers of the layers given. p is corrected for these and all windows.

    Raises
    ------
    ProbeError
        As `probe_panel`, or if there is only one window, or one without steps.
    """
    count = windows.shape[2]
    if count < 2 or not windows.any(axis=(1, 3)).all():
        msg = (
            f"`windows` must be 2 or more, each with a step, got {count}"
            f"{'' if count < 2 else ', some of them empty'}. Make longer clips."
        )
        raise ProbeError(msg)
    columns = windows.reshape(len(windows), -1, windows.shape[-1])
    folds, drawn = _design(columns, table)
    refits = pairwise_accuracy(
        columns,
        drawn.labels,
        fold_of_prompt=folds,
        prompt_of_clip=table.prompt_of_clip,
    )
    nested = _nested(columns, table, folds)
    tested = max_t(refits, exact=drawn.exact)
    shape = (len(layers), count)
    return _evidence(
        jackknife_interval(nested.accuracy, nested.left_out_accuracy),
        p=tested.p_any,
        table=table,
        drawn=drawn,
        detail={
            "layers": layers,
            "accuracy by layer and window": refits[0].reshape(shape),
            "p by layer and window": tested.p.reshape(shape),
            "selectivity by layer and window": selectivity(refits).reshape(shape),
            "layer and window chosen in each fold": [
                (layers[k // count], k % count) for k in nested.layer_of_fold
            ],
        },
    )


# --- parts ----------------------------------------------------------------------------


def _of_pairs(
    refits: Floats, nested: NestedAccuracy, table: ClipTable, drawn: Relabelings
) -> dict[frozenset[str] | int, Evidence]:
    tested = max_t(refits.reshape(len(refits), -1), exact=drawn.exact)
    p = tested.p.reshape(refits.shape[1:])
    truth = table.emotion_of_clip
    intervals = jackknife_interval(
        accuracies_of_scores(nested.scores, truth),
        np.stack([accuracies_of_scores(s, truth) for s in nested.left_out_scores]),
    )
    return {
        frozenset(pair): _evidence(
            Interval(
                estimate=float(intervals.estimate[k]),
                low=float(intervals.low[k]),
                high=float(intervals.high[k]),
                upper_one_sided=float(intervals.upper_one_sided[k]),
                units=intervals.units,
            ),
            p=float(p[:, k].min()),
            table=table,
            drawn=drawn,
            detail={
                "accuracy by layer": refits[0, :, k],
                "p by layer": p[:, k],
                "selectivity by layer": selectivity(refits[:, :, k]),
                "layer chosen in each fold": nested.layer_of_fold,
            },
        )
        for k, pair in enumerate(combinations(table.emotions, 2))
    }


def _of_layers(
    activations: Array,
    refits: Floats,
    table: ClipTable,
    folds: npt.NDArray[np.intp],
    drawn: Relabelings,
) -> tuple[Evidence, ...]:
    tested = max_t(refits, exact=drawn.exact)
    chosen = selectivity(refits)
    accuracy, left_out = layer_accuracies(
        activations,
        table.emotion,
        fold_of_prompt=folds,
        template=table.template,
        prompt_of_clip=table.prompt_of_clip,
    )
    return tuple(
        _evidence(
            jackknife_interval(float(accuracy[layer]), left_out[:, layer]),
            p=float(tested.p[layer]),
            table=table,
            drawn=drawn,
            detail={
                "accuracy with shuffled labels": float(refits[1:, layer].mean()),
                "selectivity": float(chosen[layer]),
            },
        )
        for layer in range(len(accuracy))
    )


def _evidence(
    found: Interval[float],
    *,
    p: float,
    table: ClipTable,
    drawn: Relabelings,
    detail: Mapping[str, Any],
) -> Evidence:
    return Evidence(
        effect=found.estimate,
        null=0.5,
        p=p,
        smallest_p=drawn.smallest_p,
        interval=tuple(np.clip([found.low, found.high], 0.0, 1.0).tolist()),
        upper=found.upper_one_sided,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail=detail,
    )


def _design(
    activations: Array, table: ClipTable
) -> tuple[npt.NDArray[np.intp], Relabelings]:
    """Folds, and labels that stay within them where there are no templates."""
    folds = _folds(activations, table)
    drawn = table.relabeled(
        "probe",
        count=fewer_relabelings(table),
        within=None if table.template is not None else folds,
    )
    return folds, drawn


def _folds(activations: Array, table: ClipTable) -> npt.NDArray[np.intp]:
    if not np.ptp(activations, axis=0).any():
        msg = (
            "`activations` must vary between clips, got the same for every clip. "
            "Capture them again."
        )
        raise ProbeError(msg)
    return probe_folds(table.emotion, template=table.template)


def _nested(
    activations: Array, table: ClipTable, folds: npt.NDArray[np.intp]
) -> NestedAccuracy:
    return nested_accuracy(
        activations,
        table.emotion,
        fold_of_prompt=folds,
        template=table.template,
        prompt_of_clip=table.prompt_of_clip,
    )


def _two_class(accuracy: Any, emotions: int) -> Any:
    """The same share of the way from chance to 1, where chance is .5."""
    return 0.5 + 0.5 * (accuracy - 1 / emotions) / (1 - 1 / emotions)
