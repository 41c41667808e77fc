"""Brightness is the balance point of a spectrum that is known."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.compiling import load_librosa
from harness.measures.acoustics import brightness_hz
from harness.synthesis import Piece, render

RATE = 16_000


@pytest.mark.parametrize("sample_rate", [16_000, 32_000, 44_100])
@pytest.mark.parametrize("frequency", [220.0, 1000.0, 3500.0])
def test_a_sine_is_as_bright_as_its_frequency(
    frequency: float, sample_rate: int
) -> None:
    audio = _tone(frequency, sample_rate=sample_rate)
    assert brightness_hz(audio, sample_rate=sample_rate) == pytest.approx(
        frequency, rel=0.01
    )


@pytest.mark.parametrize(
    ("low", "high", "centroid"), [(1.0, 1.0, 2000), (3.0, 1.0, 1500), (1.0, 3.0, 2500)]
)
def test_two_sines_balance_by_amplitude(
    low: float, high: float, centroid: float
) -> None:
    audio = low * _tone(1000.0) + high * _tone(3000.0)
    assert brightness_hz(audio, sample_rate=RATE) == pytest.approx(centroid, rel=0.01)


def test_steady_noise_is_as_bright_as_librosa_finds_it() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE).astype(np.float32)
    theirs = load_librosa().feature.spectral_centroid(y=noise, sr=RATE).mean()
    assert brightness_hz(noise, sample_rate=RATE) == pytest.approx(theirs, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(gain=st.floats(0.1, 8.0), frequency=st.floats(200.0, 6000.0))
def test_level_does_not_change_brightness(gain: float, frequency: float) -> None:
    audio = 0.1 * _tone(frequency) + 0.05 * _tone(2 * frequency / 3)
    assert brightness_hz(gain * audio, sample_rate=RATE) == pytest.approx(
        brightness_hz(audio, sample_rate=RATE), rel=1e-6
    )


def test_hiss_in_a_pause_is_not_treble() -> None:
    hiss = np.random.default_rng(0).normal(0, 1e-4, 2 * RATE)
    audio = np.concatenate([_tone(500.0), hiss])
    assert brightness_hz(audio, sample_rate=RATE) == pytest.approx(500, rel=0.03)


def test_fewer_overtones_are_darker() -> None:
    centroids = [
        brightness_hz(
            render(
                Piece(tempo_bpm=100, mode="major", rolloff=rolloff),
                seconds=4,
                rng=np.random.default_rng(0),
            ),
            sample_rate=RATE,
        )
        for rolloff in (0.4, 1.0, 1.6, 2.6)
    ]
    assert centroids == sorted(centroids, reverse=True)
    assert centroids[0] > 2 * centroids[-1]


def test_silence_is_neither_bright_nor_dark() -> None:
    assert math.isnan(brightness_hz(np.zeros(RATE), sample_rate=RATE))


def _tone(frequency: float, *, sample_rate: int = RATE) -> npt.NDArray[np.float64]:
    time = np.arange(2 * sample_rate) / sample_rate
    return np.asarray(0.2 * np.sin(2 * np.pi * frequency * time))
