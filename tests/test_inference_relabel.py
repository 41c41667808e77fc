"""Relabelings: which there are, how they are drawn, and what p they allow."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.inference import InferenceError
from harness.inference.relabel import (
    p_value,
    p_values,
    relabelings,
    smallest_attainable_p,
)


def _bank(emotions: int, prompts: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Emotion and matched template of each prompt."""
    return (
        np.repeat(np.arange(emotions), prompts),
        np.tile(np.arange(prompts), emotions),
    )


def test_free_relabelings_of_a_small_design_are_all_arrangements_once() -> None:
    emotion = [0, 1, 0, 2]
    rows = relabelings(emotion, count=100, rng=np.random.default_rng(0))
    expected = set(permutations(emotion))
    assert rows.exact
    assert rows.distinct == len(expected) == 12
    assert sorted(map(tuple, rows.labels.tolist())) == sorted(expected)
    assert rows.labels[0].tolist() == emotion


def test_matched_relabelings_swap_labels_within_a_template_only() -> None:
    emotion, template = _bank(2, 3)
    rows = relabelings(
        emotion, template=template, count=8, rng=np.random.default_rng(0)
    )
    assert rows.exact
    assert len({tuple(row) for row in rows.labels.tolist()}) == 8
    assert rows.labels[0].tolist() == emotion.tolist()
    for number in range(3):
        pairs = rows.labels[:, template == number]
        assert (np.sort(pairs, axis=1) == [0, 1]).all()


def test_one_relabeling_too_many_turns_enumeration_into_draws() -> None:
    emotion, template = _bank(2, 3)
    rows = relabelings(
        emotion, template=template, count=7, rng=np.random.default_rng(0)
    )
    assert not rows.exact
    assert rows.labels.shape == (7, 6)


@given(
    emotion=st.lists(st.integers(0, 3), min_size=4, max_size=12),
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(2, 60),
)
@settings(deadline=None, max_examples=60)
def test_every_relabeling_keeps_the_labels_of_every_block(
    emotion: list[int], seed: int, count: int
) -> None:
    block = np.arange(len(emotion)) // 4
    rng = np.random.default_rng(seed)
    if all(len(set(np.array(emotion)[block == b])) == 1 for b in np.unique(block)):
        with pytest.raises(InferenceError, match="must vary within"):
            relabelings(emotion, cohort=block, count=count, rng=rng)
        return
    rows = relabelings(emotion, cohort=block, count=count, rng=rng)
    codes = np.unique(emotion, return_inverse=True)[1]
    assert (rows.labels[0] == codes).all()
    for number in np.unique(block):
        members = block == number
        assert (np.sort(rows.labels[:, members]) == np.sort(codes[members])).all()


def test_labels_stay_within_both_template_and_cohort() -> None:
    emotion = np.tile([0, 1], 4)
    halves, quarters = np.repeat([0, 1], 4), np.repeat([0, 1, 0, 1], 2)
    for template, cohort in ((halves, quarters), (quarters, halves)):
        rows = relabelings(
            emotion,
            template=template,
            cohort=cohort,
            count=100,
            rng=np.random.default_rng(0),
        )
        assert rows.distinct == 2**4
        assert (rows.labels.reshape(-1, 4, 2).sum(axis=2) == 1).all()


def test_the_same_generator_draws_the_same_relabelings() -> None:
    emotion, template = _bank(4, 12)
    first, second = (
        relabelings(
            emotion, template=template, count=50, rng=np.random.default_rng(7)
        ).labels
        for _ in range(2)
    )
    assert (first == second).all()
    assert len({tuple(row) for row in first.tolist()}) == 50


@pytest.mark.parametrize(
    ("emotions", "prompts", "matched", "expected"),
    [
        (2, 3, False, 0.10),
        (2, 5, False, 0.0079),
        (2, 6, False, 0.0022),
        (2, 8, False, 0.00016),
        (2, 3, True, 0.25),
        (2, 5, True, 0.063),
        (2, 6, True, 0.031),
        (2, 8, True, 0.0078),
        (4, 3, False, 6.5e-5),
        (4, 5, False, 2.0e-9),
    ],
)
def test_the_smallest_attainable_p_is_that_of_the_design_table(
    emotions: int, prompts: int, matched: bool, expected: float
) -> None:
    emotion, template = _bank(emotions, prompts)
    smallest = smallest_attainable_p(emotion, template=template if matched else None)
    assert smallest == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize(
    ("emotions", "prompts", "matched", "distinct", "symmetries"),
    [
        (2, 3, False, 20, 2),
        (2, 5, False, 252, 2),
        (2, 6, False, 924, 2),
        (2, 8, False, 12_870, 2),
        (2, 3, True, 2**3, 2),
        (2, 8, True, 2**8, 2),
        (4, 3, False, 369_600, 24),
        (4, 5, False, 11_732_745_024, 24),
        (4, 3, True, 24**3, 24),
        (3, 4, True, 6**4, 6),
    ],
)
def test_relabelings_of_a_design_are_counted_exactly(
    emotions: int, prompts: int, matched: bool, distinct: int, symmetries: int
) -> None:
    emotion, template = _bank(emotions, prompts)
    rows = relabelings(
        emotion,
        template=template if matched else None,
        count=1000,
        rng=np.random.default_rng(0),
    )
    assert (rows.distinct, rows.symmetries) == (distinct, symmetries)
    assert rows.exact == (distinct <= 1000)
    assert len(rows.labels) == min(distinct, 1000)


def test_cohorts_cost_relabelings_and_the_smallest_p_says_so() -> None:
    emotion, cohort = np.tile([0, 1], 6), np.repeat([0, 1], 6)
    # 6 of 12 freely; 3 of 6 twice within cohorts.
    assert smallest_attainable_p(emotion) == 2 / 924
    assert smallest_attainable_p(emotion, cohort=cohort) == 2 / 400
    rows = relabelings(emotion, cohort=cohort, count=400, rng=np.random.default_rng(0))
    assert rows.exact
    assert (rows.labels.reshape(400, 2, 6).sum(axis=2) == 3).all()
    # Swapping names in one cohort only is a relabeling, but no symmetry.
    assert (rows.symmetries, rows.smallest_p) == (2, 2 / 400)


@given(
    emotion=st.lists(st.integers(0, 2), min_size=3, max_size=6),
    data=st.data(),
)
@settings(deadline=None, max_examples=60)
def test_enumeration_agrees_with_trying_every_order(
    emotion: list[int], data: st.DataObject
) -> None:
    size = len(emotion)
    groups = st.lists(st.integers(0, 1), min_size=size, max_size=size)
    template, cohort = data.draw(groups), data.draw(groups)
    codes = np.unique(emotion, return_inverse=True)[1]
    blocks = list(zip(template, cohort, strict=True))

    def contents(labels: Any) -> list[Any]:
        return sorted(zip(blocks, labels, strict=True))

    allowed = {
        order
        for order in permutations(codes.tolist())
        if contents(order) == contents(codes.tolist())
    }
    if len(allowed) == 1:
        return
    rows = relabelings(
        emotion,
        template=template,
        cohort=cohort,
        count=1000,
        rng=np.random.default_rng(0),
    )
    assert sorted(map(tuple, rows.labels.tolist())) == sorted(allowed)
    renamed = {
        tuple(int(names[code]) for code in codes)
        for names in permutations(range(int(codes.max()) + 1))
    }
    assert rows.symmetries == len(renamed & allowed)


def test_a_directed_statistic_can_reach_half_the_p_of_a_symmetric_one() -> None:
    emotion, template = _bank(2, 5)
    directed = smallest_attainable_p(emotion, template=template, symmetric=False)
    assert directed == 1 / 32
    assert smallest_attainable_p(emotion, template=template) == 2 / 32


def test_classes_of_unequal_size_cannot_swap_names() -> None:
    assert smallest_attainable_p([0, 0, 1, 1, 1]) == 1 / 10


def test_draws_cannot_reach_a_smaller_p_than_one_over_their_number() -> None:
    emotion, template = _bank(4, 12)
    drawn = relabelings(
        emotion, template=template, count=200, rng=np.random.default_rng(0)
    )
    assert drawn.smallest_p == 1 / 200
    assert smallest_attainable_p(emotion, template=template, count=200) == 1 / 200


def test_smallest_p_is_what_the_best_possible_symmetric_statistic_gives() -> None:
    emotion, template = _bank(2, 5)
    rows = relabelings(
        emotion, template=template, count=100, rng=np.random.default_rng(0)
    )
    agreement = np.abs((rows.labels == emotion).mean(axis=1) - 0.5)
    assert p_value(agreement) == rows.smallest_p == 2 / 32


def test_exact_p_is_the_share_of_relabelings_at_least_as_extreme() -> None:
    assert p_value(np.array([3.0, 1.0, 3.0, 4.0, 2.0])) == 3 / 5


def test_p_of_draws_counts_the_observed_labelling_and_is_never_zero() -> None:
    statistics = np.concatenate([[10.0], np.random.default_rng(0).normal(size=99)])
    assert p_value(statistics) == 1 / 100


def test_values_that_tie_up_to_rounding_count_as_ties() -> None:
    statistics = np.array([0.3, 0.1 + 0.2, 0.3 - 1e-15, 0.1])
    assert p_value(statistics) == 3 / 4


@pytest.mark.parametrize("alternative", ["greater", "less", "two-sided"])
def test_exact_p_agrees_with_scipy_permutation_test(alternative: Any) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=9)
    emotion = np.array([0, 1, 0, 0, 1, 1, 0, 1, 0])
    labels = relabelings(emotion, count=1000, rng=rng).labels

    def gap(a: npt.NDArray[Any], b: npt.NDArray[Any], axis: int) -> Any:
        return abs_if(np.mean(a, axis=axis) - np.mean(b, axis=axis))

    def abs_if(difference: Any) -> Any:
        return np.abs(difference) if alternative == "two-sided" else difference

    oracle = stats.permutation_test(
        (values[emotion == 0], values[emotion == 1]),
        gap,
        n_resamples=np.inf,
        vectorized=True,
        alternative="greater" if alternative == "two-sided" else alternative,
    )
    gaps = np.array([values[r == 0].mean() - values[r == 1].mean() for r in labels])
    assert p_value(gaps, alternative=alternative) == pytest.approx(
        oracle.pvalue, abs=1e-12
    )


def test_p_is_uniform_when_labels_do_not_matter() -> None:
    rng = np.random.default_rng(11)
    emotion, template = _bank(3, 6)
    p = []
    for _ in range(400):
        values = rng.normal(size=18) + rng.normal(size=6)[template]
        labels = relabelings(emotion, template=template, count=100, rng=rng).labels
        p.append(p_value((labels == 0) @ values))
    for alpha in (0.05, 0.2, 0.5):
        low, high = stats.binom.interval(0.999, len(p), alpha)
        assert low <= np.sum(np.array(p) <= alpha) <= high


def test_statistics_that_are_not_finite_are_refused_by_name() -> None:
    with pytest.raises(InferenceError, match="row 1, column 0"):
        p_values(np.array([[1.0], [np.nan]]))


def test_a_lone_observed_row_is_no_null_distribution() -> None:
    with pytest.raises(InferenceError, match="2 rows or more"):
        p_values(np.ones((1, 3)))


def test_one_dimension_and_two_have_their_own_function() -> None:
    with pytest.raises(InferenceError, match="Use `p_values`"):
        p_value(np.ones((4, 2)))


def test_an_unknown_alternative_is_refused() -> None:
    with pytest.raises(InferenceError, match="`alternative` must be one of"):
        p_value(np.arange(4.0), alternative="larger")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("emotion", "template", "count", "message"),
    [
        ([0, 0, 0], None, 10, "must vary within"),
        ([0, 1], [0, 1], 10, "must vary within"),
        ([0, 1, 1], [0, 0], 10, "`template` must have shape"),
        ([[0, 1]], None, 10, "`emotion` must have shape"),
        ([0, 1], None, 1, "`count` must be at least 2"),
        (list(range(129)), None, 10, "128 emotions or fewer, got 129"),
    ],
)
def test_designs_without_relabelings_are_refused(
    emotion: Any, template: Any, count: int, message: str
) -> None:
    with pytest.raises(InferenceError, match=message):
        relabelings(
            emotion, template=template, count=count, rng=np.random.default_rng(0)
        )
