"""Designs without clips: prompts of some emotions, for what needs no store."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.design import ClipTable

__all__ = ["EMOTIONS", "table_of"]

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
    clips = np.tile(np.arange(emotion.size), seeds)
    return ClipTable(
        specs=(None,) * clips.size,  # type: ignore[arg-type]
        controls=(None,) * clips.size,  # type: ignore[arg-type]
        emotions=emotions,
        emotion=emotion,
        template=template if matched else None,
        cohort=(template >= 10).astype(np.intp),
        prompt_of_clip=clips,
        prompt_of_control=clips,
        relabeling_count=count,
    )


def shuffled(table: ClipTable, seed: int) -> ClipTable:
    """Labels dealt out anew within templates and cohorts, others for every seed."""
    other = replace(table, relabeling_seed=seed)
    return other.shuffled()
