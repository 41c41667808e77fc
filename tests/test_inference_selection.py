"""The effect of the best layer, without the optimism of having chosen it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from harness.inference import InferenceError
from harness.inference.gaussian import GaussianModel, draw
from harness.inference.jackknife import jackknife_t
from harness.inference.selection import cross_fitted
from harness.measures.gram import prompt_gram
from harness.measures.similarity import balanced_units, signal_of_units

Masks = npt.NDArray[np.bool_]
Score = Callable[[Masks], npt.NDArray[np.float64]]


def _means(values: npt.NDArray[np.float64]) -> Score:
    return lambda masks: np.stack([values[mask].mean(axis=0) for mask in masks])


def test_hand_worked_swap_of_two_halves() -> None:
    # Units 0 and 1 favour column 0, units 2 and 3 column 1. Whatever the halves, what
    # one half chooses is read on the other.
    values = np.array([[4.0, 0.0], [4.0, 0.0], [0.0, 4.0], [0.0, 4.0]])
    result = cross_fitted(_means(values), 4, splits=200, rng=np.random.default_rng(0))
    # 2 of 6 halvings put like with like: the choice then scores 0. The others see
    # 2 and 2 in both halves and choose column 0, which scores 2.
    assert result.effect == pytest.approx(2 * 4 / 6, abs=0.2)
    assert result.best == 0
    assert np.isnan(result.interval.high)


def test_halves_share_no_unit_and_leave_none_out_but_the_one_to_be_left_out() -> None:
    seen: list[Masks] = []

    def score(masks: Masks) -> npt.NDArray[np.float64]:
        seen.append(masks)
        return np.zeros((len(masks), 3))

    cross_fitted(score, 7, splits=3, rng=np.random.default_rng(0))
    halves = seen[0].reshape(8, 3, 2, 7)
    assert len(seen) == 1
    for row, present in enumerate([np.ones(7, np.bool_), *~np.eye(7, dtype=np.bool_)]):
        for first, second in halves[row]:
            assert not (first & second).any()
            assert ((first | second) == present).all()
            assert first.sum() - second.sum() == present.sum() % 2
    # Leaving a unit out moves at most one other to the other half.
    moved = (halves[1:, :, 0] != halves[0, :, 0]) & ~np.eye(7, dtype=np.bool_)[:, None]
    assert moved.sum(axis=-1).max() == 1


def test_the_interval_agrees_with_leaving_units_out_by_hand() -> None:
    values = np.random.default_rng(5).normal(size=(9, 4))
    orders = np.random.default_rng(6).random((20, 9))
    result = cross_fitted(_means(values), 9, rng=np.random.default_rng(6))

    def effect(mask: Masks) -> float:
        present, effects = np.flatnonzero(mask), []
        for order in orders:
            ranked = present[np.argsort(order[present])]
            one, other = np.array_split(ranked, 2)
            for choosing, held_out in ((one, other), (other, one)):
                column = int(np.argmax(values[choosing].mean(axis=0)))
                effects.append(values[held_out, column].mean())
        return float(np.mean(effects))

    expected = jackknife_t(effect, 9)
    assert result.effect == pytest.approx(expected.estimate, rel=1e-12)
    assert result.interval.low == pytest.approx(expected.low, rel=1e-12)
    assert result.interval.high == pytest.approx(expected.high, rel=1e-12)


def test_a_clear_winner_is_chosen_always_and_loses_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(12, 6)) * 0.1
    values[:, 4] += 1.0
    result = cross_fitted(_means(values), 12, rng=np.random.default_rng(1))
    assert (result.best, result.share) == (4, 1.0)
    assert result.effect == pytest.approx(values[:, 4].mean())
    assert result.interval.low < 1.0 < result.interval.high


def test_without_an_effect_the_cross_fitted_one_is_zero_and_the_maximum_is_not() -> (
    None
):
    rng = np.random.default_rng(2)
    honest, naive = [], []
    for _ in range(120):
        # Plain noise on every column, the worst case of choosing.
        values = rng.normal(size=(6, 12))
        honest.append(cross_fitted(_means(values), 6, splits=5, rng=rng).effect)
        naive.append(values.mean(axis=0).max())
    error = np.std(honest) / np.sqrt(len(honest))
    assert abs(np.mean(honest)) < 3.5 * error
    assert np.mean(naive) > 10 * error


def test_the_best_layer_of_a_null_model_has_no_signal_on_average() -> None:
    rng = np.random.default_rng(3)
    honest, naive, covered = [], [], 0
    for _ in range(100):
        data = draw(GaussianModel(layer_correlation=0.5), rng=rng)
        signal = signal_of_units(
            prompt_gram(data.activations, data.prompt_of_clip),
            data.emotion,
            unit_of_prompt=balanced_units(data.emotion, template=data.template),
            template=data.template,
        )
        result = cross_fitted(signal, 5, splits=5, rng=rng)
        honest.append(result.effect)
        naive.append(signal(np.ones(5, np.bool_)).max())
        covered += result.interval.low <= 0 <= result.interval.high
    error = np.std(honest) / np.sqrt(len(honest))
    assert abs(np.mean(honest)) < 3.5 * error
    assert np.mean(naive) > 5 * error
    assert covered >= 90


def test_the_same_generator_gives_the_same_result() -> None:
    values = np.random.default_rng(0).normal(size=(8, 5))
    first, second = (
        cross_fitted(_means(values), 8, rng=np.random.default_rng(9)) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize(("units", "splits"), [(3, 20), (8, 0)])
def test_too_few_units_or_splits_are_refused(units: int, splits: int) -> None:
    with pytest.raises(InferenceError, match="`units` must be at least 4"):
        cross_fitted(
            lambda masks: np.zeros((len(masks), 2)),
            units,
            splits=splits,
            rng=np.random.default_rng(0),
        )
