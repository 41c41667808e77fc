"""Labels that stay within a look's prompts: the right size over looks, and more power.

In banks without matched templates the prompts that a look adds may differ from the
earlier ones as a whole: here they lie elsewhere in every dimension.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from harness.inference.looks import PLANNED, cohort_of, design_for, look_for
from harness.inference.paired import paired_gap, rate_over_chance
from harness.inference.relabel import p_value, relabelings, smallest_attainable_p
from harness.measures.gram import prompt_gram
from harness.measures.similarity import emotion_signals

REPETITIONS, EMOTIONS, DIMENSIONS, COUNT = 300, 2, 8, 201

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def prompts_of(
    samples: int, *, effect: float, seed: int
) -> tuple[Floats, Codes, Codes]:
    """Activations `(prompts, 1, d)`, emotions and cohorts of an unmatched design.

    A look holds the prompts of the looks before it.
    """
    ranks = np.repeat(np.arange(design_for(PLANNED[-1]).prompts_per_emotion), EMOTIONS)
    emotion = np.tile(np.arange(EMOTIONS), len(ranks) // EMOTIONS)
    cohort = cohort_of(ranks)
    rng = np.random.default_rng([seed, 7])
    places = rng.normal(0, 2, (len(PLANNED), DIMENSIONS))
    noise = rng.normal(size=(len(ranks), DIMENSIONS))
    tilt = effect * np.where(emotion, 1.0, -1.0)[:, None] * np.eye(DIMENSIONS)[0]
    kept = ranks < design_for(samples).prompts_per_emotion
    activations = places[cohort] + noise + tilt
    return activations[kept][:, None], emotion[kept], cohort[kept]


def p_of(samples: int, *, effect: float, seed: int, within: bool) -> float:
    activations, emotion, cohort = prompts_of(samples, effect=effect, seed=seed)
    drawn = relabelings(
        emotion,
        cohort=cohort if within else None,
        count=COUNT,
        rng=np.random.default_rng([seed, samples]),
    )
    gram = prompt_gram(activations, np.arange(len(emotion)))
    return p_value(emotion_signals(gram, drawn.labels)[:, 0])


@cache
def found(samples: int, effect: float, alpha: float, *, within: bool) -> float:
    ps = [
        p_of(samples, effect=effect, seed=seed, within=within)
        for seed in range(REPETITIONS)
    ]
    return float(np.mean(np.array(ps) < alpha))


def test_labels_within_cohorts_have_the_nominal_size() -> None:
    # 99.9 % of binomial counts around 10 %
    assert found(20, 0.0, 0.1, within=True) == pytest.approx(0.1, abs=0.057)


def test_labels_that_leave_their_cohort_find_less_than_half_as_often() -> None:
    alpha = look_for(20).alpha
    assert found(20, 0.8, alpha, within=True) > 0.5
    assert found(20, 0.8, alpha, within=False) < 0.5 * found(
        20, 0.8, alpha, within=True
    )


def test_four_looks_at_nothing_find_something_no_more_often_than_they_may() -> None:
    ever = np.mean(
        [
            any(
                p_of(n, effect=0.0, seed=seed, within=True) < look_for(n).alpha
                for n in PLANNED
            )
            for seed in range(REPETITIONS)
        ]
    )
    assert ever <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / REPETITIONS)


def test_a_gap_is_compared_within_cohorts() -> None:
    """Two cohorts far apart, a gap of 1 in both: only labels within them see it."""
    rng = np.random.default_rng(0)
    cohort = np.repeat([0, 1], 6)
    b = 100.0 * cohort + rng.normal(0, 0.1, 12)
    a = 100.0 * cohort + rng.normal(1, 0.1, 12)
    cohorts = (cohort, cohort)

    def p(cohorts: tuple[npt.ArrayLike, npt.ArrayLike] | None) -> float:
        rng = np.random.default_rng(1)
        return paired_gap(a, b, template_matched=False, cohorts=cohorts, rng=rng).p

    assert p(cohorts) < 0.01 < 0.3 < p(None)


def test_a_value_that_is_missing_leaves_its_cohort_too() -> None:
    a, b = np.array([np.nan, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 0.0, np.nan])
    cohorts = (np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]))
    rng = np.random.default_rng(0)
    gap = paired_gap(a, b, template_matched=False, cohorts=cohorts, rng=rng)
    # Cohort 0 keeps one of a and two of b, cohort 1 two and one: 3 x 3 relabelings.
    assert gap.smallest_p == pytest.approx(1 / 9)
    assert gap.prompts == (3, 3)
    assert gap.dropped == 2


def test_a_rate_is_shuffled_within_cohorts() -> None:
    """In each cohort all music meets one rule: labels say nothing there."""
    emotion = np.array([0, 0, 1, 1])
    rates = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    cohort = np.array([0, 1, 0, 1])
    rng = np.random.default_rng(0)
    found = rate_over_chance(rates, emotion, cohort=cohort, rng=rng)
    assert found.shuffled == pytest.approx(0.5)
    assert found.smallest_p == pytest.approx(1 / 4)
    assert found.p == 1.0


def test_cohorts_leave_fewer_relabelings() -> None:
    emotion, cohort = np.repeat([0, 1], 4), np.tile([0, 0, 1, 1], 2)
    free = smallest_attainable_p(emotion, symmetric=False)
    within = smallest_attainable_p(emotion, cohort=cohort, symmetric=False)
    assert (free, within) == pytest.approx((1 / 70, 1 / 36))
