"""Canonical correlations of a few principal components with the emotion.

With fewer prompts than dimensions some direction always separates any labels, and every
canonical correlation is 1. So the activations are first reduced to a fixed number of
principal components, of prompts of all emotions about their templates, which no
relabeling changes.

References
----------
Björck & Golub (1973), doi:10.1090/S0025-5718-1973-0348991-3 (canonical correlations
from orthonormal bases). Raghu et al. (2017), arXiv:1706.05806 (principal components
first).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.gram import SimilarityError
from harness.measures.metrics.means import projection

__all__ = ["COMPONENTS", "canonical_correlations", "cca_pairs"]

Floats = npt.NDArray[np.float64]

COMPONENTS = 5  # 10 templates of 2 emotions leave 10 free dimensions: half of them


def cca_pairs(
    gram: Floats,
    *,
    template: npt.ArrayLike | None = None,
    components: int = COMPONENTS,
) -> Floats:
    """Inner products of prompts in their principal components, each of variance 1.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
        As `means.mean_gram` gives it.
    template : array_like, shape (prompts,), optional
        Whose means are taken away where templates are matched.
    components : int

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        Its signal orders relabelings as the mean squared canonical correlation does,
        where every emotion has as many prompts.

    Raises
    ------
    SimilarityError
        If there are fewer than twice as many free dimensions as components.
    """
    bases = _bases(gram, template, components)
    pairs: Floats = bases @ bases.transpose(0, 2, 1)
    return pairs


def canonical_correlations(
    gram: Floats,
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
    components: int = COMPONENTS,
) -> Floats:
    """Canonical correlations of the components with which emotion it is.

    Returns
    -------
    np.ndarray, shape (layers, correlations)
        Largest first; as many as components, or emotions less one, whichever is less.
        They are not debiased: chance alone gives about the root of components over
        free dimensions.

    Raises
    ------
    SimilarityError
        As `cca_pairs`.
    """
    codes = np.asarray(emotion)
    bases = _bases(gram, template, components)
    indicators = (codes[:, None] == np.unique(codes)).astype(np.float64)
    labels = projection(codes.size, template) @ indicators
    found, sizes, _ = np.linalg.svd(labels, full_matrices=False)
    kept = found[:, sizes > 1e-9 * sizes[0]]
    correlations: Floats = np.linalg.svd(
        bases.transpose(0, 2, 1) @ kept, compute_uv=False
    )
    return correlations.clip(max=1.0)


def _bases(gram: Floats, template: npt.ArrayLike | None, components: int) -> Floats:
    """Orthonormal scores of the prompts, shape (layers, prompts, components)."""
    about = projection(gram.shape[1], template)
    freedom = round(float(np.trace(about)))
    if freedom < 2 * components:
        msg = (
            f"`gram` must leave {2 * components} free dimensions or more among its"
            f" {len(about)} prompts for {components} principal components, got"
            f" {freedom}. Add prompts: with fewer, any labels would be correlated."
        )
        raise SimilarityError(msg)
    variances, vectors = np.linalg.eigh(about @ gram @ about)
    largest = np.maximum(variances[:, -1:], 0)
    there = variances[:, -components:] > 1e-10 * largest  # of nothing, no component
    bases: Floats = vectors[:, :, -components:] * there[:, None]
    return bases
