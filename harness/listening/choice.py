"""Which clips are heard: a seeded choice, as many of each emotion.

Matched prompts are chosen by template, so that every emotion is heard in the same
words but one; templates that share words come last, for they are heard as one prompt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.design import ClipTable
from harness.listening.sheet import ListeningError
from harness.plan import ClipSpec

__all__ = ["FEWEST_CLIPS", "chosen_clips", "heard_again"]

FEWEST_CLIPS = 4  # of each emotion: below, no interval over prompts is to be trusted


def chosen_clips(
    table: ClipTable, *, per_emotion: int, rng: np.random.Generator
) -> tuple[ClipSpec, ...]:
    """The first clip of as many prompts of every emotion.

    Parameters
    ----------
    table : ClipTable
        The clips that there are.
    per_emotion : int
        How many of each emotion.
    rng : np.random.Generator
        Chooses.

    Returns
    -------
    tuple of ClipSpec
        Emotion after emotion.

    Raises
    ------
    ListeningError
        If `per_emotion` is below 4, or there are fewer prompts.
    """
    if per_emotion < FEWEST_CLIPS:
        msg = (
            f"`--clips` must be at least {FEWEST_CLIPS} of each emotion, got "
            f"{per_emotion}: from fewer prompts nothing can be concluded."
        )
        raise ListeningError(msg)
    first = _first_clips(table)
    templates = _common_templates(table, first) if table.template is not None else None
    if templates is not None:
        order = _apart(templates, rng)
        rows = {e: [first[e, t] for t in order] for e in table.emotions}
    else:
        rows = {}
        for emotion in table.emotions:
            own = [spec for (e, _), spec in first.items() if e == emotion]
            rows[emotion] = [own[k] for k in rng.permutation(len(own))]
    fewest = min(map(len, rows.values()))
    if fewest < per_emotion:
        msg = (
            f"`--clips {per_emotion}` asks for more than there are: must be at most "
            f"{fewest}, the prompts that every emotion has a clip of."
        )
        raise ListeningError(msg)
    return tuple(spec for row in rows.values() for spec in row[:per_emotion])


def heard_again(
    clips: Sequence[ClipSpec], *, count: int, rng: np.random.Generator
) -> tuple[ClipSpec, ...]:
    """Some of the clips, for a second presentation; emotions take turns.

    Raises
    ------
    ListeningError
        If `count` is negative or more than there are clips.
    """
    if not 0 <= count <= len(clips):
        msg = (
            f"`--repeats` must lie between 0 and {len(clips)}, the clips, got {count}."
        )
        raise ListeningError(msg)
    shuffled = [clips[k] for k in rng.permutation(len(clips))]
    taken: dict[str, int] = {}
    turns = []
    for spec in shuffled:
        emotion = spec.prompt.emotion
        turns.append(taken.setdefault(emotion, 0))
        taken[emotion] += 1
    order = sorted(range(len(shuffled)), key=turns.__getitem__)
    return tuple(shuffled[k] for k in order[:count])


def _first_clips(table: ClipTable) -> dict[tuple[str, str], ClipSpec]:
    """By emotion and template."""
    first: dict[tuple[str, str], ClipSpec] = {}
    for spec in table.specs:
        first.setdefault((spec.prompt.emotion, spec.prompt.template), spec)
    return first


def _common_templates(
    table: ClipTable, first: dict[tuple[str, str], ClipSpec]
) -> dict[str, int]:
    """Templates that every emotion has a clip of, and the words that they share."""
    assert table.template is not None
    of_prompt = table.template[table.prompt_of_clip].tolist()
    group = {
        spec.prompt.template: code
        for spec, code in zip(table.specs, of_prompt, strict=True)
    }
    return {
        template: code
        for template, code in group.items()
        if all((emotion, template) in first for emotion in table.emotions)
    }


def _apart(group: dict[str, int], rng: np.random.Generator) -> list[str]:
    """In random order, but the first of every group before the second of any."""
    names = list(group)
    shuffled = [names[k] for k in rng.permutation(len(names))]
    before: dict[int, int] = {}
    turns = {}
    for name in shuffled:
        turns[name] = before.get(group[name], 0)
        before[group[name]] = turns[name] + 1
    return sorted(shuffled, key=turns.__getitem__)
