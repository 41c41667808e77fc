"""Levels and their spread, against hand-worked cases, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS

from harness.measures.temporal import (
    TemporalError,
    explained_shares,
    f_ratio,
    log_levels,
    log_shares,
)

Floats = npt.NDArray[np.float64]
EMOTION = np.repeat([0, 1, 2], 5)
TEMPLATE = np.tile(np.arange(5), 3)


def values(seed: int = 0) -> Floats:
    """Fifteen prompts, four columns; emotions and templates differ."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(15, 4)) + rng.normal(size=(3, 4))[EMOTION]
    return np.asarray(found + 3 * rng.normal(size=(5, 4))[TEMPLATE])


# --- levels -------------------------------------------------------------------------


def test_a_level_is_the_logarithm_of_the_mean_over_dimensions() -> None:
    found = log_levels([[[1.0, 3.0], [4.0, 4.0]], [[2.0, 0.0], [1.0, 15.0]]])
    np.testing.assert_allclose(found, np.log([[2.0, 4.0], [1.0, 8.0]]))


def test_hand_worked_shares() -> None:
    # Of 1, 2 and 4 the geometric mean is 2.
    found = log_shares([[[1.0, 2.0, 4.0]], [[5.0, 10.0, 20.0]]])
    np.testing.assert_allclose(found, np.log([[[0.5, 1, 2]]] * 2), atol=1e-12)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_activations_that_stand_still_have_no_level(value: float) -> None:
    variances = np.ones((3, 2, 4))
    variances[1, 0] = value
    with pytest.raises(TemporalError, match=r"in layer 0 of clip 1: .* stand still"):
        log_levels(variances)
    with pytest.raises(TemporalError, match="in layer 0 of clip 1"):
        log_shares(variances)


def test_levels_of_another_shape_are_refused() -> None:
    with pytest.raises(TemporalError, match=r"got \(3, 2\)"):
        log_levels(np.ones((3, 2)))
    with pytest.raises(TemporalError, match="2 bands or more, got 1"):
        log_shares(np.ones((3, 2, 1)))


# --- spread -------------------------------------------------------------------------


def test_hand_worked_ratio() -> None:
    # Means 2 and 6 about 4; between: 4 * 4 = 16 on 1; within: 4 * 1 = 4 on 2.
    share = explained_shares([[1.0], [3.0], [5.0], [7.0]], [[0, 0, 1, 1]])
    assert share[0, 0] == pytest.approx(16 / 20)
    assert f_ratio(share, emotions=2, prompts=4)[0, 0] == pytest.approx(8.0)


def test_without_templates_it_is_the_one_way_f_of_scipy() -> None:
    data = values()
    ratio = f_ratio(explained_shares(data, EMOTION[None]), emotions=3, prompts=15)
    expected = stats.f_oneway(*data.reshape(3, 5, 4))
    np.testing.assert_allclose(ratio[0], expected.statistic)


def test_with_templates_it_is_the_f_of_blocks_of_statsmodels() -> None:
    data = values(1)
    share = explained_shares(data, EMOTION[None], template=TEMPLATE)
    ratio = f_ratio(share, emotions=3, prompts=15, templates=5)[0]
    blocks = np.eye(5)[TEMPLATE]
    both = np.column_stack([blocks, np.eye(3)[EMOTION][:, 1:]])
    for column in range(4):
        full, small = (OLS(data[:, column], x).fit() for x in (both, blocks))
        assert ratio[column] == pytest.approx(full.compare_f_test(small)[0])


def test_relabelings_are_rows() -> None:
    data, rng = values(2), np.random.default_rng(3)
    labels = np.stack([EMOTION, *(rng.permutation(EMOTION) for _ in range(4))])
    together = explained_shares(data, labels)
    for row, shares in zip(labels, together, strict=True):
        np.testing.assert_allclose(explained_shares(data, row[None])[0], shares)


def test_a_template_moves_nothing_and_neither_does_a_constant() -> None:
    data = values(4)
    moved = data + 50 + np.arange(5)[TEMPLATE, None] ** 2
    labels = EMOTION[None]
    np.testing.assert_allclose(
        explained_shares(moved, labels, template=TEMPLATE),
        explained_shares(data, labels, template=TEMPLATE),
    )


def test_a_column_that_does_not_vary_but_for_rounding_explains_nothing() -> None:
    data = np.full((15, 2), 0.1)
    data[:, 1] += 1e-9 * values()[:, 0]
    assert (explained_shares(data, EMOTION[None]) == 0.0).all()


def test_where_prompts_do_not_differ_the_ratio_is_large_and_finite() -> None:
    share = explained_shares(EMOTION[:, None].astype(float), EMOTION[None])
    ratio = f_ratio(share, emotions=3, prompts=15)
    assert 1e9 < ratio[0, 0] < np.inf


def test_the_ratio_is_about_one_where_labels_mean_nothing() -> None:
    rng = np.random.default_rng(5)
    data = rng.normal(size=(15, 4_000))
    ratio = f_ratio(explained_shares(data, EMOTION[None]), emotions=3, prompts=15)
    assert ratio.mean() == pytest.approx(stats.f.mean(2, 12), abs=0.06)
    assert np.mean(ratio > stats.f.isf(0.05, 2, 12)) == pytest.approx(0.05, abs=0.012)


def test_what_has_no_spread_between_prompts_is_refused() -> None:
    with pytest.raises(TemporalError, match="got 2 emotions and 2 prompts"):
        f_ratio(0.5, emotions=2, prompts=2)
    with pytest.raises(TemporalError, match="4 prompts in 1 templates"):
        f_ratio(0.5, emotions=4, prompts=4, templates=1)
    bad = values()
    bad[3, 1] = np.nan
    with pytest.raises(TemporalError, match="nan for prompt 3 in column 1"):
        explained_shares(bad, EMOTION[None])
    with pytest.raises(TemporalError, match="must have shape"):
        explained_shares(values(), EMOTION)
    with pytest.raises(TemporalError, match=r"`template` must have shape \(15,\)"):
        explained_shares(values(), EMOTION[None], template=[0])
