"""Which weeks are asked, and what each of them asks."""

from __future__ import annotations

import pytest

from harness.claims import load_claims
from harness.weeks import asked_weeks, excludes_a_week, samples_for, weeks_asking


@pytest.mark.parametrize(
    ("expression", "weeks"),
    [
        ("week1", [1]),
        ("week2", [2]),
        ("week1 or week2 or week3", [1, 2, 3]),
        ("week3 and not claim", [3]),
        ("", [1, 2, 3]),
        ("claim", [1, 2, 3]),
        ("week10", [1, 2, 3]),
    ],
)
def test_the_weeks_that_are_named_or_all(expression: str, weeks: list[int]) -> None:
    assert asked_weeks(expression) == weeks


@pytest.mark.parametrize(
    ("claim", "weeks"),
    [
        ("layer_signal", [1, 2, 3]),
        ("every_step_captured", [1, 2, 3]),
        ("brightness_gap", [1]),
    ],
)
def test_what_decides_is_asked_again_and_a_panel_once(
    claim: str, weeks: list[int]
) -> None:
    assert weeks_asking(load_claims()[claim]) == weeks


def test_later_weeks_want_more_clips() -> None:
    assert [samples_for(week) for week in (1, 2, 3)] == [10, 20, 20]


@pytest.mark.parametrize(
    ("expression", "excludes"),
    [
        ("not week3", True),
        ("week1 and not (week2 or week3)", True),
        ("week1 and not slow", False),
        ("week1 or week2", False),
        ("", False),
    ],
)
def test_a_week_that_is_excluded_is_noticed(expression: str, excludes: bool) -> None:
    assert excludes_a_week(expression) == excludes
