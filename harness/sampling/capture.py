"""Running moments of activations: all layers, all steps, memory that does not grow.

Conventions
-----------
Rows are the engine's: conditional first, null second. Sums are float32 on the model's
device, one set for each time window; windows are equal shares of the steps.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from harness.sampling.summary import HALVES, ClipCapture

__all__ = ["CaptureError", "MomentCapture"]


class CaptureError(Exception):
    """Activations were not captured as they must be."""


class MomentCapture:
    """Accumulates while the engine decodes one micro-batch."""

    def __init__(
        self,
        *,
        layers: int,
        rows: int,
        width: int,
        steps: int,
        windows: int,
        device: torch.device,
    ) -> None:
        shape = (layers, windows, rows, width)
        self.sum, self.squares, self.magnitude = (
            torch.zeros(shape, dtype=torch.float32, device=device) for _ in range(3)
        )
        self.first = torch.zeros(
            layers, rows, width, dtype=torch.float32, device=device
        )
        self.bad_step = torch.full((layers, rows), -1, dtype=torch.int32, device=device)
        self.counts = np.zeros((layers, windows), dtype=np.int64)
        self.steps = steps
        self._next = [0] * layers

    def add(self, layer: int, step: int, hidden: Tensor) -> None:
        """Take the residual stream after `layer` at `step`, `(rows, d_model)`.

        Raises
        ------
        CaptureError
            If this is not the step that follows the last one of this layer.
        """
        if step != self._next[layer]:
            msg = (
                f"Layer {layer} must be captured at step {self._next[layer]} next, got "
                f"step {step}: a step was missed or came twice. The engine is broken."
            )
            raise CaptureError(msg)
        self._next[layer] = step + 1
        values = hidden.float()
        window = step * self.counts.shape[1] // self.steps
        self.sum[layer, window] += values
        self.squares[layer, window] += values.square()
        self.magnitude[layer, window] += values.abs()
        self.counts[layer, window] += 1
        if step == 0:
            self.first[layer] = values
        newly_bad = ~torch.isfinite(values.sum(-1)) & (self.bad_step[layer] < 0)
        self.bad_step[layer].masked_fill_(newly_bad, step)

    def clips(self) -> list[ClipCapture]:
        """One capture per clip of the micro-batch."""
        sums, squares, magnitudes = (
            t.cpu().numpy() for t in (self.sum, self.squares, self.magnitude)
        )
        first, bad = self.first.cpu().numpy(), self.bad_step.cpu().numpy()
        clips = first.shape[1] // 2
        counts = self.counts[:, :, None, None]
        total = counts.sum(axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            mean, magnitude = sums.sum(1) / total, magnitudes.sum(1) / total
            variance = np.maximum(squares.sum(1) / total - mean**2, 0)
            share = np.maximum(
                counts, 1
            )  # a clip shorter than the windows leaves some empty
            window_mean, window_magnitude = sums / share, magnitudes / share
            window_variance = np.maximum(squares / share - window_mean**2, 0)
        captures = []
        for clip in range(clips):
            rows = [clip, clips + clip]
            captures.append(
                ClipCapture(
                    mean=_float32(mean[:, rows]),
                    variance=_float32(variance[:, rows]),
                    magnitude=_float32(magnitude[:, rows]),
                    first_step=_float32(first[:, rows]),
                    window_mean=_float32(window_mean[:, :, rows].swapaxes(1, 2)),
                    window_variance=_float32(
                        window_variance[:, :, rows].swapaxes(1, 2)
                    ),
                    window_magnitude=_float32(
                        window_magnitude[:, :, rows].swapaxes(1, 2)
                    ),
                    steps=tuple(int(n) for n in self.counts.sum(1)),
                    not_finite=_bad_places(bad[:, rows]),
                )
            )
        return captures


def _bad_places(bad: np.ndarray) -> tuple[tuple[str, int, int], ...]:
    return tuple(
        (HALVES[half], layer, int(bad[layer, half]))
        for layer in range(bad.shape[0])
        for half in range(2)
        if bad[layer, half] >= 0
    )


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)
