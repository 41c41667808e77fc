"""The acoustic instruments on sounds whose truth is known: how often, how far off.

Tempo and mode are right or wrong, so they are counted; brightness and loudness are off
by something, so that is measured. Octave errors of tempo (a half, a third, twice or
three times what it is) are counted apart: they are what made happy slower than sad in
the documents.

Conventions
-----------
An answer is `right`, `octave`, `wrong` or `none`. Errors of brightness are in percent
of the truth, those of loudness in dB, those of the clipped share in percent of samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import asin, isnan, log10, nan, pi

import numpy as np

from harness.calibration.sounds import (
    MUSIC,
    Kind,
    Sound,
    noise_band,
    overloaded_sine,
    partials,
    sine,
)
from harness.claims import settings
from harness.compiling import load_librosa
from harness.measures.acoustics import (
    Tempo,
    brightness_hz,
    estimate_mode,
    estimate_tempo,
    integrated_lufs,
    is_octave_error,
    is_within,
    judge_soundness,
    rms,
)
from harness.synthesis import SAMPLE_RATE, Piece

__all__ = ["LIBROSA", "MODE", "TEMPO", "Answers", "Errors", "Heard", "listen"]

TEMPO, MODE = "tempo", "mode"
LIBROSA = "tempo by librosa's beat tracker"
_BANDS_BPM = ((60, 90), (90, 120), (120, 150), (150, 180))
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SINE_LUFS = -3.01  # of a full-scale sine of 997 Hz, BS.1770
_SILENCE_DB = -60.0
_FULL_SCALE = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What was answered to questions with one right answer."""

    question: str  # "tempo", "mode", "silence", ...
    kind: str
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return self.counts.total()


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """By how much what was measured exceeds what is true."""

    question: str
    kind: str
    unit: str
    errors: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Everything that was asked."""

    answers: tuple[Answers, ...]
    errors: tuple[Errors, ...]


def listen(count: int, *, seed: int = 0, kinds: Sequence[Kind] = MUSIC) -> Heard:
    """Try every instrument on `count` sounds of every kind.

    Parameters
    ----------
    count
        Pieces of each kind of music, and spectra and levels of each kind.
    seed
        Other seeds draw other sounds.
    kinds
        Of music.
    """
    rng = np.random.default_rng(seed)
    trials = [_listen_to(kind, rng) for kind in kinds for _ in range(count)]
    answers = (
        *_by(TEMPO, trials, of=lambda t: t.kind, answer=lambda t: t.tempo),
        *_by(TEMPO, trials, of=_band, answer=lambda t: t.tempo),
        *_by(LIBROSA, trials, of=lambda t: t.kind, answer=lambda t: t.librosa),
        *_by(LIBROSA, trials, of=_band, answer=lambda t: t.librosa),
        *_by(MODE, trials, of=lambda t: t.kind, answer=lambda t: t.mode),
        *_by(MODE, trials, of=_key, answer=lambda t: t.mode),
        *_soundness(count, rng),
    )
    levels = tuple(t.level_error_db for t in trials)
    errors = (
        *_brightness(count, rng),
        Errors(question="RMS", kind="music", unit="dB", errors=levels),
        *_loudness(count, rng),
        _clipped_shares(count, rng),
    )
    return Heard(answers=answers, errors=errors)


# --- music --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    kind: str
    piece: Piece
    tempo: str
    librosa: str
    mode: str
    level_error_db: float


def _listen_to(kind: Kind, rng: np.random.Generator) -> _Trial:
    piece, audio = kind.play(rng)
    level = rms(audio, sample_rate=kind.sample_rate)
    hiss = 0.0 if kind.noise_db is None else 10 ** (kind.noise_db / 10)
    truth = piece.level * (1 + hiss) ** 0.5
    return _Trial(
        kind=kind.name,
        piece=piece,
        tempo=_tempo_answer(estimate_tempo, audio, kind.sample_rate, piece),
        librosa=_tempo_answer(_librosa_tempo, audio, kind.sample_rate, piece),
        mode=_mode_answer(audio, kind.sample_rate, piece),
        level_error_db=20 * log10(level / truth),
    )


def _librosa_tempo(audio: Sound, *, sample_rate: int) -> Tempo:
    """By a tracker that expects about 120 BPM, for comparison."""
    track = load_librosa().beat.beat_track
    bpm = float(np.ravel(track(y=audio, sr=sample_rate)[0])[0])
    return Tempo(bpm=bpm or nan, salience=nan)


def _tempo_answer(
    estimate: Callable[..., Tempo], audio: Sound, sample_rate: int, piece: Piece
) -> str:
    bpm = estimate(audio, sample_rate=sample_rate).bpm
    if isnan(bpm):
        return "none"
    if is_within(bpm, piece.tempo_bpm):
        return "right"
    return "octave" if is_octave_error(bpm, piece.tempo_bpm) else "wrong"


def _mode_answer(audio: Sound, sample_rate: int, piece: Piece) -> str:
    mode = estimate_mode(audio, sample_rate=sample_rate)
    if isnan(mode.strength):
        return "none"
    return "right" if mode.name == piece.mode else "wrong"


def _by(
    question: str,
    trials: Sequence[_Trial],
    *,
    of: Callable[[_Trial], str | None],
    answer: Callable[[_Trial], str],
) -> list[Answers]:
    """Count the answers, by what `of` says of a piece; None is left out."""
    counts: dict[str, Counter[str]] = {}
    for trial in trials:
        if (kind := of(trial)) is not None:
            counts.setdefault(kind, Counter())[answer(trial)] += 1
    return [
        Answers(question=question, kind=k, counts=counts[k]) for k in sorted(counts)
    ]


def _band(trial: _Trial) -> str | None:
    bpm = trial.piece.tempo_bpm
    for low, high in _BANDS_BPM:
        if low <= bpm < high:
            return f"{low:3} to {high} BPM"
    return None


def _key(trial: _Trial) -> str | None:
    if trial.piece.just_root_hz is not None:
        return None  # of a phantom's music, in no key of equal temperament
    return f"{_NOTES[trial.piece.tonic % 12]} {trial.piece.mode}"


# --- spectra and levels -------------------------------------------------------------


def _brightness(count: int, rng: np.random.Generator) -> list[Errors]:
    """The balance point of sines by amplitude, and the middle of a band of noise."""
    tones, bands = [], []
    for _ in range(count):
        hertz = rng.uniform(150, 6000, size=5)
        weights = rng.uniform(0.1, 1.0, size=5)
        truth = float(np.average(hertz, weights=weights))
        tones.append(_off(partials(hertz, weights), truth))
        low = float(rng.uniform(200, 3000))
        high = low + float(rng.uniform(500, 4000))
        bands.append(_off(noise_band(low, high, rng=rng), (low + high) / 2))
    return [
        Errors(question="brightness", kind=kind, unit="%", errors=tuple(errors))
        for kind, errors in (("five sines", tones), ("band of noise", bands))
    ]


def _off(audio: Sound, truth_hz: float) -> float:
    found = brightness_hz(audio, sample_rate=SAMPLE_RATE)
    return 100 * (found / truth_hz - 1)


def _loudness(count: int, rng: np.random.Generator) -> list[Errors]:
    """A sine of 997 Hz, alone and with a pause that gating has to leave out."""
    alone, paused = [], []
    for db in rng.uniform(-50, -3, size=count):
        tone = sine(997, db=db, seconds=8)
        pause = np.zeros(4 * SAMPLE_RATE, np.float32)
        truth = db + _SINE_LUFS
        alone.append(integrated_lufs(tone, sample_rate=SAMPLE_RATE) - truth)
        both = np.concatenate([tone, pause])
        paused.append(integrated_lufs(both, sample_rate=SAMPLE_RATE) - truth)
    return [
        Errors(question="LUFS", kind=kind, unit="dB", errors=tuple(errors))
        for kind, errors in (("sine", alone), ("sine and pause", paused))
    ]


def _soundness(count: int, rng: np.random.Generator) -> list[Answers]:
    """Is silence told from soft sound, and overload from loud sound?"""
    above = rng.uniform(1, 30, size=count)  # dB above or below the bound
    soft = [sine(440, db=_SILENCE_DB + 3.01 + d, seconds=2) for d in above]
    silent = [sine(440, db=_SILENCE_DB + 3.01 - d, seconds=2) for d in above]
    loud = [sine(440, db=-d / 30, seconds=2) for d in above]
    cut = [overloaded_sine(gain=float(1 + d / 10)) for d in above]
    return [
        _told("soft", "silence", soft, lambda s: not _silent(s)),
        _told("silent", "silence", silent, _silent),
        _told("loud", "clipping", loud, lambda s: not _clipped(s)),
        _told("overloaded", "clipping", cut, _clipped),
    ]


def _told(
    kind: str, question: str, sounds: Sequence[Sound], is_right: Callable[[Sound], bool]
) -> Answers:
    counts = Counter("right" if is_right(sound) else "wrong" for sound in sounds)
    return Answers(question=question, kind=kind, counts=counts)


def _silent(audio: Sound) -> bool:
    return judge_soundness(audio, sample_rate=SAMPLE_RATE).silent


def _clipped(audio: Sound) -> bool:
    share = judge_soundness(audio, sample_rate=SAMPLE_RATE).clipped_share
    return share > settings()["clipped_share"]


def _clipped_shares(count: int, rng: np.random.Generator) -> Errors:
    """A sine that is g times too loud is cut off for 1 - 2 asin(1 / g) / pi of time."""
    errors = []
    for gain in rng.uniform(1.05, 4.0, size=count):
        audio = overloaded_sine(gain=float(gain))
        found = judge_soundness(audio, sample_rate=SAMPLE_RATE).clipped_share
        truth = 1 - 2 * asin(_FULL_SCALE / gain) / pi
        errors.append(100 * (found - truth))
    return Errors(
        question="clipped share", kind="sine", unit="% points", errors=tuple(errors)
    )
