"""Metrics between emotions against rsatoolbox, hyppo, scikit-learn and hand formulas.

Conventions
-----------
As in `harness.measures.metrics`; the designs have 6 matched prompts of 3 emotions, or 8
of 2 where a published estimator is for two samples.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import rbf_kernel
from statsmodels.multivariate.cancorr import CanCorr

from harness.inference.relabel import relabelings
from harness.measures.gram import SimilarityError
from harness.measures.metrics.cca import canonical_correlations, cca_pairs
from harness.measures.metrics.crossnobis import crossnobis_pairs
from harness.measures.metrics.dependence import (
    cka_pairs,
    distance_correlation_pairs,
    u_centred,
)
from harness.measures.metrics.documented import documented_cka, documented_norm
from harness.measures.metrics.euclidean import euclidean_pairs
from harness.measures.metrics.means import mean_gram, projection, squared_distances
from harness.measures.metrics.mmd import mmd_pairs
from harness.measures.similarity import compared_pairs, emotion_signal, emotion_signals

# rsatoolbox averages the numbers of its folds, which have no mean.
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")

Floats = npt.NDArray[np.float64]

EMOTION = np.repeat([0, 1, 2], 6)
TEMPLATE = np.tile(np.arange(6), 3)


def clips(seed: int = 0, *, dimensions: int = 12, layers: int = 2) -> Floats:
    """One clip of each prompt, about a large common vector."""
    rng = np.random.default_rng(seed)
    scale = np.linspace(0.2, 2, dimensions)
    made = 20 + scale * rng.normal(size=(EMOTION.size, layers, dimensions))
    made += rng.normal(size=(6, layers, dimensions))[TEMPLATE]
    made += 0.5 * rng.normal(size=(3, layers, dimensions))[EMOTION]
    return np.asarray(made, np.float64)


def gram_of(activations: Floats) -> Floats:
    return mean_gram(activations, np.arange(len(activations)))


# --- prompt means -------------------------------------------------------------------


def test_inner_products_are_those_of_prompt_means_about_their_mean() -> None:
    activations = clips()
    prompt = np.array([0, 0, 0, 1, 1, 2] * 3)
    means = np.stack([activations[prompt == k].mean(axis=0) for k in range(3)])
    centred = (means - means.mean(axis=0)).transpose(1, 0, 2)
    expected = centred @ centred.transpose(0, 2, 1)
    np.testing.assert_allclose(mean_gram(activations, prompt), expected, atol=1e-9)


def test_squared_distances_are_those_of_scipy() -> None:
    activations = clips()
    found = squared_distances(gram_of(activations))
    expected = cdist(activations[:, 1], activations[:, 1], "sqeuclidean")
    np.testing.assert_allclose(found[1], expected, atol=1e-9)


def test_what_is_not_finite_is_refused() -> None:
    activations = clips()
    activations[3, 1, 2] = np.nan
    with pytest.raises(SimilarityError, match=r"finite, got NaN .* clips \[3\]"):
        gram_of(activations)


# --- distances ----------------------------------------------------------------------


def rsatoolbox_distances(vectors: Floats, noise: Floats | None) -> Floats:
    data = pytest.importorskip("rsatoolbox.data")
    rdm = pytest.importorskip("rsatoolbox.rdm")
    descriptors = {"emotion": EMOTION, "template": [f"t{k}" for k in TEMPLATE]}
    found: Floats = rdm.calc_rdm(
        data.Dataset(vectors, obs_descriptors=descriptors),
        method="crossnobis",
        descriptor="emotion",
        cv_descriptor="template",
        noise=noise,
    ).dissimilarities[0]
    return found


def test_euclidean_distance_is_rsatoolboxs_without_noise() -> None:
    activations = clips()
    found = emotion_signal(
        euclidean_pairs(gram_of(activations)), EMOTION, template=TEMPLATE
    )
    for layer in range(2):
        theirs = rsatoolbox_distances(activations[:, layer], None).mean()
        assert found[layer] == pytest.approx(12 * theirs)


@pytest.mark.parametrize("dimensions", [5, 12, 40])
def test_crossnobis_is_rsatoolboxs(dimensions: int) -> None:
    noise = pytest.importorskip("rsatoolbox.data.noise")
    activations = clips(dimensions=dimensions)
    pairs = crossnobis_pairs(activations, np.arange(18), template=TEMPLATE)
    found = emotion_signal(pairs, EMOTION, template=TEMPLATE)
    for layer in range(2):
        vectors = activations[:, layer]
        residuals = projection(18, TEMPLATE) @ vectors
        precision = noise.prec_from_residuals(residuals, 12, "shrinkage_diag")
        theirs = rsatoolbox_distances(vectors, precision).mean()
        assert found[layer] == pytest.approx(theirs)


def test_crossnobis_does_not_care_for_the_scale_of_a_dimension() -> None:
    activations = clips()
    scaled = activations * np.linspace(0.01, 100, 12)
    found = [
        crossnobis_pairs(a, np.arange(18), template=TEMPLATE)
        for a in (activations, scaled)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_crossnobis_finds_a_difference_in_a_quiet_dimension() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(18, 1, 6)) * [10, 10, 10, 10, 0.1, 0.1]
    vectors[:, 0, 4] += 0.3 * EMOTION
    drawn = relabelings(EMOTION, template=TEMPLATE, count=500, rng=rng)
    p = {}
    for name, pairs in {
        "Euclidean": euclidean_pairs(gram_of(vectors)),
        "crossnobis": crossnobis_pairs(vectors, np.arange(18), template=TEMPLATE),
    }.items():
        signals = emotion_signals(pairs, drawn.labels, template=TEMPLATE)[:, 0]
        p[name] = np.mean(signals >= signals[0])
    assert p["crossnobis"] < 0.02
    assert p["Euclidean"] > 0.05


def test_too_few_prompts_for_noise_are_refused() -> None:
    with pytest.raises(SimilarityError, match=r"2 free dimensions or more .* got 1"):
        crossnobis_pairs(clips()[:2], [0, 1])


# --- MMD ----------------------------------------------------------------------------


def gretton(first: Floats, second: Floats, gamma: float, *, paired: bool) -> float:
    """Unbiased MMD^2: equation 3 of Gretton et al., or 4 where prompts are paired."""
    m = len(first)
    off = ~np.eye(m, dtype=np.bool_)
    own = [rbf_kernel(x, gamma=gamma)[off].mean() for x in (first, second)]
    cross = rbf_kernel(first, second, gamma=gamma)
    return float(sum(own) - 2 * (cross[off] if paired else cross).mean())


@pytest.mark.parametrize("paired", [True, False])
def test_mmd_is_grettons(paired: bool) -> None:
    activations = clips(layers=1)
    vectors = activations[:, 0]
    distances = cdist(vectors, vectors)[np.triu_indices(18, k=1)]
    gamma = 1 / (2 * np.median(distances**2))
    groups = [vectors[e == EMOTION] for e in range(3)]
    expected = np.mean(
        [gretton(a, b, gamma, paired=paired) for a, b in combinations(groups, 2)]
    )
    found = emotion_signal(
        mmd_pairs(gram_of(activations)),
        EMOTION,
        template=TEMPLATE if paired else None,
    )
    assert found[0] == pytest.approx(expected)


# --- dependence ---------------------------------------------------------------------


def hsic_1(kernel: Floats, labels: Floats) -> float:
    """HSIC_1 of Song et al. (2012), as it stands there."""
    n = len(kernel)
    k, s = (m - np.diag(np.diag(m)) for m in (kernel, labels))
    one = np.ones(n)
    value = (
        np.trace(k @ s)
        + (one @ k @ one) * (one @ s @ one) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (one @ k @ s @ one)
    )
    return float(value / (n * (n - 3)))


def test_cka_is_that_of_song() -> None:
    activations = clips()
    gram = gram_of(activations)
    labels = (EMOTION[:, None] == EMOTION).astype(np.float64)
    found = emotion_signal(cka_pairs(gram, EMOTION), EMOTION)
    for layer in range(2):
        kernel = activations[:, layer] @ activations[:, layer].T  # not even centred
        expected = hsic_1(kernel, labels) / np.sqrt(
            hsic_1(kernel, kernel) * hsic_1(labels, labels)
        )
        assert found[layer] == pytest.approx(expected)


def test_distance_correlation_is_hyppos(monkeypatch: pytest.MonkeyPatch) -> None:
    # Compiling all of hyppo takes minutes; it is right without.
    monkeypatch.setattr(pytest.importorskip("numba").config, "DISABLE_JIT", True)
    independence = pytest.importorskip("hyppo.independence")
    activations = clips()
    found = emotion_signal(
        distance_correlation_pairs(gram_of(activations), EMOTION), EMOTION
    )
    labels = np.eye(3)[EMOTION]
    for layer in range(2):
        theirs = independence.Dcorr().statistic(activations[:, layer], labels)
        assert found[layer] == pytest.approx(float(theirs))


def test_centring_leaves_nothing_to_rows_and_columns() -> None:
    compared = compared_pairs(18, TEMPLATE)
    centred = u_centred(gram_of(clips()), compared)
    np.testing.assert_allclose(centred.sum(axis=2), 0, atol=1e-9)
    assert not centred[:, ~compared].any()
    added = np.random.default_rng(0).normal(size=18)
    again = u_centred(centred + added[:, None] + added, compared)
    np.testing.assert_allclose(again, centred, atol=1e-9)


def test_templates_are_no_dependence() -> None:
    # Prompts that are their template and nothing else: a plain CKA sees that pairs of
    # one template, which are alike, are never of one emotion.
    rng = np.random.default_rng(1)
    vectors = 10 * rng.normal(size=(6, 1, 12))[TEMPLATE]
    gram = gram_of(vectors + 0.01 * rng.normal(size=(18, 1, 12)))
    matched = emotion_signal(
        cka_pairs(gram, EMOTION, template=TEMPLATE), EMOTION, template=TEMPLATE
    )
    naive = emotion_signal(cka_pairs(gram, EMOTION), EMOTION)
    assert abs(matched[0]) < 1e-3
    assert naive[0] < -0.1


def test_correlations_are_one_where_the_emotion_is_all_there_is() -> None:
    vectors = np.eye(3)[EMOTION][:, None]
    gram = gram_of(vectors)
    for pairs in (
        cka_pairs(gram, EMOTION, template=TEMPLATE),
        distance_correlation_pairs(gram, EMOTION, template=TEMPLATE),
    ):
        found = emotion_signal(pairs, EMOTION, template=TEMPLATE)
        assert found[0] == pytest.approx(1.0)


# --- CCA ----------------------------------------------------------------------------


def test_canonical_correlations_are_those_of_statsmodels() -> None:
    activations = clips(dimensions=40, layers=1)
    vectors = activations[:, 0] - activations[:, 0].mean(axis=0)
    scores = np.linalg.svd(vectors, full_matrices=False)[0][:, :5]
    indicators = np.eye(3)[EMOTION][:, :2]
    expected = CanCorr(indicators - indicators.mean(axis=0), scores).cancorr
    found = canonical_correlations(gram_of(activations), EMOTION)
    np.testing.assert_allclose(found[0], expected)


def test_relabelings_are_ordered_as_by_canonical_correlations() -> None:
    gram = gram_of(clips(dimensions=40, layers=1))
    drawn = relabelings(
        EMOTION, template=TEMPLATE, count=30, rng=np.random.default_rng(0)
    )
    signals = emotion_signals(
        cca_pairs(gram, template=TEMPLATE), drawn.labels, template=TEMPLATE
    )[:, 0]
    squares = [
        np.mean(canonical_correlations(gram, row, template=TEMPLATE) ** 2)
        for row in drawn.labels
    ]
    assert np.corrcoef(signals, squares)[0, 1] == pytest.approx(1.0)


def test_as_many_components_as_dimensions_are_refused() -> None:
    with pytest.raises(SimilarityError, match=r"10 free dimensions .* got 7"):
        cca_pairs(gram_of(clips()[:8]))


# --- all of them --------------------------------------------------------------------

METRICS: dict[str, Callable[[Floats], Floats]] = {
    "Euclidean": euclidean_pairs,
    "CKA": lambda g: cka_pairs(g, EMOTION, template=TEMPLATE),
    "CCA": lambda g: cca_pairs(g, template=TEMPLATE),
    "MMD": mmd_pairs,
    "distance correlation": lambda g: distance_correlation_pairs(
        g, EMOTION, template=TEMPLATE
    ),
}


@pytest.mark.parametrize("name", METRICS)
def test_a_layer_without_differences_says_nothing(name: str) -> None:
    activations = clips()
    activations[:, 0] = 7.25
    drawn = relabelings(
        EMOTION, template=TEMPLATE, count=20, rng=np.random.default_rng(0)
    )
    pairs = METRICS[name](gram_of(activations))
    signals = emotion_signals(pairs, drawn.labels, template=TEMPLATE)
    assert np.ptp(signals[:, 0]) == pytest.approx(0.0, abs=1e-12)
    assert np.ptp(signals[:, 1]) > 1e-6


def test_a_layer_without_differences_has_no_crossnobis() -> None:
    activations = clips()
    activations[:, 0] = 7.25
    pairs = crossnobis_pairs(activations, np.arange(18), template=TEMPLATE)
    assert not pairs[0].any()
    assert pairs[1].any()


def test_linear_cka_and_euclidean_distance_are_one_test() -> None:
    gram = gram_of(clips())
    drawn = relabelings(
        EMOTION, template=TEMPLATE, count=50, rng=np.random.default_rng(0)
    )
    signals = [
        emotion_signals(METRICS[name](gram), drawn.labels, template=TEMPLATE)
        for name in ("Euclidean", "CKA")
    ]
    for layer in range(2):
        both = np.stack([signal[:, layer] for signal in signals])
        assert np.asarray(np.corrcoef(both))[0, 1] == pytest.approx(1.0)


# --- as the documents have it -------------------------------------------------------


def test_documented_norm_by_hand() -> None:
    activations = np.array([[[0.0, 0.0]], [[2.0, 0.0]], [[4.0, 4.0]], [[4.0, 4.0]]])
    found = documented_norm(activations, [0, 0, 1, 1])
    assert found[0] == pytest.approx(5.0)  # from (1, 0) to (4, 4)


def test_documented_cka_is_large_with_nothing_but_noise() -> None:
    # More dimensions than clips, and none of them has to do with any other.
    noise = np.random.default_rng(0).normal(size=(20, 1, 2000))
    emotion = np.repeat([0, 1], 10)
    found = documented_cka(noise, emotion)[0]
    assert found > 0.9
    # Kornblith et al. (2019), equation 3 by features instead of clips.
    first, second = (noise[emotion == e, 0] for e in (0, 1))
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    cross = np.linalg.norm(second.T @ first) ** 2
    norms = np.linalg.norm(first.T @ first) * np.linalg.norm(second.T @ second)
    assert found == pytest.approx(cross / norms)
