"""Intervals by leaving one unit out at a time.

Conventions
-----------
A unit is whatever is exchangeable and independent: a template where prompts are
matched, otherwise a prompt (or one prompt of each emotion together). The estimator is
a function of a mask over units, so it decides itself what leaving one out means.

References
----------
Tukey (1958), Bias and confidence in not-quite large samples, Ann. Math. Statist. 29,
614. Miller (1974), The jackknife: a review, doi:10.1093/biomet/61.1.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.inference import InferenceError

__all__ = [
    "FEWEST_UNITS",
    "Interval",
    "jackknife_interval",
    "jackknife_t",
    "p_above_zero",
]

Mask = npt.NDArray[np.bool_]
Value = TypeVar("Value", float, npt.NDArray[np.float64])

FEWEST_UNITS = 4  # simulated: no interval is to be trusted at 3


@overload
def jackknife_t(
    estimator: Callable[[Mask], float], units: int, *, confidence: float = ...
) -> Interval[float]: ...
@overload
def jackknife_t(
    estimator: Callable[[Mask], npt.NDArray[np.float64]],
    units: int,
    *,
    confidence: float = ...,
) -> Interval[npt.NDArray[np.float64]]: ...
def jackknife_t(
    estimator: Callable[[Mask], Any], units: int, *, confidence: float = 0.95
) -> Interval[Any]:
    """Interval of an estimate, from its values with one unit left out.

    Parameters
    ----------
    estimator : callable
        Takes a boolean mask of shape `(units,)`, returns a float or an array.
    units : int
        Number of units.
    confidence : float
        Of the two-sided interval; the one-sided upper bound is at 95 % always.

    Returns
    -------
    Interval
        The estimate plus and minus a t quantile with `units - 1` degrees of freedom
        times the jackknife's standard error. Below 4 units the bounds are NaN, which
        no threshold is below: such an interval can refute nothing.

    Raises
    ------
    InferenceError
        If there is no unit, or `confidence` is not inside (0, 1).
    """
    if units < 1:
        msg = f"`units` must be at least 1, got {units}. There is nothing to estimate."
        raise InferenceError(msg)
    estimate = estimator(np.ones(units, np.bool_))
    if units < FEWEST_UNITS:  # do not ask for what a unit less could not give
        left_out = np.full((units, *np.shape(estimate)), np.nan)
    else:
        masks = ~np.eye(units, dtype=np.bool_)
        left_out = np.stack([np.asarray(estimator(mask)) for mask in masks])
    return jackknife_interval(estimate, left_out, confidence=confidence)


@overload
def jackknife_interval(
    estimate: float, left_out: npt.NDArray[np.float64], *, confidence: float = ...
) -> Interval[float]: ...
@overload
def jackknife_interval(
    estimate: npt.NDArray[np.float64],
    left_out: npt.NDArray[np.float64],
    *,
    confidence: float = ...,
) -> Interval[npt.NDArray[np.float64]]: ...
def jackknife_interval(
    estimate: Any, left_out: npt.NDArray[np.float64], *, confidence: float = 0.95
) -> Interval[Any]:
    """`jackknife_t` from values that are already there.

    Parameters
    ----------
    estimate : float or np.ndarray
        From all units.
    left_out : np.ndarray, shape (units, ...)
        The same with each unit left out in turn.
    confidence : float
        Of the two-sided interval.

    Returns
    -------
    Interval

    Raises
    ------
    InferenceError
        If `confidence` is not inside (0, 1).
    """
    if not 0 < confidence < 1:
        msg = f"`confidence` must lie between 0 and 1, got {confidence}. Try 0.95."
        raise InferenceError(msg)
    units = len(left_out)
    error = np.sqrt((units - 1) * np.var(left_out, axis=0))
    if units < FEWEST_UNITS:
        error = np.full_like(error, np.nan)
    two_sided = float(stats.t.ppf(0.5 + confidence / 2, max(units - 1, 1)))
    one_sided = float(stats.t.ppf(0.95, max(units - 1, 1)))
    if np.ndim(estimate) == 0:
        estimate, error = float(estimate), float(error)
    return Interval(
        estimate=estimate,
        low=estimate - two_sided * error,
        high=estimate + two_sided * error,
        upper_one_sided=estimate + one_sided * error,
        units=units,
    )


def p_above_zero(interval: Interval[float]) -> float:
    """One-sided p of zero or less, from the bounds; 1 where there are none."""
    freedom = interval.units - 1
    error = (interval.high - interval.estimate) / stats.t.ppf(0.975, max(freedom, 1))
    if not error > 0:
        return 1.0
    return float(stats.t.sf(interval.estimate / error, freedom))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval(Generic[Value]):
    """An estimate with its bounds; NaN bounds where there are too few units."""

    estimate: Value
    low: Value
    high: Value
    upper_one_sided: Value  # 95 %: equivalence is shown when this is below `none`
    units: int
