"""Running moments of activations: all layers, all steps, memory that does not grow.

Conventions
-----------
Rows are the engine's: conditional first, null second. Moments are float32 on the
model's device, one set for each time window; windows are equal shares of the steps.

References
----------
Welford (1962), doi:10.1080/00401706.1962.10490022, for moments that survive a mean
much larger than the spread; Chan, Golub & LeVeque (1983),
doi:10.1080/00031305.1983.10483115, for adding up those of the windows.
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
        self.mean, self.squares, self.magnitude = (
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
        self.counts[layer, window] += 1
        count = int(self.counts[layer, window])
        mean = self.mean[layer, window]
        from_old_mean = values - mean
        mean += from_old_mean / count
        self.squares[layer, window] += from_old_mean * (values - mean)
        magnitude = self.magnitude[layer, window]
        magnitude += (values.abs() - magnitude) / count
        if step == 0:
            self.first[layer] = values
        newly_bad = ~torch.isfinite(values.sum(-1)) & (self.bad_step[layer] < 0)
        self.bad_step[layer].masked_fill_(newly_bad, step)

    def clips(self) -> list[ClipCapture]:
        """One capture per clip of the micro-batch."""
        means, squares, magnitudes = (
            t.cpu().numpy().astype(np.float64)
            for t in (self.mean, self.squares, self.magnitude)
        )
        counts = self.counts[:, :, None, None]
        # A clip shorter than the windows leaves some of them empty, and at zero.
        variances = squares / np.maximum(counts, 1)
        shares = counts / counts.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = (shares * means).sum(axis=1)
            spread = variances + (means - mean[:, None]) ** 2
            whole = {
                "mean": mean,
                "variance": (shares * spread).sum(axis=1),
                "magnitude": (shares * magnitudes).sum(axis=1),
                "first_step": self.first.cpu().numpy(),
            }
        windows = {
            "window_mean": means,
            "window_variance": variances,
            "window_magnitude": magnitudes,
        }
        bad = self.bad_step.cpu().numpy()
        steps = tuple(int(n) for n in self.counts.sum(axis=1))
        clips = bad.shape[1] // 2
        return [
            ClipCapture(
                **{k: _float32(v[:, [c, clips + c]]) for k, v in whole.items()},
                **{
                    k: _float32(v[:, :, [c, clips + c]].swapaxes(1, 2))
                    for k, v in windows.items()
                },
                steps=steps,
                not_finite=_bad_places(bad[:, [c, clips + c]]),
            )
            for c in range(clips)
        ]


def _bad_places(bad: np.ndarray) -> tuple[tuple[str, int, int], ...]:
    return tuple(
        (HALVES[half], layer, int(bad[layer, half]))
        for layer in range(bad.shape[0])
        for half in range(2)
        if bad[layer, half] >= 0
    )


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)
