"""Signals within and between emotions, on Grams worked by hand and planted truth."""

from __future__ import annotations

from itertools import combinations
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
from harness.measures.gram import SimilarityError, prompt_gram
from harness.measures.similarity import (
    balanced_units,
    emotion_signal,
    emotion_signals,
    signal_of_units,
)

CROSS = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])[:, None]


def _data(seed: int = 0, **model: Any) -> Draw:
    return draw(GaussianModel(**model), rng=np.random.default_rng(seed))


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
    assert emotion_signals(gram, labels, template=template) == pytest.approx(
        whole, rel=1e-12, abs=1e-15
    )
    for row in (0, 17):
        within: list[npt.NDArray[np.float64]] = []
        between: list[npt.NDArray[np.float64]] = []
        for i, j in combinations(range(20), 2):
            if template[i] != template[j]:
                same = labels[row, i] == labels[row, j]
                (within if same else between).append(gram[:, i, j])
        loop = np.mean(within, axis=0) - np.mean(between, axis=0)
        assert whole[row] == pytest.approx(loop, rel=1e-12, abs=1e-15)


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


def test_the_exact_p_of_three_emotions_agrees_with_scipy() -> None:
    data = _data(3, emotions=3, prompts=2, layers=1, signal=0.1, matched=False)
    gram = prompt_gram(data.activations, data.prompt_of_clip)
    rows = relabelings(data.emotion, count=100, rng=np.random.default_rng(0))
    ours = p_value(emotion_signals(gram, rows.labels)[:, 0])
    oracle = stats.permutation_test(
        (np.arange(2), np.arange(2, 4), np.arange(4, 6)),
        _signal_of_groups(gram),
        n_resamples=np.inf,
        alternative="greater",
        vectorized=False,
    )
    assert rows.exact
    assert ours == pytest.approx(oracle.pvalue, abs=1e-12)
    assert ours >= rows.smallest_p == 6 / 90


def test_the_drawn_p_agrees_with_scipy_to_within_monte_carlo_error() -> None:
    data = _data(4, layers=1, matched=False, template=0.0, signal=0.02)
    gram = prompt_gram(data.activations, data.prompt_of_clip)
    rows = relabelings(data.emotion, count=10_000, rng=np.random.default_rng(0))
    ours = p_value(emotion_signals(gram, rows.labels)[:, 0])
    draws = 2_000
    oracle = stats.permutation_test(
        tuple(np.arange(20).reshape(4, 5)),
        _signal_of_groups(gram),
        n_resamples=draws,
        alternative="greater",
        vectorized=False,
        rng=np.random.default_rng(1),
    )
    assert not rows.exact
    assert 0.01 < ours < 0.5  # where there is something to agree about
    error = np.sqrt(ours * (1 - ours) * (1 / draws + 1 / 10_000))
    assert abs(ours - oracle.pvalue) < 4 * error


def _signal_of_groups(gram: npt.NDArray[np.float64]) -> Any:
    def signal(*groups: npt.NDArray[Any]) -> float:
        emotion = np.zeros(gram.shape[1], int)
        for code, members in enumerate(groups):
            emotion[np.asarray(members, int)] = code
        return float(emotion_signal(gram, emotion)[0])

    return signal


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


@given(seed=st.integers(0, 2**32 - 1), matched=st.booleans())
@settings(deadline=None, max_examples=40)
def test_many_masks_at_once_are_each_the_signal_of_their_own_prompts(
    seed: int, matched: bool
) -> None:
    rng = np.random.default_rng(seed)
    gram = prompt_gram(rng.normal(size=(18, 2, 6)), np.arange(18))
    emotion = rng.permutation(np.repeat([0, 1, 2], 6))
    units = rng.permutation(np.repeat(np.arange(6), 3))
    template = units if matched else None
    signal = signal_of_units(gram, emotion, unit_of_prompt=units, template=template)
    masks = rng.random((8, 6)) < 0.5
    masks[:, rng.permutation(6)[:3]] = True
    for mask, found in zip(masks, signal(masks), strict=True):
        kept = np.flatnonzero(mask[units])
        expected = emotion_signal(
            gram[:, kept[:, None], kept],
            emotion[kept],
            template=None if template is None else template[kept],
        )
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-14)
        assert signal(mask) == pytest.approx(found, rel=1e-12, abs=1e-14)


def test_masks_do_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _data(layers=2)
    signal = signal_of_units(
        prompt_gram(data.activations, data.prompt_of_clip),
        data.emotion,
        unit_of_prompt=balanced_units(data.emotion, template=data.template),
        template=data.template,
    )
    masks = ~np.eye(5, dtype=np.bool_)
    whole = signal(masks)
    monkeypatch.setattr("harness.measures.similarity._CHUNK_BYTES", 8 * 15 * 2)
    assert signal(masks) == pytest.approx(whole, rel=1e-12, abs=1e-15)


def test_units_that_leave_no_pair_are_refused() -> None:
    data = _data(layers=2)
    signal = signal_of_units(
        prompt_gram(data.activations, data.prompt_of_clip),
        data.emotion,
        unit_of_prompt=balanced_units(data.emotion, template=data.template),
        template=data.template,
    )
    with pytest.raises(SimilarityError, match="got 0 within and 0 between"):
        signal(np.array([[True] * 5, [True, *[False] * 4]]))


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
