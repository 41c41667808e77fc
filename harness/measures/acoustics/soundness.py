"""Whether a clip is fit to be listened to: finite, not silent, not clipped.

Conventions
-----------
Audio is mono, shape `(samples,)`, full scale is 1. Shares are between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.measures.acoustics.validation import Audio, validate

__all__ = ["Soundness", "judge_soundness"]

_SILENCE_RMS = 10 ** (-60 / 20)  # -60 dBFS
_FULL_SCALE = 0.999


def judge_soundness(audio: Audio, *, sample_rate: int) -> Soundness:
    """Look for what makes a clip useless: the only measure that accepts nan.

    Parameters
    ----------
    audio
        Mono audio, shape `(samples,)`; samples that are not finite count as silent.
    sample_rate
        In Hz.

    Raises
    ------
    AcousticsError
        If `audio` is empty, not one-dimensional or not floating point.
    """
    validate(audio, sample_rate=sample_rate, finite=False)
    finite = np.isfinite(audio)
    heard = np.where(finite, audio, 0.0).astype(np.float64)
    square = np.square(heard)
    # Whole seconds; a clip of less than one is its own only window.
    seconds = max(1, heard.size // sample_rate)
    windows = square[: seconds * sample_rate].reshape(seconds, -1)
    silent_share = float(np.mean(np.sqrt(windows.mean(axis=1)) < _SILENCE_RMS))
    return Soundness(
        finite=bool(finite.all()),
        silent=bool(np.sqrt(square.mean()) < _SILENCE_RMS) or silent_share > 0.5,
        silent_share=silent_share,
        clipped_share=float(np.mean(np.abs(heard) >= _FULL_SCALE)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Soundness:
    """What may be wrong with a clip as such."""

    finite: bool
    silent: bool  # below -60 dBFS, as a whole or in more than half of its seconds
    silent_share: float  # of its seconds
    clipped_share: float  # of its samples, those within 0.001 of full scale or beyond
