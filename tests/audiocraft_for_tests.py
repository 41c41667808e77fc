"""What audiocraft itself computes, by plain hooks and forward passes, to compare with.

Conventions
-----------
Hidden states are `(layers, steps, 2, d_model)`, conditional half first; codes of a clip
are `(codebooks, frames)`. All are float64.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import (
    ClassifierFreeGuidanceDropout,
    ConditioningAttributes,
)
from torch import Tensor

from harness.captures import ClipCapture

__all__ = [
    "WINDOWS",
    "assert_same",
    "attention_of",
    "hidden_states",
    "logits_of",
    "moments",
]

WINDOWS = 8

FloatArray = npt.NDArray[np.float64]


def hidden_states(
    lm: LMModel, prompt: str, codes: Tensor, *, part: str | None = None
) -> FloatArray:
    """Hidden states `(layers, steps, 2, d_model)` of audiocraft's own `generate`.

    One prompt, plain forward hooks on the layers or a part of them, and the answer of
    the sampler replaced by `codes` `(codebooks, frames)`.
    """
    pattern = lm.pattern_provider.get_pattern(codes.shape[-1])
    sequence, _, _ = pattern.build_pattern_sequence(codes[None], lm.special_token_id)
    heard: list[list[Tensor]] = [[] for _ in lm.transformer.layers]
    asked = lm._sample_next_token

    def answer(*args: Any, **kwargs: Any) -> Tensor:
        asked(*args, **kwargs)
        token: Tensor = sequence[..., len(heard[0])][..., None].clone()
        return token

    def listen(out: Any, heard: list[Tensor]) -> None:
        heard.append((out[0] if isinstance(out, tuple) else out)[:, -1])

    handles = [
        (getattr(layer, part) if part else layer).register_forward_hook(
            lambda module, inputs, out, heard=heard[index]: listen(out, heard)
        )
        for index, layer in enumerate(lm.transformer.layers)
    ]
    lm._sample_next_token = answer
    try:
        fed = lm.generate(
            None,
            [ConditioningAttributes(text={"description": prompt})],
            max_gen_len=codes.shape[-1],
        )
    finally:
        del lm._sample_next_token
        for handle in handles:
            handle.remove()
    assert torch.equal(fed[0], codes)
    return torch.stack([torch.stack(steps) for steps in heard]).double().numpy()


def moments(hidden: FloatArray) -> dict[str, FloatArray]:
    """What a capture must hold, from hidden states `(layers, steps, 2, d_model)`."""
    steps = hidden.shape[1]
    edges = [-(-window * steps // WINDOWS) for window in range(WINDOWS + 1)]
    windows = [hidden[:, a:b] for a, b in itertools.pairwise(edges)]
    return {
        "mean": hidden.mean(1),
        "variance": hidden.var(1),
        "magnitude": np.abs(hidden).mean(1),
        "first_step": hidden[:, 0],
        "window_mean": np.stack([w.mean(1) for w in windows], axis=2),
        "window_variance": np.stack([w.var(1) for w in windows], axis=2),
        "window_magnitude": np.stack([np.abs(w).mean(1) for w in windows], axis=2),
    }


def assert_same(
    capture: ClipCapture, expected: dict[str, FloatArray], *, site: int = 0
) -> None:
    for name, values in expected.items():
        found = getattr(capture, name)[site]
        assert found.shape == values.shape, name
        for layer, half in np.ndindex(values.shape[:2]):
            own = values[layer, half]
            np.testing.assert_allclose(
                found[layer, half],
                own,
                rtol=1e-4,
                atol=1e-4 * float(np.sqrt(np.mean(own**2))),
                err_msg=f"{name}, layer {layer}, half {half}",
            )


def logits_of(lm: LMModel, prompt: str, codes: Tensor) -> FloatArray:
    """`(2, codebooks, steps, vocabulary)` for codes `(codebooks, frames)`, all at once.

    A single forward pass of audiocraft over the whole sequence, conditional then null.
    """
    pattern = lm.pattern_provider.get_pattern(codes.shape[-1])
    sequence, _, _ = pattern.build_pattern_sequence(codes[None], lm.special_token_id)
    described = [ConditioningAttributes(text={"description": prompt})]
    null = ClassifierFreeGuidanceDropout(p=1.0)(described)
    tokenized = lm.condition_provider.tokenize(described + null)
    conditions = lm.condition_provider(tokenized)
    fed = sequence[..., :-1]
    with torch.no_grad():
        logits = lm(torch.cat([fed, fed]), [], conditions)
    found: FloatArray = logits.double().numpy()
    return found


def attention_of(
    lm: LMModel, prompt: str, codes: Tensor, *, layer: int
) -> tuple[FloatArray, FloatArray]:
    """Maps to music and to text by the definition, from audiocraft's own inputs.

    `(2, heads, steps, steps)` and `(heads, steps, tokens)`, from a forward pass over
    the whole sequence.
    """
    pattern = lm.pattern_provider.get_pattern(codes.shape[-1])
    sequence, _, _ = pattern.build_pattern_sequence(codes[None], lm.special_token_id)
    heard: dict[str, tuple[Tensor, Tensor]] = {}
    block = lm.transformer.layers[layer]
    parts = {"self": block.self_attn, "cross": block.cross_attention}

    def listen(name: str) -> Any:
        def hook(module: Any, inputs: tuple[Tensor, ...], out: Any) -> None:
            heard[name] = inputs[0], inputs[1]

        return hook

    handles = [m.register_forward_hook(listen(n)) for n, m in parts.items()]
    described = [ConditioningAttributes(text={"description": prompt})]
    null = [ConditioningAttributes(text={"description": None})]
    tokenized = lm.condition_provider.tokenize(described + null)
    fed = sequence[..., :-1]
    try:
        with torch.no_grad():
            lm(torch.cat([fed, fed]), [], lm.condition_provider(tokenized))
    finally:
        for handle in handles:
            handle.remove()
    own = _softmax(*heard["self"], parts["self"], causal=True)
    text = _softmax(*heard["cross"], parts["cross"], causal=False)
    return own, text[0]


def _softmax(query: Tensor, key: Tensor, attention: Any, *, causal: bool) -> FloatArray:
    """softmax(q k^T / sqrt(d)), eq. 1 of Vaswani et al. 2017, in float64 loops."""
    w = attention.in_proj_weight.detach().double().numpy()
    heads, width = attention.num_heads, attention.embed_dim
    q, k = (
        query.double().numpy() @ w[:width].T,
        key.double().numpy() @ w[width:-width].T,
    )
    rows, steps, _ = q.shape
    size = width // heads
    out = np.zeros((rows, heads, steps, k.shape[1]))
    for row, head, step in np.ndindex(rows, heads, steps):
        part = slice(head * size, (head + 1) * size)
        seen = step + 1 if causal else k.shape[1]
        scores = np.exp(k[row, :seen, part] @ q[row, step, part] / np.sqrt(size))
        out[row, head, step, :seen] = scores / scores.sum()
    return out
