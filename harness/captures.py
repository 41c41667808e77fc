"""What is kept of a clip beside its audio, once it is generated.

Conventions
-----------
Arrays are float32 with axes `(sites, layers, halves, ..., d_model)`; `halves` is
conditional, then null; `windows` are equal shares of the steps. Sites are written in
the order of `SITES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.plan import CaptureSpec

__all__ = [
    "CROSS_MAP",
    "HALVES",
    "SELF_MAP",
    "SITES",
    "STATISTICS",
    "WINDOWED",
    "ClipCapture",
    "ClipTokens",
    "resolved_name",
    "resolved_shapes",
]

HALVES = ("conditional", "null")
# The residual stream after the layer, and what each part of the layer adds to it.
SITES = ("resid_post", "self_attn", "cross_attn", "mlp")
STATISTICS = ("mean", "variance", "magnitude", "first_step")
SELF_MAP, CROSS_MAP = "self_attention_map", "cross_attention_map"
WINDOWED = ("window_mean", "window_variance", "window_magnitude")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTokens:
    """What the model wrote and what it read."""

    codes: np.ndarray  # integers (codebooks, frames)
    text: np.ndarray  # (d_model,) float32: mean over tokens of the text it attended to


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCapture:
    """What is kept of one clip."""

    sites: tuple[str, ...]
    mean: np.ndarray  # (sites, layers, halves, d_model)
    variance: np.ndarray
    magnitude: np.ndarray  # mean absolute value
    first_step: np.ndarray
    window_mean: np.ndarray  # (sites, layers, halves, windows, d_model)
    window_variance: np.ndarray
    window_magnitude: np.ndarray
    steps: tuple[int, ...]  # steps captured, by layer
    not_finite: tuple[tuple[str, int, int], ...]  # (half, layer, first such step)
    # Time-resolved tensors, in a safetensors file that the store takes over.
    resolved: Path | None = None
    tokens: ClipTokens | None = None


def resolved_shapes(
    capture: CaptureSpec,
    *,
    steps: int,
    d_model: int,
    heads: int,
    positions: int,
    tokens: int,
) -> dict[str, tuple[int, int] | tuple[int, int, int]]:
    """Name and shape of each time-resolved tensor of a clip, float32.

    Activations are `(steps, d_model)`. Attention maps are `(steps, heads, positions)`,
    where `positions` are the steps and what was put before them, and, of the text,
    `(steps, heads, tokens)`; the null half reads no text and has no map of it.
    """
    shapes: dict[str, tuple[int, int] | tuple[int, int, int]] = {}
    for layer in capture.resolved_layers:
        for site in capture.resolved_sites:
            for half in HALVES:
                shapes[resolved_name(site, layer, half)] = (steps, d_model)
    for layer in capture.attention_layers:
        for half in HALVES:
            name = resolved_name(SELF_MAP, layer, half)
            shapes[name] = (steps, heads, positions)
        if tokens:
            name = resolved_name(CROSS_MAP, layer, HALVES[0])
            shapes[name] = (steps, heads, tokens)
    return shapes


def resolved_name(kind: str, layer: int, half: str) -> str:
    """What a time-resolved tensor is called; `kind` is a site or a map."""
    return f"{kind}.layer_{layer}.{half}"
