"""The accuracy of the best layer, chosen without the clips that it is scored on.

Conventions
-----------
As in `probe`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from harness.measures.probe_design import Design, ProbeError, make_design
from harness.measures.probe_fit import kernels, left_out_scores, resolvent
from harness.measures.probe_scores import balanced, wins_pairwise
from harness.measures.similarity import balanced_units

__all__ = ["NestedAccuracy", "layer_accuracies", "nested_accuracy"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedAccuracy:
    """Held-out pairwise accuracy of a layer that was chosen elsewhere."""

    accuracy: float
    layer_of_fold: tuple[int, ...]  # the layer chosen for each outer fold
    unit_accuracy: npt.NDArray[np.float64]  # (units,), see `balanced_units`
    # (units,): refitted without one unit, same layers and penalty. For
    # `jackknife_interval`; an interval over `unit_accuracy` would be too short, for the
    # fits share their data.
    left_out_accuracy: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]  # (clips, emotions), held out
    # (units, clips, emotions): the same without one unit, whose own clips are NaN.
    left_out_scores: npt.NDArray[np.float64]


def nested_accuracy(
    activations: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    fold_of_prompt: npt.ArrayLike,
    template: npt.ArrayLike | None = None,
    prompt_of_clip: npt.ArrayLike | None = None,
    alpha: float = 1.0,
) -> NestedAccuracy:
    """Pairwise accuracy of the best layer, chosen without the clips it is scored on.

    For each outer fold, the other folds are cross-validated among themselves in every
    layer; the best layer is then fitted on all of them and scored on the outer fold.
    Under the null this is .5 on average, which the best layer's own accuracy is not.

    Parameters
    ----------
    activations, fold_of_prompt, prompt_of_clip, alpha
        As in `pairwise_accuracy`; 3 folds or more.
    emotion : array_like of int, shape (prompts,)
    template : array_like, shape (prompts,), optional
        The units of the interval; without it, the k-th prompts of all emotions are.

    Returns
    -------
    NestedAccuracy

    Raises
    ------
    ProbeError
        As `pairwise_accuracy`, or with fewer than 3 folds.
    """
    labels = np.asarray(emotion)[None]
    design = make_design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    if design.folds.size < 3:
        msg = f"`fold_of_prompt` must hold 3 folds or more, got {design.folds.size}."
        raise ProbeError(msg)
    inverses = [resolvent(k, alpha) for k in kernels(design.activations)]
    inner = np.stack([_inner_accuracies(inverse, design) for inverse in inverses])
    chosen = np.argmax(inner, axis=0)
    outer = [inverses[layer] for layer in chosen]
    unit = balanced_units(emotion, template=template)[design.prompt_of_clip]
    nobody = np.zeros(unit.size, np.bool_)
    scores = _outer_scores(outer, design, nobody)
    wins = _wins(scores, design, ~nobody)
    each = unit == np.arange(unit.max() + 1)[:, None]
    without = np.stack([_outer_scores(outer, design, gone) for gone in each])
    left_out = [
        _accuracy_of(row, design, ~gone)
        for row, gone in zip(without, each, strict=True)
    ]
    return NestedAccuracy(
        accuracy=_accuracy(wins, design, ~nobody),
        layer_of_fold=tuple(chosen.tolist()),
        unit_accuracy=np.bincount(unit, wins) / np.bincount(unit),
        left_out_accuracy=np.array(left_out, np.float64),
        scores=scores,
        left_out_scores=without,
    )


def layer_accuracies(
    activations: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    fold_of_prompt: npt.ArrayLike,
    template: npt.ArrayLike | None = None,
    prompt_of_clip: npt.ArrayLike | None = None,
    alpha: float = 1.0,
) -> tuple[Floats, Floats]:
    """Held-out pairwise accuracy of every layer, and the same without each unit.

    Parameters and errors are those of `nested_accuracy`, but that 2 folds are enough.

    Returns
    -------
    accuracy : np.ndarray, shape (layers,)
    left_out : np.ndarray, shape (units, layers)
        For `jackknife_interval`.
    """
    labels = np.asarray(emotion)[None]
    design = make_design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    unit = balanced_units(emotion, template=template)[design.prompt_of_clip]
    nobody = np.zeros((1, unit.size), np.bool_)
    gone = np.concatenate([nobody, unit == np.arange(unit.max() + 1)[:, None]])
    found = np.empty((len(gone), design.activations.shape[1]))
    for layer, kernel in enumerate(kernels(design.activations)):
        same = [resolvent(kernel, alpha)] * design.folds.size
        for row, without in enumerate(gone):
            scores = _outer_scores(same, design, without)
            found[row, layer] = _accuracy_of(scores, design, ~without)
    return found[0], found[1:]


def _inner_accuracies(inverse: Floats, design: Design) -> Floats:
    """Cross-validated accuracy of one layer on everything but each outer fold.

    A fit without two folds is the inner fit of either, within the other.
    """
    tests = [design.fold_of_clip == fold for fold in design.folds]
    targets = _targets(design)
    wins = np.zeros((len(tests), len(targets)))
    for (a, one), (b, other) in combinations(enumerate(tests), 2):
        both = one | other
        found = np.zeros(len(targets))
        found[both] = _wins(left_out_scores(inverse, targets, both), design, both)
        wins[a, other] = found[other]
        wins[b, one] = found[one]
    pairs = zip(wins, tests, strict=True)
    return np.array([_accuracy(row, design, ~outer) for row, outer in pairs])


def _outer_scores(inverses: Sequence[Floats], design: Design, gone: Mask) -> Floats:
    """Held-out scores, one layer per fold, `(clips, emotions)`; NaN where `gone`."""
    targets = _targets(design)
    found = np.full(targets.shape, np.nan)
    for fold, inverse in zip(design.folds, inverses, strict=True):
        test = design.fold_of_clip == fold
        scored = test & ~gone
        if scored.any():
            found[scored] = left_out_scores(inverse, targets, test | gone, scored)
    return found


def _targets(design: Design) -> Floats:
    return np.eye(design.emotions)[design.labels[0, design.prompt_of_clip]]


def _wins(scores: Floats, design: Design, scored: Mask) -> Floats:
    """Of scores `(scored, emotions)`."""
    truth = design.labels[0, design.prompt_of_clip[scored]]
    won: Floats = wins_pairwise(scores.T[:, :, None], truth[:, None])[:, 0]
    return won


def _accuracy_of(scores: Floats, design: Design, kept: Mask) -> float:
    wins = np.zeros(kept.size)
    wins[kept] = _wins(scores[kept], design, kept)
    return _accuracy(wins, design, kept)


def _accuracy(wins: Floats, design: Design, kept: Mask) -> float:
    truth = design.labels[0, design.prompt_of_clip[kept]]
    return float(balanced(wins[kept, None], truth[:, None], design.emotions)[0])
