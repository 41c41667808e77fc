"""A mean over two samples at once: of raters, and of what they rate.

Answers of one rater resemble each other, and so do answers to one prompt. Whoever
counts every answer for itself finds an effect in the habits of two raters, or in one
lucky prompt. Here raters are a sample of listeners and prompts one of prompts, and the
error of both is counted, in the interval and in p alike.

Conventions
-----------
Values have shape `(raters, prompts)`, one number of every rater for every prompt. The
variance is that over raters plus that over units of prompts: the two-way estimator of
Cameron, Gelbach & Miller, less the term that they take away, and so never too small.
p has as many degrees of freedom as the smaller sample less 1: with a two-sided p
below .05 the interval is above 0. Where raters and prompts vary around a truth of 0, p
is below .01 in .1 to .9 % of worlds (simulated, 6 to 12 of each); p over raters alone
is in 2 to 19 %.

References
----------
Cameron, Gelbach & Miller (2011), Robust inference with multiway clustering,
doi:10.1198/jbes.2010.07136. Clark (1973), The language-as-fixed-effect fallacy,
doi:10.1016/S0022-5371(73)80014-3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.inference import InferenceError
from harness.inference.jackknife import FEWEST_UNITS, Interval, Mask, jackknife_t

__all__ = ["CrossedMean", "crossed_mean"]

_ROUNDING = 1e-12  # what sums may leave of 0


def crossed_mean(
    values: npt.NDArray[np.float64], *, unit_of_prompt: npt.NDArray[np.intp]
) -> CrossedMean:
    """Mean of `values`, with an interval that counts raters and prompts as samples.

    Parameters
    ----------
    values : np.ndarray, shape (raters, prompts)
    unit_of_prompt : np.ndarray of int, shape (prompts,)
        What is left out together, 0, 1, ...: templates where prompts are matched.

    Returns
    -------
    CrossedMean
        Below 4 raters, or 4 units, the bounds are NaN and p is 1.

    Raises
    ------
    InferenceError
        If shapes disagree or there is nobody.
    """
    if values.ndim != 2 or not values.size:
        msg = f"`values` must have shape (raters, prompts), got {values.shape}."
        raise InferenceError(msg)
    if unit_of_prompt.shape != values.shape[1:]:
        msg = (
            f"`unit_of_prompt` must have shape ({values.shape[1]},), got "
            f"{unit_of_prompt.shape}. Give the unit of every prompt."
        )
        raise InferenceError(msg)
    by_rater, by_prompt = values.mean(axis=1), values.mean(axis=0)

    def of_units(mask: Mask) -> float:
        return float(by_prompt[mask[unit_of_prompt]].mean())

    raters = jackknife_t(lambda mask: float(by_rater[mask].mean()), len(by_rater))
    prompts = jackknife_t(of_units, int(unit_of_prompt.max()) + 1)
    mean = float(values.mean())
    half = math.hypot(raters.high - mean, prompts.high - mean)
    one_sided = math.hypot(
        raters.upper_one_sided - mean, prompts.upper_one_sided - mean
    )
    return CrossedMean(
        interval=Interval(
            estimate=mean,
            low=mean - half,
            high=mean + half,
            upper_one_sided=mean + one_sided,
            units=min(raters.units, prompts.units),
        ),
        raters=raters,
        prompts=prompts,
        p=_p(mean, raters, prompts, values=values.size),
    )


def _p(
    mean: float, raters: Interval[float], prompts: Interval[float], *, values: int
) -> float:
    """One-sided, that the mean is above 0 among all raters and all prompts.

    Never 0: where all are alike, the error is taken to be what one value of 0 among
    them would make of it.
    """
    fewest = min(raters.units, prompts.units)
    if fewest < FEWEST_UNITS or abs(mean) < _ROUNDING:
        return 1.0
    found = math.hypot(_error(raters), _error(prompts))
    error = max(found, abs(mean) / values)
    return float(stats.t.sf(mean / error, fewest - 1))


def _error(interval: Interval[float]) -> float:
    """Standard error, from an interval of 95 %."""
    quantile = float(stats.t.ppf(0.975, interval.units - 1))
    return (interval.high - interval.estimate) / quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedMean:
    """A mean, and what is known of it from raters, from prompts and from both."""

    interval: Interval[float]  # of both
    raters: Interval[float]  # as if the prompts were all that there are
    prompts: Interval[float]  # as if the raters were
    p: float  # one-sided, that the mean is above 0: of both
