"""How far several raters agree beyond what chance would have them agree.

Conventions
-----------
Ratings have shape `(raters, units)`, NaN where a rater did not rate a unit. 1 is
agreement throughout, 0 what chance gives, below 0 is disagreement by system.

References
----------
Krippendorff (2004), Reliability in content analysis: some common misconceptions and
recommendations, doi:10.1111/j.1468-2958.2004.tb00738.x. Hayes & Krippendorff (2007),
Answering the call for a standard reliability measure for coding data,
doi:10.1080/19312450709336664.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["AgreementError", "krippendorff_alpha"]

Level = Literal["nominal", "interval"]


class AgreementError(ValueError):
    """Ratings are not of the shape that agreement is asked of."""


def krippendorff_alpha(ratings: npt.ArrayLike, *, level: Level) -> float:
    """Krippendorff's alpha: 1 less the disagreement observed over that expected.

    Parameters
    ----------
    ratings : array_like, shape (raters, units)
        Codes of categories, or values on a scale; NaN where not rated.
    level : {"nominal", "interval"}
        Whether two ratings differ or not, or by the square of their difference.

    Returns
    -------
    float
        NaN where no unit has two ratings, or all ratings are the same: then there is
        nothing to disagree about.

    Raises
    ------
    AgreementError
        If `ratings` has not two axes, or `level` is unknown.
    """
    values = np.asarray(ratings, np.float64)
    if values.ndim != 2:
        msg = f"`ratings` must have shape (raters, units), got {values.shape}."
        raise AgreementError(msg)
    if level not in ("nominal", "interval"):
        msg = f"`level` must be nominal or interval, got {level!r}."
        raise AgreementError(msg)
    rated = ~np.isnan(values)
    pairable = values[:, rated.sum(axis=0) >= 2]
    pooled = pairable[~np.isnan(pairable)]
    if not pooled.size:
        return float("nan")
    expected = _sum_of_differences(pooled, level) / (pooled.size - 1)
    if expected == 0:
        return float("nan")
    observed = 0.0
    for unit in pairable.T:
        own = unit[~np.isnan(unit)]
        observed += _sum_of_differences(own, level) / (own.size - 1)
    return float(1 - observed / expected)


def _sum_of_differences(values: npt.NDArray[np.float64], level: Level) -> float:
    """Over all ordered pairs."""
    gaps = values[:, None] - values[None, :]
    return float((gaps != 0).sum() if level == "nominal" else (gaps**2).sum())
