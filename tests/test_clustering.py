"""Silhouettes against scikit-learn's, by hand, and the plane of UMAP."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from harness.inference.gaussian import GaussianModel, draw
from harness.measures.clustering import (
    ClusteringError,
    plane,
    prompt_distances,
    silhouettes,
)


def test_without_templates_it_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    found = draw(GaussianModel(prompts=6, signal=0.3, matched=False), rng=rng)
    distances = prompt_distances(found.activations, found.prompt_of_clip)
    labels = np.stack([found.emotion, *(rng.permutation(found.emotion) for _ in "abc")])
    means = np.stack(
        [found.activations[found.prompt_of_clip == k].mean(axis=0) for k in range(24)]
    )
    expected = [
        [silhouette_score(means[:, layer], row) for layer in range(means.shape[1])]
        for row in labels
    ]
    np.testing.assert_allclose(silhouettes(distances, labels), expected, atol=1e-5)


def test_a_group_of_one_has_silhouette_zero_as_in_scikit_learn() -> None:
    points = np.random.default_rng(1).normal(size=(7, 3))
    distances = np.linalg.norm(points[:, None] - points, axis=2)[None]
    labels = np.array([[0, 0, 0, 1, 1, 1, 2]])
    expected = silhouette_score(points, labels[0])
    assert silhouettes(distances, labels)[0, 0] == pytest.approx(expected)


def test_pairs_of_one_template_are_left_out() -> None:
    """Two emotions, two templates, on a line at 0 and 1 (template 0), 4 and 5 (1).

    Left out are 0 to 1 and 4 to 5, so that a = 4, 4, 4, 4 and b = 5, 3, 3, 5.
    """
    line = np.array([0.0, 1.0, 4.0, 5.0])
    distances = np.abs(line[:, None] - line)[None]
    found = silhouettes(distances, [[0, 1, 0, 1]], template=[0, 0, 1, 1])
    assert found[0, 0] == pytest.approx((0.2 - 0.25 - 0.25 + 0.2) / 4)


def test_one_prompt_of_each_emotion_has_no_clusters() -> None:
    distances = np.ones((1, 2, 2))
    with pytest.raises(ClusteringError, match="two prompts of a group"):
        silhouettes(distances, [[0, 1]])
    with pytest.raises(ClusteringError, match="2 groups or more"):
        silhouettes(distances, [[0, 0]])
    with pytest.raises(ClusteringError, match="must have shape"):
        silhouettes(distances, [[0, 0, 1]])


def test_the_plane_is_the_same_again_and_keeps_clusters_apart() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat([0, 1], 15)
    points = rng.normal(size=(30, 20)) + 8.0 * group[:, None]
    first, again = plane(points, seed=5), plane(points, seed=5)
    np.testing.assert_array_equal(first, again)
    assert first.shape == (30, 2)
    assert silhouette_score(first, group) > 0.7


@pytest.mark.parametrize("points", [np.zeros((4, 3)), np.full((9, 3), np.nan)])
def test_too_few_points_or_nan_make_no_plane(points: np.ndarray) -> None:
    with pytest.raises(ClusteringError, match="finite and 5 or more"):
        plane(points, seed=0)
