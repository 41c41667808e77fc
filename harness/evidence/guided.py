"""Evidence that activations differ more where the music differs more.

What is exchangeable decides what is found. *Across emotions*, the music of a template's
prompts is dealt out among them: found is what goes beyond the template, the emotion
first of all. *Within one emotion*, only pairs of one emotion are compared and whole
templates change places, in all emotions alike: found is what goes beyond the emotion.
Without templates prompts change places freely, within an emotion in the second case.

Of what is found within one emotion, the words of the template may be the cause: they
are in the activations and in the music. The half that never saw them tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats
from harness.evidence.qualifiers import Rung, as_detail, qualifier_of
from harness.inference.jackknife import jackknife_t
from harness.inference.maxt import MaxT, max_t
from harness.inference.selection import cross_fitted
from harness.measures.gram import prompt_gram
from harness.measures.guided import (
    acoustic_distances,
    guided_correlations,
    guided_of_units,
    pairs_compared,
)
from harness.verdict import Evidence

__all__ = ["guided_evidence"]

Indices = npt.NDArray[np.intp]
_FEWEST_UNITS = 4  # two in each half
_TOO_FEW = (
    "A layer is chosen on one half of the templates and judged on the other: there "
    "must be 4 templates or more. Give more --samples."
)


def guided_evidence(
    activations: Array,
    features: Floats,
    table: ClipTable,
    *,
    null: Array | None = None,
    within_emotion: bool = False,
    dealt_out: bool = False,
    alpha: float = 0.0,
) -> Evidence:
    """Rank correlation of distances in music and activations, in the best layer.

    Parameters
    ----------
    activations
        `(clips, layers, d)`.
    features
        `(clips, features)`, on scales whose steps sound alike, NaN where not measured.
        Prompts of which half the features or fewer are known are left out and counted.
    table
        The clips.
    null
        As `activations`, of the half that never saw the words: decides the qualifier.
    within_emotion
        Whether only pairs of one emotion are compared.
    dealt_out
        Whether every prompt gets the music of another, as a control.
    alpha
        Of the look, for the qualifier.
    """
    music = np.stack([table.by_prompt(column) for column in features.T], axis=1)
    kept = (~np.isnan(music)).sum(axis=1) > music.shape[1] / 2
    unmeasured = int((~kept).sum())
    if within_emotion and table.template is not None:  # whole templates change places
        kept &= ~np.isin(table.template, table.template[~kept])
    design = _design(table, kept, within_emotion)
    if design is None:
        return Evidence(
            effect=None,
            n_prompts=table.n_prompts,
            unmeasured=unmeasured,
            problem=None if unmeasured else _TOO_FEW,
        )
    own = design.orders(2, table.rng("guided control"))[int(dealt_out)]
    distances = acoustic_distances(music[kept][own])
    compared = pairs_compared(
        distances, template=design.template, group=design.emotion_if_within
    )
    orders = design.orders(table.relabeling_count, table.rng("guided"))

    def found_in(half: Array) -> tuple[Floats, Floats, MaxT]:
        gram = prompt_gram(half, table.prompt_of_clip)[:, kept][:, :, kept]
        rho = guided_correlations(gram, distances, orders, compared=compared)
        return gram, rho, max_t(rho, exact=False)

    gram, rho, tested = found_in(activations)
    score = guided_of_units(
        gram, distances, compared=compared, unit_of_prompt=design.units
    )
    units = int(design.units.max()) + 1
    chosen = cross_fitted(score, units, rng=table.rng("guided layers"))
    by_layer = jackknife_t(score, units)
    smallest = max(1 / len(orders), design.smallest_p)
    rungs = [_rung("conditional", rho, tested, smallest)]
    if null is not None:
        _, heard, heard_tested = found_in(null)
        rungs.append(_rung("null half", heard, heard_tested, smallest))
    return Evidence(
        effect=chosen.effect,
        null=float(rho[:, chosen.best].mean()),
        p=tested.p_any,
        smallest_p=smallest,
        interval=(chosen.interval.low, chosen.interval.high),
        upper=float(np.max(by_layer.upper_one_sided)),
        n_prompts=int(kept.sum()),
        n_clips=int(kept[table.prompt_of_clip].sum()),
        qualifier=qualifier_of(rungs, alpha),
        detail={
            "best layer": chosen.best,
            "rank correlation by layer": rho[0],
            "interval by layer": [by_layer.low, by_layer.high],
            "with music of other prompts, by layer": rho.mean(axis=0),
            "p by layer": tested.p,
            "pairs of prompts": int(compared.sum()) // 2,
            "prompts left out because unmeasured": unmeasured,
            **_quarters(gram[chosen.best], distances, compared),
            "ladder": as_detail(rungs),
        },
        unmeasured=unmeasured,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    """The prompts that are compared, and among which music changes places."""

    emotion: Indices  # (prompts,)
    template: Indices | None  # (prompts,)
    units: Indices  # (prompts,), numbered from 0
    blocks: list[Indices]  # rows of what changes places as one, `(places, prompts)`
    within_emotion: bool

    @property
    def emotion_if_within(self) -> Indices | None:
        return self.emotion if self.within_emotion else None

    @property
    def smallest_p(self) -> float:
        return 1 / prod(factorial(len(block)) for block in self.blocks)

    def orders(self, count: int, rng: np.random.Generator) -> Indices:
        """Whose music each prompt is given, `(count, prompts)`; row 0 is its own."""
        rows = np.tile(np.arange(self.emotion.size), (count, 1))
        for block in self.blocks:
            places = np.tile(np.arange(len(block)), (count - 1, 1))
            moved = rng.permuted(places, axis=1)
            for column in block.T:
                rows[1:, column] = column[moved]
        return rows


def _design(
    table: ClipTable, kept: npt.NDArray[np.bool_], within_emotion: bool
) -> _Design | None:
    """None where too few units are left to choose a layer in one half of them."""
    units = np.unique(table.units[kept], return_inverse=True)[1]
    if units.size == 0 or units.max() + 1 < _FEWEST_UNITS:
        return None
    emotion, cohort = table.emotion[kept], table.cohort[kept]
    template = None if table.template is None else table.template[kept]
    if template is None:
        groups = cohort + (cohort.max() + 1) * (emotion if within_emotion else 0)
        blocks = [np.flatnonzero(groups == g)[:, None] for g in np.unique(groups)]
    elif within_emotion:
        by_template = np.lexsort((emotion, template)).reshape(units.max() + 1, -1)
        cohorts = cohort[by_template[:, 0]]
        blocks = [by_template[cohorts == c] for c in np.unique(cohorts)]
    else:
        blocks = [np.flatnonzero(template == t)[:, None] for t in np.unique(template)]
    return _Design(
        emotion=emotion,
        template=template,
        units=units,
        blocks=blocks,
        within_emotion=within_emotion,
    )


def _rung(name: str, rho: Floats, tested: MaxT, smallest: float) -> Rung:
    effect = float(rho[0, tested.best])
    return Rung(rung=name, effect=effect, p=tested.p_any, smallest_p=smallest)


def _quarters(
    gram: Floats, distances: Floats, compared: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """How far apart activations are where the music clearly differs, and where not."""
    pairs = np.nonzero(np.triu(compared, k=1))
    far, near = np.quantile(distances[pairs], [0.75, 0.25])
    apart = {
        "pairs whose music differs most": distances[pairs] >= far,
        "pairs whose music differs least": distances[pairs] <= near,
    }
    return {
        f"cosine of {name}": float(gram[pairs][these].mean())
        for name, these in apart.items()
    }
