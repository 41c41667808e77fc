"""How loud a clip is: the energy of its samples, and the loudness that is heard.

Conventions
-----------
Audio is mono, shape `(samples,)`. RMS is linear, 1 for a full-scale square wave;
loudness is in LUFS, 1 dB per unit, -3.01 for a full-scale sine of 997 Hz.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from harness.measures.acoustics.validation import Audio, validate

__all__ = ["integrated_lufs", "k_weighting", "rms"]

_BLOCK_SECONDS, _STEP_SECONDS = 0.4, 0.1
_OFFSET_LUFS, _GATE_LUFS, _RELATIVE_GATE_DB = -0.691, -70.0, -10.0


def rms(audio: Audio, *, sample_rate: int) -> float:
    """Root mean square of the samples: what the documents call energy.

    Raises
    ------
    AcousticsError
        If `audio` cannot be measured.
    """
    validate(audio, sample_rate=sample_rate)
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


def integrated_lufs(audio: Audio, *, sample_rate: int) -> float:
    """Gated loudness of a clip in LUFS, nan if all of it is below -70 LUFS.

    Parameters
    ----------
    audio
        Mono audio, shape `(samples,)`, at least 0.4 s.
    sample_rate
        In Hz.

    Raises
    ------
    AcousticsError
        If `audio` cannot be measured.

    References
    ----------
    Recommendation ITU-R BS.1770-4, annex 1.
    """
    validate(audio, sample_rate=sample_rate, at_least_seconds=_BLOCK_SECONDS)
    weighted = np.asarray(audio, dtype=np.float64)
    for numerator, denominator in k_weighting(sample_rate):
        weighted = lfilter(numerator, denominator, weighted)
    length = round(_BLOCK_SECONDS * sample_rate)
    blocks = np.lib.stride_tricks.sliding_window_view(np.square(weighted), length)
    power = blocks[:: round(_STEP_SECONDS * sample_rate)].mean(axis=1)
    power = power[power > 10 ** ((_GATE_LUFS - _OFFSET_LUFS) / 10)]
    if power.size == 0:
        return math.nan
    power = power[power > power.mean() * 10 ** (_RELATIVE_GATE_DB / 10)]
    return _OFFSET_LUFS + 10 * math.log10(power.mean())


def k_weighting(
    sample_rate: int,
) -> tuple[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]], ...]:
    """The two filters of BS.1770, `(numerator, denominator)`, at any sample rate.

    The standard tabulates them for 48 kHz only; the analogue filters behind its table
    are those of De Man 2014, "Evaluation of implementations of the EBU R128 loudness
    measurement", AES 137.
    """
    k, q = math.tan(math.pi * 1681.974450955533 / sample_rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = np.array(
        [high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k]
    )
    shelf_denominator = _denominator(k, q)
    k, q = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    low_cut = _denominator(k, q)
    return (
        (shelf / shelf_denominator[0], shelf_denominator / shelf_denominator[0]),
        (np.array([1.0, -2.0, 1.0]), low_cut / low_cut[0]),
    )


def _denominator(k: float, q: float) -> npt.NDArray[np.float64]:
    return np.array([1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k])
