"""Clips of known tempo, on which an estimator of tempo has to prove itself.

A difference in tempo between emotions means nothing if the estimator takes half or
double the tempo for the tempo. So it is first tried on clips whose tempo is a fact.

Conventions
-----------
Audio is mono `float32`, shape `(samples,)`. Tempo is in beats per minute. A tolerance
is a share of the true tempo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.measures.acoustics.tempo import Tempo, estimate_tempo
from harness.synthesis import SAMPLE_RATE, Piece, click_track, render

__all__ = [
    "ReferenceClip",
    "TempoErrors",
    "is_octave_error",
    "is_within",
    "tempo_error_rates",
    "tempo_reference_clips",
]

_SECONDS = 8.0
_TOLERANCE = 0.04
_OCTAVES = (1 / 3, 1 / 2, 2, 3)
_CLICKS = (52, 80, 104, 132, 160, 178)
_DRUMS = (61, 74, 88, 97, 109, 116, 127, 139, 147, 155, 163, 172)
_CHORDS = (56, 63, 69, 78, 87, 95)


def tempo_reference_clips() -> tuple[ReferenceClip, ...]:
    """Twenty-four clips of 8 s at 16 kHz, from 52 to 178 BPM; the same in every call.

    Clicks, pieces with drums and weak off-beats, and quiet chords without drums. None
    has the sound of an emotion that a phantom has learnt.
    """
    clicks = [
        ReferenceClip(
            name=f"clicks at {bpm}",
            tempo_bpm=float(bpm),
            mode=None,
            sample_rate=SAMPLE_RATE,
            audio=click_track(bpm, seconds=_SECONDS),
        )
        for bpm in _CLICKS
    ]
    drums = [_play(_drum_piece(i, bpm), seed=i) for i, bpm in enumerate(_DRUMS)]
    chords = [
        _play(_chord_piece(i, bpm), seed=100 + i) for i, bpm in enumerate(_CHORDS)
    ]
    return (*clicks, *drums, *chords)


def tempo_error_rates(
    clips: Sequence[ReferenceClip] | None = None,
    *,
    estimate: Callable[..., Tempo] = estimate_tempo,
    tolerance: float = _TOLERANCE,
) -> TempoErrors:
    """How often `estimate` misses the tempo of clips where it is known.

    Parameters
    ----------
    clips
        The reference clips, unless given.
    estimate
        Called as `estimate(audio, sample_rate=...)`.
    tolerance
        Greatest error that is none, as a share of the true tempo. Half of the 8 % that
        `mir_eval.tempo` allows.
    """
    tried = tempo_reference_clips() if clips is None else clips
    wrong = octave = 0
    for clip in tried:
        bpm = estimate(clip.audio, sample_rate=clip.sample_rate).bpm
        wrong += not is_within(bpm, clip.tempo_bpm, tolerance=tolerance)
        octave += is_octave_error(bpm, clip.tempo_bpm, tolerance=tolerance)
    return TempoErrors(n=len(tried), wrong=wrong, octave=octave)


def is_octave_error(
    estimate: float, truth: float, *, tolerance: float = _TOLERANCE
) -> bool:
    """Whether `estimate` is a half, a third, twice or three times the true tempo."""
    return any(is_within(estimate, f * truth, tolerance=tolerance) for f in _OCTAVES)


def is_within(estimate: float, truth: float, *, tolerance: float = _TOLERANCE) -> bool:
    """Whether `estimate` is the true tempo, give or take; nan never is."""
    return bool(abs(estimate - truth) <= tolerance * truth)


def _drum_piece(index: int, bpm: int) -> Piece:
    return Piece(
        tempo_bpm=float(bpm),
        mode=("major", "minor")[index % 2],
        tonic=(61, 64, 69)[index % 3],
        level=(0.03, 0.06, 0.14)[index % 3],
        rolloff=(1.0, 1.4, 1.8, 2.2)[index % 4],
        drums=(0.3, 0.45, 0.6)[index % 3],
        decay_seconds=(0.2, 0.35)[index % 2],
        melody=index % 3 == 0,
    )


def _chord_piece(index: int, bpm: int) -> Piece:
    return Piece(
        tempo_bpm=float(bpm),
        mode=("minor", "major")[index % 2],
        tonic=(61, 64, 69)[index % 3],
        level=(0.05, 0.08)[index % 2],
        rolloff=(1.2, 1.5)[index % 2],
        decay_seconds=(0.35, 0.5, 0.6)[index % 3],
        melody=index % 3 == 0,
    )


def _play(piece: Piece, *, seed: int) -> ReferenceClip:
    kind = "drums" if piece.drums else "chords"
    return ReferenceClip(
        name=f"{kind} at {piece.tempo_bpm:g}",
        tempo_bpm=piece.tempo_bpm,
        mode=piece.mode,
        sample_rate=SAMPLE_RATE,
        audio=render(piece, seconds=_SECONDS, rng=np.random.default_rng(seed)),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReferenceClip:
    """A clip whose tempo is known because it was made so."""

    name: str
    tempo_bpm: float
    mode: str | None  # None for clicks
    sample_rate: int
    audio: npt.NDArray[np.float32]  # (samples,)


@dataclass(frozen=True, slots=True, kw_only=True)
class TempoErrors:
    """How often an estimator of tempo was wrong, and how often by an octave."""

    n: int
    wrong: int  # octave errors and clips without an answer included
    octave: int
