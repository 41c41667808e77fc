"""Plans and captures of any size, without a model that would have made them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from clips_for_tests import card_of

from harness.captures import STATISTICS, WINDOWED, ClipCapture
from harness.models.protocol import ModelCard
from harness.plan import Generation, Plan, make_plan
from harness.prompts import Prompt

__all__ = ["GENERATION", "captured", "card_of", "plan_of", "prompts_of"]

GENERATION = Generation(duration_seconds=0.1)

Floats = np.ndarray


def prompts_of(emotions: Sequence[str], templates: int) -> list[Prompt]:
    """Every emotion in every template, by template."""
    return [
        Prompt(text=f"{emotion} tune, {n}", emotion=emotion, template=f"t{n:06d}")
        for n in range(templates)
        for emotion in emotions
    ]


def plan_of(card: ModelCard, prompts: Sequence[Prompt], *, seeds: int = 1) -> Plan:
    return make_plan(
        prompts,
        seeds_per_prompt=seeds,
        seed=0,
        fingerprint=card.fingerprint,
        generation=GENERATION,
    )


def captured(
    card: ModelCard,
    numbers: Callable[[tuple[int, ...]], Floats],
    *,
    windows: int = 8,
) -> ClipCapture:
    """A capture whose statistics are what `numbers` makes, given a shape.

    Shapes are `(1, layers, 2, d_model)`, and `(1, layers, 2, windows, d_model)`.
    """
    shape = (1, card.layers, 2, card.d_model)
    windowed = (*shape[:3], windows, shape[3])
    arrays: dict[str, Any] = {name: numbers(shape) for name in STATISTICS}
    arrays |= {name: numbers(windowed) for name in WINDOWED}
    steps = (8,) * card.layers
    return ClipCapture(sites=("resid_post",), steps=steps, not_finite=(), **arrays)
