"""A mean over raters and prompts: by hand, and how often the interval is right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from harness.inference import InferenceError
from harness.inference.crossed import crossed_mean


def world(
    rng: np.random.Generator, *, raters: int, prompts: int
) -> npt.NDArray[np.float64]:
    """Truth 0: raters with habits, prompts with luck, and noise."""
    habits, luck = rng.normal(0, 0.1, (raters, 1)), rng.normal(0, 0.15, prompts)
    noise = rng.normal(0, 0.4, (raters, prompts))
    found: npt.NDArray[np.float64] = habits + luck + noise
    return found


def test_over_raters_it_is_the_t_interval() -> None:
    values = 0.1 + world(np.random.default_rng(0), raters=6, prompts=20)
    found = crossed_mean(values, unit_of_prompt=np.arange(20))
    both = stats.ttest_1samp(values.mean(axis=1), 0).confidence_interval(0.95)
    assert (found.raters.low, found.raters.high) == pytest.approx(tuple(both))
    wide = np.hypot(
        found.raters.high - values.mean(), found.prompts.high - values.mean()
    )
    assert found.interval.high - found.interval.estimate == pytest.approx(wide)


def test_p_is_of_the_error_of_both_samples() -> None:
    values = 0.1 + world(np.random.default_rng(0), raters=6, prompts=20)
    found = crossed_mean(values, unit_of_prompt=np.arange(20))
    error = np.hypot(stats.sem(values.mean(axis=1)), stats.sem(values.mean(axis=0)))
    assert found.p == pytest.approx(stats.t.sf(values.mean() / error, 5))
    # Where prompts do not vary it is the t test over raters.
    flat = np.repeat(values.mean(axis=1)[:, None], 20, axis=1)
    over_raters = stats.ttest_1samp(flat[:, 0], 0, alternative="greater")
    one_sample = crossed_mean(flat, unit_of_prompt=np.arange(20))
    assert one_sample.p == pytest.approx(over_raters.pvalue)


def test_p_is_small_by_chance_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(3)
    unit = np.arange(28) // 4
    both, raters_alone = [], []
    for _ in range(500):
        habits, luck = rng.normal(0, 0.05, (6, 1)), rng.normal(0, 0.2, 7)[unit]
        values = habits + luck + rng.normal(0, 0.2, (6, 28))
        found = crossed_mean(values, unit_of_prompt=unit)
        if found.p < 0.025:
            assert found.interval.low > 0
        both.append(found.p)
        means = values.mean(axis=1)
        raters_alone.append(stats.ttest_1samp(means, 0, alternative="greater").pvalue)
    assert np.mean(np.array(both) < 0.01) <= 0.01
    assert np.mean(np.array(both) < 0.05) <= 0.05
    assert np.mean(np.array(raters_alone) < 0.01) > 0.05


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    unit = np.arange(24) // 4
    both = alone = 0
    for _ in range(400):
        luck = np.repeat(rng.normal(0, 0.15, 6), 4)
        values = world(rng, raters=5, prompts=24) + luck
        found = crossed_mean(values, unit_of_prompt=unit)
        both += found.interval.low <= 0 <= found.interval.high
        alone += found.raters.low <= 0 <= found.raters.high
    assert both / 400 >= 0.95
    assert alone / 400 < 0.93  # whoever forgets the prompts is too sure


def test_raters_that_all_do_the_same_leave_some_chance() -> None:
    alike = np.full((4, 4), 0.5)
    assert 0 < crossed_mean(alike, unit_of_prompt=np.arange(4)).p < 0.001
    assert crossed_mean(-alike, unit_of_prompt=np.arange(4)).p > 0.999
    nothing = np.zeros((4, 4))
    assert crossed_mean(nothing, unit_of_prompt=np.arange(4)).p == 1.0
    rounded = np.full((4, 4), 1e-17)
    assert crossed_mean(rounded, unit_of_prompt=np.arange(4)).p == 1.0
    # One answer that is not alike makes it less sure, never surer.
    less = alike.copy()
    less[0, 0] = 0
    sure, less_sure = (
        crossed_mean(v, unit_of_prompt=np.arange(4)).p for v in (alike, less)
    )
    assert sure < less_sure


def test_from_few_raters_or_units_there_is_no_interval() -> None:
    values = world(np.random.default_rng(2), raters=3, prompts=8)
    assert np.isnan(crossed_mean(values, unit_of_prompt=np.arange(8)).interval.low)
    values = world(np.random.default_rng(2), raters=8, prompts=8)
    assert np.isnan(crossed_mean(values, unit_of_prompt=np.arange(8) // 4).interval.low)
    one = crossed_mean(values[:1] + 1, unit_of_prompt=np.arange(8))
    assert one.p == 1.0


def test_what_has_no_raters_and_prompts_is_refused() -> None:
    with pytest.raises(InferenceError, match=r"shape \(raters, prompts\), got \(3,\)"):
        crossed_mean(np.zeros(3), unit_of_prompt=np.arange(3))
    with pytest.raises(
        InferenceError, match=r"`unit_of_prompt` must have shape \(4,\)"
    ):
        crossed_mean(np.zeros((2, 4)), unit_of_prompt=np.arange(3))
