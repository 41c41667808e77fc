"""max-T: the corrected p of the best of K columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.inference import InferenceError
from harness.inference.maxt import max_t
from harness.inference.relabel import p_value, p_values, relabelings


def test_hand_worked_maximum_over_two_columns() -> None:
    # Both columns hold the same numbers, so studentising changes no order: the row
    # maxima are 4, 4, 3, 3 in rank, and row 0 ties with row 1 only.
    statistics = np.array([[4.0, 1.0], [1.0, 4.0], [3.0, 2.0], [2.0, 3.0]])
    result = max_t(statistics, exact=True)
    assert result.p.tolist() == [0.5, 1.0]
    assert (result.p_any, result.best, result.exact) == (0.5, 0, True)
    assert result.relabelings == 4


def test_columns_compete_by_their_own_spread_not_by_their_scale() -> None:
    rng = np.random.default_rng(0)
    statistics = rng.normal(size=(1000, 2)) * [1.0, 1000.0]
    statistics[0] = [6.0, 1000.0]
    result = max_t(statistics, exact=False)
    assert result.best == 0
    assert result.p_any == 1 / 1000
    assert result.p[1] > 0.2


def test_one_column_gives_the_plain_permutation_p() -> None:
    values = np.random.default_rng(1).normal(size=(200, 1))
    assert max_t(values, exact=False).p[0] == p_value(values[:, 0])


def test_copies_of_a_column_cost_nothing() -> None:
    values = np.random.default_rng(2).normal(size=(200, 1))
    copies = np.tile(values, 48) * np.arange(1, 49)
    assert max_t(copies, exact=False).p_any == p_value(values[:, 0])


def test_the_exact_p_of_a_maximum_agrees_with_scipy() -> None:
    rng = np.random.default_rng(4)
    values = np.cumsum(rng.normal(size=(9, 3)), axis=1)
    values[:4] += [0.0, 1.0, 0.5]
    rows = relabelings(np.repeat([0, 1], [4, 5]), count=200, rng=rng)
    gaps = np.stack(
        [values[r == 0].mean(axis=0) - values[r == 1].mean(axis=0) for r in rows.labels]
    )
    centre, spread = gaps.mean(axis=0), gaps.std(axis=0)

    def largest(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
        one, other = np.asarray(first, int), np.asarray(second, int)
        gap = values[one].mean(axis=0) - values[other].mean(axis=0)
        return float(((gap - centre) / spread).max())

    oracle = stats.permutation_test(
        (np.arange(4), np.arange(4, 9)),
        largest,
        n_resamples=np.inf,
        alternative="greater",
        vectorized=False,
    )
    assert rows.exact
    found = max_t(gaps, exact=True)
    assert found.p_any == pytest.approx(oracle.pvalue, abs=1e-12)
    assert 1 / 126 < found.p_any < 1


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e8])
def test_rows_that_tie_up_to_rounding_tie_whatever_they_stand_on(offset: float) -> None:
    rng = np.random.default_rng(9)
    half = rng.normal(size=(50, 3))
    # Every value comes twice, with another rounding; the observed one is the largest.
    half[0, 1] = 9.0
    pairs = np.concatenate([half, half * (1 + 4e-16)])
    statistics = offset + pairs + offset * rng.normal(0, 1e-16, pairs.shape)
    assert max_t(statistics, exact=True).p_any == 2 / 100


def test_a_column_of_little_spread_takes_no_power_from_the_others() -> None:
    statistics = np.random.default_rng(7).normal(size=(200, 2))
    statistics[0, 0] = 4.5
    statistics[1:, 0] = np.minimum(statistics[1:, 0], 3.5)
    statistics[:, 1] = 1.0 + 1e-8 * np.clip(statistics[:, 1], -3, 3)
    assert max_t(statistics, exact=False).p[0] == 1 / 200


def test_a_column_that_never_changes_gets_p_1_and_never_wins() -> None:
    values = np.random.default_rng(3).normal(size=(100, 2))
    values[0, 1] = values[:, 1].max() + 1
    values[:, 0] = 0.7
    result = max_t(values, exact=False)
    assert result.p[0] == 1.0
    assert result.best == 1
    assert result.p[1] == 1 / 100


def test_nothing_but_constant_columns_gives_p_1() -> None:
    result = max_t(np.full((20, 3), 0.1), exact=True)
    assert result.p.tolist() == [1.0, 1.0, 1.0]
    assert result.p_any == 1.0


@given(seed=st.integers(0, 2**32 - 1), columns=st.integers(1, 8))
@settings(deadline=None, max_examples=50)
def test_corrected_p_lies_between_the_plain_p_and_bonferroni(
    seed: int, columns: int
) -> None:
    statistics = np.random.default_rng(seed).normal(size=(60, columns))
    corrected, plain = max_t(statistics, exact=False).p, p_values(statistics)
    # Studentised, the row 0 of a column exceeds others exactly as it did before.
    assert (corrected >= plain - 1e-12).all()
    assert corrected.min() >= 1 / 60
    assert (corrected <= 1).all()


def test_the_best_of_many_correlated_columns_keeps_its_error_rate() -> None:
    rng = np.random.default_rng(5)
    emotion = np.repeat([0, 1, 2], 5)
    p, naive = [], []
    for _ in range(400):
        values = np.cumsum(rng.normal(size=(15, 12)), axis=1)
        labels = relabelings(emotion, count=100, rng=rng).labels
        statistics = (labels == 0) @ values
        p.append(max_t(statistics, exact=False).p_any)
        naive.append(p_values(statistics).min())
    low, high = stats.binom.interval(0.999, 400, 0.05)
    assert low <= np.sum(np.array(p) <= 0.05) <= high
    assert np.sum(np.array(naive) <= 0.05) > 2 * high


def test_statistics_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InferenceError, match="must be finite"):
        max_t(np.array([[0.0, np.inf], [1.0, 2.0]]), exact=True)
