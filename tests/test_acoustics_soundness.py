"""Useless clips are called what they are, and good ones are left alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from harness.measures.acoustics import judge_soundness
from harness.phantoms.music import EMOTIONS, perform

RATE = 16_000


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_music_is_sound(emotion: str) -> None:
    audio = perform(emotion, seed=1, index=0, seconds=4)
    soundness = judge_soundness(audio, sample_rate=RATE)
    assert soundness.finite
    assert not soundness.silent
    assert soundness.silent_share == 0.0
    assert soundness.clipped_share == 0.0


@pytest.mark.parametrize(("level", "silent"), [(0.00099, True), (0.00101, False)])
def test_silence_begins_sixty_decibels_below_full_scale(
    level: float, silent: bool
) -> None:
    square_wave = level * np.resize([1.0, -1.0], 8 * RATE)
    soundness = judge_soundness(square_wave, sample_rate=RATE)
    assert soundness.silent is silent
    assert soundness.silent_share == float(silent)


@pytest.mark.parametrize(("seconds", "silent"), [(3, True), (4, False), (5, False)])
def test_a_clip_that_stops_before_its_half_is_silent(
    seconds: int, silent: bool
) -> None:
    soundness = judge_soundness(_stopping(after=seconds), sample_rate=RATE)
    assert soundness.silent is silent
    assert soundness.silent_share == pytest.approx(1 - seconds / 8)


def test_the_rest_of_a_second_at_the_end_is_no_window() -> None:
    audio = _stopping(after=5)[: round(5.5 * RATE)]
    assert judge_soundness(audio, sample_rate=RATE).silent_share == 0.0


def test_less_than_a_second_is_one_window() -> None:
    assert judge_soundness(np.zeros(100), sample_rate=RATE).silent_share == 1.0
    assert judge_soundness(np.ones(100), sample_rate=RATE).silent_share == 0.0


def test_the_share_of_clipped_samples_is_counted() -> None:
    audio = np.array([0.0, 0.5, 0.9989, 0.999, 1.0, -1.0, -0.998, 1.7], np.float64)
    assert judge_soundness(audio, sample_rate=RATE).clipped_share == 0.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_reported_not_raised(bad: float) -> None:
    audio = _stopping(after=8)
    audio[17] = bad
    soundness = judge_soundness(audio, sample_rate=RATE)
    assert not soundness.finite
    assert not soundness.silent
    assert soundness.clipped_share == 0.0


def test_a_clip_of_nan_alone_is_silent() -> None:
    soundness = judge_soundness(np.full(RATE, np.nan), sample_rate=RATE)
    assert soundness.silent
    assert not soundness.finite


def _stopping(*, after: int) -> npt.NDArray[np.float64]:
    audio = np.zeros(8 * RATE)
    audio[: after * RATE] = np.random.default_rng(0).normal(0, 0.05, after * RATE)
    return audio
