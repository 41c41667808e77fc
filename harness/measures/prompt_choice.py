"""Does what worked on one half of the clips work on the other half?

Wordings (a synonym, or a whole prompt) are kept if their clips of one half score above
the average wording of their emotion; the clips of the other half tell whether those
kept do better than those left. Judged on the half that chose them, the kept ones always
do, whether or not wordings matter.

Conventions
-----------
Scores are by observation, shape `(observations,)`. Wordings are integer codes, of shape
`(relabelings, observations)`, row 0 observed; a wording belongs to one emotion. Halves
have shape `(splits, observations)`: True is one half, False the other, and each chooses
for the other in turn.

References
----------
Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, section
7.10.2 (what goes wrong where the same data choose and judge).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.gram import SimilarityError

__all__ = ["judged_gains"]

Floats = npt.NDArray[np.float64]
_CHUNK_BYTES = 50_000_000
_TIE = 1e-9


def judged_gains(
    scores: npt.ArrayLike,
    wordings: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    halves: npt.NDArray[np.bool_],
) -> Floats:
    """Score of the wordings kept less that of those left, on the half not chosen on.

    Parameters
    ----------
    scores : array_like, shape (observations,)
    wordings : array_like of int, shape (relabelings, observations)
    emotion : array_like of int, shape (observations,)
    halves : np.ndarray of bool, shape (splits, observations)

    Returns
    -------
    np.ndarray, shape (relabelings,)
        Mean over splits, both ways round, and emotions. Wordings that were not heard
        in both halves are left out; where none is better than another nothing is
        chosen, and NaN is returned if nothing ever is.

    Raises
    ------
    SimilarityError
        If the shapes disagree or a score is not finite.
    """
    values, rows = np.asarray(scores, np.float64), np.asarray(wordings)
    codes = np.asarray(emotion)
    shapes = (rows.shape[1:], codes.shape, halves.shape[1:])
    if any(shape != values.shape for shape in shapes) or not np.isfinite(values).all():
        msg = (
            "`scores` must be finite and one for each observation of `wordings`, "
            f"`emotion` and `halves`, got {values.shape} and {shapes}."
        )
        raise SimilarityError(msg)
    total, count = np.zeros(len(rows)), np.zeros(len(rows))
    for one in np.unique(codes):
        own = codes == one
        names = np.unique(rows[:, own])
        step = max(1, _CHUNK_BYTES // (8 * max(1, own.sum() * names.size)))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            gains = _gains(values[own], rows[part, own], names, halves[:, own])
            total[part] += np.nansum(gains, axis=1)
            count[part] += np.isfinite(gains).sum(axis=1)
    return np.divide(total, count, out=np.full(len(rows), np.nan), where=count > 0)


def _gains(
    scores: Floats,
    wordings: npt.NDArray[np.integer],
    names: npt.NDArray[np.integer],
    halves: npt.NDArray[np.bool_],
) -> Floats:
    """Of one emotion, `(relabelings, 2 * splits)`, NaN where nothing is chosen."""
    member = (wordings[:, None] == names[:, None]).astype(np.float64)
    sides = [halves.T.astype(np.float64), (~halves).T.astype(np.float64)]
    sums = [member @ (scores[:, None] * side) for side in sides]
    counts = [member @ side for side in sides]  # (relabelings, names, splits)
    heard = (counts[0] > 0) & (counts[1] > 0)
    found = []
    for choosing, judging in ((0, 1), (1, 0)):
        means = np.where(heard, sums[choosing] / np.maximum(counts[choosing], 1), 0.0)
        average = means.sum(axis=1) / np.maximum(heard.sum(axis=1), 1)
        kept = heard & (means > average[:, None] + _TIE)
        left = heard & ~kept
        found.append(
            _mean(sums[judging], counts[judging], kept)
            - _mean(sums[judging], counts[judging], left)
        )
    return np.concatenate(found, axis=1)


def _mean(sums: Floats, counts: Floats, chosen: npt.NDArray[np.bool_]) -> Floats:
    """Over all observations of the wordings chosen; NaN if there are none."""
    total = (sums * chosen).sum(axis=1)
    count = (counts * chosen).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
