"""Evidence of claims about how deep in the model the emotion is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.design import ClipTable
from harness.evidence.common import Array, Floats, emotion_similarities, smallest_p
from harness.inference.jackknife import jackknife_t, p_above_zero
from harness.inference.relabel import p_value
from harness.measures.gram import prompt_gram
from harness.measures.similarity import (
    SimilarityError,
    emotion_signals,
    signal_of_units,
)
from harness.verdict import Evidence

__all__ = ["depth_evidence", "stability_evidence"]

_SPLITS = 200
_BEST = 3  # layers


def depth_evidence(activations: Array, table: ClipTable) -> Evidence:
    """Signal of the late third of the layers minus that of the early third.

    Shuffled labels have no signal in any layer, and beside them one that is the same in
    all layers would seem to grow: the change has to be beyond them and beyond its own
    spread over units (see `harness.evidence.change`). The larger p counts.

    Raises
    ------
    SimilarityError
        If there are fewer than three layers.
    """
    gram = prompt_gram(activations, table.prompt_of_clip)
    layers = len(gram)
    early, middle, late = _thirds(layers)
    contrast = late / late.sum() - early / early.sum()
    statistics = emotion_signals(
        gram, table.relabelings.labels, template=table.template
    )
    score = signal_of_units(
        gram, table.emotion, unit_of_prompt=table.units, template=table.template
    )

    def change(mask: npt.NDArray[np.bool_]) -> float:
        return float(score(mask) @ contrast)

    found = jackknife_t(change, table.n_units)
    of_labels = p_value(statistics @ contrast)
    of_change = p_above_zero(found)
    thirds = np.stack([t / t.sum() for t in (early, middle, late)])
    by_third = jackknife_t(lambda mask: score(mask) @ thirds.T, table.n_units)
    return Evidence(
        effect=found.estimate,
        p=max(of_labels, of_change),
        smallest_p=smallest_p(table),
        interval=(found.low, found.high),
        upper=found.upper_one_sided,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail={
            "thirds": ["early", "middle", "late"],
            "signal of each": by_third.estimate,
            "low": by_third.low,
            "high": by_third.high,
            "largest": ("early", "middle", "late")[int(np.argmax(by_third.estimate))],
            "p of the labels": of_labels,
            "p of the change": of_change,
        },
    )


def stability_evidence(activations: Array, table: ClipTable) -> Evidence:
    """Do halves of the templates rank the layers alike? And which are best?

    Kendall's tau between the rankings of two random halves, mean over splits (Kendall
    1938, doi:10.1093/biomet/30.1-2.81). Halves are half as precise as the whole, so
    this errs on the low side. `detail` has the layers in order, how often each is among
    the best three of a half, and the similarities of emotions in the best layer.

    Raises
    ------
    SimilarityError
        If there are fewer than three layers.
    """
    gram = prompt_gram(activations, table.prompt_of_clip)
    _thirds(len(gram))
    units = table.n_units
    score = signal_of_units(
        gram, table.emotion, unit_of_prompt=table.units, template=table.template
    )
    rng = table.rng("ranks")
    first = np.stack([_half(rng, units) for _ in range(_SPLITS)])
    one, other = score(first), score(~first)
    taus = [
        float(stats.kendalltau(a, b).statistic) for a, b in zip(one, other, strict=True)
    ]
    whole = score(np.ones(units, np.bool_))
    order = np.argsort(-whole, kind="stable")
    among = np.argsort(-np.concatenate([one, other]), axis=1, kind="stable")[:, :_BEST]
    often = np.bincount(among.ravel(), minlength=len(gram)) / len(among)
    return Evidence(
        effect=float(np.nanmean(taus)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail={
            "layers, best first": order,
            "signal": whole,
            f"share of halves with the layer among the best {_BEST}": often,
            "emotions": table.emotions,
            "similarity of emotions, best layer": emotion_similarities(
                gram[order[0]], table
            ),
        },
    )


def _thirds(layers: int) -> tuple[Floats, Floats, Floats]:
    """Which layers are early, middle and late, as 0. and 1.; each (layers,)."""
    if layers < 3:
        msg = f"`activations` must have 3 layers or more, got {layers}."
        raise SimilarityError(msg)
    third = np.arange(layers) * 3 // layers
    early, middle, late = ((third == k).astype(np.float64) for k in range(3))
    return early, middle, late


def _half(rng: np.random.Generator, units: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(units, np.bool_)
    mask[rng.permutation(units)[: units // 2]] = True
    return mask
