"""The linear probe: scikit-learn's, on held-out templates, refitted exactly."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import balanced_accuracy_score, confusion_matrix
from sklearn.model_selection import StratifiedKFold

from harness.inference.gaussian import Draw, GaussianModel, draw
from harness.inference.jackknife import jackknife_interval
from harness.inference.maxt import max_t
from harness.inference.relabel import relabelings
from harness.measures.probe import (
    ProbeError,
    confusion,
    multiclass_accuracy,
    pairwise_accuracy,
    probe_folds,
    selectivity,
)
from harness.measures.probe_design import make_design
from harness.measures.probe_documented import documented_accuracy
from harness.measures.probe_fit import held_out_hats
from harness.measures.probe_nested import nested_accuracy
from harness.measures.probe_scores import scores_of

Floats = npt.NDArray[np.float64]


def _data(seed: int = 0, **model: Any) -> Draw:
    return draw(GaussianModel(**model), rng=np.random.default_rng(seed))


def _mean_square(layer: Floats) -> float:
    """Mean square norm of centred rows: what the penalty is measured in."""
    return float(np.mean(np.sum((layer - layer.mean(axis=0)) ** 2, axis=1)))


def _sklearn_scores(
    layer: Floats,
    emotion: npt.NDArray[Any],
    fold: npt.NDArray[Any],
    alpha: float,
    scale: float | None = None,
) -> Floats:
    """Held-out scores of scikit-learn's ridge on one-hot targets, (rows, emotions)."""
    scores = np.empty((len(layer), int(emotion.max()) + 1))
    penalty = alpha * (_mean_square(layer) if scale is None else scale)
    for held_out in np.unique(fold):
        test = fold == held_out
        targets = np.eye(scores.shape[1])[emotion[~test]]
        fitted = Ridge(alpha=penalty).fit(layer[~test], targets)
        scores[test] = fitted.predict(layer[test])
    return scores


@pytest.mark.parametrize("alpha", [0.1, 1.0, 20.0])
def test_two_class_scores_are_the_decision_function_of_ridge_classifier(
    alpha: float,
) -> None:
    data = _data(emotions=2, seeds=1, signal=0.1)
    fold = probe_folds(data.emotion, template=data.template)
    design = make_design(data.activations, data.emotion[None], fold, None, alpha)
    for layer, hat in enumerate(held_out_hats(design)):
        scores = scores_of(hat, design.labels, 2)[:, :, 0]
        clips = data.activations[:, layer].astype(np.float64)
        for held_out in np.unique(fold):
            test = fold == held_out
            classifier = RidgeClassifier(alpha=alpha * _mean_square(clips))
            classifier.fit(clips[~test], data.emotion[~test])
            assert scores[1, test] - scores[0, test] == pytest.approx(
                classifier.decision_function(clips[test]), abs=1e-6
            )


def test_scores_of_unequal_emotions_are_those_of_ridge_with_an_intercept() -> None:
    rng = np.random.default_rng(1)
    clips = rng.normal(size=(16, 1, 6)) + 3.0
    emotion = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2])
    fold = np.arange(16) % 3
    design = make_design(clips, emotion[None], fold, None, 0.3)
    (hat,) = held_out_hats(design)
    scores = scores_of(hat, design.labels, 3)[:, :, 0].T
    assert scores == pytest.approx(_sklearn_scores(clips[:, 0], emotion, fold, 0.3))


def test_accuracies_under_relabelings_equal_refits_with_scikit_learn() -> None:
    data = _data(3, emotions=3, seeds=2, layers=2, dimensions=20, signal=0.1)
    fold = probe_folds(data.emotion, template=data.template, folds=3)
    labels = relabelings(
        data.emotion, template=data.template, count=6, rng=np.random.default_rng(0)
    ).labels
    given: dict[str, Any] = {
        "fold_of_prompt": fold,
        "prompt_of_clip": data.prompt_of_clip,
        "alpha": 0.5,
    }
    pairwise = pairwise_accuracy(data.activations, labels, **given)
    multiclass = multiclass_accuracy(data.activations, labels, **given)
    for row in range(6):
        emotion = labels[row][data.prompt_of_clip].astype(int)
        for layer in range(2):
            scores = _sklearn_scores(
                data.activations[:, layer].astype(np.float64),
                emotion,
                fold[data.prompt_of_clip],
                0.5,
            )
            pairs = []
            for a, b in combinations(range(3), 2):
                members = np.isin(emotion, (a, b))
                guess = np.where(scores[members, a] > scores[members, b], a, b)
                pairs.append(balanced_accuracy_score(emotion[members], guess))
            assert pairwise[row, layer] == pytest.approx(np.mean(pairs))
            assert multiclass[row, layer] == pytest.approx(
                balanced_accuracy_score(emotion, scores.argmax(axis=1))
            )


def test_confusion_equals_scikit_learns() -> None:
    data = _data(4, layers=2, signal=0.2)
    fold = probe_folds(data.emotion, template=data.template)
    given: dict[str, Any] = {
        "fold_of_prompt": fold,
        "prompt_of_clip": data.prompt_of_clip,
    }
    matrices = confusion(data.activations, data.emotion, **given)
    emotion = data.emotion[data.prompt_of_clip]
    for layer in range(2):
        scores = _sklearn_scores(
            data.activations[:, layer].astype(np.float64),
            emotion,
            fold[data.prompt_of_clip],
            1.0,
        )
        expected = confusion_matrix(emotion, scores.argmax(axis=1), normalize="true")
        assert matrices[layer] == pytest.approx(expected)
    accuracy = multiclass_accuracy(data.activations, data.emotion[None], **given)
    assert np.trace(matrices, axis1=1, axis2=2) / 4 == pytest.approx(accuracy[0])


def test_chunks_change_no_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _data(1, layers=2)
    fold = probe_folds(data.emotion, template=data.template)
    labels = relabelings(
        data.emotion, template=data.template, count=20, rng=np.random.default_rng(0)
    ).labels
    clips = data.activations[::2]
    whole = pairwise_accuracy(clips, labels, fold_of_prompt=fold)
    monkeypatch.setattr("harness.measures.probe._CHUNK_BYTES", 8 * 20 * 4 * 3)
    assert (pairwise_accuracy(clips, labels, fold_of_prompt=fold) == whole).all()


def test_a_common_vector_and_scale_change_no_accuracy() -> None:
    data = _data(2)
    fold = probe_folds(data.emotion, template=data.template)
    clips = data.activations[::2].astype(np.float64)
    labels = data.emotion[None]
    assert (
        pairwise_accuracy(clips * 7 + 3, labels, fold_of_prompt=fold)
        == pairwise_accuracy(clips, labels, fold_of_prompt=fold)
    ).all()


def test_a_layer_without_variance_reads_chance_exactly() -> None:
    data = _data(2)
    clips = data.activations[::2].copy()
    clips[:, 3] = 0.1
    fold = probe_folds(data.emotion, template=data.template)
    labels = data.emotion[None]
    assert pairwise_accuracy(clips, labels, fold_of_prompt=fold)[0, 3] == 0.5
    assert multiclass_accuracy(clips, labels, fold_of_prompt=fold)[0, 3] == 0.25
    matrix = confusion(clips, data.emotion, fold_of_prompt=fold)[3]
    assert matrix == pytest.approx(np.full((4, 4), 0.25))


def test_a_direction_that_says_it_all_is_read_perfectly() -> None:
    data = _data(5)
    clips = data.activations.astype(np.float64)
    clips[:, 2, :4] += 20 * np.eye(4)[data.emotion[data.prompt_of_clip]]
    given: dict[str, Any] = {
        "fold_of_prompt": probe_folds(data.emotion, template=data.template),
        "prompt_of_clip": data.prompt_of_clip,
    }
    assert pairwise_accuracy(clips, data.emotion[None], **given)[0, 2] == 1.0
    nested = nested_accuracy(clips, data.emotion, template=data.template, **given)
    assert nested.accuracy == 1.0
    assert nested.layer_of_fold == (2,) * 5
    assert nested.unit_accuracy.tolist() == [1.0] * 5


def test_whole_templates_share_a_fold_and_free_folds_are_balanced() -> None:
    emotion, template = np.repeat(np.arange(4), 12), np.tile(np.arange(12), 4)
    fold = probe_folds(emotion, template=template)
    assert fold.max() == 4
    for number in range(12):
        assert np.unique(fold[template == number]).size == 1
    shuffled = np.random.default_rng(0).permutation(emotion)
    free = probe_folds(shuffled)
    table = np.array([np.bincount(free[shuffled == e]) for e in range(4)])
    assert (table == table[0]).all()


def test_there_are_never_more_folds_than_templates() -> None:
    emotion, template = np.repeat([0, 1], 3), np.tile([7, 8, 9], 2)
    assert np.unique(probe_folds(emotion, template=template)).tolist() == [0, 1, 2]
    with pytest.raises(ProbeError, match="`folds` must be at least 2"):
        probe_folds([0, 1], template=[3, 3])


def test_the_nested_accuracy_is_refitted_by_scikit_learn() -> None:
    data = _data(6, emotions=2, seeds=1, layers=3, signal=0.1)
    fold = probe_folds(data.emotion, template=data.template)
    clips = data.activations.astype(np.float64)
    nested = nested_accuracy(
        clips, data.emotion, fold_of_prompt=fold, template=data.template
    )
    correct = np.empty(10)
    for outer in range(5):
        inside = fold != outer
        inner = []
        for layer in range(3):
            scores = _sklearn_scores(
                clips[inside, layer],
                data.emotion[inside],
                fold[inside],
                1.0,
                _mean_square(clips[:, layer]),
            )
            guess = scores.argmax(axis=1)
            inner.append(balanced_accuracy_score(data.emotion[inside], guess))
        best = int(np.argmax(inner))
        assert nested.layer_of_fold[outer] == best
        scores = _sklearn_scores(clips[:, best], data.emotion, fold, 1.0)
        correct[~inside] = (scores.argmax(axis=1) == data.emotion)[~inside]
    assert nested.accuracy == pytest.approx(correct.mean())
    assert nested.unit_accuracy == pytest.approx(correct.reshape(2, 5).mean(axis=0))


def test_leaving_a_template_out_is_fitting_without_it() -> None:
    data = _data(7, seeds=1, layers=1, signal=0.1)
    assert data.template is not None
    fold = probe_folds(data.emotion, template=data.template, folds=4)
    nested = nested_accuracy(
        data.activations, data.emotion, fold_of_prompt=fold, template=data.template
    )
    kept = data.template != 3
    layer = data.activations[:, 0].astype(np.float64)
    without = pairwise_accuracy(
        data.activations[kept],
        data.emotion[kept][None],
        fold_of_prompt=fold[kept],
        alpha=_mean_square(layer) / _mean_square(layer[kept]),  # the same penalty
    )
    assert nested.left_out_accuracy[3] == pytest.approx(without[0, 0])


def test_the_best_layer_of_a_null_model_is_at_chance_when_chosen_elsewhere() -> None:
    rng = np.random.default_rng(8)
    nested, naive, covered = [], [], 0
    for _ in range(40):
        data = draw(GaussianModel(layer_correlation=0.5, layers=4), rng=rng)
        given: dict[str, Any] = {
            "fold_of_prompt": probe_folds(data.emotion, template=data.template),
            "prompt_of_clip": data.prompt_of_clip,
        }
        result = nested_accuracy(
            data.activations, data.emotion, template=data.template, **given
        )
        interval = jackknife_interval(result.accuracy, result.left_out_accuracy)
        covered += interval.low <= 0.5 <= interval.high
        nested.append(result.accuracy)
        naive.append(pairwise_accuracy(data.activations, data.emotion[None], **given))
    error = np.std(nested) / np.sqrt(40)
    assert abs(np.mean(nested) - 0.5) < 3.5 * error
    assert np.mean(np.max(naive, axis=2)) > 0.5 + 3.5 * error
    assert covered >= 34


def test_selectivity_is_what_control_tasks_do_not_reach() -> None:
    accuracies = np.array([[0.8, 0.6], [0.5, 0.4], [0.4, 0.6]])
    assert selectivity(accuracies) == pytest.approx([0.35, 0.1])
    with pytest.raises(ProbeError, match="2 rows or more"):
        selectivity(accuracies[:1])


def test_the_documented_accuracy_is_stratified_logistic_regression() -> None:
    data = _data(9, emotions=3, seeds=2, layers=2, dimensions=8)
    emotion = data.emotion[data.prompt_of_clip]
    pairs = []
    for pair in combinations(range(3), 2):
        rows = np.isin(emotion, pair)
        x, y = data.activations[rows, 1], emotion[rows]
        scores = []
        for train, test in StratifiedKFold(5).split(x, y):
            model = LogisticRegression().fit(x[train], y[train])
            scores.append(model.score(x[test], y[test]))
        pairs.append(np.mean(scores))
    result = documented_accuracy(data.activations, emotion, layers=[1])
    assert result == pytest.approx([np.mean(pairs)])


def test_the_documented_accuracy_takes_prompts_for_emotions() -> None:
    model = GaussianModel(emotions=2, seeds=4, layers=1, matched=False, icc=0.5)
    documented, honest = [], []
    for seed in range(12):
        data = draw(model, rng=np.random.default_rng(seed))
        emotion = data.emotion[data.prompt_of_clip]
        # The documents' samples come in no order of prompts.
        order = np.random.default_rng(seed).permutation(emotion.size)
        clips = 10 * data.activations[order]
        documented.append(documented_accuracy(clips, emotion[order])[0])
        accuracy = pairwise_accuracy(
            data.activations,
            data.emotion[None],
            fold_of_prompt=probe_folds(data.emotion),
            prompt_of_clip=data.prompt_of_clip,
        )
        honest.append(accuracy[0, 0])
    assert np.mean(documented) > 0.75
    assert abs(np.mean(honest) - 0.5) < 3.5 * np.std(honest) / np.sqrt(12)


def test_relabelings_that_unbalance_the_folds_are_refused() -> None:
    data = _data(matched=False, seeds=1)
    fold = probe_folds(data.emotion)
    rng = np.random.default_rng(0)
    free = relabelings(data.emotion, count=20, rng=rng).labels
    with pytest.raises(ProbeError, match="passing the folds as `cohort`"):
        pairwise_accuracy(data.activations, free, fold_of_prompt=fold)
    within = relabelings(data.emotion, cohort=fold, count=20, rng=rng).labels
    accuracy = pairwise_accuracy(data.activations, within, fold_of_prompt=fold)
    assert accuracy.shape == (20, 8)


@pytest.mark.parametrize("matched", [True, False])
def test_a_planted_emotion_is_read_beyond_chance(matched: bool) -> None:
    data = _data(10, prompts=12, signal=0.2, matched=matched)
    fold = probe_folds(data.emotion, template=data.template)
    rows = relabelings(
        data.emotion,
        template=data.template,
        cohort=None if matched else fold,
        count=200,
        rng=np.random.default_rng(0),
    )
    accuracies = pairwise_accuracy(
        data.activations,
        rows.labels,
        fold_of_prompt=fold,
        prompt_of_clip=data.prompt_of_clip,
    )
    assert max_t(accuracies, exact=rows.exact).p_any == 1 / 200
    assert selectivity(accuracies).max() > 0.15


def test_relabeled_accuracies_average_to_chance() -> None:
    rng = np.random.default_rng(11)
    means = []
    for _ in range(20):
        data = draw(GaussianModel(layers=2), rng=rng)
        rows = relabelings(data.emotion, template=data.template, count=100, rng=rng)
        accuracies = pairwise_accuracy(
            data.activations,
            rows.labels,
            fold_of_prompt=probe_folds(data.emotion, template=data.template),
            prompt_of_clip=data.prompt_of_clip,
        )
        means.append(accuracies[1:].mean())
    assert np.mean(means) == pytest.approx(0.5, abs=4 * np.std(means) / np.sqrt(20))
    assert np.mean(means) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activations": np.ones((4, 2))}, r"shape \(clips, layers, d\)"),
        ({"activations": np.full((4, 1, 2), np.nan)}, "must be finite"),
        ({"labels": [[0, 1, 0]]}, r"`labels` must have shape"),
        ({"labels": [[0, 0, 0, 0]]}, "2 emotions or more"),
        ({"labels": [[0.0, 1.0, 0.0, 1.0]]}, "must be emotion codes"),
        ({"prompt_of_clip": [0, 1, 2, 2]}, "every clip one of these prompts"),
        ({"fold_of_prompt": [0, 1, 0, 1]}, "in every training set"),
        ({"alpha": 0.0}, "`alpha` must be positive"),
    ],
)
def test_unfair_probes_are_refused(change: dict[str, Any], message: str) -> None:
    fair: dict[str, Any] = {
        "activations": np.arange(8.0).reshape(4, 1, 2),
        "labels": [[0, 1, 0, 1]],
        "fold_of_prompt": [0, 0, 1, 1],
    }
    changed = fair | change
    with pytest.raises(ProbeError, match=message):
        pairwise_accuracy(changed.pop("activations"), changed.pop("labels"), **changed)


def test_a_nested_choice_needs_three_folds() -> None:
    with pytest.raises(ProbeError, match="3 folds or more, got 2"):
        nested_accuracy(
            np.arange(8.0).reshape(4, 1, 2), [0, 1, 0, 1], fold_of_prompt=[0, 0, 1, 1]
        )


def test_the_error_rate_in_unmatched_banks_holds_with_relabelings_within_folds() -> (
    None
):
    rng = np.random.default_rng(12)
    p = []
    for _ in range(200):
        data = draw(GaussianModel(matched=False, layers=2), rng=rng)
        fold = probe_folds(data.emotion)
        rows = relabelings(data.emotion, cohort=fold, count=100, rng=rng)
        accuracies = pairwise_accuracy(
            data.activations,
            rows.labels,
            fold_of_prompt=fold,
            prompt_of_clip=data.prompt_of_clip,
        )
        p.append(max_t(accuracies, exact=rows.exact).p_any)
    for alpha in (0.05, 0.2):
        assert np.sum(np.array(p) <= alpha) <= stats.binom.ppf(0.9995, 200, alpha)
    assert np.sum(np.array(p) <= 0.2) >= stats.binom.ppf(0.0005, 200, 0.15)
