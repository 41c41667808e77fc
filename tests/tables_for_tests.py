"""Designs without clips: prompts of some emotions, for what needs no store."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from harness.design import RELABELINGS, ClipTable
from harness.inference.gaussian import Draw
from harness.plan import ClipSpec
from harness.prompts import Prompt

__all__ = ["EMOTIONS", "shuffled", "table_from", "table_of", "table_of_draw"]

EMOTIONS = ("happy", "sad", "calm", "energetic")


def table_of(
    prompts: int = 10,
    *,
    emotions: tuple[str, ...] = EMOTIONS,
    seeds: int = 1,
    matched: bool = True,
    count: int = 2_000,
) -> ClipTable:
    """`prompts` of each emotion with `seeds` clips, in the order of a plan.

    The first look has 10 prompts of an emotion; those beyond are in the next cohort.
    """
    template = np.repeat(np.arange(prompts), len(emotions))
    emotion = np.tile(np.arange(len(emotions)), prompts)
    return table_from(
        emotion,
        template if matched else None,
        np.tile(np.arange(emotion.size), seeds),
        emotions=emotions,
        cohort=(template >= 10).astype(np.intp),
        relabeling_count=count,
    )


def table_from(
    emotion: npt.NDArray[Any],
    template: npt.NDArray[Any] | None,
    prompt_of_clip: npt.NDArray[Any],
    *,
    emotions: tuple[str, ...] = EMOTIONS,
    **others: Any,
) -> ClipTable:
    """Of prompts that share no word, in one cohort if no other is given."""
    turn = np.arange(emotion.size) if template is None else template
    prompts = [
        Prompt(text=f"{e} {t}", emotion=str(e), template=f"t{t:03d}")
        for e, t in zip(emotion, turn, strict=True)
    ]
    specs = cast(
        "tuple[ClipSpec, ...]",
        tuple(SimpleNamespace(prompt=prompts[k]) for k in prompt_of_clip),
    )
    values: dict[str, Any] = {"cohort": np.zeros(emotion.size, np.intp), **others}
    return ClipTable(
        specs=specs,
        controls=specs,
        emotions=emotions[: int(emotion.max()) + 1],
        emotion=emotion,
        template=template,
        prompt_of_clip=prompt_of_clip,
        prompt_of_control=prompt_of_clip,
        **values,
    )


def table_of_draw(
    drawn: Draw, *, emotions: tuple[str, ...] = EMOTIONS, count: int = RELABELINGS
) -> ClipTable:
    """The design of a draw, of as many of `emotions` as it has."""
    return table_from(
        drawn.emotion,
        drawn.template,
        drawn.prompt_of_clip,
        emotions=emotions,
        relabeling_count=count,
    )


def shuffled(table: ClipTable, seed: int) -> ClipTable:
    """Labels dealt out anew within templates and cohorts, others for every seed."""
    other = replace(table, relabeling_seed=seed)
    return other.shuffled()
