"""Evidence that something heard rises with the arousal of the emotion asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy import stats

from harness.design import ClipTable
from harness.evidence.common import Floats
from harness.inference.jackknife import jackknife_t
from harness.inference.relabel import p_value, relabelings, smallest_attainable_p
from harness.measures.arousal import arousal_correlations, fisher_z_of_units
from harness.verdict import Evidence

__all__ = ["arousal_evidence"]

_FEWEST_EMOTIONS = 2


def arousal_evidence(
    values: Floats, table: ClipTable, ratings: Mapping[str, float]
) -> Evidence:
    """Correlation over prompts of something heard with the arousal of their emotion.

    Parameters
    ----------
    values
        One per clip, NaN where it could not be measured: a prompt of which nothing is
        known is left out and counted, and takes no part in relabeling.
    table
        The clips. Emotions that `ratings` lacks are left out.
    ratings
        Arousal by emotion.
    """
    rated = tuple(e for e in table.emotions if e in ratings)
    if len(rated) < _FEWEST_EMOTIONS:
        msg = (
            f"Of {_listed(table.emotions)}, arousal is rated of {_listed(rated)}: must "
            "be 2 emotions or more. Add theirs to [arousal] in claims.toml."
        )
        return Evidence(effect=None, problem=msg)
    unrated = sorted(set(table.emotions) - set(rated))
    table, clips = table.restricted(rated)
    arousal = np.array([ratings[e] for e in rated])
    by_prompt = table.by_prompt(values[clips])
    kept = np.isfinite(by_prompt)
    unmeasured = int((~kept).sum())
    design = _design(table, kept)
    if not kept.any() or smallest_attainable_p(**design, symmetric=False) == 1:
        return Evidence(effect=None, n_prompts=table.n_prompts, unmeasured=unmeasured)
    count = table.relabeling_count
    drawn = relabelings(**design, count=count, rng=table.rng("arousal"))
    heard, asked = by_prompt[kept], arousal[table.emotion[kept]]
    # `relabelings` ranks the emotions that are left.
    left = arousal[np.unique(table.emotion[kept])]
    r = arousal_correlations(heard, left, drawn.labels)
    units = np.unique(table.units[kept], return_inverse=True)[1]
    z = jackknife_t(fisher_z_of_units(heard, asked, units), int(units.max()) + 1)
    return Evidence(
        effect=float(r[0]),
        p=p_value(r),
        smallest_p=smallest_attainable_p(**design, count=count, symmetric=False),
        interval=(float(np.tanh(z.low)), float(np.tanh(z.high))),
        upper=float(np.tanh(z.upper_one_sided)),
        n_prompts=heard.size,
        n_clips=table.n_clips,
        as_documented=_over_clips(values[clips], arousal[table.emotion_of_clip]),
        detail={
            "arousal": dict(zip(rated, arousal, strict=True)),
            "mean by emotion": _means(by_prompt, table),
            "rank correlation": float(stats.spearmanr(heard, asked).statistic),
            "emotions left out because unrated": unrated,
            "prompts left out because unmeasured": unmeasured,
        },
        unmeasured=unmeasured,
    )


def _design(table: ClipTable, kept: Any) -> dict[str, Any]:
    """What decides how the labels of the prompts `kept` may move."""
    template = None if table.template is None else table.template[kept]
    return {
        "emotion": table.emotion[kept],
        "template": template,
        "cohort": table.cohort[kept],
    }


def _over_clips(values: Floats, arousal: Floats) -> dict[str, float]:
    """The documents' own: over clips, whichever prompt they are of."""
    there = np.isfinite(values)
    if there.sum() < 3 or not np.ptp(values[there]) or not np.ptp(arousal[there]):
        return {}
    found = stats.pearsonr(values[there], arousal[there])
    return {"r over clips": float(found.statistic), "its p": float(found.pvalue)}


def _means(by_prompt: Floats, table: ClipTable) -> dict[str, float]:
    of = {e: table.of_emotion(by_prompt, e) for e in table.emotions}
    return {e: float(np.nanmean(v)) for e, v in of.items() if np.isfinite(v).any()}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
