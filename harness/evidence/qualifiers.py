"""Text or music? The rungs of a ladder, and the one rule that reads it.

A prompt's words are in the activations whatever the music does, so an effect counts
only if it is there without them, and only if other words for the same emotion have it
too. A rung is one way to look: at the first step there are words and no music; the null
half has music and no words; in swapped clips each varies without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, TypeVar

from harness.verdict import TEXT_BORNE, Evidence

__all__ = [
    "ACOUSTICS_MEDIATED",
    "AUDIO_BORNE",
    "PROMPT_LEXICAL",
    "RUNGS",
    "Rung",
    "as_detail",
    "qualified",
    "qualified_each",
    "qualifier_of",
]

_Name = TypeVar("_Name", bound=Hashable)
AUDIO_BORNE = "audio-borne"
ACOUSTICS_MEDIATED = "acoustics-mediated"
PROMPT_LEXICAL = "prompt-lexical"
RUNGS = (
    "every sentence for itself",
    "first step",
    "conditional",
    "words effect (swap)",
    "music effect (swap)",
    "null half",
    "acoustics regressed out",
    "text regressed out",
)
_SENTENCES, _CONDITIONAL = RUNGS[0], RUNGS[2]
_MUSIC, _NULL, _ACOUSTICS = RUNGS[4], RUNGS[5], RUNGS[6]


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

    - *prompt-lexical* if it is found only where sentences of one word are taken to be
      different ones: the words do it, each for itself, and other words need not.
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
        by_sentence = by_name.get(_SENTENCES)
        found_there = by_sentence is not None and by_sentence.p < alpha
        return PROMPT_LEXICAL if found_there else None
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


def qualified(
    found: Evidence, without_words: Callable[[], Evidence], *, alpha: float
) -> Evidence:
    """`found`, and how it came to be there, as the null half tells.

    Parameters
    ----------
    found
        What a measure found where the words are.
    without_words
        Asks the same measure of the half that never saw them; not called where nothing
        was found.
    alpha
        Below which p has found something.
    """
    if found.p is None or found.p >= alpha:
        return found
    heard = without_words()
    rungs = [_rung_of(_CONDITIONAL, found), _rung_of(_NULL, heard)]
    return replace(
        found,
        qualifier=qualifier_of(rungs, alpha),
        detail={**found.detail, "ladder": as_detail(rungs)},
    )


def qualified_each(
    found: Mapping[_Name, Evidence],
    without_words: Callable[[], Mapping[_Name, Evidence]],
    *,
    alpha: float,
) -> dict[_Name, Evidence]:
    """`qualified` for a family that is measured together, once for each half."""
    heard = cache(without_words)
    return {
        name: qualified(evidence, partial(_one_of, heard, name), alpha=alpha)
        for name, evidence in found.items()
    }


def _one_of(family: Callable[[], Mapping[_Name, Evidence]], name: _Name) -> Evidence:
    return family()[name]


def _rung_of(rung: str, found: Evidence) -> Rung:
    return Rung(
        rung=rung,
        effect=found.effect if found.effect is not None else float("nan"),
        p=1.0 if found.p is None else found.p,
        smallest_p=found.smallest_p or 0.0,
    )
