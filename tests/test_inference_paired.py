"""One number per prompt, compared between emotions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from harness.inference import InferenceError
from harness.inference.paired import paired_gap, rate_over_chance


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _gap(a: npt.NDArray[Any], b: npt.NDArray[Any], axis: int) -> Any:
    return np.mean(a, axis=axis) - np.mean(b, axis=axis)


def test_hand_worked_sign_flips() -> None:
    # Differences 4, 2, -1: of 8 sign patterns, +++ and ++- reach the observed sum 5.
    result = paired_gap([9, 5, 3], [5, 3, 4], template_matched=True, rng=_rng())
    assert result.effect == pytest.approx(5 / 3)
    assert result.p == 2 / 8
    assert result.smallest_p == 1 / 8
    assert result.exact
    assert result.prompts == (3, 3)
    assert np.isnan(result.interval.low)


@pytest.mark.parametrize("alternative", ["greater", "less"])
@pytest.mark.parametrize("matched", [True, False])
def test_exact_p_agrees_with_scipy(matched: bool, alternative: Any) -> None:
    rng = np.random.default_rng(8)
    a, b = rng.normal(0.4, 1, size=6), rng.normal(size=6)
    ours = paired_gap(
        a, b, template_matched=matched, alternative=alternative, rng=_rng()
    )
    oracle = stats.permutation_test(
        (a, b),
        _gap,
        permutation_type="samples" if matched else "independent",
        n_resamples=np.inf,
        alternative=alternative,
        vectorized=True,
    )
    assert ours.exact
    assert ours.p == pytest.approx(oracle.pvalue, abs=1e-12)


def test_the_two_sided_p_counts_both_directions() -> None:
    a, b = np.array([5.0, 6.0, 7.0, 9.0]), np.array([1.0, 2.0, 4.0, 3.0])
    result = paired_gap(
        a, b, template_matched=True, alternative="two-sided", rng=_rng()
    )
    assert result.p == result.smallest_p == 2 / 16


def test_an_unmeasurable_clip_takes_its_partner_with_it() -> None:
    a = [100.0, np.nan, 120.0, 90.0, 95.0]
    b = [80.0, 60.0, np.nan, 70.0, 75.0]
    result = paired_gap(a, b, template_matched=True, rng=_rng())
    assert result.prompts == (3, 3)
    assert result.dropped == 4
    assert result.effect == pytest.approx(20.0)


def test_free_prompts_have_no_partner_to_lose() -> None:
    result = paired_gap(
        [100.0, np.nan, 120.0], [80.0, 60.0, 70.0], template_matched=False, rng=_rng()
    )
    assert result.prompts == (2, 3)
    assert result.dropped == 1
    assert result.effect == pytest.approx(40.0)


def test_equal_values_give_no_effect_and_p_1() -> None:
    values = np.full(8, 118.3)
    for matched in (True, False):
        result = paired_gap(values, values, template_matched=matched, rng=_rng())
        assert (result.effect, result.p) == (0.0, 1.0)


def test_the_matched_interval_is_students_on_the_differences() -> None:
    a, b = np.array([9.0, 5.0, 3.0, 8.0, 7.0]), np.array([5.0, 3.0, 4.0, 5.0, 1.0])
    interval = paired_gap(a, b, template_matched=True, rng=_rng()).interval
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))


def test_a_planted_tempo_gap_is_found_and_many_prompts_are_drawn() -> None:
    rng = np.random.default_rng(1)
    template = rng.normal(0, 15, size=20)
    happy = 130 + template + rng.normal(0, 5, size=20)
    sad = 100 + template + rng.normal(0, 5, size=20)
    result = paired_gap(happy, sad, template_matched=True, count=2000, rng=rng)
    assert not result.exact
    assert result.p == result.smallest_p == 1 / 2000
    assert result.interval.low < 30 < result.interval.high


def test_a_gap_that_is_not_there_is_found_as_often_as_alpha_says() -> None:
    rng = np.random.default_rng(2)
    p = []
    for _ in range(400):
        template = rng.normal(0, 15, size=6)
        happy, sad = template + rng.normal(0, 10, size=(2, 6))
        p.append(paired_gap(happy, sad, template_matched=True, rng=rng).p)
    low, high = stats.binom.interval(0.999, 400, 3 / 64)  # the largest p below .05
    assert low <= np.sum(np.array(p) < 0.05) <= high


@pytest.mark.parametrize(
    ("a", "b", "matched", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0, 3.0], True, "equal when templates are matched"),
        ([[1.0], [2.0]], [1.0, 2.0], False, r"must have shape \(prompts,\)"),
        ([1.0, np.inf], [1.0, 2.0], True, "must not be infinite"),
        ([1.0, np.nan, 2.0], [np.nan, 1.0, 2.0], True, "at least 2 measured prompts"),
    ],
)
def test_values_that_cannot_be_compared_are_refused(
    a: Any, b: Any, matched: bool, message: str
) -> None:
    with pytest.raises(InferenceError, match=message):
        paired_gap(a, b, template_matched=matched, rng=_rng())


def test_hand_worked_rate_and_its_shuffled_expectation() -> None:
    # Template 0: both emotions meet only rule 0. Template 1: each meets its own.
    matches = [[1, 0], [1, 0], [1, 0], [0, 1]]
    emotion, template = [0, 1, 0, 1], [0, 0, 1, 1]
    result = rate_over_chance(matches, emotion, template=template, rng=_rng())
    assert result.rate == 3 / 4
    assert result.shuffled == (0.5 + 0.5) / 2
    assert result.excess == 1 / 4
    # Swapping within template 0 changes nothing, within template 1 loses two.
    assert result.p == 2 / 4
    assert result.smallest_p == 1 / 4


def test_the_shuffled_rate_is_the_mean_over_all_relabelings() -> None:
    rng = np.random.default_rng(5)
    matches = rng.random((6, 3)) < 0.5
    emotion = np.array([0, 1, 2, 0, 1, 2])
    template = np.array([0, 0, 0, 1, 1, 1])
    result = rate_over_chance(matches, emotion, template=template, rng=rng)
    rates = []
    for first in np.array(np.meshgrid(*[range(3)] * 6)).reshape(6, -1).T:
        if sorted(first[:3]) == sorted(first[3:]) == [0, 1, 2]:
            rates.append(matches[np.arange(6), first].mean())
    assert len(rates) == 36
    assert result.shuffled == pytest.approx(np.mean(rates))
    assert result.p == pytest.approx(np.mean(np.array(rates) >= result.rate - 1e-12))


def test_a_rule_that_all_music_meets_gains_nothing() -> None:
    matches = np.tile([True, False, False], (12, 1))
    emotion = np.repeat([0, 1, 2], 4)
    result = rate_over_chance(matches, emotion, rng=_rng())
    assert result.rate == result.shuffled == pytest.approx(1 / 3)
    assert result.p == 1.0


def test_emotions_keep_their_column_when_some_are_not_asked_for() -> None:
    matches = np.zeros((4, 5))
    matches[:2, 1] = matches[2:, 4] = 1
    result = rate_over_chance(matches, [1, 1, 4, 4], rng=_rng())
    assert result.rate == 1.0
    assert result.p == 1 / 6


def test_the_interval_of_independent_prompts_is_wilsons() -> None:
    matches = np.zeros((20, 2))
    matches[:13, 0] = 1
    emotion = np.array([0] * 19 + [1])
    interval = rate_over_chance(matches, emotion, rng=_rng()).interval
    # Single prompts vary as a binomial does, up to n / (n - 1).
    low, high = proportion_confint(13 * 19 / 20, 19, method="wilson")
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-6)


def test_prompts_that_agree_within_templates_count_as_fewer() -> None:
    alike, mixed = np.zeros((24, 2)), np.zeros((24, 2))
    emotion, template = np.tile([0, 1], 12), np.repeat(np.arange(6), 4)
    alike[template < 3] = 1
    mixed[np.arange(24) % 4 < 2] = 1
    wide, narrow = (
        rate_over_chance(m, emotion, template=template, rng=_rng()).interval
        for m in (alike, mixed)
    )
    assert wide.estimate == narrow.estimate == 0.5
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_a_perfect_rate_still_has_a_lower_bound_below_it() -> None:
    emotion = np.repeat([0, 1], 6)
    result = rate_over_chance(np.eye(2)[emotion], emotion, rng=_rng())
    expected = proportion_confint(12, 12, method="wilson")[0]
    assert result.interval.low == pytest.approx(expected)
    assert result.interval.high == 1.0


def test_a_music_that_ignores_its_prompt_passes_as_often_as_alpha_says() -> None:
    rng = np.random.default_rng(6)
    emotion, template = np.repeat(np.arange(4), 6), np.tile(np.arange(6), 4)
    p = []
    for _ in range(300):
        tendency = rng.random((6, 4))[template]  # templates differ in what they yield
        matches = rng.random((24, 4)) < tendency
        result = rate_over_chance(
            matches, emotion, template=template, count=200, rng=rng
        )
        p.append(result.p)
    assert np.sum(np.array(p) <= 0.05) <= stats.binom.ppf(0.9995, 300, 0.05)
    assert np.sum(np.array(p) <= 0.2) >= stats.binom.ppf(0.0005, 300, 0.12)


@pytest.mark.parametrize(
    ("matches", "emotion", "message"),
    [
        ([[1, 0]], [0, 1], r"must have shape \(prompts, emotions\)"),
        ([[1, 0], [0, 1]], [0, 2], "must be columns of `matches`"),
        ([[1, 0], [0, 2]], [0, 1], r"must lie in \[0, 1\]"),
        ([[1, 0], [0, np.nan]], [0, 1], "Count an unmeasurable clip as no match"),
    ],
)
def test_matches_that_are_no_rates_are_refused(
    matches: Any, emotion: Any, message: str
) -> None:
    with pytest.raises(InferenceError, match=message):
        rate_over_chance(matches, emotion, rng=_rng())
