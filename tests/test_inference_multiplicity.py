"""Holm's adjustment."""

from __future__ import annotations

import numpy as np
import pytest

from harness.inference import InferenceError
from harness.inference.multiplicity import holm


def test_hand_worked_step_down() -> None:
    # Sorted .01, .03, .04 times 3, 2, 1 is .03, .06, .04; never falling: .03, .06, .06.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_a_single_p_is_left_alone() -> None:
    assert holm([0.04]) == pytest.approx([0.04])


@pytest.mark.parametrize("tests", [2, 9])  # few: each call collects garbage, 1 s
def test_adjusted_p_keeps_the_order_and_stays_within_bonferroni(tests: int) -> None:
    p = np.random.default_rng(tests).random(tests) ** 3
    adjusted = holm(p)
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1.0, tests * p) + 1e-12).all()


@pytest.mark.parametrize("p", [[0.0, 0.1], [0.2, 1.1], [float("nan")]])
def test_what_is_no_permutation_p_is_refused(p: list[float]) -> None:
    with pytest.raises(InferenceError, match=r"must lie in \(0, 1\]"):
        holm(p)


def test_an_empty_family_is_refused() -> None:
    with pytest.raises(InferenceError, match="must have shape"):
        holm([])
