"""Evidence of the acoustic panel: several features, several contrasts, tested together.

A claim of the panel is supported by a p-value that is corrected for all of them, so
that "some feature differs" is never an answer. All columns (a feature in a contrast)
share their relabelings: with matched templates the two emotions of every contrast swap
places in the same templates; otherwise labels move within a contrast and a cohort.

The correction steps down (Westfall & Young 1993): what was found no longer counts
among what the next is compared with, and still any false find at all is as rare as
alpha. At the first look, 10 templates, there are 1,024 relabelings and each column is
at its best in one of them, so that the strongest of 5 columns can reach 5 / 1,024 =
.0049 whatever the others are: just below the .005 of that look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.design import ClipTable
from harness.evidence.acoustics import gap_evidence
from harness.evidence.common import Floats
from harness.inference import InferenceError
from harness.inference.minp import joint_min_p
from harness.inference.relabel import relabelings
from harness.verdict import Evidence

__all__ = ["Column", "Contrast", "panel_evidence"]

Contrast = tuple[str, str]  # (more, less)
Column = tuple[str, Contrast]  # a feature in a contrast


def panel_evidence(
    features: Mapping[str, Floats],
    table: ClipTable,
    contrasts: Mapping[str, Sequence[Contrast]],
) -> dict[Column, Evidence]:
    """`gap_evidence` of every feature in its contrasts, p corrected for all of them.

    Parameters
    ----------
    features
        One value per clip of each feature, NaN where it could not be measured.
    table
        The clips.
    contrasts
        Of each feature, the pairs of emotions in which it was claimed to differ.

    Returns
    -------
    dict
        By feature and contrast. What the claim's own p would be stands in `detail`.

    Raises
    ------
    InferenceError
        If two contrasts share an emotion: they could not be relabeled together.
    """
    alone = {
        (name, contrast): gap_evidence(values, table, contrast)
        for name, values in features.items()
        for contrast in contrasts[name]
    }
    measured = [column for column, found in alone.items() if found.effect is not None]
    if not measured:
        return alone
    by_prompt = {name: table.by_prompt(values) for name, values in features.items()}
    statistics, exact = _statistics(by_prompt, table, measured)
    joint = joint_min_p(statistics, exact=exact)
    together = {}
    for index, column in enumerate(measured):
        found, p = alone[column], float(joint.step_down[index])
        detail = {"p alone": found.p, "tested together": len(measured)}
        together[column] = replace(found, p=p, detail={**found.detail, **detail})
    return {**alone, **together}


def _statistics(
    by_prompt: Mapping[str, Floats], table: ClipTable, columns: Sequence[Column]
) -> tuple[Floats, bool]:
    """Shape (relabelings, columns), row 0 observed; and whether these are all."""
    contrasts = list(dict.fromkeys(contrast for _, contrast in columns))
    named = [emotion for contrast in contrasts for emotion in contrast]
    if len(set(named)) < len(named):
        msg = (
            f"`contrasts` must not share an emotion, got {contrasts}. Test those that "
            "do apart from each other."
        )
        raise InferenceError(msg)
    if table.template is not None:
        return _of_templates(by_prompt, table, columns)
    return _of_prompts(by_prompt, table, columns, contrasts)


def _of_templates(
    by_prompt: Mapping[str, Floats], table: ClipTable, columns: Sequence[Column]
) -> tuple[Floats, bool]:
    """The sum of the templates' differences, signs flipped in the same templates."""
    differences = [
        table.of_emotion(by_prompt[name], more)
        - table.of_emotion(by_prompt[name], less)
        for name, (more, less) in columns
    ]
    templates = differences[0].size
    drawn = relabelings(
        np.repeat([0, 1], templates),
        template=np.tile(np.arange(templates), 2),
        count=table.relabeling_count,
        rng=table.rng("panel"),
    )
    signs = np.where(drawn.labels[:, :templates] == 0, 1.0, -1.0)
    # An unmeasured difference is the same under either sign.
    return signs @ np.nan_to_num(np.stack(differences, axis=1)), drawn.exact


def _of_prompts(
    by_prompt: Mapping[str, Floats],
    table: ClipTable,
    columns: Sequence[Column],
    contrasts: Sequence[Contrast],
) -> tuple[Floats, bool]:
    """The sum over prompts labelled `more`, less what any label would have given."""
    codes = {e: table.emotions.index(e) for pair in contrasts for e in pair}
    of_contrast = np.full(len(table.emotions), -1)
    for index, pair in enumerate(contrasts):
        of_contrast[[codes[e] for e in pair]] = index
    kept = np.flatnonzero(of_contrast[table.emotion] >= 0)
    drawn = relabelings(
        table.emotion[kept],
        template=of_contrast[table.emotion[kept]],
        cohort=table.cohort[kept],
        count=table.relabeling_count,
        rng=table.rng("panel"),
    )
    labels = np.unique(table.emotion[kept])[drawn.labels]
    statistics = np.empty((len(labels), len(columns)))
    for index, (name, pair) in enumerate(columns):
        values = by_prompt[name][kept]
        own = np.isin(table.emotion[kept], [codes[e] for e in pair])
        there = own & ~np.isnan(values)
        centred = np.where(there, values - values[there].mean(), 0.0)
        statistics[:, index] = (labels == codes[pair[0]]) @ centred
    return statistics, drawn.exact
