"""Holm against statsmodels, serial gates by hand, and what they never let through."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from harness.inference import InferenceError
from harness.inference.gatekeeping import Family, holm, serial

ps = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def test_holm_by_hand() -> None:
    # .01 x 3; .04 x 2 = .08; .03 x 2 is second: .06, and .04 x 1 may not be below it.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03]), [0.03, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.7, 0.6]), [1.0, 1.0])
    np.testing.assert_allclose(holm([0.2]), [0.2])


@settings(deadline=None, max_examples=25)
@given(ps)
def test_holm_is_that_of_statsmodels(p: list[float]) -> None:
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)


@given(ps, st.randoms())
def test_holm_does_not_read_the_order(p: list[float], random: Any) -> None:
    order = list(range(len(p)))
    random.shuffle(order)
    np.testing.assert_array_equal(holm(np.array(p)[order]), holm(p)[order])


def test_serial_gates_by_hand() -> None:
    gated = serial(
        [
            Family(p=[0.001, 0.004], correct=False),
            Family(p=[0.002, 0.003], correct=True),
            Family(p=[0.0005, 0.9], correct=False),
        ],
        alpha=0.005,
    )
    expected = [[0.001, 0.004], [0.004, 0.004], [0.004, 0.9]]
    for found, by_hand in zip(gated, expected, strict=True):
        np.testing.assert_allclose(_there(found), by_hand)


def test_a_gate_that_stays_shut_shuts_all_that_follow() -> None:
    first = Family(p=[0.001, 0.02], correct=False)
    later = Family(p=[1e-6], correct=True)
    gated = serial([first, later, later], alpha=0.01)
    np.testing.assert_allclose(_there(gated[0]), [0.001, 0.02])
    assert gated[1] is None
    assert gated[2] is None


def test_holm_can_shut_a_gate_that_every_member_would_pass_alone() -> None:
    family = Family(p=[0.004, 0.0045], correct=True)
    gated = serial([family, Family(p=[1e-6], correct=True)], alpha=0.005)
    np.testing.assert_allclose(_there(gated[0]), [0.008, 0.008])
    assert gated[1] is None


@settings(deadline=None, max_examples=20)
@given(st.lists(ps, min_size=1, max_size=4), st.floats(0.001, 0.2))
def test_a_gated_p_is_below_alpha_where_the_procedure_rejects(
    families: list[list[float]], alpha: float
) -> None:
    gated = serial([Family(p=p, correct=True) for p in families], alpha=alpha)
    is_open = True
    for p, found in zip(families, gated, strict=True):
        assert (found is not None) == is_open
        if not is_open:
            continue
        reject = multipletests(p, alpha=alpha, method="holm")[0]
        # statsmodels rejects at p <= alpha, the suite below alpha only.
        assert not np.any((_there(found) < alpha) & ~reject)
        is_open = bool(np.all(_there(found) < alpha))


def test_a_true_null_is_rejected_no_more_often_than_alpha() -> None:
    """Two nulls of three in the second family, behind a gate that always opens."""
    rng = np.random.default_rng(4)
    wrong = 0
    for _ in range(2000):
        null = rng.random(2)
        families = [
            Family(p=[0.001], correct=False),
            Family(p=[*null, 1e-4], correct=True),
        ]
        found = serial(families, alpha=0.05)[1]
        wrong += bool(np.any(_there(found)[:2] < 0.05))
    assert wrong <= stats.binom.ppf(0.999, 2000, 0.05)


@pytest.mark.parametrize("p", [[0.5, np.nan], [-0.1], [1.1], 0.5])
def test_what_is_no_p_value_is_refused(p: Any) -> None:
    with pytest.raises(InferenceError, match="must have shape"):
        holm(p)


def _there(found: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64]:
    assert found is not None
    return found
