"""Evidence of claims about what a linear probe reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import (
    Array,
    fewer_relabelings,
    qualifier_of,
    smallest_p,
)
from harness.inference.jackknife import jackknife_interval
from harness.inference.relabel import p_value
from harness.measures.probe import (
    confusion,
    pairwise_accuracy,
    probe_folds,
    selectivity,
)
from harness.measures.probe_documented import documented_accuracy
from harness.measures.probe_nested import nested_accuracy
from harness.verdict import Evidence

__all__ = ["probe_evidence"]


def probe_evidence(
    activations: Array,
    table: ClipTable,
    *,
    null: Array | None = None,
    alpha: float = 0.0,
) -> Evidence:
    """Accuracy of a linear probe for two emotions on templates it has not seen.

    The layer is chosen on the training templates; p is for the best layer of every
    relabeling, refitted. Qualified as `signal_evidence` is.
    """
    folds = probe_folds(table.emotion, template=table.template)
    nested = nested_accuracy(
        activations,
        table.emotion,
        fold_of_prompt=folds,
        template=table.template,
        prompt_of_clip=table.prompt_of_clip,
    )
    accuracies, p = _probe_p(activations, table, folds)
    interval = jackknife_interval(nested.accuracy, nested.left_out_accuracy)
    best = int(np.argmax(accuracies[0]))
    detail: dict[str, Any] = {
        "accuracy by layer": accuracies[0],
        "accuracy with shuffled labels": float(accuracies.mean()),
        "selectivity": float(selectivity(accuracies)[best]),
        "layer chosen in each fold": nested.layer_of_fold,
        "confusion": _confusion(activations, table, folds, best),
    }
    qualifier = None
    if null is not None:
        heard, p_heard = _probe_p(null, table, folds)
        detail |= {
            "null half, best layer": float(heard[0].max()),
            "null half, p": p_heard,
        }
        qualifier = qualifier_of(p, p_heard, alpha)
    documented = documented_accuracy(activations, table.emotion_of_clip, layers=[best])
    return Evidence(
        effect=nested.accuracy,
        p=p,
        smallest_p=smallest_p(table, fewer_relabelings(table)),
        interval=tuple(np.clip([interval.low, interval.high], 0.0, 1.0).tolist()),
        upper=interval.upper_one_sided,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"5-fold accuracy over clips, best layer": float(documented[0])},
        qualifier=qualifier,
        detail=detail,
    )


def _probe_p(
    activations: Array, table: ClipTable, folds: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64], float]:
    """Accuracy `(relabelings, layers)`, and the p of its maximum over layers."""
    drawn = table.relabeled(
        "probe",
        count=fewer_relabelings(table),
        # Without templates, labels move within folds, so that folds stay balanced.
        within=None if table.template is not None else folds,
    )
    accuracies = pairwise_accuracy(
        activations,
        drawn.labels,
        fold_of_prompt=folds,
        prompt_of_clip=table.prompt_of_clip,
    )
    return accuracies, p_value(accuracies.max(axis=1))


def _confusion(
    activations: Array, table: ClipTable, folds: npt.NDArray[np.intp], layer: int
) -> Mapping[str, Any]:
    counts = confusion(
        activations[:, layer : layer + 1],
        table.emotion,
        fold_of_prompt=folds,
        prompt_of_clip=table.prompt_of_clip,
    )
    return {"emotions": table.emotions, "share": np.squeeze(counts)}
