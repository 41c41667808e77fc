"""Decode audiocraft's `LMModel` weights, capturing every layer at every step.

The arithmetic is that of `audiocraft.modules.transformer` in streaming mode, done with
key/value caches of fixed size, cross-attention keys and values computed once per
prompt, and text that is never padded. Randomness belongs to the clip: one uniform
number per step and codebook from a Philox stream keyed by the clip's seed, used by
inverse CDF.

Conventions
-----------
A micro-batch of `clips` makes `2 * clips` rows: conditional rows first, null rows
second, as in audiocraft. Step s feeds sequence position s and predicts position s + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.transformer import (
    StreamingMultiheadAttention,
    StreamingTransformerLayer,
    create_sin_embedding,
)
from torch import Tensor
from torch.nn import functional as F

from harness.models.protocol import ModelError, TextCondition
from harness.sampling.capture import MomentCapture
from harness.sampling.plan import Generation

__all__ = ["Decoded", "Decoder", "uniforms"]

_TEXT_BUCKET = (
    32  # text is padded (and masked) to multiples of this: shapes decide bits
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What one micro-batch gave."""

    codes: Tensor  # int64 (clips, codebooks, frames)
    capture: MomentCapture


def uniforms(seed: int, *, steps: int, codebooks: int) -> np.ndarray:
    """The clip's random numbers, float64 `(steps, codebooks)` in [0, 1)."""
    stream = np.random.Generator(np.random.Philox(key=seed))
    return stream.random((steps, codebooks))


def text_bucket(condition: TextCondition) -> tuple[int, int]:
    """The padded shape that a prompt needs; only equals may share a micro-batch."""
    tokens = condition.cross.shape[0]
    return -(-tokens // _TEXT_BUCKET) * _TEXT_BUCKET, condition.prefix.shape[1]


class Decoder:
    """Samples codes for micro-batches of prompts.

    Raises
    ------
    ModelError
        If the language model is built in a way that is not decoded here.
    """

    def __init__(self, model: LMModel) -> None:
        _check_supported(model)
        self.model = model
        self.layers = [_Layer(layer) for layer in model.transformer.layers]
        self.weight = model.linears[0].weight

    @torch.no_grad()
    def decode(
        self,
        conditions: Sequence[TextCondition],
        seeds: Sequence[int],
        generation: Generation,
        *,
        frames: int,
        windows: int,
        forced_codes: Tensor | None = None,
        on_step: Callable[[int, int], None] | None = None,
    ) -> Decoded:
        """Sample `frames` frames for each prompt.

        With `forced_codes` `(clips, codebooks, frames)` nothing is sampled; the model
        is fed these codes instead.
        """
        sequence, mask = self._pattern(len(seeds), frames, forced_codes)
        steps = sequence.shape[-1] - 1
        draws = self._draws(seeds, steps)
        state = self._prefill(conditions, steps)
        capture = MomentCapture(
            layers=len(self.layers),
            rows=2 * len(seeds),
            width=self.model.dim,
            steps=steps,
            windows=windows,
            device=self.weight.device,
        )
        for step in range(steps):
            logits = self._forward(sequence[..., step], state, step, capture)
            tokens = sample(
                _guided(logits, generation.cfg_coef), draws[:, step], generation
            )
            following = sequence[..., step + 1]
            tokens = torch.where(mask[:, step + 1], tokens, self.model.special_token_id)
            sequence[..., step + 1] = torch.where(following == -1, tokens, following)
            if on_step is not None:
                on_step(step + 1, steps)
        pattern = self.model.pattern_provider.get_pattern(frames)
        codes, _, _ = pattern.revert_pattern_sequence(sequence, special_token=-1)
        return Decoded(codes=codes[..., :frames], capture=capture)

    def _pattern(
        self, clips: int, frames: int, forced_codes: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The interleaved sequence, -1 where it is yet unknown, and its mask."""
        codes = forced_codes
        if codes is None:
            codes = torch.full((clips, self.model.num_codebooks, frames), -1)
        pattern = self.model.pattern_provider.get_pattern(frames)
        sequence, _, mask = pattern.build_pattern_sequence(
            codes.to(self.weight.device), self.model.special_token_id
        )
        return sequence, mask

    def _draws(self, seeds: Sequence[int], steps: int) -> Tensor:
        codebooks = self.model.num_codebooks
        numbers = [uniforms(s, steps=steps, codebooks=codebooks) for s in seeds]
        return torch.from_numpy(np.stack(numbers)).to(self.weight.device)

    def _prefill(self, conditions: Sequence[TextCondition], steps: int) -> _State:
        """Empty caches, text keys and values, and the prefix run through all layers."""
        device, dtype = self.weight.device, self.weight.dtype
        longest = max(text_bucket(c)[0] for c in conditions)
        text = torch.zeros(
            len(conditions), longest, self.model.dim, device=device, dtype=dtype
        )
        mask = torch.full(
            (len(conditions), 1, 1, longest), -torch.inf, device=device, dtype=dtype
        )
        for row, condition in enumerate(conditions):
            text[row, : len(condition.cross)] = condition.cross
            mask[row, ..., : len(condition.cross)] = 0
        prefix = torch.stack([c.prefix for c in conditions], dim=1).flatten(0, 1)
        offset = prefix.shape[1]
        state = _State(
            offset=offset,
            text_mask=mask,
            caches=[
                layer.caches(2 * len(conditions), offset + steps)
                for layer in self.layers
            ],
            text=[layer.text_keys_values(text) for layer in self.layers]
            if longest
            else None,
        )
        if offset:
            hidden = prefix + self._positions(0, offset)
            for index, layer in enumerate(self.layers):
                hidden = layer(hidden, state, index, start=0)
        return state

    def _positions(self, start: int, count: int) -> Tensor:
        transformer = self.model.transformer
        index = torch.arange(start, start + count, device=self.weight.device)
        embedding = create_sin_embedding(
            index.view(1, -1, 1),
            self.model.dim,
            max_period=transformer.max_period,
            dtype=self.weight.dtype,
        )
        return transformer.positional_scale * embedding

    def _forward(
        self, tokens: Tensor, state: _State, step: int, capture: MomentCapture
    ) -> Tensor:
        """Tokens `(clips, codebooks)` to logits `(rows, codebooks, vocabulary)`."""
        embedded = [emb(tokens[:, k]) for k, emb in enumerate(self.model.emb)]
        hidden = torch.stack(embedded).sum(0)
        hidden = torch.cat([hidden, hidden])[:, None]
        position = state.offset + step
        hidden = hidden + self._positions(position, 1)
        for index, layer in enumerate(self.layers):
            hidden = layer(hidden, state, index, start=position)
            capture.add(index, step, hidden[:, 0])
        out = hidden[:, 0]
        if self.model.out_norm is not None:
            out = self.model.out_norm(out)
        return torch.stack([linear(out) for linear in self.model.linears], dim=1)


@dataclass(slots=True, kw_only=True)
class _State:
    offset: int  # length of the prefix
    text_mask: Tensor
    caches: list[tuple[Tensor, Tensor]]
    text: list[tuple[Tensor, Tensor]] | None


class _Layer:
    """One transformer layer, on cached keys and values."""

    def __init__(self, layer: StreamingTransformerLayer) -> None:
        self.layer = layer
        self.heads = layer.self_attn.num_heads
        self.width = layer.self_attn.embed_dim

    def caches(self, rows: int, length: int) -> tuple[Tensor, Tensor]:
        weight = self.layer.self_attn.out_proj.weight
        shape = (rows, self.heads, length, self.width // self.heads)
        return weight.new_zeros(shape), weight.new_zeros(shape)

    def text_keys_values(self, text: Tensor) -> tuple[Tensor, Tensor]:
        attention = self.layer.cross_attention
        _, keys, values = attention.in_proj_weight.chunk(3)
        return self._split(F.linear(text, keys)), self._split(F.linear(text, values))

    def _split(self, x: Tensor) -> Tensor:
        rows, length, _ = x.shape
        return x.view(rows, length, self.heads, -1).transpose(1, 2)

    def __call__(self, x: Tensor, state: _State, index: int, *, start: int) -> Tensor:
        layer = self.layer
        x = x + layer.layer_scale_1(
            self._self_attention(layer.norm1(x), state, index, start)
        )
        if state.text is not None:
            crossed = self._cross_attention(layer.norm_cross(x), state, index)
            x = torch.cat(
                [
                    x[: len(crossed)] + layer.layer_scale_cross(crossed),
                    x[len(crossed) :],
                ]
            )
        return x + layer.layer_scale_2(
            layer.linear2(layer.activation(layer.linear1(layer.norm2(x))))
        )

    def _self_attention(
        self, x: Tensor, state: _State, index: int, start: int
    ) -> Tensor:
        attention = self.layer.self_attn
        query, key, value = F.linear(x, attention.in_proj_weight).chunk(3, dim=-1)
        keys, values = state.caches[index]
        stop = start + x.shape[1]
        keys[:, :, start:stop] = self._split(key)
        values[:, :, start:stop] = self._split(value)
        mixed = F.scaled_dot_product_attention(
            self._split(query),
            keys[:, :, :stop],
            values[:, :, :stop],
            is_causal=x.shape[1] > 1,
        )
        return attention.out_proj(mixed.transpose(1, 2).flatten(2))

    def _cross_attention(self, x: Tensor, state: _State, index: int) -> Tensor:
        """Conditional rows only: a null row attends to nothing and gets exactly 0."""
        attention = self.layer.cross_attention
        assert state.text is not None
        keys, values = state.text[index]
        query = F.linear(x[: len(keys)], attention.in_proj_weight[: self.width])
        mixed = F.scaled_dot_product_attention(
            self._split(query), keys, values, attn_mask=state.text_mask
        )
        return attention.out_proj(mixed.transpose(1, 2).flatten(2))


def _guided(logits: Tensor, cfg_coef: float) -> Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598, eq. 6)."""
    conditional, null = logits.float().chunk(2)
    return null + (conditional - null) * cfg_coef


def sample(logits: Tensor, draws: Tensor, generation: Generation) -> Tensor:
    """Draw codes by inverse CDF, in vocabulary order.

    `logits` is `(clips, codebooks, vocabulary)`, `draws` `(clips, codebooks)` in [0,
    1). Top-p is used where it is set, else top-k, as in audiocraft; temperature 0 is
    greedy.
    """
    if generation.temperature == 0:
        return logits.argmax(-1)
    probabilities = torch.softmax(logits / generation.temperature, dim=-1)
    if generation.top_p > 0:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        beyond = ordered.cumsum(-1) - ordered > generation.top_p
        probabilities = probabilities.masked_fill(
            torch.zeros_like(beyond).scatter(-1, order, beyond), 0.0
        )
    elif 0 < generation.top_k < probabilities.shape[-1]:
        least = probabilities.topk(generation.top_k, dim=-1).values[..., -1:]
        probabilities = probabilities.masked_fill(probabilities < least, 0.0)
    cumulative = probabilities.double().cumsum(-1)
    target = draws[..., None] * cumulative[..., -1:]
    # The last code with any probability is the limit, should rounding go past it.
    last = (probabilities > 0).long().cumsum(-1).argmax(-1)
    return torch.minimum((cumulative <= target).sum(-1), last)


def _check_supported(model: LMModel) -> None:
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
