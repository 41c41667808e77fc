"""Jackknife-t intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from harness.inference import InferenceError
from harness.inference.jackknife import (
    jackknife_interval,
    jackknife_t,
    p_above_zero,
)

Mask = npt.NDArray[np.bool_]


def test_the_interval_of_a_mean_is_students() -> None:
    values = np.array([2.0, 4.0, 4.0, 5.0, 9.0, 1.5])
    interval = jackknife_t(lambda mask: float(values[mask].mean()), values.size)
    error = values.std(ddof=1) / np.sqrt(values.size)
    low, high = stats.t.interval(0.95, 5, loc=values.mean(), scale=error)
    upper = stats.t.ppf(0.95, 5, loc=values.mean(), scale=error)
    assert interval.estimate == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert interval.upper_one_sided == pytest.approx(upper)
    assert isinstance(interval.low, float)


def test_the_one_sided_bound_stays_at_95_percent_whatever_the_confidence() -> None:
    values = np.array([2.0, 4.0, 4.0, 5.0, 9.0])
    wide, narrow = (
        jackknife_t(lambda m: float(values[m].mean()), 5, confidence=c)
        for c in (0.99, 0.9)
    )
    assert wide.high > narrow.high == pytest.approx(narrow.upper_one_sided)
    assert wide.upper_one_sided == narrow.upper_one_sided


def test_an_array_of_estimates_gives_an_array_of_intervals() -> None:
    values = np.random.default_rng(0).normal(size=(7, 3))

    def means(mask: Mask) -> npt.NDArray[np.float64]:
        return np.asarray(values[mask].mean(axis=0), np.float64)

    together = jackknife_t(means, 7)
    for column in range(3):
        rows = np.array([np.delete(np.arange(7), k) for k in range(7)])
        alone = jackknife_interval(
            float(values[:, column].mean()), values[rows, column].mean(axis=1)
        )
        assert together.high[column] == pytest.approx(alone.high)
        assert together.low[column] == pytest.approx(alone.low)


def test_values_computed_elsewhere_give_the_same_interval() -> None:
    values = np.array([2.0, 4.0, 4.0, 5.0, 9.0])
    left_out = np.array([np.delete(values, k).mean() for k in range(5)])
    given = jackknife_interval(float(values.mean()), left_out)
    computed = jackknife_t(lambda mask: float(values[mask].mean()), 5)
    assert (given.low, given.high) == pytest.approx((computed.low, computed.high))


def test_three_units_give_an_estimate_but_no_bounds() -> None:
    calls: list[int] = []

    def estimator(mask: Mask) -> float:
        calls.append(int(mask.sum()))
        return 0.5

    interval = jackknife_t(estimator, 3)
    assert interval.estimate == 0.5
    assert np.isnan([interval.low, interval.high, interval.upper_one_sided]).all()
    assert not interval.upper_one_sided < 1.0
    assert calls == [3]  # two units may be more than an estimator can do without


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    truth, covered, below = 1.0, 0, 0
    for _ in range(1000):
        values = rng.standard_exponential(size=12)

        def log_mean(mask: Mask, values: npt.NDArray[np.float64] = values) -> float:
            return float(np.log(values[mask].mean()))

        interval = jackknife_t(log_mean, 12)
        covered += interval.low <= np.log(truth) <= interval.high
        below += interval.upper_one_sided < np.log(truth)
    assert 0.92 <= covered / 1000 <= 0.975
    assert 0.03 <= below / 1000 <= 0.12


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_must_be_a_probability(confidence: float) -> None:
    with pytest.raises(InferenceError, match="`confidence` must lie between 0 and 1"):
        jackknife_t(lambda mask: 0.0, 5, confidence=confidence)


def test_no_units_at_all_are_refused() -> None:
    with pytest.raises(InferenceError, match="`units` must be at least 1"):
        jackknife_t(lambda mask: 0.0, 0)


def test_p_of_zero_or_less_is_that_of_the_t_test() -> None:
    values = np.random.default_rng(3).normal(0.4, 1.0, 12)
    found = jackknife_t(lambda mask: float(values[mask].mean()), values.size)
    expected = stats.ttest_1samp(values, 0.0, alternative="greater").pvalue
    assert p_above_zero(found) == pytest.approx(expected)
    few = jackknife_t(lambda mask: 1.0, 3)
    assert p_above_zero(few) == 1.0
