"""Can the measurement be trusted? Checks on what the engine and the codec gave.

Conventions
-----------
`records` are the store's, one per clip. A check returns the places where it found
something wrong, as sentences for people; an empty list is a sound instrument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.claims import settings
from harness.models.protocol import ModelCard
from harness.sampling.replay import Replay
from harness.sampling.swap import Swap
from harness.verdict import BrokenInstrument

__all__ = [
    "duplicates",
    "halves_mixed",
    "not_finite",
    "require_finite",
    "require_own_words",
    "require_replayed",
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


def require_own_words(swap: Swap | None) -> None:
    """Raise `BrokenInstrument` if a clip fed its own codes is not what it was."""
    if swap is not None:
        _require_captured(swap.deviation)


def require_replayed(replay: Replay) -> None:
    """Raise `BrokenInstrument` if a clip seen once more is not what it was."""
    _require_captured(replay.deviation)


def _require_captured(deviation: float) -> None:
    if deviation <= settings()["forced_deviation"]:
        return
    msg = (
        "A clip that is fed its own codes under its own words must give the activations"
        f" that were captured, but they differ by {deviation:.1%} of the largest."
    )
    raise BrokenInstrument(msg)


def halves_mixed(
    first_step: npt.NDArray[np.float32], *, prompts: Sequence[str]
) -> npt.NDArray[np.bool_]:
    """Clips whose halves are not what they must be at the first step.

    `first_step` is `(clips, layers, halves, d_model)`. Without text and before any
    music the null half is one and the same for every clip, to the last bit; the
    conditional half has read the prompt, and so is the same for all clips of a prompt,
    and for no clip of another.
    """
    conditional = [clip[:, 0].tobytes() for clip in first_step]
    null = [clip[:, 1].tobytes() for clip in first_step]
    usual_null, nulls = _most_common(null), set(null)
    usual = {
        prompt: _most_common(
            [c for c, p in zip(conditional, prompts, strict=True) if p == prompt]
        )
        for prompt in prompts
    }
    readers = Counter(usual.values())
    return np.array(
        [
            n != usual_null or c in nulls or c != usual[p] or readers[c] > 1
            for c, n, p in zip(conditional, null, prompts, strict=True)
        ]
    )


def _most_common(values: Sequence[bytes]) -> bytes:
    return Counter(values).most_common(1)[0][0]


def duplicates(checksums: Sequence[str]) -> list[str]:
    """Checksums that more than one clip has."""
    return sorted({c for c in checksums if list(checksums).count(c) > 1})
