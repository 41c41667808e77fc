"""Steps as recorded kernels: a CUDA graph per span of the past.

Launching the kernels of one step takes the CPU longer than running them takes the GPU.
Here the kernels of a step are recorded once for each span of the past (multiples of
`SPAN` positions), and replayed. The place of the step is read from the device, so that
one recording serves all steps of its span.

Without CUDA the same steps run one by one: the arithmetic can be tested anywhere.

References
----------
https://docs.pytorch.org/docs/stable/notes/cuda.html, "CUDA Graphs".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from harness.sampling.capture import ActivationCapture
from harness.sampling.cursor import SPAN, Cursor, DeviceCursor

__all__ = ["DeviceSteps"]


class _Steps(Protocol):
    """A micro-batch (see `harness.sampling.engine`)."""

    device: torch.device
    offset: int
    steps: int
    sequence: Tensor
    capture: ActivationCapture

    def run(self, cursor: Cursor) -> None: ...


class DeviceSteps:
    """Takes the steps of micro-batches, the place of each read from the device."""

    def __init__(self, batch: _Steps) -> None:
        self.batch = batch
        self.at = torch.zeros(1, dtype=torch.int64, device=batch.device)
        self.slot_at = torch.zeros_like(self.at)
        self._recorded: dict[int, Callable[[], None]] = {}
        self._taken: np.ndarray = np.zeros(
            0, dtype=np.int64
        )  # what one step adds to the capture's count
        self._pool: Any = None  # memory that the recordings share

    def __call__(self, step: int) -> None:
        capture = self.batch.capture
        self.at.fill_(step)
        self.slot_at.fill_(capture.slot)
        length = self.batch.offset + self.batch.steps
        span = min(-(-(self.batch.offset + step + 1) // SPAN) * SPAN, length)
        before = capture.taken.copy()
        if span not in self._recorded:
            self._recorded[span] = self._record(span)
        self._recorded[span]()
        capture.taken[:] = before + self._taken

    def _record(self, span: int) -> Callable[[], None]:
        """A step that sees `span` positions; it is tried once, and leaves no code."""
        batch = self.batch

        def run() -> None:
            batch.run(
                DeviceCursor(self.at, self.slot_at, offset=batch.offset, seen=span)
            )

        before, codes = batch.capture.taken.copy(), batch.sequence.clone()
        if batch.device.type != "cuda":
            run()
        else:  # recording wants a first run on another stream
            aside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                run()
            torch.cuda.current_stream().wait_stream(aside)
        # What it drew is drawn again: by the same kernels in every micro-batch.
        batch.sequence.copy_(codes)
        self._taken = batch.capture.taken - before
        if batch.device.type != "cuda":
            return run
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            run()
        self._pool = self._pool or graph.pool()
        return graph.replay
