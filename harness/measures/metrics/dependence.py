"""Do the similarities of activations follow those of emotions? CKA and dcorr.

Both correlate two matrices over pairs of prompts after rows and columns were centred:
inner products, or Euclidean distances, with whether the emotion is the same. Centring
leaves out the diagonal, which is what makes them debiased: a plain CKA of fewer prompts
than dimensions is large whatever the emotions. With matched templates the pairs of one
template are left out as well, in the sums and in the centring; without, these are the
published estimators.

References
----------
Song et al. (2012), Feature selection via dependence maximization, JMLR 13, 1393
(HSIC_1). Székely & Rizzo (2014), doi:10.1214/14-AOS1255, definition 2
(U-centring). Murphy, Zylberberg & Fyshe (2024), arXiv:2405.01012 (bias of CKA).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.metrics.means import squared_distances
from harness.measures.similarity import compared_pairs

__all__ = ["cka_pairs", "distance_correlation_pairs", "u_centred"]

Floats = npt.NDArray[np.float64]


def cka_pairs(
    gram: Floats, emotion: npt.ArrayLike, *, template: npt.ArrayLike | None = None
) -> Floats:
    """What `emotion_signals` turns into debiased CKA with the emotion.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
        As `means.mean_gram` gives it: the linear kernel.
    emotion : array_like, shape (prompts,)
        Only how often each occurs (in each template) matters.
    template : array_like, shape (prompts,), optional

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        Its signal lies between -1 and 1.
    """
    return _correlated(gram, emotion, template)


def distance_correlation_pairs(
    gram: Floats, emotion: npt.ArrayLike, *, template: npt.ArrayLike | None = None
) -> Floats:
    """What `emotion_signals` turns into bias-corrected squared distance correlations.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
        As `means.mean_gram` gives it.
    emotion : array_like, shape (prompts,)
        Any two different emotions are at one distance.
    template : array_like, shape (prompts,), optional

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        Its signal lies between -1 and 1.
    """
    return _correlated(-np.sqrt(squared_distances(gram)), emotion, template)


def u_centred(matrices: Floats, compared: npt.NDArray[np.bool_]) -> Floats:
    """Take from all compared pairs what rows and columns add, and set others to zero.

    Parameters
    ----------
    matrices : np.ndarray, shape (layers, prompts, prompts)
        Symmetric.
    compared : np.ndarray of bool, shape (prompts, prompts)
        Symmetric; if this is all but the diagonal, the result is U-centred.

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        Every row and column adds up to zero.
    """
    kept = np.where(compared, matrices, 0.0)
    normal = compared + np.diag(compared.sum(axis=1).astype(np.float64))
    added = kept.sum(axis=2) @ np.linalg.pinv(normal, hermitian=True)
    centred: Floats = kept - np.where(
        compared, added[:, :, None] + added[:, None, :], 0.0
    )
    return centred


def _correlated(
    similarity: Floats, emotion: npt.ArrayLike, template: npt.ArrayLike | None
) -> Floats:
    """Centred, and scaled so that the signal is a correlation with the emotion.

    Centred similarities add up to zero, so the sum between emotions is minus that
    within, and the difference of the two means is the sum within, but for a factor.
    """
    codes = np.asarray(emotion)
    compared = compared_pairs(codes.size, template)
    same = codes[:, None] == codes
    centred = u_centred(similarity, compared)
    labels = u_centred(same[None].astype(np.float64), compared)[0]
    within, between = (compared & same).sum(), (compared & ~same).sum()
    norms = np.linalg.norm(centred, axis=(1, 2)) * np.linalg.norm(labels)
    size = np.linalg.norm(np.where(compared, similarity, 0.0), axis=(1, 2))
    live = norms > 1e-12 * size * np.linalg.norm(labels)
    # Similarities that are all the same are not correlated with anything.
    norms = np.where(live, norms, np.inf)
    scaled: Floats = (
        centred * (within * between / (within + between) / norms)[:, None, None]
    )
    return scaled
