"""Evidence of which features of the music separate the emotions, tested together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.design import ClipTable
from harness.evidence.common import Floats, smallest_p
from harness.inference.jackknife import jackknife_t
from harness.inference.minp import joint_min_p
from harness.measures.feature_separation import (
    explained_variance,
    explained_variance_of_units,
)
from harness.verdict import Evidence

__all__ = ["feature_evidences"]


def feature_evidences(
    features: Mapping[str, Floats], table: ClipTable
) -> dict[str, Evidence]:
    """Share of each feature's variance over prompts that the emotion explains.

    p is corrected for all features by stepping down: they share their relabelings.

    Parameters
    ----------
    features
        One value per clip of each feature, NaN where it could not be measured.
    table
        The clips.
    """
    by_prompt = np.stack([table.by_prompt(v) for v in features.values()], axis=1)
    drawn = table.relabeled("features")
    statistics = explained_variance(by_prompt, drawn.labels, template=table.template)
    tested = joint_min_p(statistics, exact=drawn.exact)
    score = explained_variance_of_units(
        by_prompt, table.emotion, unit_of_prompt=table.units, template=table.template
    )
    interval = jackknife_t(score, table.n_units)
    found = {}
    for k, name in enumerate(features):
        values = by_prompt[:, k]
        unmeasured = int(np.isnan(values).sum())
        if unmeasured and not np.ptp(statistics[:, k]):  # whatever the labels
            found[name] = Evidence(
                effect=None,
                n_prompts=table.n_prompts,
                unmeasured=unmeasured,
            )
            continue
        found[name] = Evidence(
            effect=float(statistics[0, k]),
            p=float(tested.step_down[k]),
            smallest_p=smallest_p(table),
            # No share is above 1.
            interval=(float(interval.low[k]), float(min(interval.high[k], 1.0))),
            upper=float(min(interval.upper_one_sided[k], 1.0)),
            n_prompts=table.n_prompts,
            n_clips=table.n_clips,
            detail={
                "mean by emotion": _means(values, table),
                "p alone": float(tested.own[k]),
                "tested together": len(features),
                "prompts left out because unmeasured": unmeasured,
            },
            unmeasured=unmeasured,
        )
    return found


def _means(by_prompt: Floats, table: ClipTable) -> dict[str, float]:
    of = {e: table.of_emotion(by_prompt, e) for e in table.emotions}
    return {e: float(np.nanmean(v)) for e, v in of.items() if np.isfinite(v).any()}
