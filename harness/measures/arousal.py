"""Does a value heard in the music rise with the arousal of the emotion asked for?

Conventions
-----------
Values are by prompt, shape `(prompts,)`, finite, in any unit. Ratings of arousal are by
emotion, shape `(emotions,)`. Labels are emotions by prompt, row 0 observed.

References
----------
Warriner, Kuperman & Brysbaert (2013), doi:10.3758/s13428-012-0314-x (ratings). Fisher
(1915), doi:10.1093/biomet/10.4.507 (z of a correlation).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from harness.measures.gram import SimilarityError

__all__ = ["arousal_correlations", "fisher_z_of_units"]

Floats = npt.NDArray[np.float64]
_CONSTANT = 1e-12  # a spread below this share of the largest value is rounding
_NEARLY_ONE = 1 - 1e-9  # a correlation of 1 has no finite z


def arousal_correlations(
    values: npt.ArrayLike, ratings: npt.ArrayLike, labels: npt.ArrayLike
) -> Floats:
    """Pearson correlation of values with the rating of each prompt's label.

    Parameters
    ----------
    values : array_like, shape (prompts,)
    ratings : array_like, shape (emotions,)
    labels : array_like of int, shape (relabelings, prompts)

    Returns
    -------
    np.ndarray, shape (relabelings,)

    Raises
    ------
    SimilarityError
        If the shapes disagree, a value is not finite, or values or ratings are all the
        same.
    """
    x, rows = np.asarray(values, np.float64), np.asarray(labels)
    if x.ndim != 1 or rows.shape[1:] != x.shape or not np.isfinite(x).all():
        msg = (
            "`values` must be finite and `labels` (relabelings, prompts) of the same "
            f"prompts, got {x.shape} and {rows.shape}. Leave unmeasured prompts out."
        )
        raise SimilarityError(msg)
    y = np.asarray(ratings, np.float64)[rows]
    return _pearson(np.broadcast_to(x, y.shape), y)


def fisher_z_of_units(
    values: npt.ArrayLike, arousal: npt.ArrayLike, unit_of_prompt: npt.ArrayLike
) -> Callable[[npt.NDArray[np.bool_]], float]:
    """Fisher's z of the correlation, as a function of the units kept.

    Parameters
    ----------
    values, arousal : array_like, shape (prompts,)
    unit_of_prompt : array_like of int, shape (prompts,)
        Numbered from 0.

    Returns
    -------
    callable
        Takes a boolean mask of shape `(units,)`. An interval of z keeps, turned back,
        within -1 and 1.
    """
    x, y = np.asarray(values, np.float64), np.asarray(arousal, np.float64)
    units = np.asarray(unit_of_prompt)

    def fisher_z(mask: npt.NDArray[np.bool_]) -> float:
        kept = mask[units]
        r = float(_pearson(x[None, kept], y[None, kept])[0])
        return float(np.arctanh(np.clip(r, -_NEARLY_ONE, _NEARLY_ONE)))

    return fisher_z


def _pearson(x: Floats, y: Floats) -> Floats:
    """Row by row."""
    deviations = []
    for name, given in (("values", x), ("ratings", y)):
        deviation = given - given.mean(axis=1, keepdims=True)
        length = np.linalg.norm(deviation, axis=1, keepdims=True)
        if (length <= _CONSTANT * np.abs(given).max(initial=0.0)).any():
            msg = (
                f"`{name}` must differ between prompts, got the same for all: nothing "
                "can go up or down with it. Ask for emotions that differ in arousal, "
                "of music that differs."
            )
            raise SimilarityError(msg)
        deviations.append(deviation / length)
    r: Floats = np.einsum("ij,ij->i", *deviations)
    return r
