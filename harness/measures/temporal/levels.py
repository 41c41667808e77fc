"""One number for each clip and layer: how strong, how varied, how fast.

Levels are compared as logarithms, so that a difference is a ratio and a layer of large
activations counts no more than another.

Conventions
-----------
Values are positive, shape `(clips, layers, d)` or `(clips, layers, bands)`; logarithms
are natural.

References
----------
Aitchison (1982), The statistical analysis of compositional data,
doi:10.1111/j.2517-6161.1982.tb01195.x (centred log-ratios).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.temporal.windows import TemporalError

__all__ = ["log_levels", "log_shares"]


def log_levels(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Logarithm of the mean over dimensions.

    Parameters
    ----------
    values : array_like, shape (clips, layers, d)
        Variance over steps, or mean magnitude, of each dimension.

    Returns
    -------
    np.ndarray, shape (clips, layers)

    Raises
    ------
    TemporalError
        If the shape is wrong, or a mean is not a positive number: a variance of zero
        is that of a clip of one step.
    """
    return np.log(_positive(_of_three_axes(values).mean(axis=2, dtype=np.float64)))


def log_shares(power: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Logarithm of each band's power, less the mean of these over bands.

    What makes a clip stronger in all bands alike is not seen: two clips differ where
    the balance of fast and slow differs.

    Parameters
    ----------
    power : array_like, shape (clips, layers, bands)

    Returns
    -------
    np.ndarray, shape (clips, layers, bands)

    Raises
    ------
    TemporalError
        If the shape is wrong, there is one band only, or a power is not a positive
        number.
    """
    array = _of_three_axes(power)
    if array.shape[2] < 2:
        msg = (
            f"`power` must have 2 bands or more, got {array.shape[2]}. Make longer"
            " clips: one band has no balance."
        )
        raise TemporalError(msg)
    logarithms = np.log(_positive(array.astype(np.float64)))
    shares: npt.NDArray[np.float64] = logarithms - logarithms.mean(2, keepdims=True)
    return shares


def _of_three_axes(values: npt.ArrayLike) -> npt.NDArray[np.floating]:
    array = np.asarray(values)
    if array.ndim != 3 or 0 in array.shape:
        msg = (
            "`values` must have shape (clips, layers, d) or (clips, layers, bands),"
            f" got {array.shape}. Stack one vector per clip and layer."
        )
        raise TemporalError(msg)
    return array


def _positive(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    bad = np.argwhere(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        clip, layer = bad[0][:2]
        msg = (
            f"Levels must be positive numbers, got {values[tuple(bad[0])]:g} in layer"
            f" {layer} of clip {clip}: its activations stand still or are no numbers."
            " Make longer clips, or capture them again."
        )
        raise TemporalError(msg)
    return values
