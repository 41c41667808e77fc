"""Do prompts of one emotion resemble each other more than prompts of different ones?

Conventions
-----------
A Gram matrix is that of `gram.prompt_gram`, shape `(layers, prompts, prompts)`; its
diagonal is never read. Emotions and templates are per prompt and only compared for
equality. Signals are dimensionless, positive when prompts of one emotion are alike.

References
----------
Kriegeskorte, Mur & Bandettini (2008), doi:10.3389/neuro.06.004.2008.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.measures.gram import SimilarityError

__all__ = [
    "SimilarityError",
    "balanced_units",
    "compared_pairs",
    "emotion_signal",
    "emotion_signals",
    "signal_of_units",
]

_CHUNK_BYTES = 50_000_000


def emotion_signal(
    gram: npt.NDArray[np.float64],
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """Mean similarity within emotions minus mean similarity between them.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional
        With matched templates: pairs of one template are left out of both means,
        because they share their words and are never of one emotion.

    Returns
    -------
    np.ndarray, shape (layers,)

    Raises
    ------
    SimilarityError
        If no pair, or every pair, is of one emotion.
    """
    signal: npt.NDArray[np.float64] = emotion_signals(
        gram, np.asarray(emotion)[None], template=template
    )[0]
    return signal


def emotion_signals(
    gram: npt.NDArray[np.float64],
    labels: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """`emotion_signal` under many labelings at once.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
    labels : array_like, shape (relabelings, prompts)
    template : array_like, shape (prompts,), optional

    Returns
    -------
    np.ndarray, shape (relabelings, layers)
        One matrix product over pairs for each chunk of relabelings, whose memory
        stays below about 100 MB.

    Raises
    ------
    SimilarityError
        If shapes disagree, or a labelling has no pair within or none between.
    """
    rows = _checked_labels(gram, labels)
    kept = compared_pairs(rows.shape[1], template)
    pairs = np.triu_indices(rows.shape[1], k=1)
    # The last row counts: what is left out weighs nothing, there as in every layer.
    weights = np.concatenate([gram[:, *pairs] * kept[pairs], kept[None, *pairs]])
    total = weights.sum(axis=1)[:, None]
    out = np.empty((len(rows), len(gram)))
    columns = np.ascontiguousarray(rows.T)
    chunks = list(_chunks(len(rows), pairs[0].size))
    same = np.empty((pairs[0].size, chunks[0].stop if chunks else 0))
    for part in chunks:
        within = weights @ _compare(columns[:, part], same)
        out[part] = _difference(within, total - within).T
    return out


def signal_of_units(
    gram: npt.NDArray[np.float64],
    emotion: npt.ArrayLike,
    *,
    unit_of_prompt: npt.ArrayLike,
    template: npt.ArrayLike | None = None,
) -> Callable[[npt.NDArray[np.bool_]], npt.NDArray[np.float64]]:
    """`emotion_signal` as a function of the units kept, for intervals and splits.

    All pairs of prompts are summed once by pairs of units; what remains is a quadratic
    form in which units are kept.

    Parameters
    ----------
    gram : np.ndarray, shape (layers, prompts, prompts)
    emotion : array_like, shape (prompts,)
    unit_of_prompt : array_like of int, shape (prompts,)
        The unit of each prompt, numbered from 0: its template where these are matched.
    template : array_like, shape (prompts,), optional

    Returns
    -------
    callable
        Takes boolean masks over units, shape `(units,)` or `(masks, units)`, returns
        the signals of the prompts in them, shape `(layers,)` or `(masks, layers)`. It
        raises `SimilarityError` if these leave no pair within or none between.

    Raises
    ------
    SimilarityError
        If shapes disagree.
    """
    codes = _checked_labels(gram, np.asarray(emotion)[None])[0]
    kept = compared_pairs(codes.size, template)
    same = codes[:, None] == codes
    units = np.asarray(unit_of_prompt)
    member = (units[:, None] == np.arange(units.max() + 1)).astype(np.float64)
    within = _by_pair_of_units(gram, kept & same, member)
    between = _by_pair_of_units(gram, kept & ~same, member)
    first, second = np.triu_indices(member.shape[1])

    def signal(masks: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        rows = np.atleast_2d(masks).T.astype(np.float64)
        out = np.empty((rows.shape[1], len(gram)))
        for part in _chunks(rows.shape[1], first.size):
            both = rows[first, part] * rows[second, part]
            out[part] = _difference(within @ both, between @ both).T
        return out if np.ndim(masks) == 2 else out[0]

    return signal


def balanced_units(
    emotion: npt.ArrayLike, *, template: npt.ArrayLike | None = None
) -> npt.NDArray[np.intp]:
    """The unit that each prompt belongs to, for intervals, splits and folds.

    A unit is a template; without templates, the k-th prompts of all emotions make one,
    so that leaving units out keeps the emotions balanced.

    Parameters
    ----------
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional

    Returns
    -------
    np.ndarray of int, shape (prompts,)
        Numbered from 0.

    Raises
    ------
    SimilarityError
        If the shapes disagree.
    """
    codes = np.unique(np.asarray(emotion), return_inverse=True)[1]
    if template is None:
        occurrences = (codes[:, None] == codes) & np.tri(codes.size, dtype=np.bool_)
        return np.asarray(occurrences.sum(axis=1) - 1, np.intp)
    groups = np.asarray(template)
    if groups.shape != codes.shape:
        msg = f"`template` must have shape {codes.shape}, got {groups.shape}."
        raise SimilarityError(msg)
    return np.unique(groups, return_inverse=True)[1].astype(np.intp)


def _difference(
    within: npt.NDArray[np.float64], between: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Mean minus mean, from sums by layer with the number of pairs as the last row."""
    fewest = np.minimum(within[-1], between[-1])
    if fewest.min(initial=np.inf) < 1:
        bad = int(np.argmin(fewest))
        msg = (
            "`labels` must leave pairs within and between emotions, got"
            f" {round(within[-1, bad])} within and {round(between[-1, bad])} between."
            " Use 2 emotions and 2 templates or more."
        )
        raise SimilarityError(msg)
    difference: npt.NDArray[np.float64] = (
        within[:-1] / within[-1] - between[:-1] / between[-1]
    )
    return difference


def _compare(
    columns: npt.NDArray[Any], out: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Whether the labels of a pair agree, shape (pairs, relabelings), as 0. and 1.

    `columns` has shape (prompts, relabelings); pairs are in the order of
    `np.triu_indices`, so that each prompt is compared with all after it at once. `out`
    is filled as far as there are relabelings: new memory would cost more than this.
    """
    prompts, rows = columns.shape
    same, start = out[:, :rows], 0
    for first in range(prompts - 1):
        stop = start + prompts - 1 - first
        same[start:stop] = columns[first] == columns[first + 1 :]
        start = stop
    return same


def _by_pair_of_units(
    gram: npt.NDArray[np.float64],
    kept: npt.NDArray[np.bool_],
    member: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Sums of `gram` over `kept` pairs of prompts, by layer and pair of units.

    Shape (layers + 1, pairs of units), these in the order of `np.triu_indices`, a unit
    with itself included; the last row is the number of pairs.
    """
    above = np.triu(kept)
    weights = np.concatenate([np.where(above, gram, 0.0), above[None]])
    sums = member.T @ weights @ member
    folded = sums + np.tril(sums, -1).transpose(0, 2, 1)
    by_pair: npt.NDArray[np.float64] = folded[:, *np.triu_indices(member.shape[1])]
    return by_pair


def _chunks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of `rows` in which float64 of that many columns stay in `_CHUNK_BYTES`."""
    step = max(1, _CHUNK_BYTES // (8 * max(1, columns)))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def compared_pairs(
    prompts: int, template: npt.ArrayLike | None
) -> npt.NDArray[np.bool_]:
    """Which pairs are compared: different prompts, and of different templates."""
    if template is None:
        return ~np.eye(prompts, dtype=np.bool_)
    groups = np.asarray(template)
    if groups.shape != (prompts,):
        msg = f"`template` must have shape ({prompts},), got {groups.shape}."
        raise SimilarityError(msg)
    apart: npt.NDArray[np.bool_] = groups[:, None] != groups
    return apart


def _checked_labels(
    gram: npt.NDArray[np.float64], labels: npt.ArrayLike
) -> npt.NDArray[np.generic]:
    rows = np.asarray(labels)
    if gram.ndim != 3 or rows.ndim != 2 or gram.shape[1:] != (rows.shape[1],) * 2:
        msg = (
            "`gram` must have shape (layers, prompts, prompts) and `labels`"
            f" (relabelings, prompts), got {gram.shape} and {rows.shape}."
        )
        raise SimilarityError(msg)
    return rows
