"""Resemblance in each part of a clip, and how it changes from part to part.

Conventions
-----------
Windows are equal shares of a clip's steps, in their order. Activations have shape
`(clips, layers, windows, d)`: the mean over the steps of a window. A contrast has
shape `(windows,)` and sums to zero: it is blind to what is the same in all of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.gram import prompt_gram

__all__ = [
    "TemporalError",
    "early_minus_late",
    "require_steps_in_windows",
    "rise_along_line",
    "window_gram",
]

_FEWEST_WINDOWS = 2


class TemporalError(ValueError):
    """The clips are too short, or hold nothing that could be followed over time."""


def window_gram(
    activations: npt.ArrayLike, prompt_of_clip: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Mean centred cosine between the clips of every two prompts, in every window.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, windows, d)
    prompt_of_clip : array_like of int, shape (clips,)

    Returns
    -------
    np.ndarray, shape (layers, windows, prompts, prompts)
        Each window is centred on its own mean over clips: what all clips do at the
        same time is no resemblance.

    Raises
    ------
    TemporalError
        As `require_steps_in_windows`.
    SimilarityError
        As `prompt_gram`.
    """
    array = require_steps_in_windows(activations)
    clips, layers, windows, dimensions = array.shape
    flat = array.reshape(clips, layers * windows, dimensions)
    gram = prompt_gram(flat, prompt_of_clip)
    return gram.reshape(layers, windows, *gram.shape[1:])


def require_steps_in_windows(activations: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Return the activations if there are windows, and steps in all of them.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, windows, d)

    Raises
    ------
    TemporalError
        If the shape is wrong, there is one window only, or one holds no steps.
    """
    array = np.asarray(activations)
    if array.ndim != 4 or 0 in array.shape:
        msg = (
            "`activations` must have shape (clips, layers, windows, d), got"
            f" {array.shape}. Stack one mean per clip, layer and window."
        )
        raise TemporalError(msg)
    windows = array.shape[2]
    if windows < _FEWEST_WINDOWS:
        msg = (
            f"`activations` must have {_FEWEST_WINDOWS} windows or more, got {windows}."
            " Capture the clips again in several windows: one has no early and no late."
        )
        raise TemporalError(msg)
    # Windows that no step fell into are left at zero.
    empty = np.argwhere(~array.any(axis=(1, 3)))
    if empty.size:
        clip, window = empty[0]
        msg = (
            f"Every window must hold steps, but window {window + 1} of {windows} of"
            f" clip {clip} is empty: it has fewer steps than windows. Make longer"
            " clips."
        )
        raise TemporalError(msg)
    return array


def rise_along_line(windows: int) -> npt.NDArray[np.float64]:
    """Contrast: by how much the least-squares line rises from first to last window.

    Parameters
    ----------
    windows : int
        2 or more.

    Returns
    -------
    np.ndarray, shape (windows,)
        The slope's weights times `windows - 1`.
    """
    _require_several(windows)
    centred = np.arange(windows) - (windows - 1) / 2
    rise: npt.NDArray[np.float64] = centred * (windows - 1) / (centred @ centred)
    return rise


def early_minus_late(windows: int) -> npt.NDArray[np.float64]:
    """Contrast: the first window minus the last.

    Parameters
    ----------
    windows : int
        2 or more.

    Returns
    -------
    np.ndarray, shape (windows,)
    """
    _require_several(windows)
    contrast = np.zeros(windows)
    contrast[0], contrast[-1] = 1.0, -1.0
    return contrast


def _require_several(windows: int) -> None:
    if windows < _FEWEST_WINDOWS:
        msg = (
            f"`windows` must be {_FEWEST_WINDOWS} or more, got {windows}. Capture the"
            " clips again in several windows."
        )
        raise TemporalError(msg)
