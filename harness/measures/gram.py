"""How alike prompts are: one matrix of mean centred cosines for each layer.

Cosines are taken after the grand mean over all clips is subtracted, so that a signal
of .02 is about 2 % of the variance of the activations. On raw cosines near .95 the
same .02 would be 40 % of what varies at all.

Conventions
-----------
Activations have shape `(clips, layers, d)`, in any precision; everything is computed
in float64. `prompt_of_clip` numbers the prompts from 0. A Gram matrix has shape
`(layers, prompts, prompts)`.

References
----------
Kriegeskorte, Mur & Bandettini (2008), doi:10.3389/neuro.06.004.2008 (all tests read
one matrix of pairs).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "SimilarityError",
    "checked_activations",
    "checked_prompts",
    "layer_units",
    "normalised",
    "prompt_gram",
    "unit_vectors",
]

_ZERO = 1e-12  # a centred norm below this share of the layer's largest is rounding


class SimilarityError(ValueError):
    """The activations or the design hold no pairs to compare."""


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
    array = checked_activations(activations)
    prompt = checked_prompts(prompt_of_clip, len(array))
    counts = np.bincount(prompt)
    turns = _turns(prompt, counts)
    gram = np.empty((array.shape[1], counts.size, counts.size))
    for layer in range(array.shape[1]):
        units = layer_units(array[:, layer])
        means = np.zeros((counts.size, array.shape[2]))
        for clips in turns:
            means[prompt[clips]] += units[clips]
        means /= counts[:, None]
        gram[layer] = means @ means.T
    return gram


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
    array = checked_activations(activations)
    layers = [layer_units(array[:, layer]) for layer in range(array.shape[1])]
    return np.stack(layers, axis=1)


def _turns(
    prompt: npt.NDArray[np.intp], counts: npt.NDArray[np.intp]
) -> list[npt.NDArray[np.intp]]:
    """The first clip of every prompt, the second of those that have one, and so on."""
    order = np.argsort(prompt, kind="stable")
    turn = np.arange(prompt.size) - (np.cumsum(counts) - counts)[prompt[order]]
    return [order[turn == k] for k in range(counts.max())]


def layer_units(layer: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Unit vectors of one layer, shape (clips, d), about their mean."""
    # Relative to the first clip before averaging: identical clips then give exact
    # zeros, and a large common vector costs no digits.
    centred = np.subtract(layer, layer[0], dtype=np.float64)
    centred -= centred.mean(axis=0)
    return normalised(centred)


def normalised(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale rows to length 1, in place; rows of nothing but rounding become zeros."""
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    zero = norms <= _ZERO * norms.max()
    vectors /= np.where(zero, np.inf, norms)[:, None]
    return vectors


def checked_activations(
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


def checked_prompts(prompt_of_clip: npt.ArrayLike, clips: int) -> npt.NDArray[np.intp]:
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
