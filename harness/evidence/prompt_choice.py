"""Evidence that prompts which worked can be kept: they work again on other clips.

With two clips of a prompt or more, prompts are chosen on one half of their seeds and
judged on the other. With one, words are: chosen on one half of the templates, and
judged on the other. If wordings make no difference, those of a template could have
been those of any template of its cohort, in all emotions alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Floats, fewer_relabelings
from harness.inference.jackknife import jackknife_t
from harness.inference.relabel import p_value
from harness.measures.prompt_choice import judged_gains
from harness.verdict import Evidence

__all__ = ["prompt_choice_evidence"]

Indices = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
_SPLITS = 20
_HEARD_ONCE = (
    "What works can be told only where a wording is heard twice, with two templates or "
    "two seeds; no two of one emotion were. Give more --samples, or the matched bank."
)


def prompt_choice_evidence(
    scores: Floats,
    table: ClipTable,
    *,
    words: Sequence[str],
    texts: Sequence[str],
    replicate: npt.ArrayLike,
    dealt_out: bool = False,
) -> Evidence:
    """By how much wordings that were kept do better than those that were left.

    Parameters
    ----------
    scores
        How well each clip does what its emotion asks for, `(clips,)`.
    table
        The clips.
    words, texts
        Of each prompt, the word for its emotion and all of it.
    replicate
        Which clip of its prompt each is, from 0, `(clips,)`.
    dealt_out
        Whether wordings are dealt out to other templates first, as a control.
    """
    turn = np.asarray(replicate)
    by_seed = bool(turn.max() > 0)
    design = _Design(
        emotion=table.emotion,
        units=table.units,
        cohort=table.cohort,
        wording=_codes(table, texts if by_seed else words),
        prompt=table.prompt_of_clip,
        turn=turn,
        by_seed=by_seed,
    )
    halves = design.halves(table.rng("halves of clips"))
    asked = table.emotion_of_clip
    own = design.relabeled(2, table.rng("wordings control"))[int(dealt_out)][None]
    if not _any_heard_twice(own[0], halves):
        return Evidence(effect=None, n_prompts=table.n_prompts, problem=_HEARD_ONCE)
    wordings = design.relabeled(fewer_relabelings(table), table.rng("wordings"))
    wordings[0] = own[0]
    # Where none does better than another, there is nothing to be gained.
    gains = np.nan_to_num(judged_gains(scores, wordings, asked, halves=halves))
    unit_of_clip = design.units[design.prompt]

    def gain_of(mask: Mask) -> float:
        kept = mask[unit_of_clip]
        found = judged_gains(
            scores[kept], own[:, kept], asked[kept], halves=halves[:, kept]
        )
        return float(np.nan_to_num(found[0]))

    interval = jackknife_t(gain_of, int(design.units.max()) + 1)
    return Evidence(
        effect=float(gains[0]),
        p=p_value(gains),
        smallest_p=max(1 / len(wordings), design.smallest_p),
        interval=(interval.low, interval.high),
        upper=interval.upper_one_sided,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail={
            "chosen": "prompts, by their seeds" if by_seed else "words, by templates",
            "ranked": _ranked(scores, table, texts if by_seed else words),
            "templates ranked": _templates_ranked(scores, table),
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    """Who was worded how, and what could have been otherwise."""

    emotion: Indices  # (prompts,)
    units: Indices  # (prompts,), numbered from 0
    cohort: Indices  # (prompts,)
    wording: Indices  # (prompts,)
    prompt: Indices  # (clips,)
    turn: Indices  # (clips,)
    by_seed: bool

    @property
    def _cohorts(self) -> list[Indices]:
        """Units that may change places."""
        of_unit = np.zeros(self.units.max() + 1, np.intp)
        of_unit[self.units] = self.cohort
        return [np.flatnonzero(of_unit == c) for c in np.unique(of_unit)]

    @property
    def smallest_p(self) -> float:
        return 1 / prod(factorial(len(units)) for units in self._cohorts)

    def halves(self, rng: np.random.Generator) -> Mask:
        """`(splits, clips)`: by seed there is one way, by template there are many."""
        if self.by_seed:
            return (self.turn % 2 == 0)[None]
        units = int(self.units.max()) + 1
        order = rng.random((_SPLITS, units)).argsort(axis=1)
        first: Mask = (order < (units + 1) // 2)[:, self.units[self.prompt]]
        return first

    def relabeled(self, count: int, rng: np.random.Generator) -> Indices:
        """Wordings by clip, `(count, clips)`; row 0 is as it was.

        By seed, those of the second half of the clips alone change places.
        """
        place = np.full((self.emotion.max() + 1, self.units.max() + 1), -1)
        place[self.emotion, self.units] = self.wording
        moved = np.tile(np.arange(place.shape[1]), (count, 1))
        for units in self._cohorts:
            moved[1:, units] = rng.permuted(moved[1:, units], axis=1)
        by_prompt = place[self.emotion, moved[:, self.units]]
        wordings: Indices = by_prompt[:, self.prompt]
        if self.by_seed:
            stays = self.turn % 2 == 0
            wordings[:, stays] = wordings[0, stays]
        return wordings


def _codes(table: ClipTable, names: Sequence[str]) -> Indices:
    """One number for each wording of each emotion."""
    pairs = list(zip(table.emotion.tolist(), names, strict=True))
    numbers = {pair: k for k, pair in enumerate(dict.fromkeys(pairs))}
    return np.array([numbers[pair] for pair in pairs])


def _any_heard_twice(wording: Indices, halves: Mask) -> bool:
    return any(
        np.intersect1d(wording[half], wording[~half]).size > 1 for half in halves
    )


def _ranked(
    scores: Floats, table: ClipTable, names: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Of each emotion its wordings, the best first."""
    ranked: dict[str, list[dict[str, Any]]] = {}
    for code, emotion in enumerate(table.emotions):
        rows: list[dict[str, Any]] = []
        own = [n for n, e in zip(names, table.emotion, strict=True) if e == code]
        for name in dict.fromkeys(own):
            prompts = [k for k, n in enumerate(names) if n == name]
            mine = np.isin(table.prompt_of_clip, prompts)
            mine &= table.emotion_of_clip == code
            rows.append(
                {
                    "wording": name,
                    "share of rules kept": float(scores[mine].mean()),
                    "clips that keep all": int((scores[mine] == 1).sum()),
                    "clips": int(mine.sum()),
                }
            )
        rows.sort(key=lambda row: -row["share of rules kept"])
        ranked[emotion] = rows
    return ranked


def _templates_ranked(scores: Floats, table: ClipTable) -> list[dict[str, Any]]:
    """Templates by how well all emotions come out in them, the best first."""
    if table.template is None:
        return []
    of_clip = table.template[table.prompt_of_clip]
    rows: list[dict[str, Any]] = [
        {
            "template": int(template),
            "share of rules kept": float(scores[of_clip == template].mean()),
        }
        for template in np.unique(table.template)
    ]
    return sorted(rows, key=lambda row: -row["share of rules kept"])
