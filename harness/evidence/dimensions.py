"""Evidence of claims about single dimensions of the activations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from harness.design import ClipTable
from harness.evidence.common import Array, Floats, fewer_relabelings, smallest_p
from harness.inference.maxt import max_t
from harness.measures.dimensions import (
    DimensionError,
    differing_shares,
    documented_shares,
    documented_shuffled_share,
    emotion_pairs,
    excess_share,
)
from harness.verdict import Evidence

__all__ = ["dimension_evidence", "dimension_evidences"]


def dimension_evidence(
    activations: Array, table: ClipTable, pair: tuple[str, str]
) -> Evidence:
    """Share of dimensions that differ between two emotions, beyond shuffled labels.

    p is corrected for all pairs and layers.

    Raises
    ------
    DimensionError
        If no dimension varies at all, or as `differing_shares`.
    """
    return dimension_evidences(activations, table)[frozenset(pair)]


def dimension_evidences(
    activations: Array, table: ClipTable
) -> Mapping[frozenset[str], Evidence]:
    """`dimension_evidence` of every pair of emotions, at the cost of one."""
    by_prompt = np.stack(
        [activations[table.prompt_of_clip == k].mean(0) for k in range(table.n_prompts)]
    )
    if not np.ptp(by_prompt, axis=0).any():
        msg = (
            "`activations` must vary between prompts, got the same for every prompt. "
            "Capture them again."
        )
        raise DimensionError(msg)
    drawn = table.relabeled("dimensions", count=fewer_relabelings(table))
    shares = differing_shares(by_prompt, drawn.labels)
    layers, pairs = shares.shape[1:]
    tested = max_t(shares.reshape(len(shares), -1), exact=drawn.exact)
    p = tested.p.reshape(layers, pairs)
    documented = documented_shares(activations, table.emotion_of_clip)
    named = [
        frozenset(table.emotions[e] for e in pair)
        for pair in emotion_pairs(len(table.emotions))
    ]
    found = {}
    for k, pair in enumerate(named):
        alone = _of_pair(shares[:, :, k], p[:, k], table)
        said = _said(activations, documented[:, k], pair, alone.detail["layer"], table)
        found[pair] = replace(alone, as_documented=said)
    return found


def _of_pair(shares: Floats, p: Floats, table: ClipTable) -> Evidence:
    """Of `shares` `(relabelings, layers)`; p is by layer."""
    excess = excess_share(shares[:, :, None])[:, 0]
    best = int(np.argmin(p - 1e-9 * excess))
    return Evidence(
        effect=float(excess[best]),
        p=float(p[best]),
        smallest_p=smallest_p(table, fewer_relabelings(table)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail={
            "layer": best,
            "share by layer": shares[0],
            "share with shuffled labels, by layer": shares.mean(0),
            "p by layer": p,
        },
    )


def _said(
    activations: Array,
    documented: Floats,
    pair: frozenset[str],
    layer: int,
    table: ClipTable,
) -> dict[str, float]:
    """The documents' share (5.2 %) and their shuffled one (12.9 %), in that layer."""
    codes = [table.emotions.index(emotion) for emotion in pair]
    clips = np.isin(table.emotion_of_clip, codes)
    shuffled = documented_shuffled_share(
        activations[clips, layer],
        table.emotion_of_clip[clips],
        rng=table.rng("documented dimensions"),
    )
    return {
        "share of dimensions that differ by > 0.1": float(documented[layer]),
        "the same with clips shuffled": shuffled,
    }
