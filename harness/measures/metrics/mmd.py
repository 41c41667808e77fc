"""Maximum mean discrepancy: do two emotions differ in distribution?

A Gaussian kernel sees differences in spread and shape, too, not in the mean only. Its
width is the median distance of all prompts, whatever their emotion, so that it is the
same in every relabeling.

References
----------
Gretton et al. (2012), A kernel two-sample test, JMLR 13, 723, lemma 6 (unbiased) and
section 8 (median heuristic).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.metrics.means import squared_distances

__all__ = ["mmd_pairs"]


def mmd_pairs(gram: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What `emotion_signals` turns into unbiased squared discrepancies.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
        As `means.mean_gram` gives it.

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        Twice the kernel. Its signal is the mean of MMD^2 over pairs of emotions; with
        matched templates that of Gretton's equation 4, which leaves out `k(x_i, y_i)`.
    """
    squares = squared_distances(gram)
    above = np.triu_indices(gram.shape[1], k=1)
    width = np.median(squares[:, *above], axis=1)[:, None, None]
    # Where most prompts are equal there is no width, and nothing to tell apart.
    scaled = np.divide(squares, width, out=np.zeros_like(squares), where=width > 0)
    pairs: npt.NDArray[np.float64] = 2 * np.exp(-scaled / 2)
    return pairs
