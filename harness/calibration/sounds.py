"""Sounds whose tempo, mode, brightness and loudness are facts, drawn at random.

Conventions
-----------
Audio is mono `float32` in [-1, 1], shape `(samples,)`, and has been through 16-bit PCM,
as clips in a store have. Levels are in dB below full scale (dBFS); a sine of peak
amplitude 1 is at 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from harness.phantoms.music import EMOTIONS, compose
from harness.store.formats import decode_audio, encode_audio
from harness.synthesis import SAMPLE_RATE, Piece, render

__all__ = [
    "MUSIC",
    "Kind",
    "Sound",
    "as_stored",
    "noise_band",
    "overloaded_sine",
    "partials",
    "sine",
]

Sound = npt.NDArray[np.float32]  # (samples,)

_SLOWEST_BPM, _FASTEST_BPM = 60.0, 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of music, of which any number of pieces can be drawn."""

    name: str
    draw: Callable[[np.random.Generator], Piece]
    sample_rate: int = SAMPLE_RATE
    seconds: float = 8.0
    noise_db: float | None = None  # hiss, relative to the music

    def play(self, rng: np.random.Generator) -> tuple[Piece, Sound]:
        """A piece, and what it sounds like."""
        piece = self.draw(rng)
        audio = render(
            piece, seconds=self.seconds, rng=rng, sample_rate=self.sample_rate
        )
        if self.noise_db is not None:
            hiss = rng.standard_normal(audio.size)
            audio += piece.level * 10 ** (self.noise_db / 20) * hiss
        return piece, as_stored(audio, sample_rate=self.sample_rate)


def _any_piece(rng: np.random.Generator, *, drums: tuple[float, float]) -> Piece:
    return Piece(
        tempo_bpm=float(rng.uniform(_SLOWEST_BPM, _FASTEST_BPM)),
        mode=str(rng.choice(["major", "minor"])),
        tonic=int(rng.integers(55, 67)),
        level=float(rng.uniform(0.03, 0.15)),
        rolloff=float(rng.uniform(0.8, 2.0)),
        drums=float(rng.uniform(*drums)),
        decay_seconds=float(rng.uniform(0.2, 0.5)),
        melody=bool(rng.integers(2)),
    )


def _with_drums(rng: np.random.Generator) -> Piece:
    return _any_piece(rng, drums=(0.3, 0.6))


def _without_drums(rng: np.random.Generator) -> Piece:
    return _any_piece(rng, drums=(0.0, 0.0))


def _soft(rng: np.random.Generator) -> Piece:
    return replace(
        _without_drums(rng),
        level=float(rng.uniform(0.005, 0.02)),
        rolloff=float(rng.uniform(2.0, 2.8)),
        decay_seconds=float(rng.uniform(0.4, 0.6)),
    )


def _distorted(rng: np.random.Generator) -> Piece:
    return replace(_with_drums(rng), drive=2.5, level=float(rng.uniform(0.1, 0.2)))


MUSIC = (
    Kind(name="drums", draw=_with_drums),
    Kind(name="drums at 32 kHz", draw=_with_drums, sample_rate=32_000),
    Kind(name="drums, 4 s", draw=_with_drums, seconds=4.0),
    Kind(name="drums under hiss", draw=_with_drums, noise_db=-20.0),
    Kind(name="drums under loud hiss", draw=_with_drums, noise_db=0.0),
    Kind(name="distorted, drums", draw=_distorted),
    Kind(name="no drums", draw=_without_drums),
    Kind(name="soft, no drums", draw=_soft),
    *(Kind(name=f"as {e}", draw=partial(compose, e)) for e in EMOTIONS),
)


def as_stored(audio: npt.ArrayLike, *, sample_rate: int = SAMPLE_RATE) -> Sound:
    """The sound as it comes back from a store."""
    return decode_audio(encode_audio(np.asarray(audio), sample_rate))[0]


def sine(hertz: float, *, db: float, seconds: float, rate: int = SAMPLE_RATE) -> Sound:
    """A sine; above 0 dB it would not fit."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 10 ** (db / 20) * np.sin(2 * np.pi * hertz * time)
    return as_stored(wave, sample_rate=rate)


def overloaded_sine(*, gain: float) -> Sound:
    """A sine of 220.5 Hz that is `gain` times too loud: its tops are cut off."""
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    return as_stored(np.clip(gain * np.sin(2 * np.pi * 220.5 * time), -1, 1))


def partials(hertz: npt.NDArray[np.float64], amplitudes: npt.ArrayLike) -> Sound:
    """Steady sines together, 4 s, with a peak of half of full scale at most."""
    weights = np.asarray(amplitudes) / np.sum(amplitudes) / 2
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    return as_stored(weights @ np.sin(2 * np.pi * hertz[:, None] * time))


def noise_band(low: float, high: float, *, rng: np.random.Generator) -> Sound:
    """Noise, 4 s, as strong at every frequency from `low` to `high`, and no other."""
    samples = 4 * SAMPLE_RATE
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum[(hertz < low) | (hertz > high)] = 0
    wave = np.fft.irfft(spectrum, samples)
    return as_stored(0.5 * wave / np.abs(wave).max())
