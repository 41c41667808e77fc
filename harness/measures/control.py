"""Are two clips of one prompt more alike than clips of different emotions?

Conventions
-----------
As in `gram`. Emotions and templates are per prompt, and only compared for equality.

References
----------
Critical Reality Check, "No Control Test" (same prompt twice).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
import numpy.typing as npt

from harness.measures.gram import (
    SimilarityError,
    checked_activations,
    checked_prompts,
    layer_units,
)

__all__ = ["ControlSimilarity", "control_similarity"]


def control_similarity(
    activations: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
    count: int = 10_000,
    rng: np.random.Generator,
) -> ControlSimilarity:
    """How much more alike two clips of one prompt are than clips of two emotions.

    A prompt with two clips or more is a control: its first two clips are a pair. Where
    the prompt does not matter, any second clip could have stood beside any first, so
    the null deals the second clips out to the prompts anew.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
        Controls and all other clips, so that both means are centred alike.
    prompt_of_clip : array_like of int, shape (clips,)
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional
        Leaves clips of one template out of the mean over different emotions.
    count : int
        Pairings at most, the observed one included; all of them if there are no more.
    rng : np.random.Generator
        Draws the pairings when there are too many.

    Returns
    -------
    ControlSimilarity
        The mean over different emotions does not depend on the pairing and is the
        same in every row of `statistics`.

    Raises
    ------
    SimilarityError
        As `prompt_gram`, or with fewer than 2 control prompts or only one emotion.
    """
    array = checked_activations(activations)
    prompt = checked_prompts(prompt_of_clip, len(array))
    controls = _control_pairs(prompt)
    pairings, exact = _pairings(len(controls), count, rng)
    groups = _different_groups(prompt, emotion, template)
    same = np.empty((len(pairings), array.shape[1]))
    different = np.empty(array.shape[1])
    place = np.arange(len(controls))
    for layer in range(array.shape[1]):
        units = layer_units(array[:, layer])
        cosines = units[controls[:, 0]] @ units[controls[:, 1]].T
        same[:, layer] = cosines[place, pairings].mean(axis=1)
        different[layer] = _mean_over_different(units, groups)
    return ControlSimilarity(
        effect=same[0] - different,
        same_prompt=same[0],
        different_emotion=different,
        statistics=same - different,
        pairs=len(controls),
        exact=exact,
    )


def _control_pairs(prompt: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The first two clips of every prompt that has two, shape (controls, 2)."""
    clips = [np.flatnonzero(prompt == number)[:2] for number in range(prompt.max() + 1)]
    controls = [pair for pair in clips if pair.size == 2]
    if len(controls) < 2:
        msg = (
            "`prompt_of_clip` must give 2 prompts or more a second clip, got"
            f" {len(controls)}. Generate the control pairs."
        )
        raise SimilarityError(msg)
    return np.stack(controls)


def _pairings(
    controls: int, count: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.intp], bool]:
    """Orders of the second clips, the observed one first; all if `count` allows."""
    identity = np.arange(controls)
    if factorial(controls) <= count:
        return np.array(list(permutations(range(controls))), np.intp), True
    rows = np.tile(identity, (max(2, count), 1))
    rows[1:] = rng.permuted(rows[1:], axis=1)
    return rows, False


def _different_groups(
    prompt: npt.NDArray[np.intp],
    emotion: npt.ArrayLike,
    template: npt.ArrayLike | None,
) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """Signed groupings of clips that leave only pairs of different emotions.

    Pairs of different emotion and template are all pairs, less those of one emotion,
    less those of one template, plus those of both (which were taken off twice).
    """
    groupings: list[tuple[int, npt.NDArray[np.intp]]] = [(1, np.zeros_like(prompt))]
    names = [np.unique(np.asarray(emotion), return_inverse=True)[1]]
    if names[0].size != prompt.max() + 1 or names[0].max() == 0:
        msg = (
            f"`emotion` must name 2 emotions or more for {prompt.max() + 1} prompts,"
            f" got {names[0].max() + 1} for {names[0].size}."
        )
        raise SimilarityError(msg)
    groupings.append((-1, names[0][prompt]))
    if template is not None:
        names.append(np.unique(np.asarray(template), return_inverse=True)[1])
        groupings.append((-1, names[1][prompt]))
        both = names[0] * (names[1].max() + 1) + names[1]
        groupings.append((1, both[prompt]))
    return groupings


def _mean_over_different(
    units: npt.NDArray[np.float64],
    groupings: list[tuple[int, npt.NDArray[np.intp]]],
) -> float:
    """Mean cosine over the pairs that `groupings` leave, from sums of unit vectors."""
    total, pairs = 0.0, 0
    for sign, group in groupings:
        sums = np.zeros((int(group.max()) + 1, units.shape[1]))
        np.add.at(sums, group, units)
        total += sign * float(np.sum(sums**2))
        pairs += sign * int(np.sum(np.bincount(group) ** 2))
    if not pairs:
        msg = (
            "`template` must name 2 templates or more, got one: no two clips differ in "
            "emotion and template. Add prompts."
        )
        raise SimilarityError(msg)
    return total / pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlSimilarity:
    """Same prompt, different seed, against different emotions."""

    effect: npt.NDArray[np.float64]  # (layers,): same_prompt - different_emotion
    same_prompt: npt.NDArray[np.float64]  # (layers,)
    different_emotion: npt.NDArray[np.float64]  # (layers,)
    statistics: npt.NDArray[np.float64]  # (pairings, layers), row 0 is `effect`
    pairs: int  # control prompts
    exact: bool  # whether the pairings are all there are
