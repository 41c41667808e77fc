"""How fast activations move: the power of their changes, octave by octave.

Conventions
-----------
A sequence has shape `(steps, d)`, in the order of decoding, one step for each frame.
Frequencies are in Hz; a band `(low, high)` holds `low <= f < high`, and the highest
holds the Nyquist frequency, too. Power is that of a Hann-windowed periodogram, the
constant taken out: the powers of all bands add up to about the variance.

References
----------
Welch (1967), doi:10.1109/TAU.1967.1161901. Oppenheim & Schafer, Discrete-Time Signal
Processing, section 10.5 (periodogram).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.measures.temporal.windows import TemporalError

__all__ = ["Band", "band_powers", "band_sums", "octave_bands"]

Band = tuple[float, float]  # from, to, in Hz

_FEWEST_STEPS = 8  # what remains beside a Hann window's main lobe at fewer is nothing


def octave_bands(frame_rate: float, seconds: float) -> tuple[Band, ...]:
    """Octaves from half of the frame rate down to the slowest that a clip can show.

    Parameters
    ----------
    frame_rate : float
        Steps per second.
    seconds : float
        Duration of the clip; `1 / seconds` is the slowest frequency.

    Returns
    -------
    tuple of (float, float)
        Ascending, in Hz.

    Raises
    ------
    TemporalError
        If the clip is too short for one octave.
    """
    slowest = 1 / seconds if seconds > 0 else np.inf
    bands: list[Band] = []
    high = frame_rate / 2
    while high > slowest * (1 + 1e-9):  # else rounding would open an empty octave
        bands.append((high / 2, high))
        high /= 2
    if not bands:
        msg = (
            f"A clip of {seconds:g} s at {frame_rate:g} steps per second must hold one"
            " octave of frequencies at least. Make longer clips."
        )
        raise TemporalError(msg)
    return tuple(reversed(bands))


def band_powers(
    sequence: npt.ArrayLike, frame_rate: float, bands: Sequence[Band]
) -> npt.NDArray[np.float64]:
    """Power of a sequence in bands of frequency, mean over dimensions.

    Parameters
    ----------
    sequence : array_like, shape (steps, d)
    frame_rate : float
        Steps per second.
    bands : sequence of (float, float)
        In Hz, such as `octave_bands` gives.

    Returns
    -------
    np.ndarray, shape (bands,)
        In squared units of the activations.

    Raises
    ------
    TemporalError
        If there are too few steps, a value is not finite, or a band holds no
        frequency of a sequence of this length.
    """
    array = np.asarray(sequence, np.float64)
    if array.ndim != 2 or len(array) < _FEWEST_STEPS or 0 in array.shape:
        msg = (
            f"`sequence` must have shape (steps, d) with {_FEWEST_STEPS} steps or more,"
            f" got {array.shape}. Make longer clips."
        )
        raise TemporalError(msg)
    if not np.isfinite(array).all():
        step = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        msg = f"`sequence` must be finite, got others at step {step}. Capture it again."
        raise TemporalError(msg)
    frequencies = np.asarray(np.fft.rfftfreq(len(array), 1 / frame_rate), np.float64)
    return band_sums(_periodogram(array).mean(axis=1), frequencies, bands)


def band_sums(
    power: npt.ArrayLike, frequencies: npt.ArrayLike, bands: Sequence[Band]
) -> npt.NDArray[np.float64]:
    """From power at single frequencies to power in bands.

    Parameters
    ----------
    power : array_like, shape (..., frequencies)
    frequencies : array_like, shape (frequencies,)
        In Hz, from zero to the Nyquist frequency.
    bands : sequence of (float, float)
        In Hz, such as `octave_bands` gives.

    Returns
    -------
    np.ndarray, shape (..., bands)

    Raises
    ------
    TemporalError
        If a band holds no frequency.
    """
    known, values = np.asarray(frequencies, np.float64), np.asarray(power, np.float64)
    sums = [values[..., _within(known, band)].sum(axis=-1) for band in bands]
    return np.stack(sums, axis=-1)


def _periodogram(sequence: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Power at each frequency from zero on, shape (frequencies, d)."""
    # By hand: `scipy.signal` takes longer to import than a claim takes to decide.
    steps = len(sequence)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(steps) / steps)
    amplitudes = np.fft.rfft((sequence - sequence.mean(0)) * hann[:, None], axis=0)
    power: npt.NDArray[np.float64] = np.abs(amplitudes) ** 2 / (steps * hann @ hann)
    # Negative frequencies are folded; zero and Nyquist have none.
    power[1 : (steps + 1) // 2] *= 2
    return power


def _within(frequencies: npt.NDArray[np.float64], band: Band) -> npt.NDArray[np.bool_]:
    low, high = band
    nyquist = frequencies[-1]
    chosen: npt.NDArray[np.bool_] = (frequencies >= low) & (frequencies < high)
    if high >= nyquist > low:
        chosen |= frequencies == nyquist
    chosen[0] = False  # the constant is no change
    if not chosen.any():
        msg = (
            f"The band from {low:g} to {high:g} Hz must hold a frequency, but the"
            f" sequence has only multiples of {frequencies[1]:g} up to {nyquist:g} Hz."
            " Make longer clips, or leave the band out."
        )
        raise TemporalError(msg)
    return chosen
