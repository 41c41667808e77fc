"""The sliced Wasserstein distance against SciPy's, slice by slice."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import wasserstein_distance

from harness.inference.relabel import relabelings
from harness.measures.gram import SimilarityError
from harness.measures.metrics.means import mean_gram
from harness.measures.metrics.wasserstein import sliced_wasserstein, slices_of

Floats = npt.NDArray[np.float64]

EMOTION = np.repeat([0, 1, 2], 6)
TEMPLATE = np.tile(np.arange(6), 3)


def clips(seed: int = 0) -> Floats:
    made = np.random.default_rng(seed).normal(size=(18, 2, 30))
    return np.asarray(made + 5 * made[:6][TEMPLATE], np.float64)


def by_pairs(values: Floats, labels: npt.NDArray[np.integer]) -> float:
    """Of one layer and labelling, by SciPy."""
    return float(
        np.mean(
            [
                wasserstein_distance(line[labels == a], line[labels == b])
                for line in values
                for a, b in combinations(range(3), 2)
            ]
        )
    )


def test_every_relabeling_is_scipys() -> None:
    values = np.random.default_rng(0).normal(size=(2, 3, 18))
    rng = np.random.default_rng(1)
    drawn = relabelings(EMOTION, template=TEMPLATE, count=8, rng=rng)
    found = sliced_wasserstein(values, drawn.labels)
    expected = [[by_pairs(layer, row) for layer in values] for row in drawn.labels]
    np.testing.assert_allclose(found, expected)


def test_prompts_left_out_are_not_moved() -> None:
    values = np.random.default_rng(0).normal(size=(1, 3, 18))
    labels = np.where(TEMPLATE < 4, EMOTION, -1)
    found = sliced_wasserstein(values, labels[None])
    assert found[0, 0] == pytest.approx(by_pairs(values[0], labels))


def test_hand_worked_shift() -> None:
    # Every prompt of the second emotion lies 3 above one of the first.
    values = np.array([[[0.0, 1.0, 5.0, 3.0, 4.0, 8.0]]])
    assert sliced_wasserstein(values, [[0, 0, 0, 1, 1, 1]])[0, 0] == 3.0


def test_names_of_emotions_make_no_difference() -> None:
    values = np.random.default_rng(0).normal(size=(1, 5, 18))
    names = np.array([[0, 1, 2], [2, 0, 1], [1, 0, 2]])
    found = sliced_wasserstein(values, names[:, EMOTION])[:, 0]
    np.testing.assert_allclose(found, found[0], rtol=1e-14)


def test_counts_do_not_run_over() -> None:
    # All of one emotion lie below all of the others: the largest counts there are.
    for prompts, emotions in ((63, 4), (64, 4), (140, 2), (300, 2)):
        labels = np.repeat(np.arange(emotions), prompts)
        values = np.arange(labels.size, dtype=np.float64)
        found = sliced_wasserstein(values[None, None], labels[None])
        pairs = combinations(range(emotions), 2)
        assert found[0, 0] == np.mean([prompts * (b - a) for a, b in pairs])


def test_slices_are_projections_without_templates() -> None:
    activations = clips()
    gram = mean_gram(activations, np.arange(18))
    rng = np.random.default_rng(0)
    values = slices_of(gram, template=TEMPLATE, slices=4000, rng=rng)
    by_template = np.stack([values[:, :, t == TEMPLATE].sum(axis=2) for t in range(6)])
    np.testing.assert_allclose(by_template, 0, atol=1e-9)
    # On random directions of the 12 that are spanned, a 12th of every inner product.
    centred = activations - np.stack(
        [activations[t == TEMPLATE].mean(axis=0) for t in TEMPLATE]
    )
    products = np.einsum("ild,jld->lij", centred, centred)
    found = np.einsum("lsi,lsj->lij", values, values) / 4000 * 12
    np.testing.assert_allclose(found, products, atol=0.1 * products.max())


def test_of_prompts_that_are_all_alike_nothing_is_left() -> None:
    values = slices_of(np.zeros((2, 6, 6)), rng=np.random.default_rng(0))
    assert not sliced_wasserstein(values, [[0, 0, 0, 1, 1, 1]]).any()


def test_emotions_of_different_size_are_refused() -> None:
    with pytest.raises(SimilarityError, match=r"as many prompts each, got \[2, 4\]"):
        sliced_wasserstein(np.zeros((1, 1, 6)), [[0, 0, 1, 1, 1, 1]])
