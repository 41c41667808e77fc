"""Euclidean norm and CKA as the documents compute them, for comparison only.

Neither is debiased and nothing is shuffled: the norm of a difference of two means is
never zero, and CKA between the clips of two emotions is large wherever there are fewer
clips than dimensions.

References
----------
Solution Strategy, 'Wrong Similarity Metric', A and B. Kornblith et al. (2019),
arXiv:1905.00414, equation 3 (linear CKA).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from harness.measures.gram import SimilarityError, checked_activations

__all__ = ["documented_cka", "documented_norm"]

Floats = npt.NDArray[np.float64]


def documented_norm(
    activations: npt.ArrayLike, emotion_of_clip: npt.ArrayLike
) -> Floats:
    """`torch.norm(happy - sad)` of mean activations, averaged over pairs of emotions.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    emotion_of_clip : array_like, shape (clips,)

    Returns
    -------
    np.ndarray, shape (layers,)

    Raises
    ------
    SimilarityError
        If the shape is wrong, a value is not finite, or there is one emotion only.
    """
    groups = _groups(activations, emotion_of_clip)
    means = [group.mean(axis=0, dtype=np.float64) for group in groups]
    norms = [np.linalg.norm(a - b, axis=1) for a, b in combinations(means, 2)]
    mean: Floats = np.mean(norms, axis=0)
    return mean


def documented_cka(
    activations: npt.ArrayLike, emotion_of_clip: npt.ArrayLike
) -> Floats:
    """`cka_similarity(happy_acts, sad_acts)`, averaged over pairs of emotions.

    The first clip of one emotion stands beside the first of the other, and so on; what
    an emotion has more than another is left out.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    emotion_of_clip : array_like, shape (clips,)

    Returns
    -------
    np.ndarray, shape (layers,)
        NaN where the clips of an emotion are all alike.

    Raises
    ------
    SimilarityError
        As `documented_norm`.
    """
    groups = _groups(activations, emotion_of_clip)
    fewest = min(len(group) for group in groups)
    found = np.empty(groups[0].shape[1])
    for layer in range(found.size):
        grams = [_kernel(group[:fewest, layer]) for group in groups]
        norms = [np.linalg.norm(kernel) for kernel in grams]
        with np.errstate(invalid="ignore", divide="ignore"):
            pairs = [
                np.sum(grams[a] * grams[b]) / (norms[a] * norms[b])
                for a, b in combinations(range(len(grams)), 2)
            ]
        found[layer] = np.mean(pairs)
    return found


def _kernel(clips: npt.NDArray[np.floating]) -> Floats:
    centred = clips.astype(np.float64) - clips.mean(axis=0, dtype=np.float64)
    kernel: Floats = centred @ centred.T
    return kernel


def _groups(
    activations: npt.ArrayLike, emotion_of_clip: npt.ArrayLike
) -> list[npt.NDArray[np.floating]]:
    array = checked_activations(activations, may_be_identical=True)
    codes = np.asarray(emotion_of_clip)
    groups = [array[codes == code] for code in np.unique(codes)]
    if len(groups) < 2:
        msg = f"`emotion_of_clip` must name 2 emotions or more, got {len(groups)}."
        raise SimilarityError(msg)
    return groups
