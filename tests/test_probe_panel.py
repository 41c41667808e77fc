"""The probe by pair, among all emotions, by layer, in time, and as it learns.

Emotions are planted by hand in Gaussian noise; templates share a part of it.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from rulings_for_tests import p_of, status_of
from sklearn.linear_model import RidgeClassifier
from tables_for_tests import shuffled, table_of

from harness.design import ClipTable
from harness.evidence.probe_panel import (
    learning_evidence,
    multiclass_evidence,
    probe_panel,
    probe_time_evidence,
)
from harness.measures.learning_curve import LearningCurve
from harness.measures.probe import (
    ProbeError,
    confusion,
    multiclass_accuracy,
    pairwise_accuracy,
    probe_folds,
)
from harness.measures.probe_nested import layer_accuracies, nested_accuracy
from harness.measures.probe_pairs import (
    accuracies_of_scores,
    confusion_of_scores,
    pair_accuracies,
)
from harness.verdict import Status

LAYERS, D = 4, 16
HAPPY_SAD = frozenset(("happy", "sad"))
CALM_ENERGETIC = frozenset(("calm", "energetic"))


def planted(
    strength: float, *, seed: int = 0, matched: bool = True, count: int = 300
) -> tuple[npt.NDArray[np.float64], ClipTable]:
    """In layer 2, happy and sad lie `strength` SD on either side of the others."""
    table = table_of(10, matched=matched, count=count)
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(table.n_clips, LAYERS, D))
    values += rng.normal(size=(10, LAYERS, D))[np.repeat(np.arange(10), 4)]
    place = np.array([1.0, -1.0, 0.0, 0.0])[table.emotion]
    values[:, 2] += strength * place[:, None]
    return values, table


# --- measures -----------------------------------------------------------------------


def test_the_mean_over_pairs_is_the_pairwise_accuracy() -> None:
    values, table = planted(0.5)
    folds = probe_folds(table.emotion, template=table.template)
    labels = table.relabeled("probe", count=20).labels
    found = pair_accuracies(values, labels, fold_of_prompt=folds)
    expected = pairwise_accuracy(values, labels, fold_of_prompt=folds)
    assert found.shape == (20, LAYERS, 6)
    np.testing.assert_allclose(found.mean(axis=2), expected)


def test_a_pair_of_two_emotions_is_scikit_learns_ridge() -> None:
    """Penalty 1, where the centred rows have a mean square norm of 1."""
    rng = np.random.default_rng(3)
    emotion = np.tile([0, 1], 10)
    values = rng.normal(size=(20, 1, 5)) + 0.5 * emotion[:, None, None]
    folds = probe_folds(emotion, template=np.repeat(np.arange(10), 2))
    found = pair_accuracies(values, emotion[None], fold_of_prompt=folds)[0, 0, 0]
    flat = values[:, 0] - values[:, 0].mean(axis=0)
    flat /= np.sqrt(np.mean(np.sum(flat**2, axis=1)))
    right = np.zeros(20)
    for fold in np.unique(folds):
        test = folds == fold
        # Targets of -1 and 1 are twice those of 0 and 1: the penalty is the same.
        fitted = RidgeClassifier(alpha=1.0).fit(flat[~test], emotion[~test])
        right[test] = fitted.predict(flat[test]) == emotion[test]
    assert found == pytest.approx(right.mean())


def test_scores_that_are_held_out_give_accuracies_and_confusions() -> None:
    values, table = planted(0.7)
    one = values[:, 2:3]
    folds = probe_folds(table.emotion, template=table.template)
    nested = nested_accuracy(
        one, table.emotion, fold_of_prompt=folds, template=table.template
    )
    truth = table.emotion_of_clip
    pairs = accuracies_of_scores(nested.scores, truth)
    assert pairs.mean() == pytest.approx(nested.accuracy)
    labels = table.emotion[None]
    expected = pair_accuracies(one, labels, fold_of_prompt=folds)[0, 0]
    np.testing.assert_allclose(pairs, expected)
    matrix = confusion(one, table.emotion, fold_of_prompt=folds)[0]
    np.testing.assert_allclose(confusion_of_scores(nested.scores, truth), matrix)
    without = [accuracies_of_scores(s, truth).mean() for s in nested.left_out_scores]
    np.testing.assert_allclose(without, nested.left_out_accuracy)


def test_of_one_layer_the_accuracies_by_layer_are_the_nested_ones() -> None:
    values, table = planted(0.7)
    folds = probe_folds(table.emotion, template=table.template)
    accuracy, left_out = layer_accuracies(
        values, table.emotion, fold_of_prompt=folds, template=table.template
    )
    for layer in range(LAYERS):
        nested = nested_accuracy(
            values[:, [layer]],
            table.emotion,
            fold_of_prompt=folds,
            template=table.template,
        )
        assert accuracy[layer] == pytest.approx(nested.accuracy)
        np.testing.assert_allclose(left_out[:, layer], nested.left_out_accuracy)


def test_scores_without_an_emotion_are_refused() -> None:
    scores = np.array([[1.0, 0.0], [np.nan, np.nan]])
    with pytest.raises(ProbeError, match="got none of 1"):
        accuracies_of_scores(scores, np.array([0, 1]))


def test_a_curve_ends_where_the_whole_probe_stands() -> None:
    values, table = planted(0.5)
    folds = probe_folds(table.emotion, template=table.template)
    curve = LearningCurve(
        values,
        table.emotion,
        fold_of_prompt=folds,
        unit_of_prompt=table.units,
        layer_of_fold=[2] * 5,
        prompt_of_clip=table.prompt_of_clip,
    )
    orders = np.random.default_rng(0).random((3, 10))
    assert curve.largest == 8
    accuracy, left_out = layer_accuracies(
        values, table.emotion, fold_of_prompt=folds, template=table.template
    )
    assert curve.accuracy(8, orders) == pytest.approx(accuracy[2])
    assert curve.accuracy(8, orders, gone=3) == pytest.approx(left_out[3, 2])
    with pytest.raises(ProbeError, match="at least 1, got 0"):
        curve.accuracy(0, orders)


# --- evidence -----------------------------------------------------------------------


def test_the_pair_that_differs_is_told_apart_and_the_other_is_not() -> None:
    panel = probe_panel(*planted(2.0, count=2_000))
    assert len(panel) == 6 + 4
    assert status_of("probe_pair", panel[HAPPY_SAD]) is Status.SUPPORTED
    assert p_of(panel[CALM_ENERGETIC]) > 0.05
    assert status_of("probe_by_layer", panel[2]) is Status.SUPPORTED
    assert all(p_of(panel[k]) > 0.05 for k in (0, 1, 3))
    assert panel[2].detail["selectivity"] > 0.2


def test_all_emotions_are_named_on_the_scale_of_two_classes() -> None:
    values, table = planted(0.0)
    values[:, 1] += 3.0 * np.eye(4, D)[table.emotion]
    found = multiclass_evidence(values, table)
    assert status_of("probe_all", found) is Status.SUPPORTED
    accuracy = np.trace(found.detail["confusion"]) / 4
    assert found.detail["accuracy"] == pytest.approx(accuracy)
    assert found.effect == pytest.approx(0.5 + (accuracy - 0.25) / 1.5)
    folds = probe_folds(table.emotion, template=table.template)
    by_layer = multiclass_accuracy(values, table.emotion[None], fold_of_prompt=folds)
    np.testing.assert_allclose(found.detail["accuracy by layer"], by_layer[0])


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "free"])
def test_shuffled_emotions_are_read_no_more_often_than_alpha(matched: bool) -> None:
    low = np.zeros(4)
    accuracies = []
    for seed in range(15):
        values, table = planted(0.0, seed=seed, matched=matched)
        panel, all_ = probe_panel(values, table), multiclass_evidence(values, table)
        layers = [panel[layer] for layer in range(4)]
        pairs = [found for name, found in panel.items() if name not in range(4)]
        p = [min(p_of(e) for e in pairs), min(p_of(e) for e in layers), p_of(all_)]
        low[:3] += np.array(p) <= 0.05
        of_pairs = np.mean([e.effect or 0.0 for e in pairs])
        accuracies.append([float(of_pairs), all_.effect or 0.0])
    # Of 15 at .05, 5 or more come by chance in 6 of 10,000 cases.
    assert low.max() < 5
    np.testing.assert_allclose(np.mean(accuracies, axis=0), 0.5, atol=0.05)


def test_more_prompts_help_where_there_is_something_to_learn() -> None:
    values, table = planted(0.7)
    values[:, 2] += 1.2 * np.eye(4, D)[table.emotion]
    found = learning_evidence(values, table)
    assert status_of("probe_learning", found) is Status.SUPPORTED
    sizes, accuracy = (
        found.detail[name] for name in found.detail if "layer" not in name
    )
    assert sizes == [1, 2, 4, 6, 8]
    assert accuracy[-1] > accuracy[0]
    assert found.effect == pytest.approx(accuracy[-1] - accuracy[2])
    assert found.interval is not None
    assert np.isfinite(found.interval).all()


def test_the_window_that_carries_the_emotion_is_chosen() -> None:
    _, table = planted(0.0)
    windows = np.random.default_rng(9).normal(size=(table.n_clips, 2, 3, D))
    windows[:, 1, 2] += 4.0 * np.eye(4, D)[table.emotion]
    found = probe_time_evidence(windows, table, layers=(0, 7))
    assert status_of("probe_in_time", found) is Status.SUPPORTED
    chosen = found.detail["layer and window chosen in each fold"]
    assert set(chosen) == {(7, 2)}
    assert np.argmin(found.detail["p by layer and window"]) == 5
    none = probe_time_evidence(windows, shuffled(table, 4), layers=(0, 7))
    assert p_of(none) > 0.01


def test_bad_input_is_refused_with_what_to_do() -> None:
    values, table = planted(0.0)
    with pytest.raises(ProbeError, match="must vary between clips"):
        probe_panel(np.ones_like(values), table)
    with pytest.raises(ProbeError, match="2 or more, each with a step, got 1"):
        probe_time_evidence(values[:, :, None], table, layers=tuple(range(LAYERS)))
    windows = np.ones((table.n_clips, 1, 3, D))
    windows[5, :, 2] = 0.0
    with pytest.raises(ProbeError, match="some of them empty"):
        probe_time_evidence(windows, table, layers=(0,))
    values[3, 1, 4] = np.nan
    with pytest.raises(ProbeError, match="must be finite"):
        multiclass_evidence(values, table)
    few = table_of(2, count=20)
    with pytest.raises(ProbeError, match="3 folds or more"):
        probe_panel(np.random.default_rng(0).normal(size=(8, 2, 4)), few)


def test_pairs_are_named_in_the_order_of_their_emotions() -> None:
    values, table = planted(0.0)
    for k, pair in enumerate(combinations(range(4), 2)):
        apart = values.copy()
        place = np.zeros(4)
        place[list(pair)] = 1.0, -1.0
        apart[:, 0] += 4.0 * place[table.emotion][:, None]
        folds = probe_folds(table.emotion, template=table.template)
        found = pair_accuracies(apart, table.emotion[None], fold_of_prompt=folds)
        assert found[0, 0, k] == 1.0
        assert found[0, 0].argmax() == k
