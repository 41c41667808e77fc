"""The reference clips pass a good estimator of tempo and catch a bad one."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import mir_eval.tempo
import numpy as np
import numpy.typing as npt
import pytest

from harness.compiling import load_librosa
from harness.measures.acoustics import (
    ReferenceClip,
    Tempo,
    TempoErrors,
    estimate_mode,
    estimate_tempo,
    is_octave_error,
    is_within,
    judge_soundness,
    tempo_error_rates,
    tempo_reference_clips,
)
from harness.phantoms.music import SOUND_OF

Sound = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def clips() -> tuple[ReferenceClip, ...]:
    return tempo_reference_clips()


def test_the_tempo_of_every_reference_clip_is_found(
    clips: tuple[ReferenceClip, ...],
) -> None:
    assert tempo_error_rates(clips) == TempoErrors(n=24, wrong=0, octave=0)


def test_an_estimator_that_halves_is_wrong_by_octaves(
    clips: tuple[ReferenceClip, ...],
) -> None:
    def halving(audio: Sound, *, sample_rate: int) -> Tempo:
        tempo = estimate_tempo(audio, sample_rate=sample_rate)
        return Tempo(bpm=tempo.bpm / 2, salience=tempo.salience)

    errors = tempo_error_rates(clips, estimate=halving)
    assert errors == TempoErrors(n=24, wrong=24, octave=24)


def test_an_estimator_without_an_answer_is_wrong_but_not_by_octaves(
    clips: tuple[ReferenceClip, ...],
) -> None:
    def mute(audio: Sound, *, sample_rate: int) -> Tempo:
        return Tempo(bpm=math.nan, salience=0.0)

    assert tempo_error_rates(clips, estimate=mute) == TempoErrors(
        n=24, wrong=24, octave=0
    )


def test_an_estimator_that_always_says_120_is_caught(
    clips: tuple[ReferenceClip, ...],
) -> None:
    def stubborn(audio: Sound, *, sample_rate: int) -> Tempo:
        return Tempo(bpm=120.0, salience=1.0)

    errors = tempo_error_rates(clips, estimate=stubborn)
    assert errors.wrong >= 22
    assert errors.octave < errors.wrong


def test_the_beat_tracker_of_librosa_halves_the_fast_clips(
    clips: tuple[ReferenceClip, ...],
) -> None:
    fast = [clip for clip in clips if clip.tempo_bpm >= 139]

    def track(audio: Sound, *, sample_rate: int) -> Tempo:
        bpm, _ = load_librosa().beat.beat_track(y=audio, sr=sample_rate)
        return Tempo(bpm=float(np.ravel(bpm)[0]), salience=1.0)

    assert tempo_error_rates(fast, estimate=track).octave >= len(fast) / 3


def test_reference_clips_are_of_many_kinds_and_tempi(
    clips: tuple[ReferenceClip, ...],
) -> None:
    kinds = Counter(clip.name.split()[0] for clip in clips)
    assert kinds == {"clicks": 6, "drums": 12, "chords": 6}
    assert len({clip.tempo_bpm for clip in clips}) == 24
    assert min(clip.tempo_bpm for clip in clips) <= 60
    assert max(clip.tempo_bpm for clip in clips) >= 175
    for clip in clips:
        assert clip.audio.shape == (8 * clip.sample_rate,)
        assert clip.audio.dtype == np.float32
        soundness = judge_soundness(clip.audio, sample_rate=clip.sample_rate)
        assert not soundness.silent
        assert soundness.clipped_share == 0.0


def test_reference_clips_are_the_same_every_time(
    clips: tuple[ReferenceClip, ...],
) -> None:
    for first, again in zip(clips, tempo_reference_clips(), strict=True):
        assert first.name == again.name
        np.testing.assert_array_equal(first.audio, again.audio)


def test_no_reference_clip_has_the_tempo_of_an_emotion(
    clips: tuple[ReferenceClip, ...],
) -> None:
    taught = {3000 / f for sound in SOUND_OF.values() for f in sound.beat_frames}
    for clip in clips:
        assert all(abs(clip.tempo_bpm - bpm) > 0.2 for bpm in taught)


def test_the_mode_of_reference_pieces_is_found_too(
    clips: tuple[ReferenceClip, ...],
) -> None:
    pieces = [clip for clip in clips if clip.mode]
    found = [
        estimate_mode(clip.audio, sample_rate=clip.sample_rate).name for clip in pieces
    ]
    assert found == [clip.mode for clip in pieces]


@pytest.mark.parametrize(
    ("estimate", "octave"),
    [
        (60.0, True),
        (61.9, True),  # 3.2 % above the half
        (63.0, False),  # 5 % above the half
        (240.0, True),
        (40.0, True),
        (360.0, True),
        (120.0, False),
        (90.0, False),
        (math.nan, False),
    ],
)
def test_halves_thirds_and_their_inverses_are_octave_errors(
    estimate: float, octave: bool
) -> None:
    assert is_octave_error(estimate, 120.0) is octave


@pytest.mark.parametrize("tolerance", [0.02, 0.04, 0.08])
def test_within_means_what_mir_eval_means(tolerance: float) -> None:
    for estimate in np.linspace(80, 120, 81):
        arguments: tuple[Any, ...] = (np.array([100.0, 0.0]), 1.0)
        _, hit, _ = mir_eval.tempo.detection(
            *arguments, np.array([estimate, 0.0]), tol=tolerance
        )
        assert is_within(float(estimate), 100.0, tolerance=tolerance) == hit
