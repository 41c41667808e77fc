"""Major is told from minor where the key is known; noise is clearly in no key."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measures.acoustics import Mode, estimate_mode
from harness.measures.acoustics.mode import NO_MODE, key_correlations, pitch_classes
from harness.synthesis import Piece, render

RATE = 16_000
# Krumhansl & Kessler 1982, table 2, as printed: C major and C minor.
C_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
C_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
Sound = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def pieces() -> list[tuple[Piece, Sound]]:
    """Both modes, four tonics, with and without drums, over the range of the rest."""
    return [
        _play(mode, tonic, drums, index)
        for index, (mode, tonic, drums) in enumerate(
            itertools.product(("major", "minor"), (60, 62, 65, 67), (0.0, 0.5, 0.3))
        )
    ]


def test_mode_and_tonic_of_synthesised_music_are_found(
    pieces: list[tuple[Piece, Sound]],
) -> None:
    found = [estimate_mode(audio, sample_rate=RATE) for _, audio in pieces]
    pairs = list(zip(pieces, found, strict=True))
    right_mode = np.mean([mode.name == piece.mode for (piece, _), mode in pairs])
    right_tonic = np.mean(
        [mode.tonic == piece.tonic % 12 for (piece, _), mode in pairs]
    )
    assert right_mode >= 0.95
    assert right_tonic >= 0.9


def test_strength_has_the_sign_of_the_mode(pieces: list[tuple[Piece, Sound]]) -> None:
    for _, audio in pieces[::4]:
        mode = estimate_mode(audio, sample_rate=RATE)
        assert (mode.strength > 0) == (mode.name == "major")


def test_mode_survives_twice_the_sample_rate() -> None:
    for name, tonic in (("major", 62), ("minor", 65)):
        piece = Piece(tempo_bpm=100, mode=name, tonic=tonic, drums=0.4)
        rng = np.random.default_rng(3)
        audio = render(piece, seconds=8, rng=rng, sample_rate=32_000)
        mode = estimate_mode(audio, sample_rate=32_000)
        assert (mode.name, mode.tonic) == (name, tonic % 12)


def test_music_is_clearer_than_noise_and_than_random_notes(
    pieces: list[tuple[Piece, Sound]],
) -> None:
    rng = np.random.default_rng(2)
    music = [estimate_mode(audio, sample_rate=RATE).clarity for _, audio in pieces]
    noise = [
        estimate_mode(rng.normal(0, 0.1, 4 * RATE), sample_rate=RATE).clarity
        for _ in range(20)
    ]
    notes = [
        estimate_mode(_random_notes(rng), sample_rate=RATE).clarity for _ in range(20)
    ]
    assert min(music) > 0.7
    assert np.median(noise) < 0.6
    assert np.mean(np.array(noise) > 0.7) <= 0.1
    assert np.mean(np.array(notes) > 0.7) <= 0.2


def test_random_pitch_classes_are_as_often_major_as_minor_and_rarely_clear() -> None:
    rng = np.random.default_rng(6)
    correlations = np.array([key_correlations(rng.random(12)) for _ in range(2000)])
    best = correlations.max(axis=2)  # (draws, modes)
    assert 0.4 < np.mean(best[:, 0] > best[:, 1]) < 0.6
    assert np.mean(best.max(axis=1) > 0.8) < 0.05


def test_a_profile_correlates_perfectly_with_its_own_key() -> None:
    assert key_correlations(np.array(C_MAJOR))[0, 0] == pytest.approx(1)
    assert key_correlations(np.array(C_MINOR))[1, 0] == pytest.approx(1)


@given(
    weights=st.lists(st.floats(0, 1), min_size=12, max_size=12).filter(
        lambda w: np.ptp(w) > 1e-3
    ),
    tonic=st.integers(0, 11),
)
def test_key_correlations_are_those_of_pearson(
    weights: list[float], tonic: int
) -> None:
    ours = key_correlations(np.array(weights))
    for row, profile in enumerate((C_MAJOR, C_MINOR)):
        theirs = np.corrcoef(np.roll(profile, tonic), weights)[0, 1]
        assert ours[row, tonic] == pytest.approx(theirs, abs=1e-9)


def test_all_pitch_classes_alike_are_in_no_key() -> None:
    assert np.all(key_correlations(np.ones(12)) == 0)


def test_a_triad_has_three_pitch_classes() -> None:
    time = np.arange(2 * RATE) / RATE
    triad = sum(np.sin(2 * np.pi * f * time) for f in (293.66, 369.99, 440.0))
    weights = pitch_classes(0.1 * np.asarray(triad), sample_rate=RATE)
    assert set(np.argsort(weights)[-3:]) == {2, 6, 9}  # D, F sharp, A
    assert np.sort(weights)[-3:].min() > 3 * np.sort(weights)[:-3].max()


@pytest.mark.parametrize("semitones", [1, 5, 11])
def test_transposed_music_keeps_its_mode_and_moves_its_tonic(semitones: int) -> None:
    low, high = (
        estimate_mode(_play("minor", 57 + shift, 0.0, 4)[1], sample_rate=RATE)
        for shift in (0, semitones)
    )
    assert low.name == high.name == "minor"
    assert (high.tonic - low.tonic) % 12 == semitones


@pytest.mark.parametrize("gain", [0.05, 0.5, 3.0])
def test_level_does_not_change_the_mode(
    pieces: list[tuple[Piece, Sound]], gain: float
) -> None:
    audio = pieces[1][1]
    loud, plain = (
        estimate_mode(np.float32(g) * audio, sample_rate=RATE) for g in (gain, 1.0)
    )
    assert loud.tonic == plain.tonic
    assert loud.strength == pytest.approx(plain.strength, abs=1e-4)
    assert loud.clarity == pytest.approx(plain.clarity, abs=1e-4)


def test_a_pause_does_not_change_the_mode(pieces: list[tuple[Piece, Sound]]) -> None:
    audio = pieces[0][1]
    rng = np.random.default_rng(0)
    hiss = rng.normal(0, 1e-5, 4 * RATE).astype(np.float32)
    plain = estimate_mode(audio, sample_rate=RATE)
    paused = estimate_mode(np.concatenate([audio, hiss]), sample_rate=RATE)
    assert paused.strength == pytest.approx(plain.strength, abs=0.02)


def test_silence_has_no_mode() -> None:
    mode = estimate_mode(np.zeros(2 * RATE), sample_rate=RATE)
    assert mode is NO_MODE
    assert (mode.name, mode.tonic, mode.clarity) == ("none", -1, 0.0)
    assert math.isnan(mode.strength)


def test_a_mode_cannot_be_changed() -> None:
    mode = Mode(name="major", tonic=0, strength=0.2, clarity=0.9)
    with pytest.raises(AttributeError, match="cannot assign"):
        mode.tonic = 3  # type: ignore[misc]


def _play(mode: str, tonic: int, drums: float, index: int) -> tuple[Piece, Sound]:
    piece = Piece(
        tempo_bpm=(62.0, 84.0, 110.0, 138.0, 172.0)[index % 5],
        mode=mode,
        tonic=tonic,
        level=(0.03, 0.1, 0.19)[index % 3],
        rolloff=(0.3, 1.0, 1.8, 2.6)[index % 4],
        drums=drums,
        decay_seconds=(0.2, 0.4)[index % 2],
        drive=2.5 if drums == 0.3 else 0.0,
        melody=index % 7 != 0,
    )
    rng = np.random.default_rng(index)
    return piece, render(piece, seconds=8, rng=rng)


def _random_notes(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Four seconds of four random tones at a time, out of all twelve pitch classes."""
    time = np.arange(RATE // 2) / RATE
    chords = 440.0 * 2 ** (rng.integers(-21, 15, size=(8, 4)) / 12)
    tones = np.sin(2 * np.pi * chords[:, :, None] * time).sum(axis=1)
    return np.asarray(0.05 * tones.ravel())
