"""Audio that cannot be measured is refused with a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.measures.acoustics import (
    AcousticsError,
    Audio,
    brightness_hz,
    estimate_mode,
    estimate_tempo,
    integrated_lufs,
    judge_soundness,
    measure,
    rms,
    validate,
)

RATE = 16_000
MEASURES = (
    brightness_hz,
    estimate_mode,
    estimate_tempo,
    integrated_lufs,
    judge_soundness,
    measure,
    rms,
)
Measure = Callable[..., Any]


@pytest.mark.parametrize("measure_of", MEASURES)
@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((1, RATE * 8), np.float32), r"must have the shape \(samples,\)"),
        (np.zeros(RATE * 8, np.int16), r"must be floating point in \[-1, 1\]"),
        (np.zeros(0, np.float32), "got 0 samples"),
    ],
    ids=["stereo", "integers", "empty"],
)
def test_every_measure_refuses_what_is_not_a_clip(
    measure_of: Measure, audio: Audio, message: str
) -> None:
    with pytest.raises(AcousticsError, match=message):
        measure_of(audio, sample_rate=RATE)


@pytest.mark.parametrize("measure_of", MEASURES)
def test_every_measure_refuses_a_telephone(measure_of: Measure) -> None:
    with pytest.raises(AcousticsError, match="at least 8000 Hz, got 4000"):
        measure_of(np.zeros(RATE * 8, np.float32), sample_rate=4_000)


@pytest.mark.parametrize("measure_of", [m for m in MEASURES if m != judge_soundness])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_every_measure_but_soundness_refuses_samples_that_are_not_numbers(
    measure_of: Measure, bad: float
) -> None:
    audio = np.zeros(RATE * 8, np.float32)
    audio[100] = bad
    with pytest.raises(AcousticsError, match="must be finite, got nan or infinity"):
        measure_of(audio, sample_rate=RATE)


@pytest.mark.parametrize(
    ("measure_of", "seconds"),
    [
        (estimate_tempo, 2.0),
        (measure, 2.0),
        (estimate_mode, 1.0),
        (integrated_lufs, 0.4),
        (brightness_hz, 0.064),
    ],
)
def test_a_clip_may_be_too_short_to_measure_by_one_sample(
    measure_of: Measure, seconds: float
) -> None:
    samples = round(seconds * RATE)
    audio = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    measure_of(audio, sample_rate=RATE)
    with pytest.raises(AcousticsError, match=f"at least {seconds:g} s, got"):
        measure_of(audio[:-1], sample_rate=RATE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_audio_that_can_be_measured_passes_in_silence(dtype: type) -> None:
    validate(np.ones(RATE, dtype), sample_rate=RATE, at_least_seconds=1.0)


def test_an_acoustics_error_is_a_value_error() -> None:
    assert issubclass(AcousticsError, ValueError)
