"""Codes are drawn as their probabilities say, with numbers that are the clip's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.stats import chisquare

from harness.plan import Generation
from harness.sampling.codes import sample, uniforms

FloatArray = npt.NDArray[np.float64]


# --- drawing codes ----------------------------------------------------------------


def drawn(
    probabilities: Sequence[float], draws: Sequence[float], **changes: Any
) -> list[int]:
    """The codes that `sample` gives for one distribution and many draws."""
    logits = torch.tensor(probabilities).log().expand(len(draws), 1, -1)
    generation = Generation(**{"duration_seconds": 1.0, "top_k": 0, **changes})
    numbers = torch.tensor(draws, dtype=torch.float64)[:, None]
    codes: list[int] = sample(logits, numbers, generation)[:, 0].tolist()
    return codes


ALMOST_ONE = float(np.nextafter(1.0, 0.0))


def test_draws_fall_into_the_shares_of_the_codes() -> None:
    draws = (0.0, 0.09, 0.11, 0.29, 0.31, 0.59, 0.61, ALMOST_ONE)
    assert drawn((0.1, 0.2, 0.3, 0.4), draws) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_top_k_keeps_the_likeliest_codes_and_their_proportions() -> None:
    # 0.3 and 0.4 are left: the border is at 3/7 = 0.4286.
    draws = (0.0, 0.42, 0.43, ALMOST_ONE)
    assert drawn((0.3, 0.2, 0.4, 0.1), draws, top_k=2) == [0, 0, 2, 2]


def test_top_p_keeps_the_fewest_codes_that_reach_it_and_their_proportions() -> None:
    # 0.4 does not reach 0.6, 0.4 + 0.3 does: borders as above.
    draws = (0.0, 0.42, 0.43, ALMOST_ONE)
    assert drawn((0.3, 0.2, 0.4, 0.1), draws, top_p=0.6) == [0, 0, 2, 2]


def test_top_p_goes_before_top_k() -> None:
    draws = (0.0, 0.5, ALMOST_ONE)
    assert drawn((0.3, 0.2, 0.4, 0.1), draws, top_p=0.1, top_k=3) == [2, 2, 2]


def test_temperature_sharpens_and_flattens() -> None:
    # Squared: 1 / 17 and 16 / 17; square rooted: 1 / 3 and 2 / 3.
    assert drawn((0.2, 0.8), (0.058, 0.06), temperature=0.5) == [0, 1]
    assert drawn((0.2, 0.8), (0.333, 0.334), temperature=2.0) == [0, 1]


def test_temperature_zero_takes_the_likeliest_code_whatever_is_drawn() -> None:
    assert drawn((0.3, 0.2, 0.4, 0.1), (0.0, ALMOST_ONE), temperature=0.0) == [2, 2]


def test_codes_that_tie_at_the_border_of_top_k_are_all_kept() -> None:
    draws = (0.1, 0.3, 0.6, 0.9)
    assert drawn((0.25, 0.25, 0.25, 0.25), draws, top_k=2) == [0, 1, 2, 3]


def test_codes_that_tie_under_top_p_are_taken_in_order() -> None:
    # 0, 0.25 and 0.5 before them is not beyond 0.5; 0.75 is.
    draws = (0.1, 0.5, 0.9)
    assert drawn((0.25, 0.25, 0.25, 0.25), draws, top_p=0.5) == [0, 1, 2]


@pytest.mark.parametrize("top_k", [4, 5, 250])
def test_top_k_of_the_whole_vocabulary_or_more_leaves_all_codes(top_k: int) -> None:
    draws = (0.05, 0.2, 0.5, 0.9)
    assert drawn((0.1, 0.2, 0.3, 0.4), draws, top_k=top_k) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "changes", [{}, {"top_k": 3}, {"top_p": 0.5}], ids=["all", "top_k", "top_p"]
)
def test_no_draw_gives_a_code_without_probability(changes: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(0, 3, (2000, 1, 40))).float()
    logits[:, :, [0, 1, 17, 38, 39]] = -1e4  # exp underflows to exactly zero
    generation = Generation(duration_seconds=1.0, **{"top_k": 0, **changes})
    allowed = reference_probabilities(logits[:, 0].double().numpy(), generation) > 0
    for draw in (0.0, float(np.nextafter(0.0, 1.0)), 1 - 1e-9, ALMOST_ONE):
        codes = sample(logits, torch.full((2000, 1), draw).double(), generation)[:, 0]
        assert allowed[np.arange(2000), codes.numpy()].all()


def reference_probabilities(logits: FloatArray, generation: Generation) -> FloatArray:
    """What each code must be drawn with, `(clips, vocabulary)`, by plain loops."""
    out = np.zeros_like(logits)
    for row, values in enumerate(logits / generation.temperature):
        weights = np.exp(values - values.max())
        weights = np.where(weights < 1e-45, 0, weights) / weights.sum()
        order = sorted(range(len(weights)), key=lambda code: -weights[code])
        kept: list[int] = []
        mass = 0.0
        for code in order:
            if generation.top_p and mass > generation.top_p:
                break
            if not generation.top_p and generation.top_k == len(kept) > 0:
                break
            kept.append(code)
            mass += weights[code]
        out[row, kept] = weights[kept] / mass
    return out


@pytest.mark.parametrize(
    "changes",
    [
        {"top_k": 0},
        {"top_k": 5},
        {"top_k": 0, "top_p": 0.7},
        {"top_k": 0, "temperature": 0.6},
    ],
    ids=["softmax", "top_k", "top_p", "temperature"],
)
def test_many_draws_follow_the_probabilities(changes: dict[str, Any]) -> None:
    generation = Generation(duration_seconds=1.0, **changes)
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.2, (1, 12))
    count = 20_000
    codes = sample(
        torch.from_numpy(logits).float().expand(count, 1, -1),
        torch.from_numpy(rng.random((count, 1))),
        generation,
    )
    seen = np.bincount(codes[:, 0].numpy(), minlength=12)
    expected = reference_probabilities(logits, generation)[0]
    possible = expected > 0
    assert seen[~possible].sum() == 0
    fit = chisquare(seen[possible], count * expected[possible])
    assert fit.pvalue > 0.001
    # The test itself can fail: it tells a temperature of 1 from one of 0.9.
    tempered = expected[possible] ** (1 / 0.9)
    misfit = chisquare(seen[possible], count * tempered / tempered.sum())
    assert misfit.pvalue < 1e-6


def test_clips_and_codebooks_are_drawn_with_their_own_numbers() -> None:
    logits = torch.tensor((0.5, 0.5)).log().expand(2, 3, -1)
    draws = torch.tensor([[0.1, 0.9, 0.1], [0.9, 0.1, 0.9]], dtype=torch.float64)
    codes = sample(logits, draws, Generation(duration_seconds=1.0))
    assert codes.tolist() == [[0, 1, 0], [1, 0, 1]]


# --- random numbers ---------------------------------------------------------------


def test_random_numbers_of_a_seed_do_not_depend_on_how_many_are_asked_for() -> None:
    long = uniforms([7], steps=1503, codebooks=4)[0]
    for steps in (1, 23, 403):
        np.testing.assert_array_equal(
            uniforms([7], steps=steps, codebooks=4)[0], long[:steps]
        )
    assert long.dtype == np.float64
    assert long.shape == (1503, 4)
    assert 0 <= long.min() < 0.01
    assert 0.99 < long.max() < 1


def test_random_numbers_differ_between_seeds_steps_and_codebooks() -> None:
    both = uniforms([7, 8], steps=403, codebooks=4)
    assert len(np.unique(both)) == both.size


def test_random_numbers_of_a_seed_are_what_they_always_were() -> None:
    # If this fails, clips of one key have changed: raise `ENGINE`.
    found = uniforms([1], steps=1, codebooks=4)[0, 0]
    expected = [
        0.3035680343067586,
        0.8487087496857769,
        0.1561347780434731,
        0.031106436954376093,
    ]
    np.testing.assert_array_equal(found, expected)
