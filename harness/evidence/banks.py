"""Evidence that specific prompts make larger differences than generic ones.

Two banks have equally many prompts of every emotion. If the bank makes no difference,
its name could be dealt out among the prompts of an emotion in any other way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats
from harness.evidence.panel import Column, Contrast
from harness.inference import InferenceError
from harness.inference.jackknife import jackknife_t
from harness.inference.maxt import max_t
from harness.inference.minp import joint_min_p
from harness.inference.relabel import (
    Relabelings,
    relabelings,
    smallest_attainable_p,
)
from harness.inference.selection import cross_fitted
from harness.measures.gram import prompt_gram
from harness.measures.similarity import emotion_signal, signal_of_units
from harness.verdict import Evidence

__all__ = ["Banks", "bank_gaps", "bank_signal", "paired_banks"]

_FEWEST_MEASURED = 2


@dataclass(frozen=True, kw_only=True)
class Banks:
    """The prompts of two banks, those of the specific one first.

    Values by clip are those of the specific bank's clips, then of the generic one's.
    """

    specific: ClipTable
    generic: ClipTable
    is_specific: npt.NDArray[np.bool_]  # (prompts,)

    @property
    def emotions(self) -> tuple[str, ...]:
        return self.specific.emotions

    @cached_property
    def emotion(self) -> npt.NDArray[np.intp]:
        return np.concatenate([self.specific.emotion, self.generic.emotion])

    @cached_property
    def prompt_of_clip(self) -> npt.NDArray[np.intp]:
        after = self.generic.prompt_of_clip + self.specific.n_prompts
        return np.concatenate([self.specific.prompt_of_clip, after])

    @cached_property
    def relabelings(self) -> Relabelings:
        """Which prompts are called generic (1), within each emotion."""
        return relabelings(
            ~self.is_specific,
            template=self.emotion,
            count=self.specific.relabeling_count,
            rng=self.specific.rng("banks"),
        )

    @property
    def smallest_p(self) -> float:
        return smallest_attainable_p(
            ~self.is_specific,
            template=self.emotion,
            count=self.specific.relabeling_count,
            symmetric=False,
        )

    def by_prompt(self, values: Floats) -> Floats:
        """Mean over each prompt's clips; NaN is left out."""
        first = self.specific.n_clips
        parts = (
            self.specific.by_prompt(values[:first]),
            self.generic.by_prompt(values[first:]),
        )
        return np.concatenate(parts)

    def shuffled(self) -> Banks:
        """The same clips with the names of the banks dealt out anew, for a control."""
        last = self.relabelings.labels[-1] == 0
        return replace(self, is_specific=last)


def paired_banks(specific: ClipTable, generic: ClipTable) -> Banks:
    """Two banks side by side.

    Raises
    ------
    InferenceError
        If they have not the same emotions, each with as many prompts.
    """
    counts = [np.bincount(t.emotion).tolist() for t in (specific, generic)]
    if specific.emotions != generic.emotions or counts[0] != counts[1]:
        msg = (
            "The banks must have as many prompts of the same emotions, got "
            f"{dict(zip(specific.emotions, counts[0], strict=True))} and "
            f"{dict(zip(generic.emotions, counts[1], strict=True))}."
        )
        raise InferenceError(msg)
    is_specific = np.repeat([True, False], [specific.n_prompts, generic.n_prompts])
    return Banks(specific=specific, generic=generic, is_specific=is_specific)


def bank_gaps(
    features: Mapping[str, Floats],
    banks: Banks,
    contrasts: Mapping[str, Sequence[Contrast]],
) -> dict[Column, Evidence]:
    """By how much a gap between two emotions is larger in the specific bank.

    p is corrected for all features and contrasts by stepping down.

    Parameters
    ----------
    features
        One value per clip of each feature, NaN where it could not be measured.
    banks
        The prompts.
    contrasts
        Of each feature, the pairs of emotions (more, less).
    """
    columns = [(name, pair) for name in features for pair in contrasts[name]]
    if not columns:
        return {}
    by_prompt = {name: banks.by_prompt(values) for name, values in features.items()}
    labels = banks.relabelings.labels == 0
    statistics = np.stack(
        [labels @ _centred(by_prompt[name], banks, pair) for name, pair in columns],
        axis=1,
    )
    tested = joint_min_p(statistics, exact=banks.relabelings.exact)
    found = {}
    for k, (name, pair) in enumerate(columns):
        alone = _gap(by_prompt[name], banks, pair)
        if alone.effect is not None:
            detail = {
                **alone.detail,
                "p alone": float(tested.own[k]),
                "tested together": len(columns),
            }
            alone = replace(alone, p=float(tested.step_down[k]), detail=detail)
        found[name, pair] = alone
    return found


def bank_signal(activations: Array, banks: Banks) -> Evidence:
    """By how much the emotions' signal is larger in the specific bank, best layer.

    `activations` is `(clips, layers, d)`. p is the family's max-T p over layers. All
    clips are centred on their common mean, so that a prompt is the same whatever its
    bank is called.
    """
    gram = prompt_gram(activations, banks.prompt_of_clip)
    statistics = _signal_differences(gram, banks)
    tested = max_t(statistics, exact=banks.relabelings.exact)
    rows = [np.flatnonzero(s) for s in (banks.is_specific, ~banks.is_specific)]
    units = [_turn(banks.emotion[row]) for row in rows]
    scores = [
        signal_of_units(
            gram[:, row][:, :, row], banks.emotion[row], unit_of_prompt=unit
        )
        for row, unit in zip(rows, units, strict=True)
    ]

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        return scores[0](masks) - scores[1](masks)

    count = int(units[0].max()) + 1
    chosen = cross_fitted(score, count, rng=banks.specific.rng("bank layers"))
    by_layer = jackknife_t(score, count)
    return Evidence(
        effect=chosen.effect,
        p=tested.p_any,
        smallest_p=banks.smallest_p,
        interval=(chosen.interval.low, chosen.interval.high),
        upper=float(np.max(by_layer.upper_one_sided)),
        n_prompts=banks.emotion.size,
        n_clips=banks.prompt_of_clip.size,
        detail={
            "best layer": chosen.best,
            "difference by layer": statistics[0],
            "p by layer": tested.p,
            "signal of the specific bank": _own_signal(activations, banks, rows[0]),
            "signal of the generic bank": _own_signal(activations, banks, rows[1]),
        },
    )


def _gap(by_prompt: Floats, banks: Banks, pair: Contrast) -> Evidence:
    """The difference of gaps, before it is compared with other relabelings."""
    codes = [banks.emotions.index(e) for e in pair]
    cells = [
        (banks.emotion == code) & side
        for side in (banks.is_specific, ~banks.is_specific)
        for code in codes
    ]
    there = np.isfinite(by_prompt)
    own = np.isin(banks.emotion, codes)
    unmeasured = int((own & ~there).sum())
    if min(int((cell & there).sum()) for cell in cells) < _FEWEST_MEASURED:
        return Evidence(effect=None, n_prompts=int(own.sum()), unmeasured=unmeasured)
    measured = np.flatnonzero(own & there)

    def gaps(mask: npt.NDArray[np.bool_]) -> Floats:
        kept = np.zeros(there.size, np.bool_)
        kept[measured[mask]] = True
        more, less, more_generic, less_generic = (
            by_prompt[cell & kept].mean() for cell in cells
        )
        return np.array([more - less, more_generic - less_generic])

    def larger(mask: npt.NDArray[np.bool_]) -> float:
        specific, generic = gaps(mask)
        return float(specific - generic)

    interval = jackknife_t(larger, measured.size)
    specific, generic = gaps(np.ones(measured.size, np.bool_))
    return Evidence(
        effect=interval.estimate,
        smallest_p=banks.smallest_p,
        interval=(interval.low, interval.high),
        upper=interval.upper_one_sided,
        n_prompts=measured.size,
        n_clips=int(np.isin(banks.prompt_of_clip, measured).sum()),
        detail={
            "gap in the specific bank": float(specific),
            "gap in the generic bank": float(generic),
            "prompts left out because unmeasured": unmeasured,
        },
        unmeasured=unmeasured,
    )


def _centred(by_prompt: Floats, banks: Banks, pair: Contrast) -> Floats:
    """What each prompt adds to the sum if it is called specific, `(prompts,)`."""
    weights = np.zeros(by_prompt.size)
    for sign, emotion in zip((1.0, -1.0), pair, strict=True):
        own = banks.emotion == banks.emotions.index(emotion)
        there = own & np.isfinite(by_prompt)
        if there.any():
            weights[there] = sign * (by_prompt[there] - by_prompt[there].mean())
    return weights


def _signal_differences(gram: Floats, banks: Banks) -> Floats:
    """Signal of the specific less that of the generic bank, `(relabelings, layers)`.

    A pair counts for a bank if both its prompts are in it, so it counts for the
    difference by how many of them are in the specific one, less one: that is a sum over
    prompts, and every relabeling costs one row of a matrix product.
    """
    same = banks.emotion[:, None] == banks.emotion
    own = same & ~np.eye(banks.emotion.size, dtype=np.bool_)
    in_bank = np.outer(banks.is_specific, banks.is_specific)
    # Either sum counts every pair twice.
    weights = own * 2 / (own & in_bank).sum() - ~same * 2 / (~same & in_bank).sum()
    by_prompt = (gram * weights).sum(axis=2)  # (layers, prompts)
    specific = (banks.relabelings.labels == 0).astype(np.float64)
    difference: Floats = specific @ by_prompt.T - by_prompt.sum(axis=1) / 2
    return difference


def _own_signal(
    activations: Array, banks: Banks, prompts: npt.NDArray[np.intp]
) -> Floats:
    """Of one bank, centred on its own mean as the signal of a run is."""
    clips = np.isin(banks.prompt_of_clip, prompts)
    renumbered = np.searchsorted(prompts, banks.prompt_of_clip[clips])
    return emotion_signal(
        prompt_gram(activations[clips], renumbered), banks.emotion[prompts]
    )


def _turn(emotion: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The k-th prompts of all emotions make a unit."""
    earlier = np.tri(emotion.size, k=-1, dtype=np.bool_)
    same: npt.NDArray[np.bool_] = (emotion[:, None] == emotion) & earlier
    return same.sum(axis=1)
