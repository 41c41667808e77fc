"""When the data may be looked at, and how much of alpha each look costs.

Rerunning with more clips until p < .05 finds an emotion in one null model out of six.
So the looks are planned: 10, 20, 50 and 100 clips per emotion, each spending its own
part of alpha = .05.

Conventions
-----------
`samples` are clips per emotion. A look spends the increment of a cumulative alpha;
by the union bound all looks together err no more often than the sum. An extension
adds new prompts: power comes from prompts, not from seeds.

References
----------
Lan & DeMets (1983), Discrete sequential boundaries for clinical trials,
doi:10.1093/biomet/70.3.659.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.inference import InferenceError

__all__ = [
    "CUMULATIVE_ALPHA",
    "PLANNED",
    "Design",
    "Look",
    "LookKind",
    "cohort_of",
    "design_for",
    "look_for",
]

PLANNED = (10, 20, 50, 100)
CUMULATIVE_ALPHA = (0.005, 0.015, 0.03, 0.05)

LookKind = Literal["planned", "smoke", "unplanned", "repeated", "changed"]

_MOST_WITH_ONE_SEED = 20


def look_for(samples: int) -> Look:
    """The look that a run with `samples` clips per emotion is.

    Parameters
    ----------
    samples : int
        Clips per emotion.

    Returns
    -------
    Look
        "planned" at 10, 20, 50 and 100; "smoke" below 10, which is never evidence;
        "unplanned" otherwise, which is inconclusive. The last two have an alpha of 0,
        below which no p-value falls, and say why. Whether a planned look is still to
        be had, the ledger knows (see `harness.history`).

    Raises
    ------
    InferenceError
        If `samples` is below 1.
    """
    _check(samples)
    following = next((planned for planned in PLANNED if planned > samples), None)
    if samples not in PLANNED:
        smoke = samples < PLANNED[0]
        what = (
            "a smoke run, never evidence" if smoke else f"not a planned look {PLANNED}"
        )
        return Look(
            number=None,
            samples=samples,
            kind="smoke" if smoke else "unplanned",
            alpha=0.0,
            alpha_spent=0.0,
            next_samples=following,
            because=f"{samples} clips per emotion are {what}.",
        )
    index = PLANNED.index(samples)
    spent_before = CUMULATIVE_ALPHA[index - 1] if index else 0.0
    return Look(
        number=index + 1,
        samples=samples,
        kind="planned",
        alpha=round(CUMULATIVE_ALPHA[index] - spent_before, 12),
        alpha_spent=CUMULATIVE_ALPHA[index],
        next_samples=following,
    )


def design_for(samples: int) -> Design:
    """How `samples` clips per emotion are made: prompts first, then seeds.

    Parameters
    ----------
    samples : int
        Clips per emotion.

    Returns
    -------
    Design
        Up to 20 one clip of each prompt; above, two clips of half as many prompts
        (rounded up): 50 is 25 x 2, 100 is 50 x 2.

    Raises
    ------
    InferenceError
        If `samples` is below 1.
    """
    _check(samples)
    if samples <= _MOST_WITH_ONE_SEED:
        return Design(samples, 1)
    return Design(-(-samples // 2), 2)


def cohort_of(rank: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """The look, 0 to 3, at which the prompt of this rank within its emotion was added.

    Parameters
    ----------
    rank : array_like of int
        0 for an emotion's first prompt.

    Returns
    -------
    np.ndarray
        Same shape: prompts 0 to 9 are the first look's, 10 to 19 the second's, 20 to
        24 the third's, the rest the fourth's. Labels move within a cohort only: what
        made an earlier look inconclusive is then no part of a later one's chance.
    """
    ends = [design_for(samples).prompts_per_emotion for samples in PLANNED[:-1]]
    cohorts: npt.NDArray[np.intp] = np.searchsorted(ends, rank, side="right")
    return cohorts


def _check(samples: int) -> None:
    if samples < 1:
        msg = f"`samples` must be at least 1, got {samples}. Planned looks: {PLANNED}."
        raise InferenceError(msg)


class Design(NamedTuple):
    """Prompts per emotion, and clips of each prompt."""

    prompts_per_emotion: int
    seeds_per_prompt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the data."""

    number: int | None  # 1 to 4, None when it is not a planned one
    samples: int  # clips per emotion
    kind: LookKind  # repeated and changed are planned ones that were spent before
    alpha: float  # what a p-value at this look must be below
    alpha_spent: float  # by all planned looks up to this one; 0 when not planned
    next_samples: int | None  # the next planned look, None after the last
    because: str = ""  # why it is not a planned one, a sentence
    taken: str | None = None  # when the same clips were looked at before
