"""The documents' own similarity, on angles worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.measures.gram import SimilarityError
from harness.measures.raw_cosine import raw_cosine_signal


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


def test_raw_cosines_of_unequal_groups_agree_with_scipy_in_every_layer() -> None:
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(30, 3, 16)) + 5.0
    emotion = rng.permutation(np.repeat([0, 1, 2], [6, 10, 14]))
    result = raw_cosine_signal(clips.astype(np.float32), emotion)
    first, second = np.triu_indices(30, k=1)
    same = emotion[first] == emotion[second]
    for layer in range(3):
        rows = clips[:, layer].astype(np.float32).astype(np.float64)
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        cosines = (units[first] * units[second]).sum(axis=1)
        test = stats.ttest_ind(cosines[same], cosines[~same])
        assert result.signal[layer] == pytest.approx(
            cosines[same].mean() - cosines[~same].mean(), rel=1e-9
        )
        assert result.p[layer] == pytest.approx(test.pvalue, rel=1e-8)


def test_raw_cosines_need_both_kinds_of_pairs() -> None:
    with pytest.raises(SimilarityError, match="pairs within and between"):
        raw_cosine_signal(np.eye(4)[:, None], [0, 0, 0, 0])
