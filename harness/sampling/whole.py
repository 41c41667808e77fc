"""A clip that is there, through the model once more, all of its steps at once.

While a clip is generated each step waits for the one before. Afterwards all codes are
known, and every layer can be computed for all steps together: the same arithmetic, with
matrices as long as the clip, in a fraction of the time. What a layer looks at is then
one matrix, and is gone before the next layer begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from harness.models.protocol import TextCondition
from harness.sampling.maps import WholeMaps

if TYPE_CHECKING:
    from harness.sampling.engine import Decoder

__all__ = ["OnLayer", "pass_whole"]

# Hears of each layer in turn: its number, the residual stream after it,
# `(halves, steps, d_model)`, and its maps.
OnLayer: TypeAlias = Callable[[int, Tensor, WholeMaps], None]


@torch.no_grad()
def pass_whole(
    decoder: Decoder, condition: TextCondition, codes: Tensor, on_layer: OnLayer
) -> None:
    """Pass `codes` `(codebooks, frames)` under a text; conditional half first."""
    hidden = _embedded(decoder, condition, codes)
    offset, text = condition.prefix.shape[1], condition.cross[None]
    mask = text.new_zeros(1, 1, 1, text.shape[1])
    for layer in decoder.layers:
        room = layer.room(clips=1, tokens=text.shape[1], positions=hidden.shape[1])
        layer.read(text, mask, room)
        maps = WholeMaps(offset=offset)
        hidden = layer.prefill(hidden, room, maps)
        on_layer(layer.index, hidden[:, offset:], maps)


def _embedded(decoder: Decoder, condition: TextCondition, codes: Tensor) -> Tensor:
    """What goes into the first layer, `(halves, positions, d_model)`."""
    pattern = decoder.model.pattern_provider.get_pattern(codes.shape[1])
    sequence, _, _ = pattern.build_pattern_sequence(
        codes[None].to(decoder.device), decoder.model.special_token_id
    )
    fed = sequence[0, :, :-1].T  # the last one is predicted and never read
    steps = F.embedding(fed + decoder.starts, decoder.embeddings).sum(1)
    music = steps.expand(2, *steps.shape)
    both = torch.cat([condition.prefix.to(steps.device), music], dim=1)
    return both + decoder.positions(both.shape[1])
