"""Evidence of clusters: of emotions, of templates, and in UMAP's plane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from rulings_for_tests import p_of, status_of
from tables_for_tests import shuffled, table_of

from harness.design import ClipTable
from harness.evidence import clustering
from harness.evidence.clustering import (
    emotion_cluster_evidence,
    plane_evidence,
    template_cluster_evidence,
)
from harness.measures.similarity import SimilarityError
from harness.verdict import Status

LAYERS, D = 4, 12


def planted(
    strength: float, *, seed: int = 0, template: float = 0.5, matched: bool = True
) -> tuple[npt.NDArray[np.float64], ClipTable]:
    """In layer 1, every emotion has a place of its own; noise has SD 1."""
    table = table_of(10, matched=matched, count=300)
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(table.n_clips, LAYERS, D))
    shared = template * rng.normal(size=(10, LAYERS, D))
    values += shared[np.repeat(np.arange(10), 4)]
    values[:, 1] += strength * np.eye(4, D)[table.emotion]
    return values, table


def test_clusters_are_found_in_the_layer_that_has_them() -> None:
    found = emotion_cluster_evidence(*planted(6.0))
    assert status_of("clusters", found) is Status.SUPPORTED
    assert found.detail["best layer"] == 1
    assert found.interval is not None
    assert found.interval[0] < (found.effect or 0) < found.interval[1]


def test_a_faint_cluster_is_weak_and_not_supported() -> None:
    found = emotion_cluster_evidence(*planted(2.5))
    assert status_of("clusters", found) is Status.WEAK


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "free"])
def test_shuffled_emotions_form_clusters_no_more_often_than_alpha(
    matched: bool,
) -> None:
    low, effects = 0, []
    for seed in range(25):
        values, table = planted(0.0, seed=seed, matched=matched)
        found = emotion_cluster_evidence(values, table)
        low += p_of(found) <= 0.05
        effects.append((found.effect or 0.0) - found.null)
    # Of 25 at .05, 6 or more come by chance in 7 of 1,000 cases.
    assert low < 6
    assert abs(np.mean(effects)) < 0.02


def test_templates_that_cluster_are_told_from_emotions() -> None:
    values, table = planted(0.0, template=4.0)
    found = template_cluster_evidence(values, table)
    assert (found.effect or 0) > 0.5
    assert p_of(found) < 0.01
    assert found.detail["silhouette of emotions, by layer"].max() < 0
    assert p_of(emotion_cluster_evidence(values, shuffled(table, 3))) > 0.01


def test_a_free_bank_has_no_templates_to_cluster_by() -> None:
    found = template_cluster_evidence(*planted(0.0, matched=False))
    assert found.problem is not None
    assert status_of("template_clusters", found) is Status.INVALID


def test_the_plane_is_described_and_never_tested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """UMAP itself is tried in test_clustering: it takes a minute to compile."""
    values, table = planted(9.0)
    asked = []

    def first_two(points: npt.NDArray[np.float64], *, seed: int) -> object:
        asked.append(seed)
        return points[:, :2]

    monkeypatch.setattr(clustering, "plane", first_two)
    found = plane_evidence(values, table)
    assert found.p is None
    assert found.detail["layer"] == 1
    assert found.detail["points"].shape == (40, 2)
    assert asked == [table.relabeling_seed]
    assert status_of("clusters_in_plane", found) is Status.SUPPORTED
    flat = plane_evidence(np.random.default_rng(0).normal(size=values.shape), table)
    assert status_of("clusters_in_plane", flat) is Status.INCONCLUSIVE


def test_nan_and_identical_clips_are_refused() -> None:
    values, table = planted(0.0)
    with pytest.raises(SimilarityError, match="must differ between clips"):
        emotion_cluster_evidence(np.ones_like(values), table)
    values[0, 0, 0] = np.nan
    with pytest.raises(SimilarityError, match="must be finite"):
        emotion_cluster_evidence(values, table)
