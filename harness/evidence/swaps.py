"""What music does under any words, and words over any music.

Conventions
-----------
Swapped activations have shape `(templates, music emotions, word emotions, layers, d)`
(see `harness.sampling.swap`). An effect is the signal of one factor's emotions in
activations that are averaged over the other's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.design import ClipTable
from harness.evidence.common import Array, Floats
from harness.evidence.qualifiers import Rung
from harness.inference.maxt import max_t
from harness.inference.relabel import relabelings
from harness.measures.gram import prompt_gram
from harness.measures.similarity import emotion_signals

__all__ = ["SwapEffect", "swap_effects"]

_ALL = 20_000  # of 4 emotions in 3 templates there are 13,824 relabelings
_MUSIC, _WORDS = 1, 2  # axes


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapEffect:
    """The signal of one factor."""

    rung: Rung
    signal: Floats  # (layers,)
    p_by_layer: Floats  # corrected for all layers


def swap_effects(swap: Array, table: ClipTable) -> tuple[SwapEffect, SwapEffect]:
    """The effect of the words and that of the music.

    Emotions are dealt out anew within each template. p is max-T over layers.
    """
    words = _effect(swap.mean(axis=_MUSIC), "words effect (swap)", table)
    music = _effect(swap.mean(axis=_WORDS), "music effect (swap)", table)
    return words, music


def _effect(cells: Array, rung: str, table: ClipTable) -> SwapEffect:
    """Of `cells` `(templates, emotions, layers, d)`."""
    templates, emotions = cells.shape[:2]
    template, emotion = np.divmod(np.arange(templates * emotions), emotions)
    gram = prompt_gram(cells.reshape(-1, *cells.shape[2:]), np.arange(len(emotion)))
    drawn = relabelings(emotion, template=template, count=_ALL, rng=table.rng(rung))
    signals = emotion_signals(gram, drawn.labels, template=template)
    tested = max_t(signals, exact=drawn.exact)
    return SwapEffect(
        rung=Rung(
            rung=rung,
            effect=float(signals[0, tested.best]),
            p=tested.p_any,
            smallest_p=drawn.smallest_p,
        ),
        signal=signals[0],
        p_by_layer=tested.p,
    )
