"""Do emotions lie further apart than prompts of one emotion?

The ratio of mean squares between emotions and between prompts: 1.5 says that emotions
add half as much again to what prompts differ by anyway. It asks about prompts, not
clips, and is about 1 where labels mean nothing.

Conventions
-----------
Values are prompt means, shape `(prompts, columns)`, a column for every layer, window or
band. Labels have shape `(relabelings, prompts)`, row 0 observed. With matched templates
the mean of each template is taken out first, and what remains within emotions is the
interaction.

References
----------
Fisher (1925), Statistical Methods for Research Workers, chapters 7 and 8 (one-way, and
blocks without replication).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.temporal.windows import TemporalError

__all__ = ["explained_shares", "f_ratio"]

_ROUNDING = 1e-12  # of the sum of squares


def explained_shares(
    values: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """Share of the sum of squares that lies between emotions.

    It rises with `f_ratio`, and is better behaved: it lies between 0 and 1.

    Parameters
    ----------
    values : array_like, shape (prompts, columns)
    labels : array_like of int, shape (relabelings, prompts)
    template : array_like, shape (prompts,), optional

    Returns
    -------
    np.ndarray, shape (relabelings, columns)
        Zero where a column does not vary.

    Raises
    ------
    TemporalError
        If shapes disagree or a value is not finite.
    """
    array, rows = np.asarray(values, np.float64), np.asarray(labels)
    if array.ndim != 2 or rows.ndim != 2 or rows.shape[1] != len(array):
        msg = (
            "`values` must have shape (prompts, columns) and `labels` (relabelings,"
            f" prompts), got {array.shape} and {rows.shape}."
        )
        raise TemporalError(msg)
    if not np.isfinite(array).all():
        prompt, column = np.argwhere(~np.isfinite(array))[0]
        msg = (
            f"`values` must be finite, got {array[prompt, column]} for prompt {prompt}"
            f" in column {column}. Capture its clips again."
        )
        raise TemporalError(msg)
    centred = _centred(array, template)
    total = (centred**2).sum(axis=0)
    between = np.zeros((len(rows), array.shape[1]))
    for emotion in np.unique(rows[0]):
        own = (rows == emotion).astype(np.float64)
        between += (own @ centred) ** 2 / own.sum(axis=1, keepdims=True)
    # Of a column that does not vary, rounding is all that is left.
    varies = total > _ROUNDING * np.maximum(1.0, (array**2).sum(axis=0))
    shares: npt.NDArray[np.float64] = between / np.where(varies, total, np.inf)
    return shares


def f_ratio(
    share: npt.ArrayLike, *, emotions: int, prompts: int, templates: int | None = None
) -> npt.NDArray[np.float64]:
    """Mean square between emotions over mean square between prompts.

    Parameters
    ----------
    share : array_like
        As `explained_shares` gives it.
    emotions, prompts : int
    templates : int, optional
        How many there are, where prompts are matched.

    Returns
    -------
    np.ndarray, shape of `share`

    Raises
    ------
    TemporalError
        If there are too few prompts for a mean square between them.
    """
    within = prompts - emotions - (0 if templates is None else templates - 1)
    if emotions < 2 or within < 1:
        counted = "" if templates is None else f" in {templates} templates"
        msg = (
            "There must be 2 emotions and 2 prompts of each or more, got"
            f" {emotions} emotions and {prompts} prompts{counted}. Add prompts."
        )
        raise TemporalError(msg)
    explained = np.asarray(share, np.float64)
    left = np.maximum(1.0 - explained, _ROUNDING)
    ratio: npt.NDArray[np.float64] = explained / (emotions - 1) * within / left
    return ratio


def _centred(
    values: npt.NDArray[np.float64], template: npt.ArrayLike | None
) -> npt.NDArray[np.float64]:
    """Less the mean of the prompt's template, or of all prompts."""
    if template is None:
        centred: npt.NDArray[np.float64] = values - values.mean(axis=0)
        return centred
    groups = np.asarray(template)
    if groups.shape != (len(values),):
        msg = f"`template` must have shape ({len(values)},), got {groups.shape}."
        raise TemporalError(msg)
    codes = np.unique(groups, return_inverse=True)[1]
    member = (np.arange(codes.max() + 1)[:, None] == codes).astype(np.float64)
    means = member @ values / member.sum(axis=1, keepdims=True)
    without: npt.NDArray[np.float64] = values - means[codes]
    return without
