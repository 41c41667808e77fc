"""Text or music? The rungs of a ladder, and the one rule that reads it.

A prompt's words are in the activations whatever the music does, so an effect counts
only if it is there without them. A rung is one way to look: at the first step there are
words and no music; the null half has music and no words; in swapped clips each varies
without the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.verdict import TEXT_BORNE

__all__ = [
    "ACOUSTICS_MEDIATED",
    "AUDIO_BORNE",
    "RUNGS",
    "Rung",
    "as_detail",
    "qualifier_of",
]

AUDIO_BORNE = "audio-borne"
ACOUSTICS_MEDIATED = "acoustics-mediated"
RUNGS = (
    "first step",
    "conditional",
    "words effect (swap)",
    "music effect (swap)",
    "null half",
    "acoustics regressed out",
    "text regressed out",
)
_CONDITIONAL, _MUSIC, _NULL, _ACOUSTICS = RUNGS[1], RUNGS[3], RUNGS[4], RUNGS[5]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What was found in one way of looking; p is corrected for all layers."""

    rung: str  # of `RUNGS`
    effect: float
    p: float
    smallest_p: float


def qualifier_of(rungs: Sequence[Rung], alpha: float) -> str | None:
    """How a found effect came to be in the activations.

    None where nothing was found, or where nobody looked without the words. Else:

    - *text-borne* if it is not found without the words. It is found if the null half or
      the music effect of the swap is; two chances count as two, so the smaller p is
      doubled. A swap whose smallest attainable p, doubled, does not reach alpha has no
      say, and costs the null half nothing.
    - *acoustics-mediated* if it is found in the null half alone and is no longer, once
      tempo, loudness and brightness are regressed out.
    - *audio-borne* otherwise.
    """
    by_name = {rung.rung: rung for rung in rungs}
    if by_name[_CONDITIONAL].p >= alpha:
        return None
    witnesses = [by_name[name] for name in (_NULL, _MUSIC) if name in by_name]
    if not witnesses:
        return None
    if len(witnesses) * max(w.smallest_p for w in witnesses) >= alpha:
        witnesses = witnesses[:1]
    if len(witnesses) * min(w.p for w in witnesses) >= alpha:
        return TEXT_BORNE
    heard, without_acoustics = by_name.get(_NULL), by_name.get(_ACOUSTICS)
    if heard is None or without_acoustics is None or heard.p >= alpha:
        return AUDIO_BORNE
    return AUDIO_BORNE if without_acoustics.p < alpha else ACOUSTICS_MEDIATED


def as_detail(rungs: Sequence[Rung]) -> list[dict[str, Any]]:
    """The ladder as it is recorded, in the order of `RUNGS`."""
    ordered = sorted(rungs, key=lambda rung: RUNGS.index(rung.rung))
    return [{"rung": r.rung, "effect": r.effect, "p": r.p} for r in ordered]
