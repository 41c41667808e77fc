"""Running moments of activations: all layers, all steps, memory that does not grow.

The engine hands over what it computes, layer by layer; a few steps are held, then added
to the moments of their window and forgotten. Whoever wants every step (see
`harness.sampling.resolved`) is handed the same few steps before they go.

Conventions
-----------
Rows are the engine's: conditional first, null second. Moments are float32 on the
model's device, one set for each time window; windows are equal shares of the steps.

References
----------
Chan, Golub & LeVeque (1983), doi:10.1080/00031305.1983.10483115, for adding up moments
of parts without losing a spread that is much smaller than the mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from harness.captures import HALVES, ClipCapture
from harness.sampling.cursor import Cursor

__all__ = ["ActivationCapture", "CaptureError"]

_HELD_STEPS = 16  # memory against passes over the moments; measured flat from 8 to 32


class CaptureError(Exception):
    """Activations were not captured as they must be."""


class ActivationCapture:
    """Accumulates while the engine decodes one micro-batch.

    Where it is set, `on_held(first_step, held)` hears of every few steps once: `held`
    is `(steps, sites, layers, rows, d_model)` float32 and is overwritten afterwards.
    """

    def __init__(
        self,
        *,
        sites: tuple[str, ...] = ("resid_post",),
        layers: int,
        rows: int,
        width: int,
        steps: int,
        windows: int,
        device: torch.device,
    ) -> None:
        one = (len(sites), layers, rows, width)
        self.sites = {site: index for index, site in enumerate(sites)}
        self.steps = steps
        self.held_steps = min(_HELD_STEPS, -(-steps // windows))
        self.held = torch.zeros(
            self.held_steps, *one, dtype=torch.float32, device=device
        )
        moments = torch.zeros(3, windows, *one, dtype=torch.float32, device=device)
        self.mean, self.squares, self.magnitude = moments
        self.first = torch.zeros(one, dtype=torch.float32, device=device)
        self._room = torch.zeros(2, *one, dtype=torch.float32, device=device)
        self.bad_step = torch.full(one[:-1], steps, device=device)
        self.counts = np.zeros(windows, dtype=np.int64)
        # Steps so far: by site and layer as they come, as they are closed, and added.
        self.taken = np.zeros((len(sites), layers), dtype=np.int64)
        self.closed = self._added = 0
        self.on_held: Callable[[int, Tensor], None] | None = None

    def restart(self) -> None:
        """Forget everything; the tensors stay where they are."""
        for tensor in (self.held, self.mean, self.squares, self.magnitude, self.first):
            tensor.zero_()
        self.bad_step.fill_(self.steps)
        self.counts[:] = 0
        self.taken[:] = 0
        self.closed = self._added = 0
        self.on_held = None

    def add(self, site: str, layer: int, values: Tensor, cursor: Cursor) -> None:
        """Take the activations `(rows, d_model)` of one site and layer at this step.

        Where only the first rows are given, the others are zero. A site that was not
        asked for is passed over.
        """
        index = self.sites.get(site)
        if index is None:
            return
        self.taken[index, layer] += 1
        cursor.write_held(self.held[:, index, layer, : len(values)], values)

    def close_step(self) -> None:
        """All layers have been taken once; called once after each step.

        Raises
        ------
        CaptureError
            If a layer was missed or came twice, or there are more steps than implied.
        """
        self.closed += 1
        wrong = np.argwhere(self.taken != self.closed)
        if len(wrong):
            site, layer = wrong[0]
            times = 1 + self.taken[site, layer] - self.closed
            msg = (
                f"Layer {layer} must be captured once at step {self.closed - 1}, got "
                f"{times} times at `{list(self.sites)[site]}`. The engine is broken."
            )
            raise CaptureError(msg)
        if self.closed > self.steps:
            msg = (
                f"Step {self.closed - 1} must not be: the clip has {self.steps} steps. "
                "The engine is broken."
            )
            raise CaptureError(msg)
        window_ends = self._window(self.closed) != self._window(self.closed - 1)
        if self.slot == self.held_steps or window_ends:
            self._add_held(self.slot)

    def _window(self, step: int) -> int:
        return step * len(self.counts) // self.steps

    @property
    def slot(self) -> int:
        """Where among the held steps the current one is to be written."""
        return self.closed - self._added

    def _add_held(self, count: int) -> None:
        """Add the held steps, all of one window, to its moments."""
        held = self.held[:count]
        if self.on_held is not None:
            self.on_held(self._added, held)
        if self._added == 0:
            self.first.copy_(held[0])
        self._note_bad_steps(held)
        window = self._window(self._added)
        before = int(self.counts[window])
        after = self.counts[window] = before + count
        self._added += count
        share = count / int(after)
        mean = held.mean(0)
        self.magnitude[window].lerp_(self._mean_magnitude(held), share)
        squares = held.sub_(mean).square_().sum(0)
        shift = mean.sub_(self.mean[window])
        self.squares[window].add_(squares)
        self.squares[window].addcmul_(shift, shift, value=before * share)
        self.mean[window].add_(shift, alpha=share)

    def _mean_magnitude(self, held: Tensor) -> Tensor:
        # Step by step: room for all at once costs more than the sum, at every turn.
        total, absolute = self._room
        total.zero_()
        for values in held:
            total += torch.abs(values, out=absolute)
        return total.div_(len(held))

    def _note_bad_steps(self, held: Tensor) -> None:
        finite = torch.isfinite(held.sum(-1))  # (steps, sites, layers, rows)
        steps = torch.arange(len(held), device=held.device) + self._added
        steps = steps[:, None, None, None].expand_as(finite)
        first = steps.masked_fill(finite, self.steps).amin(0)
        torch.minimum(self.bad_step, first, out=self.bad_step)

    def clips(self) -> list[ClipCapture]:
        """One capture per clip of the micro-batch."""
        parts = (self.mean, self.squares, self.magnitude, self.first, self.bad_step)
        host = [part.cpu().numpy() for part in parts]
        clips = self.bad_step.shape[2] // 2
        return [
            self._clip(
                *(
                    part.take([clip, clips + clip], axis=axis)
                    for part, axis in zip(host, (3, 3, 3, 2, 2), strict=True)
                )
            )
            for clip in range(clips)
        ]

    def _clip(
        self,
        mean: np.ndarray,
        squares: np.ndarray,
        magnitude: np.ndarray,
        first: np.ndarray,
        bad_step: np.ndarray,
    ) -> ClipCapture:
        """A clip's two rows; moments are `(windows, sites, layers, 2, d_model)`."""
        means, magnitudes = mean.astype(np.float64), magnitude.astype(np.float64)
        counts = self.counts[:, None, None, None, None]
        # A clip shorter than the windows leaves some of them empty, and at zero.
        variances = squares.astype(np.float64) / np.maximum(counts, 1)
        shares = counts / counts.sum()
        with np.errstate(invalid="ignore", over="ignore"):
            whole = (shares * means).sum(axis=0)
            spread = variances + (means - whole) ** 2
            return ClipCapture(
                sites=tuple(self.sites),
                mean=_float32(whole),
                variance=_float32((shares * spread).sum(axis=0)),
                magnitude=_float32((shares * magnitudes).sum(axis=0)),
                first_step=_float32(first),
                window_mean=_windows_last(means),
                window_variance=_windows_last(variances),
                window_magnitude=_windows_last(magnitudes),
                steps=tuple(int(n) for n in self.taken.min(axis=0)),
                not_finite=self._bad_places(bad_step.min(axis=0)),
            )

    def _bad_places(self, bad: np.ndarray) -> tuple[tuple[str, int, int], ...]:
        return tuple(
            (HALVES[half], layer, int(bad[layer, half]))
            for layer in range(bad.shape[0])
            for half in range(2)
            if bad[layer, half] < self.steps
        )


def _windows_last(values: np.ndarray) -> np.ndarray:
    """`(windows, sites, layers, 2, d_model)`: windows before dimensions."""
    return _float32(np.moveaxis(values, 0, 3))


def _float32(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)
