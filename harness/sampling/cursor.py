"""Where decoding is: reads and writes the current place of tensors that span time.

Two cursors do the same. `Cursor` knows its place as a number. `DeviceCursor` knows it
as a tensor on the device and looks at spans of a few fixed lengths, so that a recorded
sequence of kernels (a CUDA graph) stays valid from one step to the next.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["SPAN", "Cursor", "DeviceCursor"]

SPAN = 64  # a device cursor sees the past in multiples of this many positions


class Cursor:
    """At step `step`, with `offset` positions before the first one.

    `slot` is where among the steps that a capture holds this one belongs.
    """

    def __init__(self, step: int, *, offset: int, slot: int) -> None:
        self.step = step
        self.slot = slot
        self.seen = offset + step + 1  # positions up to and including this one
        self.mask: Tensor | None = None  # what of `seen` is not to be attended to

    def read(self, values: Tensor, dim: int, *, ahead: int = 0) -> Tensor:
        """The slice of `values` at this step, or at the one `ahead` of it."""
        return values.select(dim, self.step + ahead)

    def write(self, values: Tensor, dim: int, new: Tensor, *, ahead: int = 0) -> None:
        values.select(dim, self.step + ahead).copy_(new)

    def read_position(self, values: Tensor, dim: int) -> Tensor:
        return values.select(dim, self.seen - 1)

    def write_position(self, values: Tensor, dim: int, new: Tensor) -> None:
        values.select(dim, self.seen - 1).copy_(new)

    def write_held(self, values: Tensor, new: Tensor) -> None:
        values[self.slot].copy_(new)


class DeviceCursor(Cursor):
    """At the step and slot that `at` and `slot_at`, both `(1,)`, hold on the device.

    It sees `seen` positions, which must include the current one, and masks the rest.
    """

    def __init__(self, at: Tensor, slot_at: Tensor, *, offset: int, seen: int) -> None:
        self.at = at
        self.slot_at = slot_at
        self.position = at + offset
        self.seen = seen
        visible = torch.arange(seen, device=at.device) <= self.position
        self.mask = visible[None, None, None]

    def read(self, values: Tensor, dim: int, *, ahead: int = 0) -> Tensor:
        return values.index_select(dim, self.at + ahead).squeeze(dim)

    def write(self, values: Tensor, dim: int, new: Tensor, *, ahead: int = 0) -> None:
        values.index_copy_(dim, self.at + ahead, new.unsqueeze(dim).to(values.dtype))

    def read_position(self, values: Tensor, dim: int) -> Tensor:
        return values.index_select(dim, self.position).squeeze(dim)

    def write_position(self, values: Tensor, dim: int, new: Tensor) -> None:
        values.index_copy_(dim, self.position, new.unsqueeze(dim).to(values.dtype))

    def write_held(self, values: Tensor, new: Tensor) -> None:
        values.index_copy_(0, self.slot_at, new[None].to(values.dtype))
