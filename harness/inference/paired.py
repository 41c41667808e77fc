"""One number per prompt, compared between emotions: tempo, loudness, brightness, rates.

Conventions
-----------
Values are per prompt (means over its clips), shape `(prompts,)`; NaN is a prompt on
which nothing could be measured. With matched templates, position k of two arrays is
the same template worded for two emotions.

References
----------
Phipson & Smyth (2010), doi:10.2202/1544-6115.1585. Wilson (1927),
doi:10.1080/01621459.1927.10502953. Korn & Graubard (1998), Confidence intervals for
proportions with small expected number of positive counts estimated from survey data,
Survey Methodology 24, 193 (effective sample size).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.inference import InferenceError
from harness.inference.jackknife import FEWEST_UNITS, Interval, Mask, jackknife_t
from harness.inference.relabel import (
    Alternative,
    p_value,
    relabelings,
    smallest_attainable_p,
)

__all__ = [
    "PairedGap",
    "RateOverChance",
    "paired_gap",
    "rate_interval",
    "rate_over_chance",
]

_FEWEST_VALUES = 2


def paired_gap(
    values_a: npt.ArrayLike,
    values_b: npt.ArrayLike,
    *,
    template_matched: bool,
    cohorts: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    alternative: Alternative = "greater",
    count: int = 10_000,
    rng: np.random.Generator,
) -> PairedGap:
    """Mean of `values_a` minus mean of `values_b`, with the p that prompts allow.

    Parameters
    ----------
    values_a, values_b : array_like, shape (prompts,)
        One value per prompt of either emotion, NaN where none could be measured. A
        NaN leaves its partner out too when templates are matched.
    template_matched : bool
        Whether position k is the same template in both: then the signs of the
        differences are flipped, otherwise the labels are dealt out freely.
    cohorts : pair of array_like, shape (prompts,), optional
        The look at which each prompt of either emotion was added: labels then move
        within a cohort only. Templates are in one cohort anyway.
    alternative : {"greater", "less", "two-sided"}
        Which gap was claimed beforehand; "greater" says a is above b.
    count : int
        Relabelings at most; all of them if there are no more.
    rng : np.random.Generator
        Draws relabelings when there are too many.

    Returns
    -------
    PairedGap

    Raises
    ------
    InferenceError
        If matched arrays differ in length, a value is infinite, or fewer than 2
        values of an emotion remain.
    """
    a, b, kept = _measured(values_a, values_b, template_matched)
    # Relative to the first, so that equal values give gaps of exactly zero.
    values = np.concatenate([a, b]) - a[0]
    emotion = np.repeat([0, 1], [a.size, b.size])
    template = (
        np.concatenate([np.arange(a.size), np.arange(b.size)])
        if template_matched
        else None
    )
    cohort = (
        None
        if cohorts is None or template_matched
        else np.concatenate(
            [np.asarray(cohorts[0])[kept[0]], np.asarray(cohorts[1])[kept[1]]]
        )
    )
    drawn = relabelings(emotion, template=template, cohort=cohort, count=count, rng=rng)
    in_a = drawn.labels == 0
    sums = in_a @ values
    gaps = sums / a.size - (values.sum() - sums) / b.size
    return PairedGap(
        effect=float(a.mean() - b.mean()),
        p=p_value(gaps, alternative=alternative),
        smallest_p=smallest_attainable_p(
            emotion,
            template=template,
            cohort=cohort,
            count=count,
            symmetric=alternative == "two-sided",
        ),
        interval=_gap_interval(a, b, template_matched),
        prompts=(a.size, b.size),
        dropped=sum(int(k.size - k.sum()) for k in kept),
        exact=drawn.exact,
    )


def rate_over_chance(
    matches: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
    cohort: npt.ArrayLike | None = None,
    count: int = 10_000,
    rng: np.random.Generator,
) -> RateOverChance:
    """Share of prompts whose music meets the rule of their own emotion.

    Parameters
    ----------
    matches : array_like, shape (prompts, emotions)
        Whether each prompt's clip meets the rule of each emotion; with several clips
        per prompt, the share of them that do.
    emotion : array_like of int, shape (prompts,)
        The column of `matches` that each prompt asked for.
    template : array_like, shape (prompts,), optional
        Labels are shuffled within a template only.
    cohort : array_like, shape (prompts,), optional
        The look at which each prompt was added: labels are shuffled within it only.
    count : int
        Relabelings at most; all of them if there are no more.
    rng : np.random.Generator
        Draws relabelings when there are too many.

    Returns
    -------
    RateOverChance
        `shuffled` is the exact expectation of the rate when labels are shuffled, so a
        rule that all music meets gains nothing. The interval is Wilson's, with the
        prompts counted as fewer when templates make them alike.

    Raises
    ------
    InferenceError
        If shapes disagree, a share is outside [0, 1], or an emotion has no column.
    """
    rates, codes = _checked_matches(matches, emotion)
    prompts = np.arange(codes.size)
    drawn = relabelings(codes, template=template, cohort=cohort, count=count, rng=rng)
    # `relabelings` ranks the emotions; columns of `matches` go by their own code.
    columns = np.unique(codes)[drawn.labels]
    own = rates[prompts, codes]
    return RateOverChance(
        rate=float(own.mean()),
        shuffled=_expected_rate(rates, codes, cohort if template is None else template),
        p=p_value(rates[prompts, columns].mean(axis=1)),
        smallest_p=smallest_attainable_p(
            codes, template=template, cohort=cohort, count=count, symmetric=False
        ),
        interval=rate_interval(own, template),
        prompts=codes.size,
        exact=drawn.exact,
    )


def _measured(
    values_a: npt.ArrayLike, values_b: npt.ArrayLike, template_matched: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], tuple[Mask, Mask]]:
    """Both arrays without their NaNs (and partners), and which values were kept."""
    a, b = np.asarray(values_a, np.float64), np.asarray(values_b, np.float64)
    if a.ndim != 1 or b.ndim != 1 or (template_matched and a.shape != b.shape):
        msg = (
            "`values_a` and `values_b` must have shape (prompts,), equal when templates"
            f" are matched, got {a.shape} and {b.shape}."
        )
        raise InferenceError(msg)
    if np.isinf(a).any() or np.isinf(b).any():
        msg = (
            "`values_a` and `values_b` must not be infinite. Mark unmeasurable as NaN."
        )
        raise InferenceError(msg)
    keep_a, keep_b = ~np.isnan(a), ~np.isnan(b)
    if template_matched:
        keep_a = keep_b = keep_a & keep_b
    kept_a, kept_b = a[keep_a], b[keep_b]
    if min(kept_a.size, kept_b.size) < _FEWEST_VALUES:
        msg = (
            "`values_a` and `values_b` must keep at least 2 measured prompts each, got"
            f" {kept_a.size} and {kept_b.size}. Add prompts, or mend the instrument."
        )
        raise InferenceError(msg)
    return kept_a, kept_b, (keep_a, keep_b)


def _gap_interval(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], template_matched: bool
) -> Interval[float]:
    if template_matched:
        return jackknife_t(lambda mask: float((a - b)[mask].mean()), a.size)

    def gap(mask: Mask) -> float:
        return float(a[mask[: a.size]].mean() - b[mask[a.size :]].mean())

    return jackknife_t(gap, a.size + b.size)


def _checked_matches(
    matches: npt.ArrayLike, emotion: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    rates, codes = np.asarray(matches, np.float64), np.asarray(emotion)
    if rates.ndim != 2 or codes.shape != rates.shape[:1]:
        msg = (
            "`matches` must have shape (prompts, emotions) and `emotion` (prompts,),"
            f" got {rates.shape} and {codes.shape}."
        )
        raise InferenceError(msg)
    if not np.issubdtype(codes.dtype, np.integer) or not np.all(
        (codes >= 0) & (codes < rates.shape[1])
    ):
        msg = "`emotion` must be columns of `matches`, got others. Use codes 0, 1, ..."
        raise InferenceError(msg)
    if not np.all((rates >= 0) & (rates <= 1)):
        msg = "`matches` must lie in [0, 1]. Count an unmeasurable clip as no match."
        raise InferenceError(msg)
    return rates, codes.astype(np.intp)


def _expected_rate(
    rates: npt.NDArray[np.float64],
    codes: npt.NDArray[np.intp],
    block: npt.ArrayLike | None,
) -> float:
    """Mean of `matches` over every prompt with every label of its block."""
    blocks = np.zeros(codes.size) if block is None else np.asarray(block)
    total = 0.0
    for name in np.unique(blocks):
        members = np.flatnonzero(blocks == name)
        total += rates[np.ix_(members, codes[members])].mean(axis=1).sum()
    return float(total / codes.size)


def rate_interval(
    own: npt.NDArray[np.float64], template: npt.ArrayLike | None
) -> Interval[float]:
    """Wilson's interval over as many prompts as the jackknife over templates grants.

    Parameters
    ----------
    own : np.ndarray, shape (prompts,)
        A share of each prompt's clips.
    template : array_like, shape (prompts,), optional
        What makes prompts alike.
    """
    unit = np.arange(own.size) if template is None else np.asarray(template)
    names, unit_of_prompt = np.unique(unit, return_inverse=True)
    if names.size < FEWEST_UNITS:
        return jackknife_t(lambda mask: float(own.mean()), names.size)
    rate = float(own.mean())
    jackknife = jackknife_t(
        lambda mask: float(own[mask[unit_of_prompt]].mean()), names.size
    )
    quantile = float(stats.t.ppf(0.975, names.size - 1))
    variance = ((jackknife.high - jackknife.estimate) / quantile) ** 2
    independent = rate * (1 - rate) / own.size
    effective = own.size / max(1.0, variance / independent if independent else 1.0)
    low, high = _wilson(rate, effective, float(stats.norm.ppf(0.975)))
    upper = _wilson(rate, effective, float(stats.norm.ppf(0.95)))[1]
    return Interval(
        estimate=rate, low=low, high=high, upper_one_sided=upper, units=names.size
    )


def _wilson(rate: float, size: float, quantile: float) -> tuple[float, float]:
    """Wilson (1927), for a size that need not be whole."""
    square = quantile**2 / size
    centre = (rate + square / 2) / (1 + square)
    spread = quantile / size * np.sqrt(rate * (1 - rate) * size + quantile**2 / 4)
    half_width = float(spread) / (1 + square)
    return max(0.0, centre - half_width), min(1.0, centre + half_width)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedGap:
    """A difference of means over prompts."""

    effect: float  # mean of a minus mean of b, in the unit of the values
    p: float
    smallest_p: float  # what p could have been at best
    interval: Interval[float]
    prompts: tuple[int, int]  # measured prompts of a and of b
    dropped: int  # values left out: unmeasured ones and their partners
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RateOverChance:
    """A share of prompts, beside the share that shuffled labels would give."""

    rate: float
    shuffled: float
    p: float
    smallest_p: float
    interval: Interval[float]  # of `rate`
    prompts: int
    exact: bool

    @property
    def excess(self) -> float:
        """What the labels add."""
        return self.rate - self.shuffled
