"""Squared Euclidean distance between the centroids of two emotions.

The plain distance of two means is never zero: noise alone sets them apart, and the more
so the fewer prompts there are. Multiplying differences of different prompts instead
leaves what the emotions share over prompts: nothing, on average, where that is nothing.

References
----------
Walther et al. (2016), doi:10.1016/j.neuroimage.2015.12.012.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["euclidean_pairs"]


def euclidean_pairs(gram: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What `emotion_signals` turns into cross-validated squared distances.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
        As `means.mean_gram` gives it.

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        Its signal is the mean over pairs of emotions of `(a - b) . (a' - b')`, with a
        and b means of one prompt each, a' and b' of others; in squared units of the
        activations.
    """
    pairs: npt.NDArray[np.float64] = 2 * gram
    return pairs
