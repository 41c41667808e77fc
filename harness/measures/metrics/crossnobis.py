"""Crossnobis: cross-validated distance in units of the noise between prompts.

Directions in which prompts scatter anyway count little, so that a difference in a quiet
direction is found, and a few dimensions of large variance do not own the distance. The
covariance is that of prompt means about their templates, of all emotions together: a
relabeling then leaves it as it is. What an emotion adds is part of it, which makes
large distances smaller; where there is no emotion it adds nothing. Its correlations are
shrunk, for there are fewer prompts than dimensions.

References
----------
Walther et al. (2016), doi:10.1016/j.neuroimage.2015.12.012. Schäfer & Strimmer (2005),
doi:10.2202/1544-6115.1175 (shrinkage towards the variances, as rsatoolbox has it).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.gram import SimilarityError
from harness.measures.metrics.means import layer_means, projection

__all__ = ["crossnobis_pairs"]

Floats = npt.NDArray[np.float64]

_LEAST = 1e-6  # of shrinkage: what is shrunk less could not be inverted


def crossnobis_pairs(
    activations: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> Floats:
    """What `emotion_signals` turns into crossnobis distances.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    prompt_of_clip : array_like of int, shape (clips,)
    template : array_like, shape (prompts,), optional
        Whose means are no noise, where templates are matched.

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        Its signal is the mean over pairs of emotions of the squared distance, divided
        by the number of dimensions that vary.

    Raises
    ------
    SimilarityError
        As `mean_gram`, or if there are fewer than 2 free dimensions among the prompts.
    """
    prompts = int(np.max(prompt_of_clip)) + 1
    about = projection(prompts, template)
    freedom = round(float(np.trace(about)))
    if freedom < 2:
        msg = (
            "`activations` must leave 2 free dimensions or more among their"
            f" {prompts} prompts to estimate noise from, got {freedom}. Add prompts."
        )
        raise SimilarityError(msg)
    layers = layer_means(activations, prompt_of_clip)
    return np.stack([2 * _whitened(means, about, freedom) for means in layers])


def _whitened(means: Floats, about: Floats, freedom: int) -> Floats:
    """Inner products, by dimension, under the precision of the noise of one layer.

    In units of the noise of each dimension, with residuals Z, the covariance is
    `a I + b Z'Z`. It is inverted among prompts (Woodbury), never among dimensions.
    """
    residuals = about @ means
    variance = np.einsum("ij,ij->j", residuals, residuals) / freedom
    live = variance > 1e-20 * np.einsum("ij,ij->j", means, means).max(initial=0)
    if not live.any():
        return np.zeros((len(means),) * 2)  # prompts that are all alike: no distances
    scaled = means[:, live] / np.sqrt(variance[live])
    residuals = about @ scaled
    own, toward = residuals @ residuals.T, residuals @ scaled.T
    sphere = _shrinkage(residuals, own, freedom)
    scatter = (1 - sphere) / freedom
    inner = sphere * np.eye(len(own)) + scatter * own
    explained = scatter * toward.T @ np.linalg.solve(inner, toward)
    whitened: Floats = (scaled @ scaled.T - explained) / sphere / scaled.shape[1]
    return whitened


def _shrinkage(residuals: Floats, own: Floats, freedom: int) -> float:
    """How much correlations are shrunk: Schäfer & Strimmer, section 2.4.

    Sums over pairs of dimensions are taken from `own`, the inner products of prompts.
    """
    rows, dimensions = residuals.shape
    fourth = np.sum(np.diag(own) ** 2) - np.sum(residuals**4)
    second = np.sum(own**2) - dimensions * freedom**2
    if second <= 0:
        return 1.0
    noise = fourth * (rows - 1) / second - 1
    return float(np.clip(rows / freedom**2 * noise, _LEAST, 1.0))
