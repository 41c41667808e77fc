"""Similarity within and between emotions, on Grams worked by hand and planted truth."""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.inference.gaussian import Draw, GaussianModel, draw
from harness.inference.maxt import max_t
from harness.inference.relabel import p_value, relabelings
from harness.measures.similarity import (
    SimilarityError,
    balanced_units,
    control_similarity,
    emotion_signal,
    emotion_signals,
    prompt_gram,
    raw_cosine_signal,
    signal_of_units,
    unit_vectors,
)

CROSS = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])[:, None]


def _data(seed: int = 0, **model: Any) -> Draw:
    return draw(GaussianModel(**model), rng=np.random.default_rng(seed))


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


@pytest.mark.parametrize(
    ("emotion", "template", "expected"),
    [
        ([0, 0, 1, 1], None, -1.0),  # within -1 and -1, between all 0
        ([0, 1, 0, 1], None, 0.5),  # within 0 and 0, between -1, 0, 0, -1
        ([0, 1, 0, 1], [0, 0, 1, 1], 0.0),  # the two -1 share a template
        (["sad", "sad", "calm", "calm"], [0, 1, 0, 1], -1.0),
    ],
)
def test_hand_worked_signals(emotion: Any, template: Any, expected: float) -> None:
    gram = prompt_gram(CROSS, [0, 1, 2, 3])
    signal = emotion_signal(gram, emotion, template=template)
    assert signal == pytest.approx([expected])


def test_the_gram_is_the_mean_over_pairs_of_clips_in_any_order() -> None:
    data = _data(emotions=2, prompts=3, seeds=3, layers=2, dimensions=8)
    order = np.random.default_rng(1).permutation(18)
    clips, prompts = data.activations[order], data.prompt_of_clip[order]
    gram = prompt_gram(clips, prompts)
    units = unit_vectors(clips)
    for layer, i, j in ((0, 0, 4), (1, 2, 3), (1, 5, 5)):
        pairs = units[prompts == i, layer] @ units[prompts == j, layer].T
        assert gram[layer, i, j] == pytest.approx(pairs.mean())


def test_signals_agree_with_a_loop_over_pairs_and_do_not_depend_on_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = _data(layers=3)
    gram = prompt_gram(data.activations, data.prompt_of_clip)
    labels = relabelings(
        data.emotion, template=data.template, count=30, rng=np.random.default_rng(0)
    ).labels
    template = data.template
    assert template is not None
    whole = emotion_signals(gram, labels, template=template)
    monkeypatch.setattr("harness.measures.similarity._CHUNK_BYTES", 8 * 190 * 7)
    assert emotion_signals(gram, labels, template=template) == pytest.approx(whole)
    for row in (0, 17):
        within: list[npt.NDArray[np.float64]] = []
        between: list[npt.NDArray[np.float64]] = []
        for i, j in combinations(range(20), 2):
            if template[i] != template[j]:
                same = labels[row, i] == labels[row, j]
                (within if same else between).append(gram[:, i, j])
        loop = np.mean(within, axis=0) - np.mean(between, axis=0)
        assert whole[row] == pytest.approx(loop)


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


def test_swapping_the_names_of_whole_emotions_changes_nothing() -> None:
    data = _data(emotions=3)
    gram = prompt_gram(data.activations, data.prompt_of_clip)
    renamed = np.array([2, 0, 1])[data.emotion]
    for template in (None, data.template):
        assert emotion_signal(gram, renamed, template=template) == pytest.approx(
            emotion_signal(gram, data.emotion, template=template)
        )


@pytest.mark.parametrize("matched", [False, True])
def test_relabelings_average_to_no_signal(matched: bool) -> None:
    data = _data(emotions=2, prompts=4, template=1.0)
    gram = prompt_gram(data.activations, data.prompt_of_clip)
    template = data.template if matched else None
    rows = relabelings(
        data.emotion, template=template, count=100, rng=np.random.default_rng(0)
    )
    assert rows.exact
    signals = emotion_signals(gram, rows.labels, template=template)
    assert signals.mean(axis=0) == pytest.approx(np.zeros(8), abs=1e-12)


@pytest.mark.parametrize("matched", [False, True])
def test_the_exact_p_of_a_signal_agrees_with_scipy(matched: bool) -> None:
    data = _data(2, emotions=2, prompts=4, layers=1, signal=0.05, matched=matched)
    gram = prompt_gram(data.activations, data.prompt_of_clip)
    rows = relabelings(
        data.emotion, template=data.template, count=100, rng=np.random.default_rng(0)
    )
    ours = p_value(emotion_signals(gram, rows.labels, template=data.template)[:, 0])

    def signal(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
        emotion = np.zeros(8, int)
        emotion[np.asarray(b, int)] = 1
        return float(emotion_signal(gram, emotion, template=data.template)[0])

    oracle = stats.permutation_test(
        (np.arange(4), np.arange(4, 8)),
        signal,
        permutation_type="samples" if matched else "independent",
        n_resamples=np.inf,
        alternative="greater",
        vectorized=False,
    )
    assert ours == pytest.approx(oracle.pvalue, abs=1e-12)
    assert ours >= rows.smallest_p == (2 / 16 if matched else 2 / 70)


def test_a_planted_signal_is_found_at_about_its_size() -> None:
    signals, p = [], []
    for seed in range(20):
        data = _data(seed, prompts=12, signal=0.1)
        gram = prompt_gram(data.activations, data.prompt_of_clip)
        rows = relabelings(
            data.emotion,
            template=data.template,
            count=200,
            rng=np.random.default_rng(seed),
        )
        statistics = emotion_signals(gram, rows.labels, template=data.template)
        signals.append(statistics[0].mean())
        p.append(max_t(statistics, exact=rows.exact).p_any)
    # .1 of a variance of 1.3, the template's .2 included.
    assert np.mean(signals) == pytest.approx(0.1 / 1.3, rel=0.25)
    assert np.mean(np.array(p) == 1 / 200) > 0.9


def test_matched_templates_hide_a_signal_unless_their_pairs_are_left_out() -> None:
    naive, honest = [], []
    for seed in range(30):
        data = _data(seed, template=0.5)
        gram = prompt_gram(data.activations, data.prompt_of_clip)
        naive.append(emotion_signal(gram, data.emotion).mean())
        honest.append(emotion_signal(gram, data.emotion, template=data.template).mean())
    assert np.mean(naive) < -0.04
    assert abs(np.mean(honest)) < 3.5 * np.std(honest) / np.sqrt(30)


def test_units_are_templates_or_the_kth_prompts_of_all_emotions() -> None:
    assert balanced_units([0, 0, 1, 1], template=["b", "a", "a", "b"]).tolist() == [
        1,
        0,
        0,
        1,
    ]
    assert balanced_units(["x", "y", "x", "x", "y"]).tolist() == [0, 0, 1, 2, 1]
    with pytest.raises(SimilarityError, match="`template` must have shape"):
        balanced_units([0, 1], template=[0])


@pytest.mark.parametrize("matched", [False, True])
def test_the_signal_of_some_units_is_that_of_their_prompts(matched: bool) -> None:
    data = _data(matched=matched)
    gram = prompt_gram(data.activations, data.prompt_of_clip)
    units = balanced_units(data.emotion, template=data.template)
    signal = signal_of_units(
        gram, data.emotion, unit_of_prompt=units, template=data.template
    )
    kept = np.flatnonzero(np.isin(units, [0, 2, 3]))
    part = gram[:, kept][:, :, kept]
    template = None if data.template is None else data.template[kept]
    expected = emotion_signal(part, data.emotion[kept], template=template)
    assert signal(np.array([True, False, True, True, False])) == pytest.approx(expected)


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
    data = _data(5, emotions=3, prompts=3, seeds=2, layers=2)
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
    data = _data(1, icc=0.5)
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


def test_hand_worked_raw_cosines_and_their_pair_t_test() -> None:
    angles = np.array([0.0, 0.2, 0.5, 1.0, 1.1, 1.7])
    clips = 3.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, None]
    emotion = ["happy", "happy", "happy", "sad", "sad", "sad"]
    result = raw_cosine_signal(clips, emotion)
    within = np.cos([0.2, 0.5, 0.3, 0.1, 0.7, 0.6])
    between = np.cos([1.0, 1.1, 1.7, 0.8, 0.9, 1.5, 0.5, 0.6, 1.2])
    assert result.within == pytest.approx([within.mean()])
    assert result.between == pytest.approx([between.mean()])
    assert result.signal == pytest.approx([within.mean() - between.mean()])
    assert result.p == pytest.approx([stats.ttest_ind(within, between).pvalue])


def test_raw_cosines_of_identical_clips_have_no_signal_and_no_p() -> None:
    result = raw_cosine_signal(np.ones((4, 1, 3)), [0, 0, 1, 1])
    assert result.signal == pytest.approx([0.0])
    assert np.isnan(result.p).all() or result.p == pytest.approx([1.0])


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


@pytest.mark.parametrize(
    ("emotion", "template", "message"),
    [
        ([0, 1, 2, 3], None, "pairs within and between"),
        ([0, 0, 0, 0], None, "pairs within and between"),
        ([0, 0, 1, 1], [0, 0, 1, 1], "pairs within and between"),
        ([0, 1], None, "`gram` must have shape"),
        ([0, 0, 1, 1], [0, 1], "`template` must have shape"),
    ],
)
def test_labels_without_pairs_are_refused(
    emotion: Any, template: Any, message: str
) -> None:
    gram = prompt_gram(CROSS, [0, 1, 2, 3])
    with pytest.raises(SimilarityError, match=message):
        emotion_signal(gram, emotion, template=template)


def test_controls_need_two_pairs_and_two_emotions() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SimilarityError, match="2 prompts or more a second clip, got 1"):
        control_similarity(CROSS, [0, 0, 1, 2], [0, 1, 1], rng=rng)
    with pytest.raises(SimilarityError, match="must name 2 emotions or more"):
        control_similarity(CROSS, [0, 0, 1, 1], [0, 0], rng=rng)


def test_raw_cosines_need_both_kinds_of_pairs() -> None:
    with pytest.raises(SimilarityError, match="pairs within and between"):
        raw_cosine_signal(CROSS, [0, 0, 0, 0])
