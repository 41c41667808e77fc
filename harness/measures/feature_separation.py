"""How much of a feature's variance the emotion explains, beyond what chance would.

Epsilon squared of a one-way analysis of variance on prompt means; with matched
templates, on their deviations from the template, whose means take their own degrees of
freedom. It is 0 on average where labels mean nothing, and 1 where they say everything.

Conventions
-----------
Values have shape `(prompts, features)`, NaN where nothing could be measured; labels
have shape `(relabelings, prompts)`, row 0 observed.

References
----------
Kelley (1935), doi:10.1073/pnas.21.9.554 (epsilon squared). Okada (2013),
doi:10.2333/bhmk.40.129 (the least biased of its kind).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harness.measures.gram import SimilarityError

__all__ = ["explained_variance", "explained_variance_of_units"]

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-20  # of squares, as a share of the largest value squared


def explained_variance(
    values: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> Floats:
    """Epsilon squared of every feature under every labelling.

    Parameters
    ----------
    values : array_like, shape (prompts, features)
    labels : array_like of int, shape (relabelings, prompts)
    template : array_like, shape (prompts,), optional
        With matched templates: only deviations from a template's mean are compared.

    Returns
    -------
    np.ndarray, shape (relabelings, features)
        0 where a feature was not measured in enough prompts, or does not vary.

    Raises
    ------
    SimilarityError
        If the shapes disagree or a value is infinite.
    """
    x, rows = np.asarray(values, np.float64), np.asarray(labels)
    if x.ndim != 2 or rows.ndim != 2 or rows.shape[1] != len(x) or np.isinf(x).any():
        msg = (
            "`values` must be (prompts, features), not infinite, and `labels` "
            f"(relabelings, prompts), got {x.shape} and {rows.shape}. Mark what could "
            "not be measured as NaN."
        )
        raise SimilarityError(msg)
    there = np.isfinite(x)
    deviations, means = _deviations(x, there, template)
    total = np.square(deviations).sum(axis=0)
    largest = np.abs(np.where(there, x, 0.0)).max(axis=0, initial=0.0)
    varies = total > _ROUNDING * len(x) * np.square(largest)
    between = np.zeros((len(rows), x.shape[1]))
    emotions = np.zeros((len(rows), x.shape[1]))
    for emotion in np.unique(rows):
        own = (rows == emotion).astype(np.float64)
        count = own @ there
        between += np.square(own @ deviations) / np.maximum(count, 1)
        emotions += count > 0
    free = there.sum(axis=0) - means
    left = free - (emotions - 1)
    usable = varies & (left > 0)
    unexplained = 1 - between / np.where(varies, total, 1.0)
    adjusted = unexplained * free / np.where(usable, left, 1.0)
    return np.where(usable, 1 - adjusted, 0.0)


def explained_variance_of_units(
    values: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    unit_of_prompt: npt.ArrayLike,
    template: npt.ArrayLike | None = None,
) -> Callable[[npt.NDArray[np.bool_]], Floats]:
    """`explained_variance` of the observed labels, as a function of the units kept.

    Returns
    -------
    callable
        Takes a boolean mask of shape `(units,)`, returns shape `(features,)`.
    """
    x, codes = np.asarray(values, np.float64), np.asarray(emotion)
    units = np.asarray(unit_of_prompt)
    groups = None if template is None else np.asarray(template)

    def explained(mask: npt.NDArray[np.bool_]) -> Floats:
        kept = mask[units]
        own = None if groups is None else groups[kept]
        found: Floats = explained_variance(x[kept], codes[None, kept], template=own)[0]
        return found

    return explained


def _deviations(
    x: Floats, there: npt.NDArray[np.bool_], template: npt.ArrayLike | None
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """From the mean of a template, or of all; and of how many means, by feature.

    What was not measured deviates by 0 and is not counted.
    """
    groups = np.zeros(len(x)) if template is None else np.asarray(template)
    if groups.shape != (len(x),):
        msg = f"`template` must have shape ({len(x)},), got {groups.shape}."
        raise SimilarityError(msg)
    deviations = np.where(there, x, 0.0)
    means = np.zeros(x.shape[1], np.intp)
    for group in np.unique(groups):
        own = groups == group
        count = there[own].sum(axis=0)
        mean = deviations[own].sum(axis=0) / np.maximum(count, 1)
        deviations[own] = np.where(there[own], deviations[own] - mean, 0.0)
        means += count > 0
    return deviations, means
