"""Inner products of prompt means: what every metric of this package starts from.

Conventions
-----------
As in `harness.measures.gram`. Nothing is scaled to length 1: that activations differ in
length is what cosines cannot see.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from harness.measures.gram import (
    SimilarityError,
    checked_activations,
    checked_prompts,
)

__all__ = ["layer_means", "mean_gram", "projection", "squared_distances"]

Floats = npt.NDArray[np.float64]


def mean_gram(activations: npt.ArrayLike, prompt_of_clip: npt.ArrayLike) -> Floats:
    """Inner products of prompt means about their grand mean.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    prompt_of_clip : array_like of int, shape (clips,)
        Every number from 0 to prompts - 1 occurs.

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        In squared units of the activations.

    Raises
    ------
    SimilarityError
        If the shape is wrong, a value is not finite, all clips are identical, or
        prompts are not numbered from 0 without gaps.
    """
    return np.stack([m @ m.T for m in layer_means(activations, prompt_of_clip)])


def layer_means(
    activations: npt.ArrayLike, prompt_of_clip: npt.ArrayLike
) -> Iterator[Floats]:
    """Prompt means about their grand mean, shape (prompts, d), layer by layer.

    Raises
    ------
    SimilarityError
        As `mean_gram`.
    """
    array = checked_activations(activations)
    prompt = checked_prompts(prompt_of_clip, len(array))
    weights = (np.arange(prompt.max() + 1)[:, None] == prompt).astype(np.float64)
    weights /= weights.sum(axis=1, keepdims=True)
    weights -= weights.mean(axis=0)
    for layer in range(array.shape[1]):
        # About the first clip: a large common vector would cost digits.
        yield weights @ np.subtract(array[:, layer], array[0, layer], dtype=np.float64)


def projection(prompts: int, template: npt.ArrayLike | None) -> Floats:
    """What takes the mean away: that of each template, or of all prompts.

    Returns
    -------
    np.ndarray, shape (prompts, prompts)
        Symmetric and idempotent; its trace is the number of free dimensions. Labels
        that move within templates do not change what it leaves.

    Raises
    ------
    SimilarityError
        If `template` is not of that many prompts.
    """
    groups = np.zeros(prompts, np.intp) if template is None else np.asarray(template)
    if groups.shape != (prompts,):
        msg = f"`template` must have shape ({prompts},), got {groups.shape}."
        raise SimilarityError(msg)
    same = groups[:, None] == groups
    taken: Floats = np.eye(prompts) - same / same.sum(axis=1)
    return taken


def squared_distances(gram: Floats) -> Floats:
    """Squared Euclidean distances, shape (layers, prompts, prompts), from a Gram."""
    lengths = np.einsum("lii->li", gram)
    squares = lengths[:, :, None] + lengths[:, None] - 2 * gram
    # Of points that are equal, rounding may leave a little less than nothing.
    distances: Floats = np.maximum(squares, 0.0) * ~np.eye(
        gram.shape[1], dtype=np.bool_
    )
    return distances
