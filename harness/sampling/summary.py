"""What is kept of a clip's activations, once it is generated.

Conventions
-----------
Arrays are float32; `halves` is conditional, then null; `windows` are equal shares of
the steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["HALVES", "ClipCapture"]

HALVES = ("conditional", "null")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCapture:
    """What is kept of one clip; axes `(layers, halves, ..., d_model)`, float32."""

    mean: np.ndarray  # (layers, halves, d_model)
    variance: np.ndarray  # (layers, halves, d_model)
    magnitude: np.ndarray  # (layers, halves, d_model), mean absolute value
    first_step: np.ndarray  # (layers, halves, d_model)
    window_mean: np.ndarray  # (layers, halves, windows, d_model)
    window_variance: np.ndarray
    window_magnitude: np.ndarray
    steps: tuple[int, ...]  # steps captured, by layer
    not_finite: tuple[tuple[str, int, int], ...]  # (half, layer, first such step)
