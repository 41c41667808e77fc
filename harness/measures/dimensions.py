"""How many dimensions differ between two emotions, beyond what chance would give?

A dimension differs if its means are more than .8 standard deviations apart (Cohen's
"large"). With few prompts chance alone does that often, so the share under shuffled
labels is subtracted.

Conventions
-----------
Activations have shape `(prompts, layers, d)`: means over the clips of a prompt. Labels
are codes 0, 1, ... of shape `(relabelings, prompts)`, row 0 observed. Shares lie in
[0, 1] and have shape `(relabelings, layers, pairs)`, pairs of emotions in the order
(0, 1), (0, 2), ..., (1, 2), ...

References
----------
Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, section 2.2.
Critical Reality Check, "Dimension differentiation" (raw difference above .1).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

__all__ = [
    "DimensionError",
    "differing_shares",
    "documented_shares",
    "documented_shuffled_share",
    "emotion_pairs",
    "excess_share",
]

_CHUNK_BYTES = 2_000_000  # what is worked on stays in the processor's cache


class DimensionError(ValueError):
    """The activations or labels do not fit a comparison of dimensions."""


def emotion_pairs(emotions: int) -> list[tuple[int, int]]:
    """The pairs of emotions, in the order of the last axis of the shares."""
    return list(combinations(range(emotions), 2))


def differing_shares(
    activations: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    standard_deviations: float = 0.8,
) -> npt.NDArray[np.float64]:
    """Share of dimensions whose standardised difference is large, per relabeling.

    Parameters
    ----------
    activations : array_like, shape (prompts, layers, d)
    labels : array_like of int, shape (relabelings, prompts)
        Every emotion has 2 prompts or more in every row.
    standard_deviations : float
        How many pooled standard deviations the means must be apart.

    Returns
    -------
    np.ndarray, shape (relabelings, layers, pairs)

    Raises
    ------
    DimensionError
        If shapes disagree, a value is not finite, or an emotion has one prompt.
    """
    array, rows = _checked(activations, labels)
    emotions = int(rows.max()) + 1
    counts = _counts(rows, emotions)
    members = (rows == np.arange(emotions)[:, None, None]).astype(np.float64)
    out = np.empty((len(rows), array.shape[1], len(emotion_pairs(emotions))))
    chunk = max(1, _CHUNK_BYTES // (8 * emotions * array.shape[2]))
    for layer in range(array.shape[1]):
        # Relative to the first prompt: a constant dimension then has no spread at all.
        values = array[:, layer] - array[0, layer]
        powers = np.stack([values, values**2])
        for start in range(0, len(rows), chunk):
            part = slice(start, start + chunk)
            means, squares = _moments(powers, members[:, part], counts[:, part])
            for k, (a, b) in enumerate(emotion_pairs(emotions)):
                freedom = counts[a, part] + counts[b, part] - 2
                limit = standard_deviations**2 / freedom[:, None]
                gap = means[a] - means[b]
                large = gap * gap > limit * (squares[a] + squares[b])
                out[part, layer, k] = np.count_nonzero(large, axis=1)
    return out / array.shape[2]


def excess_share(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The observed share minus its mean over relabelings: zero where labels are moot.

    Parameters
    ----------
    shares : np.ndarray, shape (relabelings, layers, pairs)

    Returns
    -------
    np.ndarray, shape (layers, pairs)
    """
    excess: npt.NDArray[np.float64] = shares[0] - shares.mean(axis=0)
    return excess


def documented_shares(
    activations: npt.ArrayLike,
    emotion_of_clip: npt.ArrayLike,
    *,
    difference: float = 0.1,
) -> npt.NDArray[np.float64]:
    """The documents' own number: share of dimensions whose raw means differ.

    It depends on the scale of the activations and on the number of clips, and is
    reported beside the excess share, never decided on.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    emotion_of_clip : array_like of int, shape (clips,)
    difference : float
        In units of the activations.

    Returns
    -------
    np.ndarray, shape (layers, pairs)

    Raises
    ------
    DimensionError
        If shapes disagree or a value is not finite.
    """
    array, rows = _checked(activations, np.asarray(emotion_of_clip)[None])
    emotion = rows[0]
    emotions = int(emotion.max()) + 1
    _counts(rows, emotions, fewest=1)
    means = np.stack([array[emotion == e].mean(axis=0) for e in range(emotions)])
    gaps = [np.abs(means[a] - means[b]) for a, b in emotion_pairs(emotions)]
    return np.stack([np.mean(gap > difference, axis=-1) for gap in gaps], axis=-1)


def documented_shuffled_share(
    activations: npt.ArrayLike,
    emotion_of_clip: npt.ArrayLike,
    *,
    difference: float = 0.1,
    count: int = 100,
    rng: np.random.Generator,
) -> float:
    """The documents' own baseline: that share with the emotions of clips shuffled.

    Clips of one prompt are alike and are shuffled one by one, so that it is no null of
    anything; it is reported beside the share, never decided on.

    Parameters
    ----------
    activations : array_like, shape (clips, d)
        Of one layer, and of two emotions.
    emotion_of_clip : array_like of int, shape (clips,)
    difference : float
        In units of the activations.
    count : int
        Shuffles.
    rng : np.random.Generator

    Returns
    -------
    float

    Raises
    ------
    DimensionError
        As `documented_shares`.
    """
    values = np.asarray(activations, np.float64)[:, None]
    emotion = np.unique(emotion_of_clip, return_inverse=True)[1]
    shares = [
        documented_shares(values, rng.permutation(emotion), difference=difference)
        for _ in range(count)
    ]
    return float(np.mean(shares))


def _checked(
    activations: npt.ArrayLike, labels: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    array, rows = np.asarray(activations, np.float64), np.asarray(labels)
    if array.ndim != 3 or rows.ndim != 2 or rows.shape[1] != len(array):
        msg = (
            "`activations` must have shape (prompts, layers, d) and `labels`"
            f" (relabelings, prompts), got {array.shape} and {rows.shape}."
        )
        raise DimensionError(msg)
    if not np.isfinite(array).all():
        msg = "`activations` must be finite, got NaN or infinity. Capture them again."
        raise DimensionError(msg)
    if not np.issubdtype(rows.dtype, np.integer) or rows.min() < 0 or rows.max() < 1:
        msg = "`labels` must be emotion codes 0, 1, ... with 2 emotions or more."
        raise DimensionError(msg)
    return array, rows.astype(np.intp)


def _counts(
    rows: npt.NDArray[np.intp], emotions: int, *, fewest: int = 2
) -> npt.NDArray[np.int_]:
    counts = np.stack([(rows == e).sum(axis=1) for e in range(emotions)])
    if counts.min() < fewest:
        msg = (
            f"`labels` must give every emotion {fewest} rows or more, got"
            f" {int(counts.min())}. Number the emotions without gaps, or add prompts."
        )
        raise DimensionError(msg)
    return counts


def _moments(
    powers: npt.NDArray[np.float64],
    members: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int_],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Means and sums of squared deviations, both (emotions, relabelings, d)."""
    size = counts[:, :, None]
    means, squares = members @ powers[:, None]
    means /= size
    squares -= size * means**2
    return means, np.maximum(squares, 0.0, out=squares)
