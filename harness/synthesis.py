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
    """What a clip is: every field can be heard, and is known.

    With `just_root_hz` the piece stays on its tonic chord, in just intonation on that
    root; otherwise it goes through a progression in equal temperament on `tonic`.
    """

    tempo_bpm: float
    mode: str  # "major" or "minor"
    tonic: int = 60  # MIDI note of the tonic
    just_root_hz: float | None = None
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
    """Play `piece` for `seconds`; the melody comes from `rng`.

    Returns
    -------
    np.ndarray
        `float32`, shape `(round(seconds * sample_rate),)`, RMS `piece.level`, with
        peaks softly limited to about three times that.
    """
    samples = round(seconds * sample_rate)
    beat_seconds = 60.0 / piece.tempo_bpm
    pitched = np.zeros(samples, np.float64)
    drums = np.zeros(samples, np.float64)
    for beat in range(int(np.ceil(seconds / beat_seconds))):
        start = round(beat * beat_seconds * sample_rate)
        _play_beat(piece, beat, start, pitched, rng=rng, sample_rate=sample_rate)
        if piece.drums:
            offbeat = start + round(beat_seconds * sample_rate / 2)
            _drum_beat(beat, start, offbeat, drums, sample_rate=sample_rate)
    mix = _unit(pitched)
    if piece.drive:
        mix = _unit(np.tanh(piece.drive * mix))
    mix = (1 - piece.drums) * mix + piece.drums * _unit(drums)
    limited = np.tanh(_unit(mix) / _CREST) * _CREST
    return (piece.level * _unit(limited)).astype(np.float32)


def _play_beat(
    piece: Piece,
    beat: int,
    start: int,
    pitched: np.ndarray,
    *,
    rng: np.random.Generator,
    sample_rate: int,
) -> None:
    """Chord, bass and melody of one beat, each in Hz."""
    accent = 1.0 if beat % 4 == 0 else 0.85
    chord, above = _harmony(piece, bar=beat // 4)
    notes = [(1.0, hertz) for hertz in chord] + [(1.3, chord[0] / 2)]
    if piece.melody:
        notes.append((0.9, above[int(rng.integers(len(above)))]))
    for weight, hertz in notes:
        _add(pitched, start, accent * weight * _note(piece, hertz, sample_rate))


def _harmony(piece: Piece, *, bar: int) -> tuple[list[float], list[float]]:
    """The chord of a bar and the notes its melody may take, in Hz."""
    if piece.just_root_hz is not None:
        third = 5 / 4 if piece.mode == "major" else 6 / 5
        chord = [piece.just_root_hz * ratio for ratio in (1, third, 3 / 2)]
        return chord, [2 * hertz for hertz in chord] + [4 * chord[0]]
    scale, degree = _SCALE[piece.mode], _PROGRESSION[bar % 4]
    chord = [_hertz(piece.tonic, scale, degree + k) for k in (0, 2, 4)]
    above = [_hertz(piece.tonic + 12, scale, degree + k) for k in (0, 2, 4, 7)]
    return chord, above


def _drum_beat(
    beat: int, start: int, offbeat: int, drums: np.ndarray, *, sample_rate: int
) -> None:
    """Kick on the beat, snare on every second one, a soft hat between."""
    _add(drums, start, _kick(sample_rate))
    if beat % 2:
        _add(drums, start, 0.6 * _noise_hit(0.09, sample_rate))
    _add(drums, offbeat, 0.12 * _noise_hit(0.02, sample_rate))


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


def _hertz(tonic: int, scale: tuple[int, ...], degree: int) -> float:
    octave, index = divmod(degree, len(scale))
    pitch = tonic + 12 * octave + scale[index]
    return float(440.0 * 2 ** ((pitch - 69) / 12))


def _note(piece: Piece, hertz: float, sample_rate: int) -> np.ndarray:
    """One note: a few harmonics, 8 ms attack, exponential end."""
    seconds = min(3.0 * piece.decay_seconds, 60.0 / piece.tempo_bpm * 1.5)
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    harmonics = np.arange(1, min(14, int(0.45 * sample_rate / hertz)) + 1)
    weights = harmonics**-piece.rolloff
    tone = weights @ np.sin(2 * np.pi * hertz * harmonics[:, None] * time)
    envelope = np.minimum(1.0, time / 0.008) * np.exp(-time / piece.decay_seconds)
    fade_out = np.minimum(1.0, (seconds - time) / 0.02)
    return tone * envelope * fade_out / weights.sum()


def _kick(sample_rate: int) -> np.ndarray:
    time = np.arange(round(0.15 * sample_rate)) / sample_rate
    phase = 2 * np.pi * (55 * time + 4.0 * (1 - np.exp(-time / 0.02)))
    return np.sin(phase) * np.exp(-time / 0.05) * np.minimum(1.0, time / 0.001)


def _noise_hit(decay: float, sample_rate: int) -> np.ndarray:
    """A burst of bright noise, the same each time, as from a drum machine."""
    time = np.arange(round(4 * decay * sample_rate)) / sample_rate
    white = np.random.default_rng(0).standard_normal(time.size)
    return lfilter([1.0, -0.85], [1.0], white) * np.exp(-time / decay) * 0.5


def _add(target: np.ndarray, start: int, sound: np.ndarray) -> None:
    """Mix `sound` into `target` from sample `start`, cutting what runs over."""
    stop = min(target.size, start + sound.size)
    if start < stop:
        target[start:stop] += sound[: stop - start]


def _unit(signal: np.ndarray) -> np.ndarray:
    rms = float(np.sqrt(np.mean(signal**2)))
    return signal / rms if rms > 0 else signal
