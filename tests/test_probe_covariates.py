"""What covariates say is taken out in every fold, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import StandardScaler

from harness.inference.gaussian import Draw, GaussianModel, draw
from harness.inference.maxt import max_t
from harness.inference.relabel import relabelings
from harness.measures.probe import ProbeError, pairwise_accuracy, probe_folds
from harness.measures.probe_design import make_design
from harness.measures.probe_fit import held_out_hats
from harness.measures.probe_scores import scores_of

Floats = npt.NDArray[np.float64]


def drawn(seed: int = 0, **model: Any) -> Draw:
    given = {"emotions": 3, "prompts": 10, "seeds": 2, "layers": 2, "dimensions": 12}
    return draw(GaussianModel(**(given | model)), rng=np.random.default_rng(seed))


def scores_with(
    data: Draw, covariates: npt.ArrayLike
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Held-out scores `(layers, clips, emotions)`, and the fold of each clip."""
    fold = probe_folds(data.emotion, template=data.template)
    design = make_design(
        data.activations,
        data.emotion[None],
        fold,
        data.prompt_of_clip,
        0.5,
        covariates,
    )
    hats = held_out_hats(design)
    scores = [scores_of(hat, design.labels, 3)[:, :, 0].T for hat in hats]
    return np.stack(scores), fold[data.prompt_of_clip]


def by_scikit_learn(data: Draw, fold: npt.NDArray[np.intp], columns_of: Any) -> Floats:
    """The same with `LinearRegression` residuals and `Ridge`, fold by fold."""
    targets = np.eye(3)[data.emotion[data.prompt_of_clip]]
    scores = np.empty((2, len(targets), 3))
    for layer in range(2):
        clips = data.activations[:, layer].astype(np.float64)
        for held_out in np.unique(fold):
            test = fold == held_out
            columns = columns_of(~test)
            line = LinearRegression().fit(columns[~test], clips[~test])
            left = clips - line.predict(columns)
            centred = left - left.mean(axis=0)
            penalty = 0.5 * np.mean(np.sum(centred**2, axis=1))
            ridge = Ridge(alpha=penalty).fit(left[~test], targets[~test])
            scores[layer, test] = ridge.predict(left[test])
    return scores


def test_scores_are_those_of_a_ridge_on_scikit_learns_residuals() -> None:
    data = drawn(signal=0.1)
    rng = np.random.default_rng(1)
    covariates = rng.normal(size=(60, 4)) * [1, 100, 1e-3, 5] + [0, 120, 0, -3]
    found, fold = scores_with(data, covariates)
    np.testing.assert_allclose(
        found, by_scikit_learn(data, fold, lambda train: covariates), atol=1e-8
    )
    without, _ = scores_with(data, np.empty((60, 0)))
    assert np.abs(found - without).max() > 0.05


def test_what_is_unmeasured_is_its_mean_and_a_column_of_its_own() -> None:
    data = drawn(1, signal=0.1)
    covariates = np.random.default_rng(2).normal(size=(60, 2)) + 4
    covariates[::7, 0] = np.nan

    def columns_of(train: npt.NDArray[np.bool_]) -> Floats:
        gone = np.isnan(covariates[:, 0])
        filled = np.where(gone, covariates[train & ~gone, 0].mean(), covariates[:, 0])
        return np.column_stack([filled, covariates[:, 1], gone])

    found, fold = scores_with(data, covariates)
    np.testing.assert_allclose(
        found, by_scikit_learn(data, fold, columns_of), atol=1e-8
    )


def test_of_many_columns_the_leading_components_of_the_training_clips_go() -> None:
    data = drawn(2, signal=0.1)
    covariates = np.random.default_rng(3).normal(size=(60, 40)) @ np.diag(
        0.9 ** np.arange(40)
    )

    def columns_of(train: npt.NDArray[np.bool_]) -> Floats:
        scaled = StandardScaler().fit(covariates[train]).transform(covariates)
        pca = PCA(n_components=6).fit(scaled[train])  # a quarter of 24 prompts
        return np.asarray(pca.transform(scaled), np.float64)

    found, fold = scores_with(data, covariates)
    np.testing.assert_allclose(
        found, by_scikit_learn(data, fold, columns_of), atol=1e-8
    )


@pytest.mark.parametrize("kind", ["none", "constant", "all unmeasured"])
def test_covariates_that_say_nothing_change_nothing(kind: str) -> None:
    data = drawn(3, signal=0.1)
    width = 0 if kind == "none" else 2
    value = np.nan if kind == "all unmeasured" else 7.5
    found, fold = scores_with(data, np.full((60, width), value))
    nothing = np.zeros((60, 1))
    expected = by_scikit_learn(data, fold, lambda train: nothing)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def p_of(data: Draw, clips: Floats, covariates: Floats | None) -> float:
    rows = relabelings(
        data.emotion,
        template=data.template,
        count=200,
        rng=np.random.default_rng(0),
    )
    accuracies = pairwise_accuracy(
        clips,
        rows.labels,
        fold_of_prompt=probe_folds(data.emotion, template=data.template),
        prompt_of_clip=data.prompt_of_clip,
        covariates=covariates,
    )
    return max_t(accuracies, exact=rows.exact).p_any


def test_what_is_loudness_only_vanishes_and_what_is_more_stays() -> None:
    rng = np.random.default_rng(4)
    data = drawn(4, dimensions=48, signal=0.0)
    emotion = data.emotion[data.prompt_of_clip]
    loudness = 1.0 * emotion + rng.normal(0, 0.3, emotion.size)
    direction = rng.normal(size=48)
    through_loudness = data.activations + 0.3 * loudness[:, None, None] * direction
    more = through_loudness + 0.3 * rng.normal(size=(3, 1, 48))[emotion]
    columns = loudness[:, None]
    assert p_of(data, through_loudness, None) == 1 / 200
    assert p_of(data, through_loudness, columns) > 0.05
    assert p_of(data, more, columns) == 1 / 200


def test_nothing_is_found_more_often_than_it_should_be_once_regressed_out() -> None:
    rng = np.random.default_rng(5)
    found = 0
    for seed in range(60):
        data = drawn(seed, seeds=1, dimensions=24, signal=0.0)
        emotion = data.emotion[data.prompt_of_clip]
        loudness = emotion + rng.normal(0, 0.5, emotion.size)
        clips = data.activations + 0.2 * loudness[:, None, None] * rng.normal(size=24)
        found += p_of(data, clips, loudness[:, None]) <= 0.1
    assert found <= 13  # of 60 at .1: more has a probability of 1 in 300


def test_covariates_of_other_clips_are_refused() -> None:
    data = drawn()
    for covariates in (np.zeros((59, 2)), np.zeros(60), np.full((60, 1), np.inf)):
        with pytest.raises(ProbeError, match=r"`covariates` must have shape \(60, co"):
            scores_with(data, covariates)
