"""How fast the beat goes, without mistaking it for its half or its double.

The onset envelope of the clip is compared with itself shifted by every beat period of
the range. A beat has echoes at two, three and four times its period that are just as
strong, but none in between: so the beat is the *fastest* pulse that is at least half as
salient as the best one. Weak off-beats are too faint to pass for it, and the half
tempo, however strong, is too slow.

Conventions
-----------
Audio is mono, shape `(samples,)`; tempo is in beats per minute; a lag is a number of
frames of the onset envelope, of about 10 ms each. Salience is an autocorrelation: 1 for
a clip that repeats exactly from beat to beat, about 0.1 for noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from harness.compiling import load_librosa
from harness.measures.acoustics.soundness import judge_soundness
from harness.measures.acoustics.validation import Audio, validate

__all__ = ["NO_PULSE", "SHORTEST_SECONDS", "Tempo", "estimate_tempo"]

Curve: TypeAlias = npt.NDArray[np.floating[Any]]

SHORTEST_SECONDS = 2.0
_SLOWEST_BPM, _FASTEST_BPM = 44.0, 205.0
# Synthesised music of known tempo is read without octave errors from 0.3 to 0.6: lower,
# and off-beats pass for beats; higher, and a loud backbeat hides the beat.
_SHARE_OF_BEST = 0.5
# Below, a peak may be chance: the best of 8 s of noise exceeds it once in a hundred
# times. Chance correlations shrink with the root of the duration.
_NOISE_SALIENCE, _NOISE_SECONDS = 0.25, 8.0
_FLOOR_DB = 40.0  # what is fainter than this below the loudest is no onset
_SMOOTHING_FRAMES = 1.5  # forgives a player 15 ms
# Above, there is little but hats and snares, whose many bands would outvote the rest.
_TOP_HZ = 4_000
_BANDS = 40
_MULTIPLES = 4


def estimate_tempo(audio: Audio, *, sample_rate: int) -> Tempo:
    """Tempo of a clip, between 45 and 200 BPM.

    Parameters
    ----------
    audio
        Mono audio, shape `(samples,)`, at least 2 s. A clip shorter than 2.7 s cannot
        show the slowest tempi: a lag of more than half of the clip is not considered.
    sample_rate
        In Hz.

    Returns
    -------
    Tempo
        `NO_PULSE` if the clip is silent or repeats itself at no period.

    Raises
    ------
    AcousticsError
        If `audio` cannot be measured.

    References
    ----------
    Onset strength: Boeck & Widmer 2013, "Maximum filter vibrato suppression for onset
    detection". Autocorrelation of the onset envelope: Ellis 2007,
    doi:10.1080/09298210701653344.
    """
    validate(audio, sample_rate=sample_rate, at_least_seconds=SHORTEST_SECONDS)
    if judge_soundness(audio, sample_rate=sample_rate).silent:
        return NO_PULSE
    hop = sample_rate // 100
    frame_rate = sample_rate / hop
    salience = _autocorrelation(_onset_envelope(audio, sample_rate, hop))
    lag = _beat_lag(salience, frame_rate)
    if lag is None:
        return NO_PULSE
    return Tempo(
        bpm=60.0 * frame_rate / _refine(salience, lag),
        salience=min(1.0, float(salience[lag])),
    )


def _onset_envelope(audio: Audio, sample_rate: int, hop: int) -> Curve:
    librosa = load_librosa()
    mel = librosa.feature.melspectrogram(
        y=audio / np.abs(audio).max(),
        sr=sample_rate,
        n_fft=sample_rate // 16,
        hop_length=hop,
        n_mels=_BANDS,
        fmin=30.0,
        fmax=_TOP_HZ,
    )
    # Decibels above a floor: as sensitive in quiet music as in loud, deaf to hiss.
    level = librosa.power_to_db(mel, ref=np.max, top_db=_FLOOR_DB)
    strength = librosa.onset.onset_strength(
        S=level, sr=sample_rate, hop_length=hop, lag=2, center=False
    )
    return np.asarray(gaussian_filter1d(strength, _SMOOTHING_FRAMES))


def _autocorrelation(envelope: Curve) -> Curve:
    """Correlation of the envelope with itself at every lag; long lags are not faded."""
    centred = envelope - envelope.mean()
    n = centred.size
    power = np.abs(np.fft.rfft(centred, 2 * n)) ** 2
    product = np.fft.irfft(power)[:n]
    if product[0] <= 0:
        return np.zeros(n)
    return np.asarray(product / product[0] * n / (n - np.arange(n)))


def _beat_lag(salience: Curve, frame_rate: float) -> int | None:
    first = int(60.0 * frame_rate / _FASTEST_BPM)
    last = min(int(60.0 * frame_rate / _SLOWEST_BPM), salience.size // 2)
    peaks = first + find_peaks(salience[first : last + 1])[0]
    by_chance = _NOISE_SALIENCE * np.sqrt(_NOISE_SECONDS * frame_rate / salience.size)
    if peaks.size == 0 or salience[peaks].max() < by_chance:
        return None
    near_best = salience[peaks] >= _SHARE_OF_BEST * salience[peaks].max()
    return int(peaks[np.argmax(near_best)])


def _refine(salience: Curve, lag: int) -> float:
    """Beat period in frames: each multiple of it is located more finely than the last.

    The peak at four beats, interpolated by a parabola, has a quarter of the error.
    """
    period = float(lag)
    for multiple in range(1, _MULTIPLES + 1):
        expected = round(multiple * period)
        reach = max(3, round(0.03 * expected))
        if expected + reach >= 0.75 * salience.size:
            break  # too little of the clip overlaps itself
        near = salience[expected - reach : expected + reach + 1]
        best = int(np.argmax(near))
        if best in (0, near.size - 1):
            break  # no peak: the beat does not go on so far
        before, at, after = near[best - 1 : best + 2]
        shift = 0.5 * (before - after) / (before - 2 * at + after)
        period = float(expected - reach + best + shift) / multiple
    return period


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How fast a clip is, and how plainly."""

    bpm: float  # nan if there is no pulse
    salience: float  # 0 to 1: how much of one beat's onsets the next repeats


NO_PULSE = Tempo(bpm=float("nan"), salience=0.0)
