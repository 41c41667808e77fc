"""Dimensions that differ between emotions, and how many do by chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.inference.gaussian import GaussianModel, draw
from harness.inference.relabel import p_value, relabelings
from harness.measures.dimensions import (
    DimensionError,
    differing_shares,
    documented_shares,
    documented_shuffled_share,
    emotion_pairs,
    excess_share,
)


def test_hand_worked_standardised_differences() -> None:
    # Pooled SD is 1 (variance 1 in both groups) in each of three dimensions; the means
    # differ by 1, .7 and -2.
    shape = np.array([-1.0, 0.0, 1.0])
    a = np.stack([shape + 1.0, shape + 0.7, shape], axis=1)
    b = np.stack([shape, shape, shape + 2.0], axis=1)
    activations = np.concatenate([a, b])[:, None]
    labels = [[0, 0, 0, 1, 1, 1]]
    assert differing_shares(activations, labels)[0, 0] == pytest.approx([2 / 3])
    few = differing_shares(activations, labels, standard_deviations=1.5)
    assert few[0, 0] == pytest.approx([1 / 3])


def test_a_constant_dimension_never_differs_and_a_clean_split_always_does() -> None:
    activations = np.full((4, 1, 2), 0.1)
    activations[:, 0, 1] = [0.3, 0.3, 0.1, 0.1]
    assert differing_shares(activations, [[0, 0, 1, 1]])[0, 0, 0] == 0.5


def test_rounding_makes_no_constant_dimension_differ() -> None:
    constants = np.random.default_rng(0).normal(size=500)
    activations = np.tile(constants, (10, 1, 1))
    labels = [[0] * 3 + [1] * 7]
    assert differing_shares(activations, labels)[0, 0, 0] == 0.0


def test_shares_agree_with_a_loop_over_rows_and_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = draw(GaussianModel(emotions=3, seeds=1), rng=np.random.default_rng(0))
    activations = data.activations.astype(np.float64)
    labels = relabelings(
        data.emotion, template=data.template, count=20, rng=np.random.default_rng(1)
    ).labels
    monkeypatch.setattr("harness.measures.dimensions._CHUNK_BYTES", 8 * 3 * 64 * 6)
    shares = differing_shares(activations, labels)
    assert shares.shape == (20, 8, 3)
    for row in (0, 13, 19):
        for k, (a, b) in enumerate(emotion_pairs(3)):
            x, y = activations[labels[row] == a], activations[labels[row] == b]
            pooled = np.sqrt((x.var(axis=0, ddof=1) + y.var(axis=0, ddof=1)) / 2)
            d = np.abs(x.mean(axis=0) - y.mean(axis=0)) / pooled
            assert shares[row, :, k] == pytest.approx(np.mean(d > 0.8, axis=-1))


def test_unequal_groups_are_pooled_by_their_degrees_of_freedom() -> None:
    rng = np.random.default_rng(2)
    activations = rng.normal(size=(9, 1, 200))
    emotion = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    x, y = activations[:6, 0], activations[6:, 0]
    t = stats.ttest_ind(x, y, axis=0).statistic
    d = np.abs(t) * np.sqrt(1 / 6 + 1 / 3)
    assert differing_shares(activations, emotion[None])[0, 0, 0] == pytest.approx(
        np.mean(d > 0.8)
    )


def test_hand_worked_excess() -> None:
    shares = np.array([0.5, 0.2, 0.3, 0.2])[:, None, None]
    assert excess_share(shares) == pytest.approx(np.array([[0.2]]))


def test_a_planted_emotion_exceeds_chance() -> None:
    rng = np.random.default_rng(3)
    data = draw(GaussianModel(emotions=2, prompts=12, seeds=1, signal=0.5), rng=rng)
    rows = relabelings(data.emotion, template=data.template, count=200, rng=rng)
    shares = differing_shares(data.activations, rows.labels)
    assert excess_share(shares).mean() > 0.1
    assert p_value(shares.mean(axis=(1, 2))) <= 0.02


def test_without_an_emotion_the_excess_is_zero_and_p_keeps_its_rate() -> None:
    rng = np.random.default_rng(4)
    excess, raw, p = [], [], []
    for _ in range(200):
        model = GaussianModel(emotions=2, prompts=6, seeds=1, layers=2)
        data = draw(model, rng=rng)
        rows = relabelings(data.emotion, template=data.template, count=64, rng=rng)
        shares = differing_shares(data.activations, rows.labels)
        excess.append(excess_share(shares).mean())
        raw.append(shares[0].mean())
        p.append(p_value(shares.mean(axis=(1, 2))))
    error = np.std(excess) / np.sqrt(len(excess))
    assert abs(np.mean(excess)) < 3.5 * error
    assert np.mean(raw) > 10 * error  # what the share alone reads on no emotion
    assert np.sum(np.array(p) <= 0.05) <= stats.binom.ppf(0.9995, 200, 0.05)


@pytest.mark.parametrize(("differing", "said"), [(164, 8.0), (106, 5.2)])
def test_the_documents_shares_come_from_their_formula(
    differing: int, said: float
) -> None:
    """Start, 'The Results': 8 % of 2,048; Reality Check: in truth 5.2 %.

    One clip of each emotion, as theirs were.
    """
    clips = np.zeros((2, 1, 2_048))
    clips[1, 0, :differing] = -0.11
    clips[1, 0, differing:] = 0.09
    share = documented_shares(clips, [0, 1])[0, 0]
    assert round(100 * share, 1) == said


def test_the_documents_shuffled_share_can_exceed_the_observed_one() -> None:
    """Reality Check, 'Statistical Test FAILED': 5.2 %, and 12.9 % shuffled.

    4 clips, a, a, b, b, can be split in 3 ways. In 106 of 2,048 dimensions the last two
    stand out: only the observed split has the means apart. In 687 others the first and
    the third do: only another split has. So (106 + 687) / 3 of 2,048 are 12.9 %.
    """
    clips = np.zeros((4, 2_048))
    clips[2:, :106] = 0.2
    clips[::2, 106:793] = 0.2
    emotion = [0, 0, 1, 1]
    observed = documented_shares(clips[:, None], emotion)[0, 0]
    assert round(100 * observed, 1) == 5.2
    shuffled = documented_shuffled_share(
        clips, emotion, count=2_000, rng=np.random.default_rng(0)
    )
    assert 100 * shuffled == pytest.approx(12.9, abs=1.0)


def test_hand_worked_documented_shares() -> None:
    activations = np.array(
        [[0.0, 0.0, 1.0], [0.2, 0.0, 1.0], [0.15, 0.3, 1.0], [0.25, 0.3, 0.0]]
    )[:, None]
    # Means .1, 0, 1 and .2, .3, .5: differences of .1 (not above), .3 and .5.
    assert documented_shares(activations, [0, 0, 1, 1])[0] == pytest.approx([2 / 3])
    assert documented_shares(10 * activations, [0, 0, 1, 1])[0] == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("activations", "labels", "message"),
    [
        (np.ones((4, 3)), [[0, 0, 1, 1]], r"shape \(prompts, layers, d\)"),
        (np.ones((4, 1, 2)), [[0, 0, 1]], r"\(relabelings, prompts\)"),
        (np.full((4, 1, 2), np.inf), [[0, 0, 1, 1]], "must be finite"),
        (np.ones((4, 1, 2)), [[0, 0, 0, 1]], "every emotion 2 rows or more, got 1"),
        (np.ones((4, 1, 2)), [[0, 0, 0, 0]], "2 emotions or more"),
        (np.ones((4, 1, 2)), [[0.0, 0, 1, 1]], "must be emotion codes"),
        (np.ones((4, 1, 2)), [[0, 0, 2, 2]], "Number the emotions without gaps"),
    ],
)
def test_designs_that_cannot_be_compared_are_refused(
    activations: Any, labels: Any, message: str
) -> None:
    with pytest.raises(DimensionError, match=message):
        differing_shares(activations, labels)
