"""Sliced 1-Wasserstein distance between emotions: how far prompts must be moved.

Moving prompts in all dimensions at once needs an assignment for every pair of emotions
in every relabeling. In one dimension it needs a sorted list, and the order of prompts
is the same in every relabeling: so the distance is averaged over a few fixed directions
instead. It is not debiased: noise alone keeps two sets of prompts apart, by less the
more there are of them. Template means are taken away first, where templates are
matched: single pairs of prompts cannot be left out.

Conventions
-----------
`labels` are emotion codes from 0, shape `(rows, prompts)`; a prompt of code -1 is left
out. In every row all emotions have as many prompts.

References
----------
Bonneel et al. (2015), doi:10.1007/s10851-014-0506-3 (slices). Vallender (1974),
doi:10.1137/1118101 (one dimension: the area between distribution functions).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.gram import SimilarityError
from harness.measures.metrics.means import projection

__all__ = ["SLICES", "slices_of", "sliced_wasserstein"]

Floats = npt.NDArray[np.float64]

SLICES = 16
_ROWS = 4096  # at once: what a step touches stays in the cache


def slices_of(
    gram: Floats,
    *,
    template: npt.ArrayLike | None = None,
    slices: int = SLICES,
    rng: np.random.Generator,
) -> Floats:
    """The prompts on some random directions of the space that they span.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
        As `means.mean_gram` gives it.
    template : array_like, shape (prompts,), optional
    slices : int
    rng : np.random.Generator
        Draws the directions.

    Returns
    -------
    np.ndarray, shape (layers, slices, prompts)
        In units of the activations.
    """
    about = projection(gram.shape[1], template)
    variances, vectors = np.linalg.eigh(about @ gram @ about)
    lengths = np.sqrt(np.maximum(variances, 0.0))
    # Rounding has no directions: of prompts that are all alike, nothing is left.
    lengths[variances <= 1e-12 * np.einsum("lii->l", gram)[:, None]] = 0.0
    drawn = rng.standard_normal((slices, gram.shape[1]))
    # By way of the axes and back: the signs that LAPACK gave these do not matter.
    directions = (drawn @ vectors) * (lengths > 0)[:, None]
    norms = np.linalg.norm(directions, axis=2, keepdims=True)
    directions = np.divide(
        directions, norms, out=np.zeros_like(directions), where=norms > 0
    )
    projected: Floats = directions @ (vectors * lengths[:, None]).transpose(0, 2, 1)
    return projected


def sliced_wasserstein(values: Floats, labels: npt.ArrayLike) -> Floats:
    """Mean over slices and pairs of emotions of the 1-Wasserstein distance.

    Parameters
    ----------
    values : np.ndarray, shape (layers, slices, prompts)
    labels : array_like of int, shape (rows, prompts)

    Returns
    -------
    np.ndarray, shape (rows, layers)
        In units of the activations.

    Raises
    ------
    SimilarityError
        If shapes disagree, or emotions differ in their number of prompts.
    """
    rows = np.asarray(labels)
    if values.ndim != 3 or rows.ndim != 2 or values.shape[2] != rows.shape[1]:
        msg = (
            "`values` must have shape (layers, slices, prompts) and `labels`"
            f" (rows, prompts), got {values.shape} and {rows.shape}."
        )
        raise SimilarityError(msg)
    emotions = int(rows.max()) + 1
    sizes = _sizes(rows, emotions)
    counts = _smallest(int(sizes.max()), emotions)
    out = np.empty((len(rows), len(values)))
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        codes = np.arange(emotions)[:, None]
        counted = (rows[part].T[:, None] == codes).astype(counts)
        for layer, slices in enumerate(values):
            out[part, layer] = sum(_areas(line, counted) for line in slices)
    out /= sizes[:, None] * values.shape[1] * (emotions * (emotions - 1) / 2)
    return out


def _areas(line: Floats, counted: npt.NDArray[np.signedinteger]) -> Floats:
    """Sum over pairs of emotions of the area between their counts up to each value.

    `line` has shape (prompts,), `counted` (prompts, emotions, rows); shape (rows,).
    """
    order = np.argsort(line, kind="stable")
    gaps = np.diff(line[order])
    below = np.zeros_like(counted[0])
    firsts, seconds = np.triu_indices(len(below), k=1)
    one, other = np.empty((2, firsts.size, below.shape[1]), below.dtype)
    magnitude = one.view(f"u{one.itemsize}")
    apart = np.empty((gaps.size, below.shape[1]), magnitude.dtype)
    for prompt, total in zip(order[:-1], apart, strict=True):
        below += counted[prompt]
        np.take(below, firsts, axis=0, out=one, mode="clip")
        np.take(below, seconds, axis=0, out=other, mode="clip")
        one -= other
        np.abs(one, out=one)
        np.add.reduce(magnitude, axis=0, dtype=total.dtype, out=total)
    return gaps @ apart.astype(np.float64)


def _smallest(prompts: int, emotions: int) -> type[np.signedinteger]:
    """The type that holds counts up to `prompts` and their differences, added up."""
    together = prompts * (emotions**2 // 4)
    return np.int8 if together < 256 and prompts < 128 else np.int32


def _sizes(rows: npt.NDArray[np.integer], emotions: int) -> npt.NDArray[np.intp]:
    """Prompts of an emotion, by row."""
    sizes = np.stack([(rows == e).sum(axis=1) for e in range(emotions)])
    if emotions < 2 or sizes.min() < 1 or np.ptp(sizes, axis=0).any():
        bad = int(np.argmax(np.ptp(sizes, axis=0)))
        msg = (
            "`labels` must hold 2 emotions or more with as many prompts each, got"
            f" {sizes[:, bad].tolist()} prompts. Give every emotion the same number."
        )
        raise SimilarityError(msg)
    first: npt.NDArray[np.intp] = sizes[0]
    return first
