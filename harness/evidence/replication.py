"""Evidence that what one half of the prompts shows, the other half shows, too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats
from harness.inference.jackknife import Interval, jackknife_t
from harness.inference.relabel import p_value, relabelings
from harness.measures.gram import prompt_gram
from harness.measures.similarity import balanced_units, emotion_signals, signal_of_units
from harness.verdict import Evidence

__all__ = ["replication_evidence"]

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """The signal of half of the prompts, in every layer."""

    statistics: Floats  # (relabelings, layers), row 0 observed
    interval: Interval[Floats]
    smallest_p: float

    @property
    def best(self) -> int:
        return int(np.argmax(self.statistics[0]))

    def p(self, layer: int) -> float:
        return p_value(self.statistics[:, layer])


def replication_evidence(activations: Array, table: ClipTable) -> Evidence:
    """The layer that is best in one half of the templates, judged in the other half.

    The halves are fixed by the design: every other template. One layer is judged, so
    nothing is corrected for; both directions must hold, so the larger p counts, and
    effect, interval and bound are those of the direction with the smaller effect
    (intersection-union: Berger & Hsu 1996, doi:10.1214/ss/1032280304).

    Raises
    ------
    SimilarityError
        If a half has no two templates of two emotions.
    """
    odd = table.units % 2 == 1
    halves = [_half(activations, table, mask) for mask in (~odd, odd)]
    judged = [(halves[0].best, halves[1]), (halves[1].best, halves[0])]
    effects = [float(half.statistics[0, layer]) for layer, half in judged]
    weaker = int(np.argmin(effects))
    layer, half = judged[weaker]
    return Evidence(
        effect=effects[weaker],
        p=max(half.p(layer) for layer, half in judged),
        smallest_p=max(half.smallest_p for half in halves),
        interval=(float(half.interval.low[layer]), float(half.interval.high[layer])),
        upper=max(float(h.interval.upper_one_sided[k]) for k, h in judged),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail={
            "best layer of each half": [half.best for half in halves],
            "effect in the other half": effects,
            "p in the other half": [half.p(layer) for layer, half in judged],
            "signal by layer, first half": halves[0].statistics[0],
            "signal by layer, second half": halves[1].statistics[0],
        },
    )


def _half(activations: Array, table: ClipTable, prompts: _Mask) -> _Half:
    """Everything of the prompts in the mask, relabeled among themselves."""
    gram = prompt_gram(
        activations[prompts[table.prompt_of_clip]],
        (np.cumsum(prompts) - 1)[table.prompt_of_clip[prompts[table.prompt_of_clip]]],
    )
    template = None if table.template is None else table.template[prompts]
    emotion = table.emotion[prompts]
    drawn = relabelings(
        emotion,
        template=template,
        cohort=table.cohort[prompts],
        count=table.relabeling_count,
        rng=table.rng("replication"),
    )
    units = balanced_units(emotion, template=template)
    score = signal_of_units(gram, emotion, unit_of_prompt=units, template=template)
    return _Half(
        statistics=emotion_signals(gram, drawn.labels, template=template),
        interval=jackknife_t(score, int(units.max()) + 1),
        smallest_p=drawn.smallest_p,
    )
