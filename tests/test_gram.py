"""Prompt-level Grams, worked by hand, by loops and in higher precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.inference.gaussian import GaussianModel, draw
from harness.measures.gram import SimilarityError, prompt_gram, unit_vectors

CROSS = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])[:, None]


def test_unit_vectors_of_a_cross_are_its_directions() -> None:
    units = unit_vectors(CROSS + 5.0)
    assert units[:, 0] == pytest.approx(np.sign(CROSS[:, 0]))


def test_a_clip_on_the_grand_mean_and_a_constant_layer_give_zeros() -> None:
    activations = np.zeros((5, 2, 2), np.float32)
    activations[:4, 0] = CROSS[:, 0]
    activations[:, 1] = 0.1
    units = unit_vectors(activations)
    assert (units[4, 0] == 0).all()
    assert (units[:, 1] == 0).all()
    assert np.linalg.norm(units[:4, 0], axis=1) == pytest.approx(1.0)


def test_hand_worked_gram_of_four_prompts() -> None:
    gram = prompt_gram(CROSS, [0, 1, 2, 3])
    expected = [[1, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, -1], [0, 0, -1, 1]]
    assert gram[0] == pytest.approx(np.array(expected, float))


def test_the_gram_is_the_mean_over_pairs_of_clips_in_any_order() -> None:
    data = draw(
        GaussianModel(emotions=2, prompts=3, seeds=3, layers=2, dimensions=8),
        rng=np.random.default_rng(0),
    )
    order = np.random.default_rng(1).permutation(18)
    clips, prompts = data.activations[order], data.prompt_of_clip[order]
    gram = prompt_gram(clips, prompts)
    units = unit_vectors(clips)
    for layer, i, j in ((0, 0, 4), (1, 2, 3), (1, 5, 5)):
        pairs = units[prompts == i, layer] @ units[prompts == j, layer].T
        assert gram[layer, i, j] == pytest.approx(pairs.mean())


def test_a_large_common_vector_costs_float32_captures_no_digits() -> None:
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(24, 3, 256)) + 1000 * rng.normal(size=256)
    captured, prompts = clips.astype(np.float32), np.arange(24) // 2
    exact = _gram_in_long_double(captured, prompts)
    assert np.abs(prompt_gram(captured, prompts) - exact).max() < 1e-13
    # What float32 all the way would have cost, and a reference that tells it.
    centred = captured - captured.mean(axis=0)
    units = centred / np.linalg.norm(centred, axis=2, keepdims=True)
    means = units.reshape(12, 2, 3, 256).mean(axis=1).transpose(1, 0, 2)
    careless = means @ means.transpose(0, 2, 1)
    assert np.abs(careless - exact).max() > 1e-7


def _gram_in_long_double(
    clips: npt.NDArray[np.float32], prompts: npt.NDArray[Any]
) -> npt.NDArray[np.longdouble]:
    centred = clips.astype(np.longdouble)
    centred -= centred.mean(axis=0)
    units = centred / np.sqrt((centred**2).sum(axis=2, keepdims=True))
    means = [units[prompts == k].mean(axis=0) for k in range(prompts.max() + 1)]
    stacked = np.stack(means, axis=1)
    return np.asarray(stacked @ stacked.transpose(0, 2, 1), np.longdouble)


@given(
    seed=st.integers(0, 2**32 - 1),
    shift=st.floats(-100, 100),
    scale=st.floats(1e-3, 1e3),
)
@settings(deadline=None, max_examples=40)
def test_a_common_vector_and_a_common_scale_change_nothing(
    seed: int, shift: float, scale: float
) -> None:
    clips = np.random.default_rng(seed).normal(size=(8, 2, 5))
    prompts = [0, 0, 1, 1, 2, 2, 3, 3]
    moved = (clips + shift) * scale
    assert prompt_gram(moved, prompts) == pytest.approx(
        prompt_gram(clips, prompts), abs=1e-9
    )


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        (np.ones((4, 3)), r"must have shape \(clips, layers, d\)"),
        (np.ones((1, 2, 3)), "2 clips or more"),
        (np.full((4, 1, 2), np.nan), r"NaN or infinity in clips \[0, 1, 2, 3\]"),
        (np.full((4, 2, 3), 0.1, np.float32), "got 4 identical ones"),
    ],
)
def test_activations_without_information_are_refused(
    activations: npt.NDArray[Any], message: str
) -> None:
    with pytest.raises(SimilarityError, match=message):
        unit_vectors(activations)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([0, 1, 2], "must be 4 integers"),
        ([0.0, 1.0, 2.0, 3.0], "must be 4 integers"),
        ([0, 1, 3, 3], "from 0 without gaps"),
        ([-1, 0, 1, 2], "from 0 without gaps"),
    ],
)
def test_prompts_that_are_not_numbered_are_refused(prompts: Any, message: str) -> None:
    with pytest.raises(SimilarityError, match=message):
        prompt_gram(CROSS, prompts)
