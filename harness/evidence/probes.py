"""Evidence of claims about what a linear probe reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats, fewer_relabelings, smallest_p
from harness.evidence.qualifiers import Rung, as_detail, qualifier_of
from harness.inference.jackknife import jackknife_interval
from harness.inference.relabel import p_value
from harness.measures.probe import (
    ProbeError,
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
    acoustics: Array | None = None,
    text: Array | None = None,
    alpha: float = 0.0,
) -> Evidence:
    """Accuracy of a linear probe for two emotions on templates it has not seen.

    The layer is chosen on the training templates; p is for the best layer of every
    relabeling, refitted. It is looked for again, and qualified as `qualifier_of` says:

    - in `null`, the half that never saw the words;
    - there (or else in `activations`) with `acoustics` regressed out in the training
      folds: tempo, loudness and brightness `(clips, 3)`, NaN where unmeasured, and
      their squares, since activations need not be straight in them;
    - in `activations` with `text` regressed out, the text as the model read it
      `(clips, d)`. In matched templates the text determines the emotion; what is left
      is only what the music adds to what its words make one expect. So little is left
      that silence here means nothing, and no qualifier reads it.

    Raises
    ------
    ProbeError
        If `activations` are not finite or the same for every clip, or there are too
        few prompts.
    """
    if not np.ptp(activations, axis=0).any():
        msg = (
            "`activations` must vary between clips, got the same for every clip. "
            "Capture them again."
        )
        raise ProbeError(msg)
    folds = probe_folds(table.emotion, template=table.template)
    nested = nested_accuracy(
        activations,
        table.emotion,
        fold_of_prompt=folds,
        template=table.template,
        prompt_of_clip=table.prompt_of_clip,
    )
    accuracies, found = _probed("conditional", activations, table, folds)
    interval = jackknife_interval(nested.accuracy, nested.left_out_accuracy)
    best = int(np.argmax(accuracies[0]))
    detail: dict[str, Any] = {
        "accuracy by layer": accuracies[0],
        "accuracy with shuffled labels": float(accuracies.mean()),
        "selectivity": float(selectivity(accuracies)[best]),
        "layer chosen in each fold": nested.layer_of_fold,
        "confusion": _confusion(activations, table, folds, best),
    }
    rungs = [found]
    if table.words_recur:
        apart = table.sentences
        own_folds = probe_folds(apart.emotion, template=apart.template)
        rungs.append(
            _probed("every sentence for itself", activations, apart, own_folds)[1]
        )
    if null is not None:
        heard = _probed("null half", null, table, folds)[1]
        detail |= {"null half, best layer": heard.effect, "null half, p": heard.p}
        rungs.append(heard)
    if acoustics is not None:
        where = activations if null is None else null
        columns = _with_squares(acoustics)
        rungs.append(
            _probed("acoustics regressed out", where, table, folds, columns)[1]
        )
    if text is not None:
        rungs.append(_probed("text regressed out", activations, table, folds, text)[1])
    documented = documented_accuracy(activations, table.emotion_of_clip, layers=[best])
    return Evidence(
        effect=nested.accuracy,
        null=0.5,
        p=found.p,
        smallest_p=found.smallest_p,
        interval=tuple(np.clip([interval.low, interval.high], 0.0, 1.0).tolist()),
        upper=interval.upper_one_sided,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"5-fold accuracy over clips, best layer": float(documented[0])},
        qualifier=qualifier_of(rungs, alpha),
        detail=detail | {"ladder": as_detail(rungs)},
    )


def _probed(
    rung: str,
    activations: Array,
    table: ClipTable,
    folds: npt.NDArray[np.intp],
    covariates: Array | None = None,
) -> tuple[Floats, Rung]:
    """Accuracy `(relabelings, layers)`, and its maximum over layers with its p."""
    count = fewer_relabelings(table)
    drawn = table.relabeled(
        "probe",
        count=count,
        # Without templates, labels move within folds, so that folds stay balanced.
        within=None if table.template is not None else folds,
    )
    accuracies = pairwise_accuracy(
        activations,
        drawn.labels,
        fold_of_prompt=folds,
        prompt_of_clip=table.prompt_of_clip,
        covariates=covariates,
    )
    largest = accuracies.max(axis=1)
    found = Rung(
        rung=rung,
        effect=float(largest[0]),
        p=p_value(largest),
        smallest_p=smallest_p(table, count),
    )
    return accuracies, found


def _with_squares(values: Array) -> Floats:
    """The columns, and the squares of their deviations from their means."""
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    deviations = values - np.where(known, values, 0.0).sum(axis=0) / counts
    return np.hstack([values, deviations**2]).astype(np.float64)


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
