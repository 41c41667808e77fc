"""Loudness against values that the standard prints or that a hand can compute."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measures.acoustics import integrated_lufs, rms
from harness.measures.acoustics.loudness import k_weighting
from harness.synthesis import Piece, render

RATE = 48_000


def test_rms_of_a_sine_is_its_amplitude_over_root_two() -> None:
    assert rms(0.5 * _tone(997.0), sample_rate=RATE) == pytest.approx(
        0.5 / math.sqrt(2), rel=1e-4
    )


def test_rms_of_three_and_four_is_the_root_of_twelve_and_a_half() -> None:
    audio = np.array([3.0, -4.0], np.float32)
    assert rms(audio, sample_rate=RATE) == pytest.approx(math.sqrt(12.5))


def test_rms_of_a_piece_is_its_level() -> None:
    piece = Piece(tempo_bpm=90, mode="minor", level=0.07)
    audio = render(piece, seconds=4, rng=np.random.default_rng(0))
    assert rms(audio, sample_rate=16_000) == pytest.approx(0.07, rel=1e-5)


def test_filters_are_those_of_the_table_for_48_khz() -> None:
    (shelf, shelf_poles), (cut, cut_poles) = k_weighting(48_000)
    expected = (1.53512485958697, -2.69169618940638, 1.19839281085285)
    np.testing.assert_allclose(shelf, expected, rtol=1e-9)
    expected = (1.0, -1.69065929318241, 0.73248077421585)
    np.testing.assert_allclose(shelf_poles, expected, rtol=1e-9)
    np.testing.assert_allclose(cut, (1.0, -2.0, 1.0))
    expected = (1.0, -1.99004745483398, 0.99007225036621)
    np.testing.assert_allclose(cut_poles, expected, rtol=1e-9)


@pytest.mark.parametrize("sample_rate", [16_000, 32_000, 48_000])
def test_a_full_scale_sine_is_three_below_zero(sample_rate: int) -> None:
    audio = _tone(997.0, sample_rate=sample_rate)
    assert integrated_lufs(audio, sample_rate=sample_rate) == pytest.approx(
        -3.01, abs=0.05
    )


@settings(max_examples=20, deadline=None)
@given(gain_db=st.floats(-40, 10))
def test_loudness_follows_level_decibel_by_decibel(gain_db: float) -> None:
    audio = 0.2 * _tone(440.0, sample_rate=16_000)
    louder = 10 ** (gain_db / 20) * audio
    assert integrated_lufs(louder, sample_rate=16_000) == pytest.approx(
        integrated_lufs(audio, sample_rate=16_000) + gain_db, abs=1e-6
    )


def test_bass_sounds_softer_than_it_measures() -> None:
    low, high = (0.1 * _tone(f) for f in (40.0, 3000.0))
    assert rms(low, sample_rate=RATE) == pytest.approx(rms(high, sample_rate=RATE))
    assert integrated_lufs(high, sample_rate=RATE) > 6 + integrated_lufs(
        low, sample_rate=RATE
    )


def test_pauses_do_not_count() -> None:
    tone = 0.1 * _tone(997.0)
    paused = np.concatenate([tone, np.zeros_like(tone)])
    assert integrated_lufs(paused, sample_rate=RATE) == pytest.approx(
        integrated_lufs(tone, sample_rate=RATE), abs=0.5
    )
    assert rms(paused, sample_rate=RATE) == pytest.approx(
        rms(tone, sample_rate=RATE) / math.sqrt(2)
    )


def test_silence_has_no_loudness() -> None:
    assert math.isnan(integrated_lufs(np.zeros(RATE), sample_rate=RATE))
    assert rms(np.zeros(RATE), sample_rate=RATE) == 0.0


def _tone(frequency: float, *, sample_rate: int = RATE) -> npt.NDArray[np.float64]:
    time = np.arange(4 * sample_rate) / sample_rate
    return np.asarray(np.sin(2 * np.pi * frequency * time))
