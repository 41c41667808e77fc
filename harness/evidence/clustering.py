"""Evidence of claims about clusters: of emotions, of templates, and in a picture.

The silhouette is taken in the space of the activations, between prompt means, and
relabeled in every layer. UMAP's plane is drawn to make clusters, with or without an
emotion in them: its silhouette is described and decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats, fewer_relabelings, smallest_p
from harness.evidence.dataset import key_layers
from harness.inference.jackknife import jackknife_t
from harness.inference.maxt import max_t
from harness.inference.relabel import relabelings
from harness.inference.selection import cross_fitted
from harness.measures.clustering import (
    ClusteringError,
    plane,
    prompt_distances,
    silhouettes,
)
from harness.measures.gram import checked_activations
from harness.verdict import Evidence

__all__ = ["emotion_cluster_evidence", "plane_evidence", "template_cluster_evidence"]

_CHANCE_HALVES, _CHANCE_ROWS = 20, 20
_TEMPLATE_RELABELINGS = 500  # each has as many groups as there are templates


def emotion_cluster_evidence(activations: Array, table: ClipTable) -> Evidence:
    """Silhouette of emotions in the layer that other templates choose.

    Pairs of one template are left out. p is corrected for all layers; `null` is the
    mean with shuffled emotions, which is below zero, and the more so in half of the
    templates, where the effect is read: there the nearest group is nearer by chance.

    Raises
    ------
    SimilarityError
        As `prompt_distances` and `silhouettes`.
    """
    distances = prompt_distances(activations, table.prompt_of_clip)
    drawn = table.relabeled("clusters", count=fewer_relabelings(table))
    statistics = silhouettes(distances, drawn.labels, template=table.template)
    tested = max_t(statistics, exact=drawn.exact)
    score = _score(distances, table)
    units = table.n_units
    chosen = cross_fitted(score, units, rng=table.rng("clusters"))
    by_layer = jackknife_t(lambda mask: score(mask[None])[0], units)
    clips = prompt_distances(activations, np.arange(table.n_clips))
    documented = silhouettes(clips, table.emotion_of_clip[None])[0]
    return Evidence(
        effect=chosen.effect,
        null=_chance(distances[[chosen.best]], table, drawn.labels),
        p=tested.p_any,
        smallest_p=smallest_p(table, fewer_relabelings(table)),
        interval=(chosen.interval.low, chosen.interval.high),
        upper=float(np.max(by_layer.upper_one_sided)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"silhouette of clips, best layer": float(documented.max())},
        detail={
            "best layer": chosen.best,
            "best layer chosen in": chosen.share,
            "silhouette by layer": statistics[0],
            "with shuffled emotions, by layer": statistics.mean(axis=0),
            "p by layer": tested.p,
            "silhouette of clips, by layer": documented,
        },
    )


def template_cluster_evidence(activations: Array, table: ClipTable) -> Evidence:
    """Silhouette of templates in the layer where it is largest, for comparison.

    p, corrected for layers, is of templates dealt out anew within emotions. The same
    silhouette of emotions, no pairs left out, stands beside it.
    """
    table = table.sentences
    if table.template is None:
        problem = (
            "The prompts share no templates, so that they cannot lie together by them. "
            "Use a matched bank."
        )
        return Evidence(effect=None, problem=problem, n_prompts=table.n_prompts)
    distances = prompt_distances(activations, table.prompt_of_clip)
    codes = np.unique(table.template, return_inverse=True)[1]
    drawn = relabelings(
        codes,
        template=table.emotion,
        cohort=table.cohort,
        count=min(_TEMPLATE_RELABELINGS, table.relabeling_count),
        rng=table.rng("template clusters"),
    )
    statistics = silhouettes(distances, drawn.labels)
    tested = max_t(statistics, exact=drawn.exact)
    emotions = silhouettes(distances, table.emotion[None])[0]
    return Evidence(
        effect=float(statistics[0, tested.best]),
        null=float(statistics[:, tested.best].mean()),
        p=tested.p_any,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail={
            "layer": tested.best,
            "silhouette of templates, by layer": statistics[0],
            "silhouette of emotions, by layer": emotions,
            "p by layer": tested.p,
        },
    )


def plane_evidence(activations: Array, table: ClipTable) -> Evidence:
    """Silhouette of emotions among the clips in UMAP's plane of the documents' layer.

    That is layer 12 of 48, or the same depth. Coordinates are for a picture.

    Raises
    ------
    SimilarityError
        If activations are not finite, or the same for every clip.
    """
    checked_activations(activations)
    layer = key_layers(activations.shape[1])[:2][-1]  # 12 of 48
    seed = table.relabeling_seed % 2**32
    points = plane(activations[:, layer], seed=seed)
    apart = np.linalg.norm(points[:, None] - points, axis=2)[None]
    of_emotions = silhouettes(apart, table.emotion_of_clip[None])[0, 0]
    detail: dict[str, Any] = {
        "layer": layer,
        "points": points,
        "emotion of clip": table.emotion_of_clip,
        "emotions": table.emotions,
    }
    sentences = table.sentences
    if sentences.template is not None:
        of_clip = sentences.template[sentences.prompt_of_clip]
        detail["template of clip"] = of_clip
        detail["silhouette of templates"] = silhouettes(apart, of_clip[None])[0, 0]
    return Evidence(
        effect=float(of_emotions),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"UMAP silhouette": float(of_emotions)},
        detail=detail,
    )


def _score(
    distances: Floats, table: ClipTable
) -> Callable[[npt.NDArray[np.bool_]], Floats]:
    """Silhouettes of the prompts in masked units, `(masks, layers)`."""

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        found = []
        for mask in masks:
            kept = mask[table.units]
            if not kept.any():
                msg = "A half of the templates must not be empty. Add templates."
                raise ClusteringError(msg)
            template = None if table.template is None else table.template[kept]
            found.append(
                silhouettes(
                    distances[:, kept][:, :, kept],
                    table.emotion[kept][None],
                    template=template,
                )[0]
            )
        return np.stack(found)

    return score


def _chance(distances: Floats, table: ClipTable, labels: npt.NDArray[np.int8]) -> float:
    """Mean silhouette of shuffled emotions in halves of the units."""
    rng = table.rng("chance of clusters")
    units = table.n_units
    means = []
    for _ in range(_CHANCE_HALVES):
        half = np.isin(table.units, rng.permutation(units)[: units // 2])
        rows = labels[rng.integers(len(labels), size=_CHANCE_ROWS)][:, half]
        template = None if table.template is None else table.template[half]
        within = distances[:, half][:, :, half]
        means.append(silhouettes(within, rows, template=template).mean())
    return float(np.mean(means))
