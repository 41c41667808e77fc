"""Holm's adjustment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inference import InferenceError
from harness.inference.multiplicity import holm


def test_hand_worked_step_down() -> None:
    # Sorted .01, .03, .04 times 3, 2, 1 is .03, .06, .04; never falling: .03, .06, .06.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


def test_a_single_p_is_left_alone() -> None:
    assert holm([0.04]) == pytest.approx([0.04])


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=10))
def test_adjusted_p_is_never_smaller_nor_above_bonferroni(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p) - 1e-15).all()
    assert (adjusted <= np.minimum(1.0, len(p) * np.array(p)) + 1e-12).all()


@pytest.mark.parametrize("p", [[0.0, 0.1], [0.2, 1.1], [float("nan")]])
def test_what_is_no_permutation_p_is_refused(p: list[float]) -> None:
    with pytest.raises(InferenceError, match=r"must lie in \(0, 1\]"):
        holm(p)


def test_an_empty_family_is_refused() -> None:
    with pytest.raises(InferenceError, match="must have shape"):
        holm([])
