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

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np
import numpy.typing as npt

from harness.measures.similarity import balanced_units

__all__ = [
    "NestedAccuracy",
    "ProbeError",
    "confusion",
    "documented_accuracy",
    "multiclass_accuracy",
    "nested_accuracy",
    "pairwise_accuracy",
    "probe_folds",
    "selectivity",
]

_CHUNK_BYTES = 50_000_000
_TIE = 1e-9  # scores are of order 1; closer ones are the same


class ProbeError(ValueError):
    """The folds, labels or activations do not make a fair probe."""


def probe_folds(
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
    folds: int = 5,
) -> npt.NDArray[np.intp]:
    """Put whole templates into folds, or without them prompts, balanced over emotions.

    Parameters
    ----------
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional
    folds : int
        At most; there are never more than templates (or prompts of an emotion).

    Returns
    -------
    np.ndarray of int, shape (prompts,)
        The fold of each prompt, numbered from 0.

    Raises
    ------
    ProbeError
        If fewer than 2 folds can be made.
    """
    unit = balanced_units(emotion, template=template)
    units = int(unit.max()) + 1
    if min(folds, units) < 2:
        msg = (
            f"`folds` must be at least 2 with as many templates, got {folds} and"
            f" {units}. Add templates to the bank."
        )
        raise ProbeError(msg)
    return np.asarray(unit % min(folds, units), np.intp)


def pairwise_accuracy(
    activations: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    fold_of_prompt: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike | None = None,
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
    alpha : float
        Ridge penalty, where training rows have a mean square norm of 1.

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
    design = _design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    return _accuracies(design, _wins_pairwise)


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
    design = _design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    return _accuracies(design, _wins_multiclass)


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
    design = _design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    truth = np.eye(design.emotions)[design.labels[0, design.prompt_of_clip]]
    matrices = []
    for hat in _hats(design):
        votes = _votes(_scores(hat, design.labels, design.emotions))[:, :, 0]
        matrices.append((votes @ truth).T / truth.sum(axis=0)[:, None])
    return np.stack(matrices)


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
    design = _design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    folds = np.unique(design.fold_of_clip)
    if folds.size < 3:
        msg = f"`fold_of_prompt` must hold 3 folds or more, got {folds.size}."
        raise ProbeError(msg)
    kernels = list(_kernels(design.activations))
    inner = [[_inner_accuracy(k, design, outer) for k in kernels] for outer in folds]
    chosen = np.argmax(inner, axis=1)
    outer_kernels = [kernels[layer] for layer in chosen]
    unit = balanced_units(emotion, template=template)[design.prompt_of_clip]
    everyone = np.ones(unit.size, np.bool_)
    wins = _outer_wins(outer_kernels, design, everyone)
    left_out = [
        _kept_accuracy(_outer_wins(outer_kernels, design, kept), design, kept)
        for kept in unit != np.arange(unit.max() + 1)[:, None]
    ]
    return NestedAccuracy(
        accuracy=_kept_accuracy(wins, design, everyone),
        layer_of_fold=tuple(chosen.tolist()),
        unit_accuracy=np.bincount(unit, wins[:, 0]) / np.bincount(unit),
        left_out_accuracy=np.array(left_out, np.float64),
    )


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


def documented_accuracy(
    activations: npt.ArrayLike,
    emotion_of_clip: npt.ArrayLike,
    *,
    layers: Sequence[int] | None = None,
) -> npt.NDArray[np.float64]:
    """The documents' own number: logistic regression, 5 stratified folds of clips.

    Clips of one prompt stand on both sides of a split, so it reads prompts as
    emotions; it is reported beside the honest accuracy, never decided on.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    emotion_of_clip : array_like, shape (clips,)
    layers : sequence of int, optional
        Only these: 5 fits per pair of emotions take seconds per layer.

    Returns
    -------
    np.ndarray, shape (layers,)
        Mean over pairs of emotions.

    Raises
    ------
    ProbeError
        If the shape is wrong, a value is not finite, or an emotion has one clip.
    """
    # Imported here: half a second that nothing else in this file needs.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    array, emotion = _checked_activations(activations), np.asarray(emotion_of_clip)
    names, counts = np.unique(emotion, return_counts=True)
    if emotion.shape != (len(array),) or names.size < 2 or counts.min() < 2:
        msg = (
            f"`emotion_of_clip` must give {len(array)} clips 2 emotions of 2 clips or"
            f" more, got {dict(zip(names.tolist(), counts.tolist(), strict=True))}."
        )
        raise ProbeError(msg)
    wanted = range(array.shape[1]) if layers is None else layers
    accuracies = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for layer in wanted:
            pairs = []
            for pair in combinations(names, 2):
                rows = np.isin(emotion, pair)
                scores = cross_val_score(
                    LogisticRegression(),
                    array[rows, layer],
                    emotion[rows],
                    cv=min(
                        5, int(np.unique(emotion[rows], return_counts=True)[1].min())
                    ),
                )
                pairs.append(float(np.mean(scores)))
            accuracies.append(np.mean(pairs))
    return np.array(accuracies, np.float64)


def _checked_activations(activations: npt.ArrayLike) -> npt.NDArray[np.floating]:
    array = np.asarray(activations)
    if array.ndim != 3 or 0 in array.shape:
        msg = f"`activations` must have shape (clips, layers, d), got {array.shape}."
        raise ProbeError(msg)
    if not np.isfinite(array).all():
        msg = "`activations` must be finite, got NaN or infinity. Capture them again."
        raise ProbeError(msg)
    return array


def _design(
    activations: npt.ArrayLike,
    labels: npt.ArrayLike,
    fold_of_prompt: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike | None,
    alpha: float,
) -> _Design:
    array = _checked_activations(activations)
    rows, fold = np.asarray(labels), np.asarray(fold_of_prompt)
    prompt = np.arange(len(array)) if prompt_of_clip is None else prompt_of_clip
    prompts = np.asarray(prompt)
    if (
        rows.ndim != 2
        or fold.shape != rows.shape[1:]
        or prompts.shape != (len(array),)
        or not np.array_equal(np.unique(prompts), np.arange(fold.size))
    ):
        msg = (
            "`labels` must have shape (relabelings, prompts), `fold_of_prompt`"
            " (prompts,), and every clip one of these prompts, got"
            f" {rows.shape}, {fold.shape} and {len(array)} clips of"
            f" {np.unique(prompts).size} prompts."
        )
        raise ProbeError(msg)
    if not np.issubdtype(rows.dtype, np.integer) or rows.min() < 0 or rows.max() < 1:
        msg = "`labels` must be emotion codes 0, 1, ... with 2 emotions or more."
        raise ProbeError(msg)
    if alpha <= 0:
        msg = f"`alpha` must be positive, got {alpha}. The default is 1."
        raise ProbeError(msg)
    emotions = int(rows.max()) + 1
    _check_balance(rows, fold, emotions)
    return _Design(
        activations=array,
        labels=rows.astype(np.intp),
        fold_of_clip=np.asarray(fold[prompts], np.intp),
        prompt_of_clip=np.asarray(prompts, np.intp),
        alpha=alpha,
        emotions=emotions,
    )


def _check_balance(
    rows: npt.NDArray[np.generic], fold: npt.NDArray[np.generic], emotions: int
) -> None:
    """Every row has the same emotions in every fold, and every training set has all.

    Were the folds balanced for the observed labels alone, only these would be spared
    the below-chance bias of unbalanced folds: free relabelings then average .43, and
    a test at 5 % rejects 19 % of nulls (4 emotions x 5 prompts x 2, ICC .3).
    """
    membership = (fold[:, None] == np.unique(fold)).astype(np.float64)
    for emotion in range(emotions):
        counts = (rows == emotion).astype(np.float64) @ membership
        if not (counts == counts[0]).all():
            msg = (
                "`labels` must keep the number of prompts per emotion in every fold."
                " Draw the relabelings within templates, or within folds by passing"
                " the folds as `cohort`."
            )
            raise ProbeError(msg)
        if (counts[0] == counts[0].sum()).any():
            msg = (
                f"`fold_of_prompt` must leave emotion {emotion} in every training set,"
                " got a fold that holds all of it. Use `probe_folds`."
            )
            raise ProbeError(msg)


def _accuracies(design: _Design, decide: _Decide) -> npt.NDArray[np.float64]:
    """Balanced accuracy of every relabeling and layer."""
    relabelings, clips = len(design.labels), design.prompt_of_clip.size
    out = np.empty((relabelings, design.activations.shape[1]))
    chunk = max(1, _CHUNK_BYTES // (8 * clips * design.emotions))
    for layer, hat in enumerate(_hats(design)):
        for start in range(0, relabelings, chunk):
            part = design.labels[start : start + chunk]
            truth = part.T[design.prompt_of_clip]
            wins = decide(_scores(hat, part, design.emotions), truth)
            out[start : start + chunk, layer] = _balanced(wins, truth, design.emotions)
    return out


def _hats(design: _Design) -> Iterator[npt.NDArray[np.float64]]:
    """Per layer, the held-out scores of clips as a function of the prompts' labels."""
    for kernel in _kernels(design.activations):
        hat = np.empty((len(kernel), design.labels.shape[1]))
        for fold in np.unique(design.fold_of_clip):
            held_out = design.fold_of_clip == fold
            hat[held_out] = _fold_hat(kernel, ~held_out, held_out, design)
        yield hat


def _kernels(
    activations: npt.NDArray[np.floating],
) -> Iterator[npt.NDArray[np.float64]]:
    """Inner products of the clips, (clips, clips) per layer."""
    for layer in range(activations.shape[1]):
        values = activations[:, layer].astype(np.float64)
        values -= values[0]
        values -= values.mean(axis=0)
        yield values @ values.T


def _fold_hat(
    kernel: npt.NDArray[np.float64],
    train: npt.NDArray[np.bool_],
    test: npt.NDArray[np.bool_],
    design: _Design,
) -> npt.NDArray[np.float64]:
    """Ridge with intercept in its dual form, (test clips, prompts)."""
    fitted = kernel[np.ix_(train, train)]
    column_means = fitted.mean(axis=0)
    fitted = fitted - column_means - column_means[:, None] + column_means.mean()
    across = kernel[np.ix_(test, train)] - column_means
    scale = np.trace(fitted) / len(fitted)
    if scale > 1e-12 * np.trace(kernel):
        penalised = fitted / scale + design.alpha * np.eye(len(fitted))
        weights = np.linalg.solve(penalised, across.T / scale).T
    else:
        weights = np.zeros_like(across)  # no training clip differs: intercept only
    # Targets are centred by their training mean, which the intercept gives back. (So
    # a constant in a row of `across`, what its own centring would remove, drops out.)
    weights += 1 / len(fitted) - weights.mean(axis=1)[:, None]
    prompts = design.labels.shape[1]
    membership = design.prompt_of_clip[train][:, None] == np.arange(prompts)
    hat: npt.NDArray[np.float64] = weights @ membership.astype(np.float64)
    return hat


def _scores(
    hat: npt.NDArray[np.float64], labels: npt.NDArray[np.intp], emotions: int
) -> npt.NDArray[np.float64]:
    """Scores of every clip for every emotion, (emotions, clips, relabelings)."""
    targets = np.arange(emotions)[:, None, None] == labels.T
    scores: npt.NDArray[np.float64] = hat @ targets.astype(np.float64)
    return scores


def _wins_pairwise(
    scores: npt.NDArray[np.float64], truth: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Share of the other emotions that each clip's own one beats, (clips, rows)."""
    own = np.take_along_axis(scores, truth[None], axis=0)[0]
    beaten = np.full(own.shape, -0.5)  # every emotion ties with itself
    for score in scores:
        lead = own - score
        beaten += 0.5 * (lead > _TIE) + 0.5 * (lead >= -_TIE)
    beaten /= len(scores) - 1
    return beaten


def _wins_multiclass(
    scores: npt.NDArray[np.float64], truth: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    votes: npt.NDArray[np.float64] = np.take_along_axis(
        _votes(scores), truth[None], axis=0
    )[0]
    return votes


def _votes(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """One vote per clip, for its highest score, shared by those that tie."""
    top = scores >= scores.max(axis=0) - _TIE
    votes: npt.NDArray[np.float64] = top / top.sum(axis=0)
    return votes


def _balanced(
    wins: npt.NDArray[np.float64], truth: npt.NDArray[np.intp], emotions: int
) -> npt.NDArray[np.float64]:
    """Mean over emotions of the mean over their clips, (relabelings,)."""
    total = np.zeros(wins.shape[1])
    for emotion in range(emotions):
        members = truth == emotion
        total += np.sum(wins * members, axis=0) / members.sum(axis=0)
    return total / emotions


def _inner_accuracy(
    kernel: npt.NDArray[np.float64], design: _Design, outer: int
) -> float:
    """Cross-validated accuracy on everything but the outer fold."""
    kept = design.fold_of_clip != outer
    folds = np.unique(design.fold_of_clip)
    wins = _outer_wins([kernel] * folds.size, design, kept)
    return _kept_accuracy(wins, design, kept)


def _outer_wins(
    kernels: Sequence[npt.NDArray[np.float64]],
    design: _Design,
    kept: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    """Held-out wins of the clips in `kept`, one kernel per fold, (clips, 1)."""
    truth = design.labels.T[design.prompt_of_clip]
    wins = np.zeros((kept.size, 1))
    for fold, kernel in zip(np.unique(design.fold_of_clip), kernels, strict=True):
        test = kept & (design.fold_of_clip == fold)
        if test.any():
            hat = _fold_hat(kernel, kept & ~test, test, design)
            scores = _scores(hat, design.labels, design.emotions)
            wins[test] = _wins_pairwise(scores, truth[test])
    return wins


def _kept_accuracy(
    wins: npt.NDArray[np.float64], design: _Design, kept: npt.NDArray[np.bool_]
) -> float:
    truth = design.labels.T[design.prompt_of_clip]
    return float(_balanced(wins[kept], truth[kept], design.emotions)[0])


class _Decide(Protocol):
    def __call__(
        self, scores: npt.NDArray[np.float64], truth: npt.NDArray[np.intp], /
    ) -> npt.NDArray[np.float64]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    """Checked inputs of a probe."""

    activations: npt.NDArray[np.floating]  # (clips, layers, d)
    labels: npt.NDArray[np.intp]  # (relabelings, prompts)
    fold_of_clip: npt.NDArray[np.intp]  # (clips,)
    prompt_of_clip: npt.NDArray[np.intp]  # (clips,)
    alpha: float
    emotions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedAccuracy:
    """Held-out pairwise accuracy of a layer that was chosen elsewhere."""

    accuracy: float
    layer_of_fold: tuple[int, ...]  # the layer chosen for each outer fold
    unit_accuracy: npt.NDArray[np.float64]  # (units,), see `balanced_units`
    # (units,): refitted without one unit, same layers. For `jackknife_interval`; an
    # interval over `unit_accuracy` would be too short, for the fits share their data.
    left_out_accuracy: npt.NDArray[np.float64]
