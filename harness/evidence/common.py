"""What several kinds of evidence share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.inference.relabel import smallest_attainable_p
from harness.measures.similarity import compared_pairs
from harness.verdict import Evidence

__all__ = [
    "Array",
    "Floats",
    "emotion_similarities",
    "fewer_relabelings",
    "silence",
    "smallest_p",
]

Array = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
_FEWER = 2_000  # where each costs a fit or a sweep over dimensions


def silence(found: Evidence) -> Evidence:
    """What a measure found where nothing was put: its p, which should be large."""
    return Evidence(
        effect=1.0 if found.p is None else found.p,  # no p: it found nothing
        n_prompts=found.n_prompts,
        n_clips=found.n_clips,
        detail={"effect with shuffled labels": found.effect},
    )


def fewer_relabelings(table: ClipTable) -> int:
    """How many relabelings a measure gets that is fitted anew in each."""
    return min(_FEWER, table.relabeling_count)


def smallest_p(table: ClipTable, count: int | None = None) -> float:
    return smallest_attainable_p(
        table.emotion,
        template=table.template,
        cohort=table.cohort,
        count=table.relabeling_count if count is None else count,
    )


def emotion_similarities(gram: Floats, table: ClipTable) -> Floats:
    """Mean centred cosine of each emotion with each, pairs of one template left out."""
    kept = compared_pairs(table.n_prompts, table.template)
    member = (table.emotion == np.arange(len(table.emotions))[:, None]).astype(float)
    pairs = member @ kept @ member.T
    sums: Any = member @ np.where(kept, gram, 0.0) @ member.T
    found: Floats = sums / np.where(pairs == 0, np.nan, pairs)
    return found
