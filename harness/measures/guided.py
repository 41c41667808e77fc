"""Do activations differ more where the music differs more?

Two matrices of distances between prompts, one of what is heard and one of what is in
the activations, are correlated by rank over their pairs. Prompts of one template share
their words, so such pairs are left out. A Mantel test that shuffles all prompts alike
finds too much, because templates resemble each other by chance in both matrices at
once; what is exchangeable here is dealt out by the caller.

Conventions
-----------
Features have shape `(prompts, features)`, on scales whose steps sound alike (octaves,
decibels), NaN where nothing could be measured. Distances are symmetric, of shape
`(prompts, prompts)`; similarities of activations `(layers, prompts, prompts)`. An order
`(orders, prompts)` says whose music each prompt is given; row 0 is its own.

References
----------
Mantel (1967), Cancer Research 27, 209. Guillot & Rousset (2013),
doi:10.1111/2041-210x.12018 (when it errs). Gower (1971), doi:10.2307/2528823 (what was
not measured). Kriegeskorte, Mur & Bandettini (2008), doi:10.3389/neuro.06.004.2008.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from harness.measures.gram import SimilarityError

__all__ = [
    "acoustic_distances",
    "guided_correlations",
    "guided_of_units",
    "pairs_compared",
]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_CHUNK_BYTES = 50_000_000
_FEWEST_PAIRS = 3


def acoustic_distances(features: npt.ArrayLike) -> Floats:
    """Root mean square of the standardised differences between any two prompts.

    Parameters
    ----------
    features : array_like, shape (prompts, features)
        Every prompt has one that was measured.

    Returns
    -------
    np.ndarray, shape (prompts, prompts)
        Over the features that were measured in both (Gower 1971); NaN where there is
        none. A feature that is the same in all prompts says nothing.

    Raises
    ------
    SimilarityError
        If the shape is wrong, a value is infinite, or no feature varies.
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or np.isinf(x).any():
        msg = (
            "`features` must be (prompts, features) and not infinite, got shape "
            f"{x.shape}. Mark what could not be measured as NaN."
        )
        raise SimilarityError(msg)
    varies = np.array([np.ptp(v[~np.isnan(v)]) > 0 if len(v) else False for v in x.T])
    if not varies.any():
        msg = (
            "`features` must vary between prompts, got the same music for all. Listen "
            "to the clips."
        )
        raise SimilarityError(msg)
    x = x[:, varies]
    scaled = (x - np.nanmean(x, axis=0)) / np.nanstd(x, axis=0)
    squares = np.square(scaled[:, None] - scaled)
    there = ~np.isnan(squares)
    total = np.where(there, squares, 0.0).sum(axis=-1)
    count = there.sum(axis=-1)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    distances: Floats = np.sqrt(mean)
    return distances


def pairs_compared(
    distances: Floats,
    *,
    template: npt.ArrayLike | None = None,
    group: npt.ArrayLike | None = None,
) -> Mask:
    """Which pairs of prompts are compared, as a symmetric matrix.

    Parameters
    ----------
    distances : np.ndarray, shape (prompts, prompts)
        Pairs that are NaN are not compared.
    template : array_like, shape (prompts,), optional
        Pairs of one template are not compared.
    group : array_like, shape (prompts,), optional
        Only pairs of one group are compared, such as those of one emotion.

    Raises
    ------
    SimilarityError
        If fewer than 3 pairs are left.
    """
    compared = ~np.eye(len(distances), dtype=np.bool_) & np.isfinite(distances)
    if template is not None:
        compared &= np.not_equal.outer(np.asarray(template), np.asarray(template))
    if group is not None:
        compared &= np.equal.outer(np.asarray(group), np.asarray(group))
    if compared.sum() // 2 < _FEWEST_PAIRS:
        msg = (
            "`distances` must leave 3 pairs of prompts or more, got "
            f"{compared.sum() // 2}. Make more clips, or clips that can be measured."
        )
        raise SimilarityError(msg)
    return compared


def guided_correlations(
    similarities: Floats,
    distances: Floats,
    orders: npt.NDArray[np.intp],
    *,
    compared: Mask,
) -> Floats:
    """Rank correlation of distances in the music and in each layer.

    Parameters
    ----------
    similarities : np.ndarray, shape (layers, prompts, prompts)
    distances : np.ndarray, shape (prompts, prompts)
    orders : np.ndarray of int, shape (orders, prompts)
        Each maps the pairs compared onto themselves.
    compared : np.ndarray of bool, shape (prompts, prompts)

    Returns
    -------
    np.ndarray, shape (orders, layers)
        Spearman's rho; 0 in a layer that is the same for all pairs.
    """
    pairs = np.nonzero(np.triu(compared, k=1))
    ranks = np.zeros(distances.shape)
    ranks[pairs] = _unit(rankdata(distances[pairs]))
    ranks += ranks.T
    layers = np.stack([_unit(rankdata(-layer[pairs])) for layer in similarities])
    out = np.empty((len(orders), len(layers)))
    for part in _chunks(len(orders), pairs[0].size):
        own = orders[part]
        out[part] = ranks[own[:, pairs[0]], own[:, pairs[1]]] @ layers.T
    return out


def guided_of_units(
    similarities: Floats,
    distances: Floats,
    *,
    compared: Mask,
    unit_of_prompt: npt.ArrayLike,
) -> Callable[[Mask], Floats]:
    """`guided_correlations` as a function of the units kept, for intervals and splits.

    Ranks are those among all pairs, not ranked anew among those kept; so all sums are
    quadratic forms in which units are kept.

    Returns
    -------
    callable
        Takes boolean masks over units, shape `(units,)` or `(masks, units)`, returns
        shape `(layers,)` or `(masks, layers)`.
    """
    pairs = np.nonzero(np.triu(compared, k=1))
    x = _unit(rankdata(distances[pairs]))
    y = np.stack([_unit(rankdata(-layer[pairs])) for layer in similarities])
    columns = np.concatenate(
        [np.ones((1, x.size)), x[None], x[None] ** 2, y, y**2, x * y]
    )
    units = np.asarray(unit_of_prompt)
    count = int(units.max()) + 1
    first, second = np.sort(np.stack([units[pairs[0]], units[pairs[1]]]), axis=0)
    cell = first * count + second
    cells, of_pair = np.unique(cell, return_inverse=True)
    sums = np.stack([np.bincount(of_pair, c, cells.size) for c in columns], axis=1)

    def correlations(masks: Mask) -> Floats:
        rows = np.atleast_2d(masks)
        both = (rows[:, cells // count] & rows[:, cells % count]).astype(np.float64)
        n, sx, sxx, *more = (both @ sums).T
        sy, syy, sxy = np.split(np.array(more), 3)
        covariance = n * sxy - sx * sy
        spread = (n * sxx - sx**2) * (n * syy - sy**2)
        varies = spread > 1e-12 * n**2
        rho = np.divide(covariance, np.sqrt(np.where(varies, spread, 1.0)))
        found: Floats = np.where(varies, rho, 0.0).T
        return found if np.ndim(masks) == 2 else found[0]

    return correlations


def _unit(ranks: Floats) -> Floats:
    """Centred and of length 1; zeros where all are the same."""
    centred = ranks - ranks.mean()
    length = np.linalg.norm(centred)
    unit: Floats = centred / length if length > 0 else centred
    return unit


def _chunks(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, _CHUNK_BYTES // (8 * max(1, columns)))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
