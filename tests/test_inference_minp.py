"""Joint min-p: by hand, against brute force, error rates, columns with holes."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from harness.inference import InferenceError
from harness.inference.minp import joint_min_p, ranked_p

Floats = npt.NDArray[np.float64]

SIGNS = np.array(list(product([1, -1], repeat=6)), np.float64)  # all 64, row 0 observed


def test_two_columns_by_hand() -> None:
    statistics = np.array([[9.0, 10.0], [1.0, 30.0], [5.0, 20.0], [0.0, 0.0]])
    # Own p by row: 1/4, 3/4; 3/4, 1/4; 2/4, 2/4; 1, 1. Smallest: 1/4, 1/4, 2/4, 1.
    found = joint_min_p(statistics, exact=True)
    np.testing.assert_allclose(found.own, [0.25, 0.75])
    np.testing.assert_allclose(found.p, [0.5, 0.75])
    # Stepping down, the second is compared with itself alone.
    np.testing.assert_allclose(found.step_down, [0.5, 0.75])


def test_one_column_keeps_its_own_p() -> None:
    found = joint_min_p(SIGNS @ np.arange(1.0, 7.0)[:, None], exact=True)
    np.testing.assert_allclose(found.p, found.own)
    np.testing.assert_allclose(found.p, 1 / 64)


statistics = arrays(
    np.float64,
    st.tuples(st.integers(2, 12), st.integers(1, 4)),
    elements=st.integers(-3, 3),
)


@settings(deadline=None)
@given(statistics)
def test_it_is_the_plain_count(values: Floats) -> None:
    rows, columns = values.shape
    own = np.array(
        [
            [np.mean(values[:, j] >= values[i, j]) for j in range(columns)]
            for i in range(rows)
        ]
    )
    np.testing.assert_allclose(ranked_p(values), own)
    found = joint_min_p(values, exact=True)
    for j in range(columns):
        plain = np.mean(own.min(axis=1) <= own[0, j] + 1e-12)
        assert found.p[j] == pytest.approx(plain)


@settings(deadline=None)
@given(statistics)
def test_order_of_corrections(values: Floats) -> None:
    found = joint_min_p(values, exact=True)
    assert np.all(found.own <= found.step_down + 1e-12)
    assert np.all(found.step_down <= found.p + 1e-12)
    assert np.all(found.p > 0)
    bonferroni = np.minimum(1, found.own * values.shape[1])
    assert np.all(found.p <= bonferroni + 1e-12)


@settings(deadline=None)
@given(statistics)
def test_the_scale_of_a_column_does_not_matter(values: Floats) -> None:
    scales = 10.0 ** np.arange(values.shape[1])
    once, again = (joint_min_p(v, exact=True) for v in (values, values * scales))
    np.testing.assert_array_equal(once.p, again.p)
    np.testing.assert_array_equal(once.step_down, again.step_down)


def test_rounding_makes_no_difference_to_ties() -> None:
    values = SIGNS @ np.full((6, 1), 0.1)
    noise = 1e-15 * np.random.default_rng(1).standard_normal(values.shape)
    np.testing.assert_array_equal(
        ranked_p(values + noise), ranked_p(np.round(values, 6))
    )


def test_a_column_that_never_changes_costs_nothing() -> None:
    values = SIGNS @ np.arange(1.0, 7.0)[:, None]
    constant = np.hstack([values, np.full_like(values, 3.0)])
    found = joint_min_p(constant, exact=True)
    np.testing.assert_allclose(found.p, [1 / 64, 1.0])


def test_what_is_not_measured_in_one_column_leaves_the_rows_aligned() -> None:
    differences = np.array([5.0, 4, 6, 3, 7, 5])
    holes = differences.copy()
    holes[:3] = 0.0  # not measured: flipping these changes nothing
    found = joint_min_p(SIGNS @ np.stack([differences, holes], axis=1), exact=True)
    np.testing.assert_allclose(found.own, [1 / 64, 1 / 8])
    # The column with holes is at its best in 8 rows. The first 8 of the other are
    # among these but for 4: flips of its 3, its 7, its last 5, and of its 4 and 3.
    np.testing.assert_allclose(found.p, [1 / 64, 12 / 64])


def _share_of_errors(effects: Floats, *, step_down: bool) -> float:
    """How often any column without an effect is found, in 6 pairs of prompts."""
    rng = np.random.default_rng(8)
    mixing = np.linalg.cholesky(0.5 + 0.5 * np.eye(len(effects)))
    silent = effects == 0
    errors = 0
    for _ in range(400):
        differences = rng.standard_normal((6, len(effects))) @ mixing.T + effects
        found = joint_min_p(SIGNS @ differences, exact=True)
        p = found.step_down if step_down else found.p
        errors += bool(np.any(p[silent] <= 0.0625))
    return errors / 400


@pytest.mark.parametrize("step_down", [False, True])
@pytest.mark.parametrize("effects", [[0.0, 0, 0, 0], [5.0, 0, 0, 0]])
def test_any_false_find_is_as_rare_as_alpha(
    effects: list[float], step_down: bool
) -> None:
    found = _share_of_errors(np.array(effects), step_down=step_down)
    assert found <= stats.binom.ppf(0.999, 400, 0.0625) / 400
    if not any(effects):  # not only safe: ties apart, nothing is given away
        assert found >= 0.02


def test_stepping_down_finds_more_and_never_less() -> None:
    differences = np.array([[9.0, 2], [8, 1], [9, 3], [9, -1], [8, 2], [9, 2]])
    found = joint_min_p(SIGNS @ differences, exact=True)
    assert found.step_down[1] < found.p[1]


def test_a_statistic_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InferenceError, match="must be finite"):
        joint_min_p(np.array([[1.0, np.nan], [0.0, 1.0]]), exact=False)
