"""Music whose truth is known: a small synthesiser of beats, chords and melodies.

It makes the training music of the phantoms and the reference clips on which the
acoustic instruments are checked, so that tempo, mode, brightness and loudness of a
clip are facts, not estimates.

Conventions
-----------
Audio is mono `float32` in [-1, 1], shape `(samples,)`. Tempo is in beats per minute,
level is the root mean square of the whole clip, pitch is a MIDI note number,
`rolloff` is the exponent with which harmonics fall off (amplitude of harmonic k is
`k ** -rolloff`: small is bright).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

__all__ = ["SAMPLE_RATE", "Piece", "click_track", "render"]

SAMPLE_RATE = 16_000

_SCALE = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 11),  # harmonic minor: a leading note points home
}
# Scale degrees of the chord roots, one chord a bar; the tonic is heard half the time,
# so that a key profile can tell a minor key from its relative major.
_PROGRESSION = (0, 3, 0, 4)
_CREST = 3.0  # peak over RMS that the limiter leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What a clip is: every field can be heard, and is known."""

    tempo_bpm: float
    mode: str  # "major" or "minor"
    tonic: int = 60  # MIDI note of the tonic
    level: float = 0.1  # RMS of the clip
    rolloff: float = 1.5
    drums: float = 0.0  # share of drums in the mix, 0 to 1
    decay_seconds: float = 0.4  # how long a note rings
    drive: float = 0.0  # distortion, 0 for none
    melody: bool = True


def render(
    piece: Piece,
    *,
    seconds: float,
    rng: np.random.Generator,
    sample_rate: int = SAMPLE_RATE,
) -> np.ndarray:
    """Play `piece` for `seconds`; the melody and the noise of the drums come from
    `rng`.

    Returns
    -------
    np.ndarray
        `float32`, shape `(round(seconds * sample_rate),)`, RMS `piece.level`, with
        peaks softly limited to about three times that.
    """
    samples = round(seconds * sample_rate)
    beat_seconds = 60.0 / piece.tempo_bpm
    beats = int(np.ceil(seconds / beat_seconds))
    pitched = np.zeros(samples, np.float64)
    drums = np.zeros(samples, np.float64)
    scale = _SCALE[piece.mode]
    for beat in range(beats):
        start = round(beat * beat_seconds * sample_rate)
        in_bar, degree = beat % 4, _PROGRESSION[(beat // 4) % 4]
        accent = 1.0 if in_bar == 0 else 0.85
        chord = [_degree_to_pitch(piece.tonic, scale, degree + k) for k in (0, 2, 4)]
        for pitch in chord:
            _add(pitched, start, accent * _note(piece, pitch, sample_rate))
        _add(pitched, start, 1.3 * accent * _note(piece, chord[0] - 12, sample_rate))
        if piece.melody:
            step = int(rng.choice((0, 2, 4, 7)))
            pitch = _degree_to_pitch(piece.tonic + 12, scale, degree + step)
            _add(pitched, start, 0.9 * accent * _note(piece, pitch, sample_rate))
        if piece.drums:
            _add(drums, start, _kick(sample_rate))
            if in_bar % 2:
                _add(drums, start, 0.6 * _noise_hit(0.09, sample_rate, rng))
            offbeat = start + round(beat_seconds * sample_rate / 2)
            _add(drums, offbeat, 0.12 * _noise_hit(0.02, sample_rate, rng))
    mix = _unit(pitched)
    if piece.drive:
        mix = _unit(np.tanh(piece.drive * mix))
    mix = (1 - piece.drums) * mix + piece.drums * _unit(drums)
    limited = np.tanh(_unit(mix) / _CREST) * _CREST
    return (piece.level * _unit(limited)).astype(np.float32)


def click_track(
    tempo_bpm: float, *, seconds: float, sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """A 1 kHz click of 30 ms on every beat: the plainest clip of known tempo."""
    samples = round(seconds * sample_rate)
    time = np.arange(round(0.03 * sample_rate)) / sample_rate
    click = 0.8 * np.sin(2 * np.pi * 1000 * time) * np.exp(-time / 0.006)
    out = np.zeros(samples, np.float64)
    for start in np.arange(0, seconds, 60.0 / tempo_bpm):
        _add(out, round(start * sample_rate), click)
    return out.astype(np.float32)


def _degree_to_pitch(tonic: int, scale: tuple[int, ...], degree: int) -> int:
    octave, index = divmod(degree, len(scale))
    return tonic + 12 * octave + scale[index]


def _note(piece: Piece, pitch: int, sample_rate: int) -> np.ndarray:
    """One note: a few harmonics, 8 ms attack, exponential end."""
    seconds = min(3.0 * piece.decay_seconds, 60.0 / piece.tempo_bpm * 1.5)
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    harmonics = np.arange(1, min(14, int(0.45 * sample_rate / frequency)) + 1)
    weights = harmonics**-piece.rolloff
    partials = np.sin(2 * np.pi * frequency * harmonics[:, None] * time)
    tone = weights @ partials
    envelope = np.minimum(1.0, time / 0.008) * np.exp(-time / piece.decay_seconds)
    fade_out = np.minimum(1.0, (seconds - time) / 0.02)
    return tone * envelope * fade_out / weights.sum()


def _kick(sample_rate: int) -> np.ndarray:
    time = np.arange(round(0.15 * sample_rate)) / sample_rate
    phase = 2 * np.pi * (55 * time + 4.0 * (1 - np.exp(-time / 0.02)))
    return np.sin(phase) * np.exp(-time / 0.05) * np.minimum(1.0, time / 0.001)


def _noise_hit(decay: float, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(round(4 * decay * sample_rate)) / sample_rate
    white = rng.standard_normal(time.size)
    noise = lfilter([1.0, -0.85], [1.0], white)
    return noise * np.exp(-time / decay) * 0.5


def _add(target: np.ndarray, start: int, sound: np.ndarray) -> None:
    """Mix `sound` into `target` from sample `start`, cutting what runs over."""
    stop = min(target.size, start + sound.size)
    if start < stop:
        target[start:stop] += sound[: stop - start]


def _unit(signal: np.ndarray) -> np.ndarray:
    rms = float(np.sqrt(np.mean(signal**2)))
    return signal / rms if rms > 0 else signal
