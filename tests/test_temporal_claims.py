"""The claims about time as shipped, on clips that are sound or too short for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import test_bad_data

from harness.captures import ClipCapture
from harness.plan import ClipSpec

pytest_plugins = ["pytester"]

measured = test_bad_data.measured

IN_WINDOWS = {"emotion_emerges", "emotions_diverge", "emotion_at_the_start"}
LEVELS = {"variance_ratio", "happy_varies_more", "strength_ratio"}
FILES = [
    f"hypotheses/test_{name}.py"
    for name in (
        "emotion_shows_in_some_part_of_the_clip",
        "emotions_grow_apart",
        "emotion_is_strongest_at_the_start",
        "variance_over_time_follows_the_emotion",
        "happy_varies_more_than_sad",
        "strength_follows_the_emotion",
    )
]

Measured = Callable[..., tuple[pytest.RunResult, list[dict[str, Any]]]]


def asked(measured: Measured, spoil: Callable[..., ClipCapture]) -> dict[str, Any]:
    """By claim, what was decided in week 3 at the first look."""
    _, claims = measured(spoil, "-mweek3", "--samples=10", *FILES, chosen="test")
    return {c["id"]: c for c in claims if c["id"] in IN_WINDOWS | LEVELS}


def test_sound_clips_of_noise_are_measured_and_support_nothing(
    measured: Measured,
) -> None:
    claims = asked(measured, test_bad_data.sound)
    assert set(claims) == IN_WINDOWS | LEVELS
    for claim in claims.values():
        assert claim["status"] not in ("supported", "weak", "invalid"), claim["because"]
        assert claim["p"] is not None
        assert claim["ci"] is not None


def test_clips_too_short_and_activations_that_stand_still_say_so(
    measured: Measured,
) -> None:
    def spoilt(clip: ClipSpec, capture: ClipCapture) -> ClipCapture:
        means = capture.window_mean.copy()
        means[..., 1::2, :] = 0.0  # windows that no step fell into
        still = np.zeros_like(capture.variance)
        return replace(capture, window_mean=means, variance=still)

    claims = asked(measured, spoilt)
    for name in IN_WINDOWS:
        assert claims[name]["status"] == "invalid"
        assert "fewer steps than windows. Make longer" in claims[name]["because"]
    for name in ("variance_ratio", "happy_varies_more"):
        assert claims[name]["status"] == "invalid"
        assert "stand still" in claims[name]["because"]
    assert claims["strength_ratio"]["status"] != "invalid"
