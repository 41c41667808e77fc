"""Evidence of claims about single dimensions of the activations."""

from __future__ import annotations

import numpy as np

from harness.design import ClipTable
from harness.evidence.common import Array, fewer_relabelings, smallest_p
from harness.inference.maxt import max_t
from harness.measures.dimensions import (
    differing_shares,
    documented_shares,
    emotion_pairs,
    excess_share,
)
from harness.verdict import Evidence

__all__ = ["dimension_evidence"]


def dimension_evidence(
    activations: Array, table: ClipTable, pair: tuple[str, str]
) -> Evidence:
    """Share of dimensions that differ between two emotions, beyond shuffled labels.

    p is corrected for all pairs and layers.
    """
    by_prompt = np.stack(
        [activations[table.prompt_of_clip == k].mean(0) for k in range(table.n_prompts)]
    )
    drawn = table.relabeled("dimensions", count=fewer_relabelings(table))
    shares = differing_shares(by_prompt, drawn.labels)
    layers, pairs = shares.shape[1:]
    tested = max_t(shares.reshape(len(shares), -1), exact=drawn.exact)
    first, second = sorted(table.emotions.index(e) for e in pair)
    column = emotion_pairs(len(table.emotions)).index((first, second))
    p = tested.p.reshape(layers, pairs)[:, column]
    excess = excess_share(shares)[:, column]
    best = int(np.argmin(p - 1e-9 * excess))
    documented = documented_shares(activations, table.emotion_of_clip)[best, column]
    return Evidence(
        effect=float(excess[best]),
        p=float(p[best]),
        smallest_p=smallest_p(table, fewer_relabelings(table)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"share of dimensions that differ by > 0.1": float(documented)},
        detail={
            "layer": best,
            "share by layer": shares[0, :, column],
            "share with shuffled labels, by layer": shares[:, :, column].mean(0),
            "p by layer": p,
        },
    )
