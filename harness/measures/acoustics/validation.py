"""The one check of audio that all acoustic measures share.

Conventions
-----------
Audio is mono, floating point, in [-1, 1], shape `(samples,)`; `sample_rate` is in Hz.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Audio", "AcousticsError", "validate"]

Audio: TypeAlias = npt.NDArray[np.floating[Any]]

_LOWEST_SAMPLE_RATE = 8_000  # below this the measures have no treble to look at


def validate(
    audio: Audio,
    *,
    sample_rate: int,
    at_least_seconds: float = 0.0,
    finite: bool = True,
) -> None:
    """Raise unless `audio` can be measured.

    Parameters
    ----------
    audio
        Shape `(samples,)`.
    sample_rate
        In Hz.
    at_least_seconds
        Shortest clip that the caller can make sense of.
    finite
        Whether a sample that is nan or infinite is an error.

    Raises
    ------
    AcousticsError
        If `audio` is not a one-dimensional, non-empty, long enough, finite array of
        floating-point numbers, or `sample_rate` is below 8 kHz.
    """
    if sample_rate < _LOWEST_SAMPLE_RATE:
        msg = f"`sample_rate` must be at least {_LOWEST_SAMPLE_RATE} Hz, got "
        raise AcousticsError(msg + f"{sample_rate}. Resample the clip.")
    if audio.ndim != 1:
        msg = f"`audio` must have the shape (samples,), got {audio.shape}. "
        raise AcousticsError(msg + "Mix it down to mono and drop the batch axis.")
    if not np.issubdtype(audio.dtype, np.floating):
        msg = f"`audio` must be floating point in [-1, 1], got {audio.dtype}. "
        raise AcousticsError(msg + "Divide integers by their full scale.")
    if audio.size == 0 or audio.size < at_least_seconds * sample_rate:
        msg = f"`audio` must hold at least {at_least_seconds:g} s, got "
        raise AcousticsError(
            msg + f"{audio.size} samples at {sample_rate} Hz. Generate a longer clip."
        )
    if finite and not np.isfinite(audio).all():
        msg = "`audio` must be finite, got nan or infinity. Generate the clip again, "
        raise AcousticsError(msg + "with a dtype of a wider range.")


class AcousticsError(ValueError):
    """Audio that cannot be measured."""
