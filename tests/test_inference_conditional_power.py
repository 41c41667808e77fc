"""Conditional power: Lan and Wittes by hand, and how often later looks succeed."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.inference import InferenceError
from harness.inference.conditional_power import chance_to_reach, conditional_power


def test_conditional_power_is_lan_and_wittes_s() -> None:
    # Half-way, B = 1.4 sqrt(.5) = .98995; on trend 1.9799 is expected at the end.
    on_trend = conditional_power(1.4, 10, 20, 0.025)
    assert on_trend == pytest.approx(
        stats.norm.sf((1.95996 - 1.9799) / sqrt(0.5)), 1e-4
    )
    nothing = conditional_power(1.4, 10, 20, 0.025, drift=0.0)
    assert nothing == pytest.approx(
        stats.norm.sf((1.95996 - 0.98995) / sqrt(0.5)), 1e-4
    )


@pytest.mark.parametrize("drift", [0.0, 1.5, 3.0])
def test_conditional_power_is_how_often_the_later_look_succeeds(drift: float) -> None:
    rng = np.random.default_rng(11)
    # Ten prompts that gave z = 1.2, and thirty more with `drift` expected of all forty.
    effect = drift / sqrt(40)
    more = rng.normal(effect, 1, (20_000, 30)).sum(axis=1)
    then = (1.2 * sqrt(10) + more) / sqrt(40)
    found = float(np.mean(then > stats.norm.isf(0.01)))
    power = conditional_power(1.2, 10, 40, 0.01, drift=drift)
    assert found == pytest.approx(power, abs=4 * sqrt(0.25 / 20_000))


@pytest.mark.parametrize("expected", [0.0, 0.4, 0.8])
def test_the_chance_to_reach_is_how_often_the_later_estimate_does(
    expected: float,
) -> None:
    rng = np.random.default_rng(12)
    # Ten prompts with a mean of .2, and thirty more; the SD of a prompt is 1.
    later = (10 * 0.2 + rng.normal(expected, 1, (20_000, 30)).sum(axis=1)) / 40
    chance = chance_to_reach(
        0.5,
        effect=0.2,
        standard_error=1 / sqrt(10),
        information_now=10,
        information_then=40,
        expected=expected,
    )
    found = float(np.mean(later >= 0.5))
    assert found == pytest.approx(chance, abs=4 * sqrt(0.25 / 20_000))


def test_without_spread_the_later_estimate_is_known() -> None:
    known: dict[str, Any] = {"standard_error": 0.0, "effect": 0.2, "expected": 0.6}
    known |= {"information_now": 10, "information_then": 20}
    assert chance_to_reach(0.39, **known) == 1.0
    assert chance_to_reach(0.41, **known) == 0.0


@pytest.mark.parametrize(
    ("now", "then", "alpha", "match"),
    [
        (20, 10, 0.01, "`information_then` must exceed"),
        (0, 10, 0.01, "`information_then` must exceed"),
        (1, 10, 1.0, "`alpha_then` must lie inside"),
    ],
)
def test_what_cannot_be_is_refused(
    now: float, then: float, alpha: float, match: str
) -> None:
    with pytest.raises(InferenceError, match=match):
        conditional_power(1, now, then, alpha)
