"""The power of means: the t test, the relabeling test, and simulated studies."""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats

from harness.inference import InferenceError
from harness.inference.mean_power import mean_power, minimum_detectable_gap
from harness.inference.paired import paired_gap
from harness.inference.power import Study

WEEK_1 = Study(emotions=4, prompts=10, seeds=1, matched=True)


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "free"])
def test_the_least_gap_is_found_four_times_in_five(matched: bool) -> None:
    study = replace(WEEK_1, matched=matched)
    gap = minimum_detectable_gap(study, between_prompt_sd=20, alpha=0.05)
    rng, found = np.random.default_rng(5), []
    for _ in range(200):
        slow, fast = rng.normal(0, 20, (2, study.prompts))
        test = paired_gap(
            fast + gap, slow, template_matched=matched, count=500, rng=rng
        )
        found.append(test.p < 0.05)
    low, high = stats.binom.interval(0.999, 200, 0.8)
    assert low <= sum(found) <= high


@pytest.mark.parametrize(("matched", "freedom"), [(True, 9), (False, 18)])
def test_the_least_gap_has_the_power_of_a_t_test(matched: bool, freedom: int) -> None:
    study = replace(WEEK_1, matched=matched)
    gap = minimum_detectable_gap(study, between_prompt_sd=3, alpha=0.01)
    critical = stats.t.isf(0.01, freedom)
    power = stats.nct.sf(critical, freedom, gap / (3 * sqrt(2 / 10)))
    assert power == pytest.approx(0.8, abs=1e-4)


def test_the_least_gap_grows_with_the_spread_of_prompts() -> None:
    one = minimum_detectable_gap(WEEK_1, between_prompt_sd=1, alpha=0.01)
    two = minimum_detectable_gap(WEEK_1, between_prompt_sd=2, alpha=0.01)
    assert two == pytest.approx(2 * one)
    # The textbook's (z_alpha + z_power) sqrt(2 / n), in standard deviations.
    many = minimum_detectable_gap(
        replace(WEEK_1, prompts=2000), between_prompt_sd=1, alpha=0.05
    )
    assert many == pytest.approx((1.6449 + 0.8416) * sqrt(2 / 2000), rel=1e-3)


def test_a_gap_that_no_outcome_could_show_is_infinite() -> None:
    # With a direction, 5 pairs have a smallest p of 1 / 32.
    pair = Study(emotions=2, prompts=5, seeds=1, matched=True)
    assert minimum_detectable_gap(pair, between_prompt_sd=1, alpha=0.03) == inf
    assert minimum_detectable_gap(pair, between_prompt_sd=1, alpha=0.04) < inf


def test_a_mean_is_found_as_often_as_a_gap_of_the_same_size() -> None:
    gap = minimum_detectable_gap(WEEK_1, between_prompt_sd=3, alpha=0.01)
    error = 3 * sqrt(2 / 10)
    power = mean_power(gap, standard_error=error, freedom=9, alpha=0.01)
    assert power == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize("effect", [0.0, 0.4, 0.9])
def test_the_power_of_a_mean_is_how_often_it_is_found(effect: float) -> None:
    studies = np.random.default_rng(6).normal(effect, 1, (4000, 20))
    t = stats.ttest_1samp(studies, 0, axis=1).statistic
    found = float(np.mean(t > stats.t.isf(0.01, 19)))
    power = mean_power(effect, standard_error=1 / sqrt(20), freedom=19, alpha=0.01)
    assert found == pytest.approx(power, abs=4 * sqrt(0.25 / 4000))


def test_without_spread_every_distance_is_found() -> None:
    def found(distance: float) -> float:
        return mean_power(distance, standard_error=0.0, freedom=9, alpha=0.01)

    assert (found(0.1), found(-0.1)) == (1.0, 0.0)


def test_an_alpha_of_nothing_is_refused() -> None:
    with pytest.raises(InferenceError, match="`alpha` must lie inside"):
        mean_power(1, standard_error=1, freedom=9, alpha=0.0)
