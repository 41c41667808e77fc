"""Attention maps of chosen layers: what each step looks at, head by head.

The fused attention of the engine gives no weights, so they are computed once more where
they were asked for.

Conventions
-----------
Weights are float32, add up to 1 over positions or tokens, and are held for as many
steps as the activations are (see `harness.sampling.capture`).
"""

from __future__ import annotations

import torch
from torch import Tensor

from harness.sampling.cursor import Cursor

__all__ = ["AttentionMaps", "WholeMaps"]


class AttentionMaps:
    """The maps of the held steps, by layer."""

    def __init__(
        self,
        *,
        layers: tuple[int, ...],
        held_steps: int,
        clips: int,
        heads: int,
        positions: int,
        tokens: int,
        device: torch.device,
    ) -> None:
        def room(rows: int, over: int) -> dict[int, Tensor]:
            shape = (held_steps, rows, heads, over)
            return {layer: torch.zeros(shape, device=device) for layer in layers}

        self.to_music = room(2 * clips, positions)
        self.to_text = room(clips, tokens)

    def restart(self) -> None:
        for weights in (*self.to_music.values(), *self.to_text.values()):
            weights.zero_()

    def __contains__(self, layer: int) -> bool:
        return layer in self.to_music

    def add_self_attention(
        self, layer: int, query: Tensor, keys: Tensor, cursor: Cursor
    ) -> None:
        """Where every row looks; later positions keep the 0 that they began with."""
        weights = _weights(query, keys, cursor.mask)
        cursor.write_held(self.to_music[layer][..., : cursor.seen], weights)

    def add_cross_attention(
        self, layer: int, query: Tensor, keys: Tensor, mask: Tensor, cursor: Cursor
    ) -> None:
        """Which tokens the conditional rows read."""
        cursor.write_held(self.to_text[layer], _weights(query, keys, mask == 0))


class WholeMaps:
    """The maps of one layer at all steps of one clip, which was known beforehand.

    `offset` positions before the first step are left out of the steps, not of what they
    look at.
    """

    def __init__(self, *, offset: int) -> None:
        self.offset = offset
        self.to_music: Tensor | None = None  # (rows, heads, steps, positions)
        self.to_text: Tensor | None = None  # (clips, heads, steps, tokens)

    def add_self_attention(self, query: Tensor, keys: Tensor) -> None:
        positions = keys.shape[2]
        visible = torch.ones(positions, positions, device=keys.device).tril().bool()
        self.to_music = _all_weights(
            query[:, :, self.offset :], keys, visible[self.offset :]
        )

    def add_cross_attention(self, query: Tensor, keys: Tensor) -> None:
        self.to_text = _all_weights(query[:, :, self.offset :], keys, None)


def _weights(query: Tensor, keys: Tensor, visible: Tensor | None) -> Tensor:
    """`(rows, heads, 1, d_head)` on `(rows, heads, n, d_head)`: `(rows, heads, n)`."""
    return _all_weights(query, keys, visible)[:, :, 0]


def _all_weights(query: Tensor, keys: Tensor, visible: Tensor | None) -> Tensor:
    """The same of n queries to m keys: `(rows, heads, n, m)`."""
    scores = query.float() @ keys.float().transpose(2, 3) / query.shape[-1] ** 0.5
    if visible is not None:
        scores = scores.masked_fill(~visible, -torch.inf)
    return scores.softmax(-1)
