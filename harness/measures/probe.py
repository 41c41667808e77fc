"""Can a line tell the emotions apart, on templates it has never seen?

The probe is a ridge classifier: least squares on one-hot targets with an intercept,
one score per emotion, fitted without the held-out fold. A pair of emotions is decided
by which of their two scores is larger, so that one fit serves all pairs.

That fit is linear in the labels, and nothing else in it depends on them: with
features, folds and penalty given, the scores are `hat @ one_hot(labels)`. Refitting
under thousands of relabelings is a matrix product, and exact. For two emotions the
difference of scores is scikit-learn's `RidgeClassifier` decision function. (Fitting
each pair on its own prompts only would change the training rows with every
relabeling; the shared fit is what makes the exact test affordable.)

Conventions
-----------
Activations have shape `(clips, layers, d)`. Labels are codes 0, 1, ... per *prompt*,
shape `(relabelings, prompts)`, row 0 observed; without `prompt_of_clip` each row of
the activations is a prompt. Folds hold whole templates, or in unmatched banks equal
numbers of prompts of each emotion; relabelings must leave that balance as it is,
which those within templates, or within folds, do. Accuracies are balanced over
emotions and lie in [0, 1]; a tie counts half. Clips are decided one by one.

References
----------
Alain & Bengio (2016), arXiv:1610.01644. Hewitt & Liang (2019),
doi:10.18653/v1/D19-1275 (control tasks). Jamalabadi et al. (2016),
doi:10.1002/hbm.23140 (imbalance reads below chance). Hastie, Tibshirani & Friedman
(2009), The Elements of Statistical Learning, equations 3.44 and 18.15.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.probe_design import (
    Design,
    ProbeError,
    make_design,
    probe_folds,
)
from harness.measures.probe_fit import held_out_hats
from harness.measures.probe_scores import (
    Decide,
    balanced,
    scores_of,
    votes,
    wins_multiclass,
    wins_pairwise,
)

__all__ = [
    "ProbeError",
    "confusion",
    "multiclass_accuracy",
    "pairwise_accuracy",
    "probe_folds",
    "selectivity",
]

_CHUNK_BYTES = 1_000_000  # of one array of scores: several stay in the cache


def pairwise_accuracy(
    activations: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    fold_of_prompt: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike | None = None,
    covariates: npt.ArrayLike | None = None,
    alpha: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Mean over pairs of emotions of the balanced accuracy on held-out folds.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
        Or (prompts, layers, d) without `prompt_of_clip`.
    labels : array_like of int, shape (relabelings, prompts)
    fold_of_prompt : array_like of int, shape (prompts,)
    prompt_of_clip : array_like of int, shape (clips,), optional
    covariates : array_like, shape (clips, columns), optional
        Regressed out of the activations inside every training fold, NaN where
        unmeasured; see `probe_covariates`. Labels are shuffled against what is left.
    alpha : float
        Ridge penalty, where centred rows have a mean square norm of 1.

    Returns
    -------
    np.ndarray, shape (relabelings, layers)
        On the documents' two-class scale: chance is .5 for any number of emotions.

    Raises
    ------
    ProbeError
        If shapes disagree, a value is not finite, a training set lacks an emotion, or
        a relabeling changes the number of prompts per emotion in a fold.
    """
    design = make_design(
        activations, labels, fold_of_prompt, prompt_of_clip, alpha, covariates
    )
    return _accuracies(design, wins_pairwise)


def multiclass_accuracy(
    activations: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    fold_of_prompt: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike | None = None,
    alpha: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Balanced accuracy of the highest score among all emotions.

    Parameters, shapes and errors are those of `pairwise_accuracy`; chance is one over
    the number of emotions.
    """
    design = make_design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    return _accuracies(design, wins_multiclass)


def confusion(
    activations: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    fold_of_prompt: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike | None = None,
    alpha: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Which emotion the held-out clips of each emotion are taken for.

    Parameters
    ----------
    activations, fold_of_prompt, prompt_of_clip, alpha
        As in `pairwise_accuracy`.
    emotion : array_like of int, shape (prompts,)

    Returns
    -------
    np.ndarray, shape (layers, emotions, emotions)
        Rows are the true emotions and sum to 1; the mean of the diagonal is
        `multiclass_accuracy`. Emotions that tie share the clip.

    Raises
    ------
    ProbeError
        As `pairwise_accuracy`.
    """
    labels = np.asarray(emotion)[None]
    design = make_design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    truth = np.eye(design.emotions)[design.labels[0, design.prompt_of_clip]]
    matrices = []
    for hat in held_out_hats(design):
        cast = votes(scores_of(hat, design.labels, design.emotions))[:, :, 0]
        matrices.append((cast @ truth).T / truth.sum(axis=0)[:, None])
    return np.stack(matrices)


def selectivity(accuracies: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Accuracy minus the mean accuracy on control tasks (Hewitt & Liang, 2019).

    Parameters
    ----------
    accuracies : np.ndarray, shape (relabelings, layers)
        Row 0 is the observed labelling; the others give each prompt a random emotion.

    Returns
    -------
    np.ndarray, shape (layers,)

    Raises
    ------
    ProbeError
        If there is no control task.
    """
    if accuracies.ndim != 2 or len(accuracies) < 2:
        msg = (
            "`accuracies` must have shape (relabelings, layers) with 2 rows or more,"
            f" got {accuracies.shape}. Row 0 is the observed labelling."
        )
        raise ProbeError(msg)
    difference: npt.NDArray[np.float64] = accuracies[0] - accuracies[1:].mean(axis=0)
    return difference


def _accuracies(design: Design, decide: Decide) -> npt.NDArray[np.float64]:
    """Balanced accuracy of every relabeling and layer."""
    relabelings, clips = len(design.labels), design.prompt_of_clip.size
    out = np.empty((relabelings, design.activations.shape[1]))
    chunk = max(1, _CHUNK_BYTES // (8 * clips * design.emotions))
    for layer, hat in enumerate(held_out_hats(design)):
        for start in range(0, relabelings, chunk):
            part = design.labels[start : start + chunk]
            truth = part.T[design.prompt_of_clip]
            wins = decide(scores_of(hat, part, design.emotions), truth)
            out[start : start + chunk, layer] = balanced(wins, truth, design.emotions)
    return out
