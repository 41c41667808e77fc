"""Do the prompts of one emotion lie together, and apart from those of the others?

The silhouette of a prompt is (b - a) / max(a, b): a is its mean distance to the others
of its group, b to the nearest other group. A group of one has silhouette 0.

Conventions
-----------
Distances have shape `(layers, prompts, prompts)`; their diagonal is never read. Labels
are codes 0, 1, ... of shape `(relabelings, prompts)`, row 0 observed. Silhouettes lie
in [-1, 1]. With matched templates, pairs of one template are left out of both means:
they share their words and are never of one emotion, so that they bring the other
emotions nearer than they are.

References
----------
Rousseeuw (1987), Silhouettes, doi:10.1016/0377-0427(87)90125-7.
McInnes, Healy & Melville (2018), UMAP, arXiv:1802.03426.
"""

from __future__ import annotations

import logging
import warnings

import numpy as np
import numpy.typing as npt

from harness.compiling import compiling_alone
from harness.measures.gram import SimilarityError
from harness.measures.metrics.means import mean_gram, squared_distances
from harness.measures.similarity import compared_pairs

__all__ = ["ClusteringError", "plane", "prompt_distances", "silhouettes"]

Floats = npt.NDArray[np.float64]
_CHUNK_BYTES = 20_000_000
_NEIGHBOURS = 15  # UMAP's default
_FEWEST_POINTS = 5  # a plane is laid out from 3 eigenvectors, and needs points beyond


class ClusteringError(SimilarityError):
    """There are too few points or groups for clusters."""


def prompt_distances(
    activations: npt.ArrayLike, prompt_of_clip: npt.ArrayLike
) -> Floats:
    """Euclidean distances between prompts' mean activations.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    prompt_of_clip : array_like of int, shape (clips,)

    Returns
    -------
    np.ndarray, shape (layers, prompts, prompts)
        In units of the activations.

    Raises
    ------
    SimilarityError
        As `mean_gram`.
    """
    return np.sqrt(squared_distances(mean_gram(activations, prompt_of_clip)))


def silhouettes(
    distances: Floats,
    labels: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> Floats:
    """Mean silhouette of all prompts under many labelings.

    Parameters
    ----------
    distances : np.ndarray, shape (layers, prompts, prompts)
    labels : array_like of int, shape (relabelings, prompts)
    template : array_like, shape (prompts,), optional
        Pairs of one template are left out.

    Returns
    -------
    np.ndarray, shape (relabelings, layers)
        Without templates, that of `sklearn.metrics.silhouette_score`.

    Raises
    ------
    ClusteringError
        If shapes disagree, or there are fewer than 2 groups or no group of 2 prompts.
    """
    rows = _checked(distances, labels)
    kept = compared_pairs(rows.shape[1], template).astype(np.float64)
    groups, prompts = int(rows.max()) + 1, rows.shape[1]
    out = np.empty((len(rows), len(distances)))
    step = max(1, _CHUNK_BYTES // (8 * groups * prompts))
    for start in range(0, len(rows), step):
        own = rows[start : start + step]
        members = (own[:, :, None] == np.arange(groups)).astype(np.float64)
        flat = members.transpose(1, 0, 2).reshape(prompts, -1)
        shape = (prompts, len(own), groups)
        counts = (kept @ flat).reshape(shape)
        if not (counts * (members.transpose(1, 0, 2))).any():
            msg = (
                "`labels` must leave two prompts of a group to compare, got none. Use "
                "2 templates or more."
            )
            raise ClusteringError(msg)
        is_own = members.transpose(1, 0, 2) > 0
        for layer, between in enumerate(distances):
            sums = ((between * kept) @ flat).reshape(shape)
            out[start : start + step, layer] = _mean_silhouette(sums, counts, is_own)
    return out


def plane(points: npt.ArrayLike, *, seed: int) -> Floats:
    """Points in the plane that UMAP lays out for them: a picture, never a test.

    Parameters
    ----------
    points : array_like, shape (points, d)
    seed : int
        The same seed gives the same plane on the same machine.

    Returns
    -------
    np.ndarray, shape (points, 2)

    Raises
    ------
    ClusteringError
        If there are fewer than 5 points, or a value is not finite.
    """
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or len(array) < _FEWEST_POINTS or not np.isfinite(array).all():
        msg = (
            f"`points` must have shape (points, d), finite and {_FEWEST_POINTS} or "
            f"more, got {array.shape}. Make more clips, or capture them again."
        )
        raise ClusteringError(msg)
    with compiling_alone(), warnings.catch_warnings():
        # Imported here: seconds of compiling that only this picture needs. It warns of
        # extras that are not installed, and of threads that a seed forbids.
        warnings.simplefilter("ignore")
        # A line of log for every instruction that is compiled: minutes under pytest.
        logging.getLogger("numba").setLevel(logging.WARNING)
        from umap import UMAP

        layout = UMAP(
            n_neighbors=min(_NEIGHBOURS, len(array) - 1),
            random_state=seed,
            n_jobs=1,
            init="pca",
        )
        return np.asarray(layout.fit_transform(array), np.float64)


def _mean_silhouette(
    sums: Floats, counts: Floats, is_own: npt.NDArray[np.bool_]
) -> Floats:
    """Of arrays `(prompts, relabelings, groups)`, shape (relabelings,)."""
    means = np.where(counts > 0, sums / np.maximum(counts, 1.0), np.inf)
    inside = np.where(is_own, means, np.inf).min(axis=2)
    outside = np.where(is_own, np.inf, means).min(axis=2)
    counted = np.isfinite(inside) & np.isfinite(outside)
    a, b = np.where(counted, inside, 0.0), np.where(counted, outside, 0.0)
    largest = np.maximum(a, b)
    values: Floats = np.where(largest > 0, b - a, 0.0) / np.where(
        largest > 0, largest, 1
    )
    mean: Floats = values.mean(axis=0)
    return mean


def _checked(distances: Floats, labels: npt.ArrayLike) -> npt.NDArray[np.intp]:
    rows = np.asarray(labels)
    if (
        distances.ndim != 3
        or rows.ndim != 2
        or distances.shape[1:] != (rows.shape[1],) * 2
    ):
        msg = (
            "`distances` must have shape (layers, prompts, prompts) and `labels` "
            f"(relabelings, prompts), got {distances.shape} and {rows.shape}."
        )
        raise ClusteringError(msg)
    if rows.min() < 0 or rows.max() < 1:
        msg = "`labels` must be codes 0, 1, ... with 2 groups or more."
        raise ClusteringError(msg)
    return rows.astype(np.intp)
