"""Can the measurement be trusted? Checks on what the engine and the codec gave.

Conventions
-----------
`records` are the store's, one per clip. A check returns the places where it found
something wrong, as sentences for people; an empty list is a sound instrument.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.models.protocol import ModelCard
from harness.verdict import BrokenInstrument

__all__ = [
    "duplicates",
    "halves_mixed",
    "not_finite",
    "require_finite",
    "require_steps",
    "wrong_steps",
]

Record = Mapping[str, Any]


def not_finite(records: Sequence[Record]) -> list[str]:
    """Where an activation is NaN or infinite: layer, step and clip."""
    places = []
    for record in records:
        for half, layer, step in record["not_finite"][:1]:
            places.append(
                f"layer {layer}, step {step}, clip {record['key']} ({half} half, "
                f"prompt `{record['prompt']}`)"
            )
    return places


def wrong_steps(
    records: Sequence[Record], *, card: ModelCard, seconds: float
) -> list[str]:
    """Clips in which some layer was not captured once at every decoding step."""
    expected = [card.steps(seconds)] * card.layers
    return [
        f"clip {r['key']}: {sorted(set(r['steps']))} steps for {expected[0]}"
        for r in records
        if r["steps"] != expected
    ]


def require_finite(records: Sequence[Record]) -> None:
    """Raise `BrokenInstrument` on the first activation that is not a number."""
    places = not_finite(records)
    if places:
        msg = f"An activation is not finite: {places[0]}; {len(places)} clips in all."
        raise BrokenInstrument(msg)


def require_steps(
    records: Sequence[Record], *, card: ModelCard, seconds: float
) -> None:
    """Raise `BrokenInstrument` if a step was missed or captured twice."""
    wrong = wrong_steps(records, card=card, seconds=seconds)
    if wrong:
        msg = (
            f"Not every step was captured once: {wrong[0]}; {len(wrong)} clips in all."
        )
        raise BrokenInstrument(msg)


def halves_mixed(
    first_step: npt.NDArray[np.float32], *, prompts: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Clips whose halves are not what they must be at the first step.

    `first_step` is `(clips, layers, halves, d_model)`. Without text and before any
    music the null half is one and the same for every clip, to the last bit; the
    conditional half has read the prompt and so differs from it in some layer, and
    between prompts.
    """
    conditional, null = first_step[:, :, 0], first_step[:, :, 1]
    null_differs = (null != null[0]).any(axis=(1, 2))
    no_text = (conditional == null).all(axis=(1, 2))
    by_prompt: dict[str, int] = {}
    strange = np.zeros(len(first_step), dtype=bool)
    for index, prompt in enumerate(prompts):
        first = by_prompt.setdefault(prompt, index)
        strange[index] = bool((conditional[index] != conditional[first]).any())
    mixed: npt.NDArray[np.bool_] = null_differs | no_text | strange
    return mixed


def duplicates(checksums: Sequence[str]) -> list[str]:
    """Checksums that more than one clip has."""
    return sorted({c for c in checksums if list(checksums).count(c) > 1})
