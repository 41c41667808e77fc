"""From scores of clips for emotions to balanced accuracies, for many relabelings.

Conventions
-----------
Scores are `(emotions, clips, relabelings)`; wins are `(clips, relabelings)` in [0, 1].
Two scores closer than rounding are a tie, and a tie counts half.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = [
    "Decide",
    "balanced",
    "scores_of",
    "votes",
    "wins_multiclass",
    "wins_pairwise",
]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
_TIE = 1e-9  # scores are of order 1; closer ones are the same


class Decide(Protocol):
    """How a clip is decided from its scores."""

    def __call__(self, scores: Floats, truth: Codes, /) -> Floats: ...


def scores_of(hat: Floats, labels: Codes, emotions: int) -> Floats:
    """Scores of every clip for every emotion from `labels` `(relabelings, prompts)`.

    A clip's scores sum to 1, so the last emotion's are what the others leave.
    """
    scores = np.empty((emotions, len(hat), len(labels)))
    columns = np.ascontiguousarray(labels.T)
    for emotion in range(emotions - 1):
        np.matmul(hat, (columns == emotion).astype(np.float64), out=scores[emotion])
    scores[-1] = 1.0 - scores[:-1].sum(axis=0)
    return scores


def wins_pairwise(scores: Floats, truth: Codes) -> Floats:
    """Share of the other emotions that each clip's own one beats."""
    own = np.take_along_axis(scores, truth[None], axis=0)[0]
    twice = np.full(own.shape, -1, np.int8)  # every emotion ties with itself
    for score in scores:
        lead = own - score
        twice += lead > _TIE
        twice += lead >= -_TIE
    wins: Floats = twice / (2.0 * (len(scores) - 1))
    return wins


def wins_multiclass(scores: Floats, truth: Codes) -> Floats:
    """Whether a clip's own emotion is the highest of all."""
    own: Floats = np.take_along_axis(votes(scores), truth[None], axis=0)[0]
    return own


def votes(scores: Floats) -> Floats:
    """One vote per clip, for its highest score, shared by those that tie."""
    top = scores >= scores.max(axis=0) - _TIE
    shared: Floats = top / top.sum(axis=0)
    return shared


def balanced(wins: Floats, truth: Codes, emotions: int) -> Floats:
    """Mean over emotions of the mean over their clips, `(relabelings,)`."""
    total = np.zeros(wins.shape[1])
    for emotion in range(emotions):
        members = truth == emotion
        total += np.einsum("cr,cr->r", wins, members) / members.sum(axis=0)
    return total / emotions
