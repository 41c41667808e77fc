"""Within and between similarity as the documents compute it, for comparison only.

Conventions
-----------
Activations have shape `(clips, layers, d)`; cosines are raw, without centring.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

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
        units = normalised(array[:, layer].astype(np.float64))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCosine:
    """The documents' within and between similarities, per layer."""

    signal: npt.NDArray[np.float64]  # (layers,): within - between
    within: npt.NDArray[np.float64]  # (layers,)
    between: npt.NDArray[np.float64]  # (layers,)
    p: npt.NDArray[np.float64]  # (layers,): t-test over pairs, as if independent
