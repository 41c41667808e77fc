"""The record of a clip holds what the single measures say, and its planted truth."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import pytest

from harness.compiling import load_librosa
from harness.measures.acoustics import (
    Features,
    brightness_hz,
    estimate_mode,
    estimate_tempo,
    integrated_lufs,
    measure,
    rms,
)
from harness.phantoms.music import EMOTIONS, compose
from harness.synthesis import Piece, render

RATE = 16_000


@pytest.fixture(scope="module")
def heard() -> dict[str, tuple[Piece, Features]]:
    """One clip of every emotion: what it is, and what is heard."""
    clips = {}
    for emotion in EMOTIONS:
        rng = np.random.default_rng(21)
        piece = compose(emotion, rng)
        audio = render(piece, seconds=8, rng=rng)
        clips[emotion] = piece, measure(audio, sample_rate=RATE)
    return clips


def test_a_record_holds_what_the_single_measures_say() -> None:
    piece = Piece(tempo_bpm=112, mode="minor", tonic=62, drums=0.3)
    audio = render(piece, seconds=6, rng=np.random.default_rng(0))
    tempo = estimate_tempo(audio, sample_rate=RATE)
    mode = estimate_mode(audio, sample_rate=RATE)
    assert measure(audio, sample_rate=RATE) == Features(
        tempo_bpm=tempo.bpm,
        tempo_salience=tempo.salience,
        mode_strength=mode.strength,
        mode_clarity=mode.clarity,
        tonic=2,
        brightness_hz=brightness_hz(audio, sample_rate=RATE),
        rms=rms(audio, sample_rate=RATE),
        loudness_lufs=integrated_lufs(audio, sample_rate=RATE),
        silent=False,
        clipped_share=0.0,
    )


def test_what_was_composed_is_what_is_heard(
    heard: dict[str, tuple[Piece, Features]],
) -> None:
    for piece, features in heard.values():
        assert features.tempo_bpm == pytest.approx(piece.tempo_bpm, rel=0.01)
        assert (features.mode_strength > 0) == (piece.mode == "major")
        assert piece.just_root_hz is not None
        assert (
            features.tonic == load_librosa().hz_to_midi(piece.just_root_hz).round() % 12
        )
        assert features.rms == pytest.approx(piece.level, rel=1e-4)


def test_brightness_and_loudness_order_the_emotions(
    heard: dict[str, tuple[Piece, Features]],
) -> None:
    def order(name: str) -> list[str]:
        return sorted(heard, key=lambda emotion: asdict(heard[emotion][1])[name])

    assert set(order("brightness_hz")[:2]) == {"sad", "calm"}
    assert order("loudness_lufs") == ["calm", "sad", "happy", "energetic", "angry"]


def test_level_changes_level_and_nothing_else() -> None:
    piece = Piece(tempo_bpm=84, mode="major", level=0.05)
    audio = render(piece, seconds=6, rng=np.random.default_rng(1))
    soft, loud = (measure(np.float32(g) * audio, sample_rate=RATE) for g in (0.5, 2.0))
    assert loud.rms == pytest.approx(4 * soft.rms, rel=1e-5)
    assert loud.loudness_lufs - soft.loudness_lufs == pytest.approx(12.04, abs=0.01)
    for name in ("tempo_bpm", "mode_strength", "brightness_hz", "tonic"):
        assert getattr(loud, name) == pytest.approx(getattr(soft, name), rel=1e-4)


def test_the_same_clip_measures_the_same() -> None:
    audio = np.random.default_rng(3).normal(0, 0.1, 4 * RATE).astype(np.float32)
    first, again = (asdict(measure(audio, sample_rate=RATE)) for _ in range(2))
    np.testing.assert_equal(again, first)


def test_silence_is_a_record_without_numbers() -> None:
    features = measure(np.zeros(2 * RATE, np.float32), sample_rate=RATE)
    assert features.silent
    assert features.rms == features.tempo_salience == features.mode_clarity == 0.0
    assert features.tonic == -1
    for name in ("tempo_bpm", "mode_strength", "brightness_hz", "loudness_lufs"):
        assert math.isnan(getattr(features, name))
