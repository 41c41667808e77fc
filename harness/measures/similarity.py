"""Do clips of one emotion resemble each other more than clips of different emotions?

Cosines are taken after the grand mean over all clips is subtracted, so that a signal
of .02 is about 2 % of the variance of the activations. On raw cosines near .95 the
same .02 would be 40 % of what varies at all.

Conventions
-----------
Activations have shape `(clips, layers, d)`. `prompt_of_clip` numbers the prompts from
0; emotions and templates are per prompt unless a name says otherwise, and only
compared for equality. A Gram matrix has shape `(layers, prompts, prompts)` and holds
the mean centred cosine over pairs of clips. Signals are dimensionless, positive when
clips of one emotion are alike.

References
----------
Kriegeskorte, Mur & Bandettini (2008), doi:10.3389/neuro.06.004.2008 (all tests read
one matrix of pairs). Critical Reality Check, "No Control Test" (same prompt twice).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = [
    "ControlSimilarity",
    "RawCosine",
    "SimilarityError",
    "balanced_units",
    "control_similarity",
    "emotion_signal",
    "emotion_signals",
    "prompt_gram",
    "raw_cosine_signal",
    "signal_of_units",
    "unit_vectors",
]

_CHUNK_BYTES = 100_000_000
_ZERO = 1e-12  # a centred norm below this share of the layer's largest is rounding


class SimilarityError(ValueError):
    """The activations or the design hold no pairs to compare."""


def unit_vectors(activations: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Centre on the grand mean over clips and scale to length 1, layer by layer.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)

    Returns
    -------
    np.ndarray, shape (clips, layers, d)
        A clip that lies on the grand mean gives zeros, as does a layer in which all
        clips are the same.

    Raises
    ------
    SimilarityError
        If the shape is wrong, a value is not finite, or all clips are identical in
        every layer.
    """
    array = _checked_activations(activations)
    layers = [_layer_units(array[:, layer]) for layer in range(array.shape[1])]
    return np.stack(layers, axis=1)


def prompt_gram(
    activations: npt.ArrayLike, prompt_of_clip: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Mean centred cosine between the clips of every two prompts.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    prompt_of_clip : array_like of int, shape (clips,)
        Every number from 0 to prompts - 1 occurs.

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        U U^T with U the prompt means of the unit vectors. The diagonal contains each
        clip's cosine with itself and is read by no statistic.

    Raises
    ------
    SimilarityError
        As `unit_vectors`, or if the prompts are not numbered from 0 without gaps.
    """
    array = _checked_activations(activations)
    prompt = _checked_prompts(prompt_of_clip, len(array))
    order = np.argsort(prompt, kind="stable")
    counts = np.bincount(prompt)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    gram = np.empty((array.shape[1], counts.size, counts.size))
    for layer in range(array.shape[1]):
        units = _layer_units(array[order, layer])
        means = np.add.reduceat(units, starts, axis=0) / counts[:, None]
        gram[layer] = means @ means.T
    return gram


def emotion_signal(
    gram: npt.NDArray[np.float64],
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """Mean similarity within emotions minus mean similarity between them.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional
        With matched templates: pairs of one template are left out of both means,
        because they share their words and are never of one emotion.

    Returns
    -------
    np.ndarray, shape (layers,)

    Raises
    ------
    SimilarityError
        If no pair, or every pair, is of one emotion.
    """
    signal: npt.NDArray[np.float64] = emotion_signals(
        gram, np.asarray(emotion)[None], template=template
    )[0]
    return signal


def emotion_signals(
    gram: npt.NDArray[np.float64],
    labels: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """`emotion_signal` under many labelings at once.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
    labels : array_like, shape (relabelings, prompts)
    template : array_like, shape (prompts,), optional

    Returns
    -------
    np.ndarray, shape (relabelings, layers)
        In chunks that keep the memory below about 200 MB.

    Raises
    ------
    SimilarityError
        If shapes disagree, or a labelling has no pair within or none between.
    """
    rows = _checked_labels(gram, labels)
    first, second = _pairs(rows.shape[1], template)
    values = gram[:, first, second].T
    total = values.sum(axis=0)
    out = np.empty((len(rows), len(gram)))
    chunk = max(1, _CHUNK_BYTES // (8 * max(1, first.size)))
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk]
        same = (part[:, first] == part[:, second]).astype(np.float64)
        within = same.sum(axis=1)[:, None]
        if within.min(initial=np.inf) == 0 or within.max(initial=0) == first.size:
            msg = (
                "`labels` must leave pairs within and between emotions, got"
                f" {int(within.min())} to {int(within.max())} of {first.size} within."
                " Use 2 emotions and 2 templates or more."
            )
            raise SimilarityError(msg)
        sums = same @ values
        out[start : start + chunk] = sums / within - (total - sums) / (
            first.size - within
        )
    return out


def signal_of_units(
    gram: npt.NDArray[np.float64],
    emotion: npt.ArrayLike,
    *,
    unit_of_prompt: npt.ArrayLike,
    template: npt.ArrayLike | None = None,
) -> Callable[[npt.NDArray[np.bool_]], npt.NDArray[np.float64]]:
    """`emotion_signal` as a function of the units kept, for intervals and splits.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
    emotion : array_like, shape (prompts,)
    unit_of_prompt : array_like of int, shape (prompts,)
        The unit of each prompt, numbered from 0: its template where these are matched.
    template : array_like, shape (prompts,), optional

    Returns
    -------
    callable
        Takes a boolean mask over units, returns the signal, shape `(layers,)`, of the
        prompts in them.
    """
    labels, units = np.asarray(emotion), np.asarray(unit_of_prompt)
    groups = None if template is None else np.asarray(template)

    def signal(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        kept = np.flatnonzero(mask[units])
        part = gram[:, kept[:, None], kept]
        return emotion_signal(
            part, labels[kept], template=None if groups is None else groups[kept]
        )

    return signal


def balanced_units(
    emotion: npt.ArrayLike, *, template: npt.ArrayLike | None = None
) -> npt.NDArray[np.intp]:
    """The unit that each prompt belongs to, for intervals, splits and folds.

    A unit is a template; without templates, the k-th prompts of all emotions make one,
    so that leaving units out keeps the emotions balanced.

    Parameters
    ----------
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional

    Returns
    -------
    np.ndarray of int, shape (prompts,)
        Numbered from 0.

    Raises
    ------
    SimilarityError
        If the shapes disagree.
    """
    codes = np.unique(np.asarray(emotion), return_inverse=True)[1]
    if template is None:
        occurrences = (codes[:, None] == codes) & np.tri(codes.size, dtype=np.bool_)
        return np.asarray(occurrences.sum(axis=1) - 1, np.intp)
    groups = np.asarray(template)
    if groups.shape != codes.shape:
        msg = f"`template` must have shape {codes.shape}, got {groups.shape}."
        raise SimilarityError(msg)
    return np.unique(groups, return_inverse=True)[1].astype(np.intp)


def control_similarity(
    activations: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
    count: int = 10_000,
    rng: np.random.Generator,
) -> ControlSimilarity:
    """How much more alike two clips of one prompt are than clips of two emotions.

    A prompt with two clips or more is a control: its first two clips are a pair. Where
    the prompt does not matter, any second clip could have stood beside any first, so
    the null deals the second clips out to the prompts anew.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
        Controls and all other clips, so that both means are centred alike.
    prompt_of_clip : array_like of int, shape (clips,)
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional
        Leaves clips of one template out of the mean over different emotions.
    count : int
        Pairings at most, the observed one included; all of them if there are no more.
    rng : np.random.Generator
        Draws the pairings when there are too many.

    Returns
    -------
    ControlSimilarity
        The mean over different emotions does not depend on the pairing and is the
        same in every row of `statistics`.

    Raises
    ------
    SimilarityError
        As `prompt_gram`, or with fewer than 2 control prompts or only one emotion.
    """
    array = _checked_activations(activations)
    prompt = _checked_prompts(prompt_of_clip, len(array))
    controls = _control_pairs(prompt)
    pairings, exact = _pairings(len(controls), count, rng)
    groups = _different_groups(prompt, emotion, template)
    same = np.empty((len(pairings), array.shape[1]))
    different = np.empty(array.shape[1])
    place = np.arange(len(controls))
    for layer in range(array.shape[1]):
        units = _layer_units(array[:, layer])
        cosines = units[controls[:, 0]] @ units[controls[:, 1]].T
        same[:, layer] = cosines[place, pairings].mean(axis=1)
        different[layer] = _mean_over_different(units, groups)
    return ControlSimilarity(
        effect=same[0] - different,
        same_prompt=same[0],
        different_emotion=different,
        statistics=same - different,
        pairs=len(controls),
        exact=exact,
    )


def raw_cosine_signal(
    activations: npt.ArrayLike, emotion_of_clip: npt.ArrayLike
) -> RawCosine:
    """The documents' own number: raw cosines, all pairs of clips, t-test over pairs.

    Its p-value takes pairs for independent and is reported beside the honest one,
    never decided on: with prompt effects it finds an emotion in any model.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    emotion_of_clip : array_like, shape (clips,)

    Returns
    -------
    RawCosine

    Raises
    ------
    SimilarityError
        If the shape is wrong, a value is not finite, or a kind of pair is missing.
    """
    array = _checked_activations(activations, may_be_identical=True)
    emotion = np.asarray(emotion_of_clip)
    first, second = np.triu_indices(len(array), k=1)
    same = emotion[first] == emotion[second]
    if not 0 < same.sum() < same.size:
        msg = (
            "`emotion_of_clip` must leave pairs within and between emotions, got"
            f" {int(same.sum())} of {same.size} within. Use 2 emotions, 2 clips each."
        )
        raise SimilarityError(msg)
    cosines = np.empty((first.size, array.shape[1]))
    for layer in range(array.shape[1]):
        units = _normalised(array[:, layer].astype(np.float64))
        cosines[:, layer] = (units @ units.T)[first, second]
    within, between = cosines[same], cosines[~same]
    with warnings.catch_warnings():
        # Clips that are all alike have no variance; their p is NaN, and may be.
        warnings.simplefilter("ignore", RuntimeWarning)
        p = np.asarray(stats.ttest_ind(within, between, axis=0).pvalue, np.float64)
    return RawCosine(
        signal=within.mean(axis=0) - between.mean(axis=0),
        within=within.mean(axis=0),
        between=between.mean(axis=0),
        p=p,
    )


def _checked_activations(
    activations: npt.ArrayLike, *, may_be_identical: bool = False
) -> npt.NDArray[np.floating]:
    array = np.asarray(activations)
    if array.ndim != 3 or array.shape[0] < 2 or 0 in array.shape:
        msg = (
            "`activations` must have shape (clips, layers, d) with 2 clips or more, got"
            f" {array.shape}. Stack one pooled vector per clip and layer."
        )
        raise SimilarityError(msg)
    if not np.isfinite(array).all():
        clips = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
        msg = (
            f"`activations` must be finite, got NaN or infinity in clips"
            f" {clips[:5].tolist()}. Capture them again, in float32."
        )
        raise SimilarityError(msg)
    if not may_be_identical and (array == array[0]).all():
        msg = (
            f"`activations` must differ between clips, got {len(array)} identical ones."
            " The null half has no text at the first step: take a later step."
        )
        raise SimilarityError(msg)
    return array


def _checked_prompts(prompt_of_clip: npt.ArrayLike, clips: int) -> npt.NDArray[np.intp]:
    prompt = np.asarray(prompt_of_clip)
    if prompt.shape != (clips,) or not np.issubdtype(prompt.dtype, np.integer):
        msg = (
            f"`prompt_of_clip` must be {clips} integers, got shape {prompt.shape} of"
            f" {prompt.dtype}. Give the prompt's number for every clip."
        )
        raise SimilarityError(msg)
    if prompt.min() < 0 or not np.bincount(prompt).all():
        msg = (
            "`prompt_of_clip` must number the prompts from 0 without gaps, got others."
        )
        raise SimilarityError(msg)
    return prompt.astype(np.intp)


def _checked_labels(
    gram: npt.NDArray[np.float64], labels: npt.ArrayLike
) -> npt.NDArray[np.generic]:
    rows = np.asarray(labels)
    if gram.ndim != 3 or rows.ndim != 2 or gram.shape[1:] != (rows.shape[1],) * 2:
        msg = (
            "`gram` must have shape (layers, prompts, prompts) and `labels`"
            f" (relabelings, prompts), got {gram.shape} and {rows.shape}."
        )
        raise SimilarityError(msg)
    return rows


def _layer_units(layer: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    # Relative to the first clip before averaging: identical clips then give exact
    # zeros, and a large common vector costs no digits.
    centred = layer.astype(np.float64) - layer[0].astype(np.float64)
    centred -= centred.mean(axis=0)
    return _normalised(centred)


def _normalised(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    norms = np.linalg.norm(vectors, axis=1)
    zero = norms <= _ZERO * norms.max()
    units: npt.NDArray[np.float64] = vectors / np.where(zero, np.inf, norms)[:, None]
    return units


def _pairs(
    prompts: int, template: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Pairs of different prompts, without those of one template."""
    first, second = np.triu_indices(prompts, k=1)
    if template is None:
        return first, second
    groups = np.asarray(template)
    if groups.shape != (prompts,):
        msg = f"`template` must have shape ({prompts},), got {groups.shape}."
        raise SimilarityError(msg)
    apart = groups[first] != groups[second]
    return first[apart], second[apart]


def _control_pairs(prompt: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The first two clips of every prompt that has two, shape (controls, 2)."""
    clips = [np.flatnonzero(prompt == number)[:2] for number in range(prompt.max() + 1)]
    controls = [pair for pair in clips if pair.size == 2]
    if len(controls) < 2:
        msg = (
            "`prompt_of_clip` must give 2 prompts or more a second clip, got"
            f" {len(controls)}. Generate the control pairs."
        )
        raise SimilarityError(msg)
    return np.stack(controls)


def _pairings(
    controls: int, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], bool]:
    """Orders of the second clips, the observed one first; all if `count` allows."""
    identity = np.arange(controls)
    if factorial(controls) <= count:
        return np.array(list(permutations(range(controls))), np.intp), True
    rows = np.tile(identity, (max(2, count), 1))
    rows[1:] = rng.permuted(rows[1:], axis=1)
    return rows, False


def _different_groups(
    prompt: npt.NDArray[np.intp],
    emotion: npt.ArrayLike,
    template: npt.ArrayLike | None,
) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """Signed groupings of clips that leave only pairs of different emotions.

    Pairs of different emotion and template are all pairs, less those of one emotion,
    less those of one template, plus those of both (which were taken off twice).
    """
    groupings: list[tuple[int, npt.NDArray[np.intp]]] = [(1, np.zeros_like(prompt))]
    names = [np.unique(np.asarray(emotion), return_inverse=True)[1]]
    if names[0].size != prompt.max() + 1 or names[0].max() == 0:
        msg = (
            f"`emotion` must name 2 emotions or more for {prompt.max() + 1} prompts,"
            f" got {names[0].max() + 1} for {names[0].size}."
        )
        raise SimilarityError(msg)
    groupings.append((-1, names[0][prompt]))
    if template is not None:
        names.append(np.unique(np.asarray(template), return_inverse=True)[1])
        groupings.append((-1, names[1][prompt]))
        both = names[0] * (names[1].max() + 1) + names[1]
        groupings.append((1, both[prompt]))
    return groupings


def _mean_over_different(
    units: npt.NDArray[np.float64],
    groupings: list[tuple[int, npt.NDArray[np.intp]]],
) -> float:
    """Mean cosine over the pairs that `groupings` leave, from sums of unit vectors."""
    total, pairs = 0.0, 0
    for sign, group in groupings:
        sums = np.zeros((int(group.max()) + 1, units.shape[1]))
        np.add.at(sums, group, units)
        total += sign * float(np.sum(sums**2))
        pairs += sign * int(np.sum(np.bincount(group) ** 2))
    return total / pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSimilarity:
    """Same prompt, different seed, against different emotions."""

    effect: npt.NDArray[np.float64]  # (layers,): same_prompt - different_emotion
    same_prompt: npt.NDArray[np.float64]  # (layers,)
    different_emotion: npt.NDArray[np.float64]  # (layers,)
    statistics: npt.NDArray[np.float64]  # (pairings, layers), row 0 is `effect`
    pairs: int  # control prompts
    exact: bool  # whether the pairings are all there are


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCosine:
    """The documents' within and between similarities, per layer."""

    signal: npt.NDArray[np.float64]  # (layers,): within - between
    within: npt.NDArray[np.float64]  # (layers,)
    between: npt.NDArray[np.float64]  # (layers,)
    p: npt.NDArray[np.float64]  # (layers,): t-test over pairs, as if independent
