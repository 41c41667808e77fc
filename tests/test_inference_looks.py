"""Planned looks and what they cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inference import InferenceError
from harness.inference.looks import (
    PLANNED,
    Design,
    cohort_of,
    design_for,
    look_for,
)


@pytest.mark.parametrize(
    ("samples", "number", "alpha", "spent", "following"),
    [
        (10, 1, 0.005, 0.005, 20),
        (20, 2, 0.010, 0.015, 50),
        (50, 3, 0.015, 0.03, 100),
        (100, 4, 0.020, 0.05, None),
    ],
)
def test_planned_looks_spend_alpha_step_by_step(
    samples: int, number: int, alpha: float, spent: float, following: int | None
) -> None:
    look = look_for(samples)
    assert look.kind == "planned"
    assert (look.number, look.samples) == (number, samples)
    assert (look.alpha, look.alpha_spent) == (alpha, spent)
    assert look.next_samples == following


def test_all_looks_together_spend_5_percent() -> None:
    assert sum(look_for(samples).alpha for samples in PLANNED) == pytest.approx(0.05)


@pytest.mark.parametrize("samples", [1, 3, 9])
def test_fewer_than_10_clips_are_a_smoke_run_that_no_p_can_pass(samples: int) -> None:
    look = look_for(samples)
    assert (look.kind, look.number, look.next_samples) == ("smoke", None, 10)
    assert look.alpha == look.alpha_spent == 0.0


@pytest.mark.parametrize(("samples", "following"), [(11, 20), (37, 50), (500, None)])
def test_any_other_number_is_unplanned(samples: int, following: int | None) -> None:
    look = look_for(samples)
    assert (look.kind, look.number, look.alpha) == ("unplanned", None, 0.0)
    assert look.next_samples == following


@pytest.mark.parametrize(
    ("samples", "design"),
    [(1, (1, 1)), (10, (10, 1)), (20, (20, 1)), (21, (11, 2)), (50, (25, 2)),
     (100, (50, 2))],
)  # fmt: skip
def test_designs_prefer_prompts_to_seeds(samples: int, design: tuple[int, int]) -> None:
    assert design_for(samples) == design


@given(samples=st.integers(1, 1000))
def test_a_design_makes_as_many_clips_as_asked_or_one_more(samples: int) -> None:
    design = design_for(samples)
    assert isinstance(design, Design)
    made = design.prompts_per_emotion * design.seeds_per_prompt
    assert samples <= made <= samples + 1


def test_no_samples_are_refused() -> None:
    with pytest.raises(InferenceError, match="`samples` must be at least 1, got 0"):
        look_for(0)
    with pytest.raises(InferenceError, match="`samples` must be at least 1, got -3"):
        design_for(-3)


@pytest.mark.parametrize(
    ("rank", "cohort"),
    [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (24, 2), (25, 3), (49, 3), (60, 3)],
)
def test_a_prompt_belongs_to_the_look_that_added_it(rank: int, cohort: int) -> None:
    assert cohort_of(rank) == cohort


@pytest.mark.parametrize("samples", PLANNED)
def test_a_planned_look_holds_whole_cohorts(samples: int) -> None:
    """The last prompt of a look and the first that is not in it differ in cohort."""
    prompts = design_for(samples).prompts_per_emotion
    found = cohort_of(np.arange(prompts))
    assert found.tolist() == sorted(found)
    assert found[-1] == PLANNED.index(samples)
    assert samples == PLANNED[-1] or cohort_of(prompts) == found[-1] + 1


@pytest.mark.parametrize("samples", [1, 9, 11, 30, 500])
def test_what_is_no_planned_look_says_why(samples: int) -> None:
    assert look_for(samples).because.startswith(f"{samples} clips per emotion are ")
    assert look_for(20).because == ""
