"""One layer of audiocraft's transformer, on keys and values that are kept.

The arithmetic is that of `audiocraft.modules.transformer.StreamingTransformerLayer`
with pre-norm, sinusoidal positions and its own attention; whatever else a language
model might be built with is refused.

Conventions
-----------
Activations are `(rows, positions, d_model)`, conditional rows first. Null rows have no
text: their cross-attention is exactly 0 (attention has no bias) and is not computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.transformer import (
    StreamingMultiheadAttention,
    StreamingTransformerLayer,
)
from torch import Tensor
from torch.nn import functional as F

from harness.models.protocol import ModelError
from harness.sampling.capture import ActivationCapture
from harness.sampling.cursor import Cursor
from harness.sampling.linear import linear_map
from harness.sampling.maps import AttentionMaps, WholeMaps

__all__ = ["Layer", "Memory", "check_supported"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a layer attends to, for one micro-batch."""

    past: Tensor  # keys, values: (2, rows, heads, positions, d_head)
    text: Tensor  # keys, values: (2, clips, heads, tokens, d_head)
    text_mask: Tensor  # 0 or -inf, (clips, 1, 1, tokens)


class Layer:
    """One layer; its matrices are rearranged for speed when it is made."""

    def __init__(self, layer: StreamingTransformerLayer, index: int) -> None:
        self.index = index
        self.layer = layer
        self.heads = layer.self_attn.num_heads
        self.width = layer.self_attn.embed_dim
        self.qkv = linear_map(layer.self_attn.in_proj_weight)
        self.self_out = linear_map(layer.self_attn.out_proj.weight)
        if layer.cross_attention is not None:
            cross = layer.cross_attention
            query, keys_values = cross.in_proj_weight.split(
                [self.width, 2 * self.width]
            )
            self.text_query = linear_map(query)
            self.text_keys_values = linear_map(keys_values)
            self.cross_out = linear_map(cross.out_proj.weight)
        gelu = layer.activation is F.gelu
        self.mlp_in = linear_map(
            layer.linear1.weight, layer.linear1.bias, then_gelu=gelu
        )
        self.activation = _unchanged if gelu else layer.activation
        self.mlp_out = linear_map(layer.linear2.weight, layer.linear2.bias)

    def room(self, *, clips: int, tokens: int, positions: int) -> Memory:
        """Room for a micro-batch; no tokens for a model that attends to none."""
        weight = self.layer.self_attn.in_proj_weight
        dtype = weight.dtype
        if weight.device.type == "cpu":
            # There attention in half precision takes 2.5 times as long as in single.
            dtype = torch.float32
        d_head = self.width // self.heads

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=dtype, device=weight.device)

        return Memory(
            past=zeros(2, 2 * clips, self.heads, positions, d_head),
            text=zeros(2, clips, self.heads, tokens, d_head),
            text_mask=zeros(clips, 1, 1, tokens),
        )

    def read(self, text: Tensor, mask: Tensor, memory: Memory) -> None:
        """Keys and values of `text` `(clips, tokens, d_model)`, once and for all."""
        if text.shape[1]:
            memory.text.copy_(self._split(self.text_keys_values(text), parts=2))
            memory.text_mask.copy_(mask)

    def __call__(
        self,
        x: Tensor,
        memory: Memory,
        cursor: Cursor,
        capture: ActivationCapture,
        maps: AttentionMaps,
    ) -> Tensor:
        """One position of every row, `(rows, 1, d_model)`, captured on the way."""
        layer, index = self.layer, self.index
        query, keys_values = self._project(layer.norm1(x))
        cursor.write_position(memory.past, 3, keys_values.squeeze(3))
        keys, values = memory.past[..., : cursor.seen, :]
        mixed = _attend(query, keys, values, cursor.mask)
        if index in maps:
            maps.add_self_attention(index, query, keys, cursor)
        added = layer.layer_scale_1(self.self_out(_merge(mixed)))
        capture.add("self_attn", index, added[:, 0], cursor)
        x = x + added
        if memory.text.shape[3]:
            query = self._text_query(x, memory)
            added = self._read_text(query, memory)
            if index in maps:
                maps.add_cross_attention(
                    index, query, memory.text[0], memory.text_mask, cursor
                )
            x[: len(added)] += added
        else:
            added = x[:0]
        capture.add("cross_attn", index, added[:, 0], cursor)
        added = self._mlp(x)
        capture.add("mlp", index, added[:, 0], cursor)
        x = x + added
        capture.add("resid_post", index, x[:, 0], cursor)
        return x

    def prefill(
        self, x: Tensor, memory: Memory, maps: WholeMaps | None = None
    ) -> Tensor:
        """What is known beforehand, `(rows, positions, d_model)`, all at once.

        `maps`, where given, is shown what is looked at.
        """
        query, keys_values = self._project(self.layer.norm1(x))
        memory.past[..., : x.shape[1], :] = keys_values
        mixed = F.scaled_dot_product_attention(
            query, keys_values[0], keys_values[1], is_causal=True
        )
        if maps is not None:
            maps.add_self_attention(query, keys_values[0])
        x = x + self.layer.layer_scale_1(self.self_out(_merge(mixed)))
        if memory.text.shape[3]:
            query = self._text_query(x, memory)
            if maps is not None:
                maps.add_cross_attention(query, memory.text[0])
            added = self._read_text(query, memory)
            x[: len(added)] += added
        return x + self._mlp(x)

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Queries, and keys with values, `(2, rows, heads, positions, d_head)`."""
        projected = self._split(self.qkv(x), parts=3)
        return projected[0], projected[1:]

    def _split(self, x: Tensor, *, parts: int) -> Tensor:
        """`(rows, n, parts * d_model)` to `(parts, rows, heads, n, d_head)`."""
        rows, positions, _ = x.shape
        return x.view(rows, positions, parts, self.heads, -1).permute(2, 0, 3, 1, 4)

    def _text_query(self, x: Tensor, memory: Memory) -> Tensor:
        conditional = x[: memory.text.shape[1]]
        query = self.text_query(self.layer.norm_cross(conditional))
        return self._split(query, parts=1)[0]

    def _read_text(self, query: Tensor, memory: Memory) -> Tensor:
        mixed = _attend(query, memory.text[0], memory.text[1], memory.text_mask)
        out: Tensor = self.layer.layer_scale_cross(self.cross_out(_merge(mixed)))
        return out

    def _mlp(self, x: Tensor) -> Tensor:
        layer = self.layer
        hidden = self.activation(self.mlp_in(layer.norm2(x)))
        out: Tensor = layer.layer_scale_2(self.mlp_out(hidden))
        return out


def _unchanged(x: Tensor) -> Tensor:
    return x


def _attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attention in the precision that keys and values are kept in."""
    mixed = F.scaled_dot_product_attention(
        query.to(keys.dtype), keys, values, attn_mask=mask
    )
    return mixed.to(query.dtype)


def _merge(mixed: Tensor) -> Tensor:
    """`(rows, heads, positions, d_head)` to `(rows, positions, d_model)`."""
    return mixed.transpose(1, 2).flatten(2)


def check_supported(model: LMModel) -> None:
    """Refuse a language model that is not decoded here.

    Raises
    ------
    ModelError
        Naming what it has that no released MusicGen has.
    """
    layer = model.transformer.layers[0]
    attentions = [layer.self_attn]
    if layer.cross_attention is not None:
        attentions.append(layer.cross_attention)
    problems = {
        "post-norm layers": not layer.norm_first,
        "rotary positions": model.transformer.rope is not None,
        "positions in cross-attention": model.fuser.cross_attention_pos_emb,
        "attention without audiocraft's own kernel": not all(
            a.custom for a in attentions
        ),
        "attention biases": any(_has_bias(a) for a in attentions if a.custom),
        "normalised queries": any(a.qk_layer_norm for a in attentions),
        "repeated keys": any(a.kv_repeat != 1 for a in attentions),
        "a finite receptive field": any(a.past_context is not None for a in attentions),
    }
    found = [name for name, present in problems.items() if present]
    if found:
        msg = (
            f"The language model has {', '.join(found)}, which no released MusicGen "
            "has and which is not decoded here. Use another checkpoint."
        )
        raise ModelError(msg)


def _has_bias(attention: StreamingMultiheadAttention) -> bool:
    return attention.in_proj_bias is not None or attention.out_proj.bias is not None
