"""Whether a clip is in major or in minor, and on which tonic.

Conventions
-----------
Audio is mono, shape `(samples,)`, tuned to A = 440 Hz give or take a third of a
semitone. Pitch classes count semitones
from C: 0 is C, 11 is B. Strength is signed: positive is major, negative is minor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.stats import zscore

from harness.compiling import load_librosa
from harness.measures.acoustics.soundness import judge_soundness
from harness.measures.acoustics.validation import Audio, validate

__all__ = ["NO_MODE", "Mode", "estimate_mode", "key_correlations", "pitch_classes"]

PitchClasses: TypeAlias = npt.NDArray[np.floating[Any]]  # (12,), C first

# Probe-tone ratings of Krumhansl & Kessler 1982, tonic first.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

_PROFILES = np.array(  # (mode, tonic, pitch class), each of mean 0 and length 1
    [[np.roll(p, k) for k in range(12)] for p in zscore((_MAJOR, _MINOR), axis=1)]
) / np.sqrt(12)

_SHORTEST_SECONDS = 1.0
_WINDOW_SECONDS = 0.512  # tells semitones apart from the C below middle C upwards
# Where fundamentals lie. Overtones would add a major third to every minor chord.
_CENTRE_OCTAVE, _OCTAVES_AROUND = 4.0, 1.0
_QUIET = 0.01  # frames 40 dB below the loudest are pauses


def estimate_mode(audio: Audio, *, sample_rate: int) -> Mode:
    """Key of a clip, by correlation with key profiles.

    Parameters
    ----------
    audio
        Mono audio, shape `(samples,)`, at least 1 s.
    sample_rate
        In Hz.

    Returns
    -------
    Mode
        `NO_MODE` if the clip is silent.

    Raises
    ------
    AcousticsError
        If `audio` cannot be measured.

    References
    ----------
    Profiles: Krumhansl & Kessler 1982, doi:10.1037/0033-295X.89.4.334. Correlation with
    them: Krumhansl 1990, "Cognitive Foundations of Musical Pitch", chapter 4.
    """
    validate(audio, sample_rate=sample_rate, at_least_seconds=_SHORTEST_SECONDS)
    if judge_soundness(audio, sample_rate=sample_rate).silent:
        return NO_MODE
    correlations = key_correlations(pitch_classes(audio, sample_rate=sample_rate))
    major, minor = correlations.max(axis=1)
    row, tonic = divmod(int(correlations.argmax()), 12)
    return Mode(
        name=("major", "minor")[row],
        tonic=tonic,
        strength=float(major - minor),
        clarity=max(0.0, float(max(major, minor))),
    )


def key_correlations(weights: PitchClasses) -> npt.NDArray[np.float64]:
    """Pearson correlation of `(12,)` weights with the profile of every key.

    Returns
    -------
    npt.NDArray[np.float64]
        Shape `(2, 12)`: major then minor, by pitch class of the tonic. All zero if all
        weights are equal.
    """
    centred = weights - weights.mean()
    length = float(np.linalg.norm(centred))
    if length == 0:
        return np.zeros((2, 12))
    return np.asarray(_PROFILES @ (centred / length), dtype=np.float64)


def pitch_classes(audio: Audio, *, sample_rate: int) -> PitchClasses:
    """Mean weight of the twelve pitch classes, shape `(12,)`, over frames that sound.

    Each frame counts the same, however loud. Spectra are amplitudes, not powers: a
    power spectrum hears the bass and misses the third above it.
    """
    librosa = load_librosa()

    window = round(_WINDOW_SECONDS * sample_rate)
    spectrum = np.abs(
        librosa.stft(audio / np.abs(audio).max(), n_fft=window, hop_length=window // 4)
    )
    level = np.sqrt(np.square(spectrum).sum(axis=0))
    chroma = librosa.feature.chroma_stft(
        S=spectrum[:, level > _QUIET * level.max()],
        sr=sample_rate,
        n_fft=window,
        tuning=0.0,
        ctroct=_CENTRE_OCTAVE,
        octwidth=_OCTAVES_AROUND,
    )
    return np.asarray(chroma.mean(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """The key of a clip, and how sure one can be of it."""

    name: str  # "major", "minor" or, in silence, "none"
    tonic: int  # pitch class, 0 for C; -1 in silence
    strength: float  # best major minus best minor correlation; nan in silence
    clarity: float  # best correlation of all: music is about 0.85, noise 0.5


NO_MODE = Mode(name="none", tonic=-1, strength=float("nan"), clarity=0.0)
