"""Two clips of one prompt against clips of different emotions."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from harness.inference.gaussian import GaussianModel, draw
from harness.inference.maxt import max_t
from harness.measures.control import control_similarity
from harness.measures.gram import SimilarityError, unit_vectors

CROSS = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])[:, None]


def test_hand_worked_control_pairs() -> None:
    # Two prompts with two clips each, at right angles after centring.
    clips = np.array([[1.0, 0], [1.0, 0], [-1.0, 0], [-1.0, 0]])[:, None]
    result = control_similarity(
        clips, [0, 0, 1, 1], [0, 1], rng=np.random.default_rng(0)
    )
    assert result.same_prompt == pytest.approx([1.0])
    assert result.different_emotion == pytest.approx([-1.0])
    assert result.effect == pytest.approx([2.0])
    assert result.statistics[:, 0] == pytest.approx([2.0, 0.0])
    assert (result.pairs, result.exact) == (2, True)


@pytest.mark.parametrize("matched", [False, True])
def test_control_similarity_agrees_with_loops_over_pairs(matched: bool) -> None:
    data = draw(
        GaussianModel(emotions=3, prompts=3, seeds=2, layers=2),
        rng=np.random.default_rng(5),
    )
    # Prompts 0, 4 and 7 keep two clips, the others one.
    keep = np.isin(data.prompt_of_clip, [0, 4, 7]) | (np.arange(18) % 2 == 0)
    clips, prompts = data.activations[keep], data.prompt_of_clip[keep]
    template = data.template if matched else None
    result = control_similarity(
        clips, prompts, data.emotion, template=template, rng=np.random.default_rng(0)
    )
    cosines = np.einsum("ild,jld->lij", *[unit_vectors(clips)] * 2)
    pairs = [np.flatnonzero(prompts == number) for number in (0, 4, 7)]
    different = []
    for i, j in combinations(range(len(prompts)), 2):
        apart = template is None or template[prompts[i]] != template[prompts[j]]
        if data.emotion[prompts[i]] != data.emotion[prompts[j]] and apart:
            different.append(cosines[:, i, j])
    null = [
        np.mean([cosines[:, pairs[a][0], pairs[b][1]] for a, b in enumerate(order)], 0)
        for order in permutations(range(3))
    ]
    assert result.different_emotion == pytest.approx(np.mean(different, axis=0))
    assert result.same_prompt == pytest.approx(null[0])
    assert result.statistics == pytest.approx(np.array(null) - np.mean(different, 0))
    assert result.exact


def test_control_pairs_of_prompts_that_matter_are_alike() -> None:
    data = draw(GaussianModel(icc=0.5), rng=np.random.default_rng(1))
    result = control_similarity(
        data.activations,
        data.prompt_of_clip,
        data.emotion,
        template=data.template,
        count=500,
        rng=np.random.default_rng(0),
    )
    assert not result.exact
    assert max_t(result.statistics, exact=result.exact).p_any == 1 / 500
    assert (result.effect > 0.3).all()


def test_control_pairs_of_prompts_that_do_not_matter_keep_their_error_rate() -> None:
    rng = np.random.default_rng(4)
    p = []
    for _ in range(300):
        data = draw(GaussianModel(icc=0.0, template=0.0, layers=4), rng=rng)
        result = control_similarity(
            data.activations, data.prompt_of_clip, data.emotion, count=200, rng=rng
        )
        p.append(max_t(result.statistics, exact=result.exact).p_any)
    low, high = stats.binom.interval(0.999, 300, 0.05)
    assert low <= np.sum(np.array(p) <= 0.05) <= high


def test_controls_need_two_pairs_and_two_emotions() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SimilarityError, match="2 prompts or more a second clip, got 1"):
        control_similarity(CROSS, [0, 0, 1, 2], [0, 1, 1], rng=rng)
    with pytest.raises(SimilarityError, match="must name 2 emotions or more"):
        control_similarity(CROSS, [0, 0, 1, 1], [0, 0], rng=rng)
