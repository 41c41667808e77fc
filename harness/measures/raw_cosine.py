"""Within and between similarity as the documents compute it, for comparison only.

Conventions
-----------
Activations have shape `(clips, layers, d)`; cosines are raw, without centring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from harness.measures.gram import SimilarityError, checked_activations, normalised

__all__ = ["RawCosine", "raw_cosine_signal"]


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
    array = checked_activations(activations, may_be_identical=True)
    emotion = np.asarray(emotion_of_clip)
    same = emotion[:, None] == emotion
    above = np.tri(len(array), k=-1, dtype=np.bool_).T
    within, between = np.flatnonzero(above & same), np.flatnonzero(above & ~same)
    if not (within.size and between.size):
        msg = (
            "`emotion_of_clip` must leave pairs within and between emotions, got"
            f" {within.size} and {between.size}. Use 2 emotions, 2 clips each."
        )
        raise SimilarityError(msg)
    moments = np.empty((array.shape[1], 2, 2))
    for layer in range(array.shape[1]):
        units = normalised(array[:, layer].astype(np.float64))
        cosines = units @ units.T
        for kind, pairs in enumerate((within, between)):
            values = cosines.take(pairs)
            moments[layer, kind] = values.mean(), values.var()
    means, variances = moments[:, :, 0], moments[:, :, 1]
    return RawCosine(
        signal=means[:, 0] - means[:, 1],
        within=means[:, 0],
        between=means[:, 1],
        p=_t_test(means, variances, np.array([within.size, between.size])),
    )


def _t_test(
    means: npt.NDArray[np.float64],
    variances: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int_],
) -> npt.NDArray[np.float64]:
    """Student's two-sided p for each layer, from moments of shape (layers, 2)."""
    freedom = counts.sum() - 2
    pooled = variances @ counts / freedom
    gap = np.abs(means[:, 0] - means[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        # Clips that are all alike have no variance; their p is NaN, and may be.
        t = gap / np.sqrt(pooled * (1 / counts).sum())
    p: npt.NDArray[np.float64] = 2 * special.stdtr(freedom, -t)
    return p


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCosine:
    """The documents' within and between similarities, per layer."""

    signal: npt.NDArray[np.float64]  # (layers,): within - between
    within: npt.NDArray[np.float64]  # (layers,)
    between: npt.NDArray[np.float64]  # (layers,)
    p: npt.NDArray[np.float64]  # (layers,): t-test over pairs, as if independent
