"""How often the whole chain finds an emotion where there is none, and where there is.

Gaussian model with an intraclass correlation of .3: 8 layers of 64 dimensions, 4
emotions x 5 matched templates x 2 seeds, 200 relabelings, the best layer by max-T.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from harness.inference.gaussian import Draw, GaussianModel, draw
from harness.inference.maxt import max_t
from harness.inference.relabel import relabelings
from harness.measures.gram import prompt_gram
from harness.measures.probe import pairwise_accuracy, probe_folds
from harness.measures.raw_cosine import raw_cosine_signal
from harness.measures.similarity import emotion_signals

RUNS = 300


def _p_of_signal(data: Draw, rng: np.random.Generator) -> float:
    rows = relabelings(data.emotion, template=data.template, count=200, rng=rng)
    gram = prompt_gram(data.activations, data.prompt_of_clip)
    signals = emotion_signals(gram, rows.labels, template=data.template)
    return max_t(signals, exact=rows.exact).p_any


def _p_of_probe(data: Draw, rng: np.random.Generator) -> float:
    rows = relabelings(data.emotion, template=data.template, count=200, rng=rng)
    accuracies = pairwise_accuracy(
        data.activations,
        rows.labels,
        fold_of_prompt=probe_folds(data.emotion, template=data.template),
        prompt_of_clip=data.prompt_of_clip,
    )
    return max_t(accuracies, exact=rows.exact).p_any


def _draws(seed: int, runs: int, **model: Any) -> list[Draw]:
    rng = np.random.default_rng(seed)
    return [draw(GaussianModel(**model), rng=rng) for _ in range(runs)]


def _rejections(p: list[float], alpha: float = 0.05) -> int:
    return int(np.sum(np.array(p) <= alpha))


def _near(p: list[float], alpha: float) -> bool:
    low, high = stats.binom.interval(0.999, len(p), alpha)
    return bool(low <= _rejections(p, alpha) <= high)


@pytest.mark.parametrize("matched", [True, False])
def test_the_signal_test_keeps_its_error_rate(matched: bool) -> None:
    rng = np.random.default_rng(1)
    p = [_p_of_signal(data, rng) for data in _draws(2, RUNS, matched=matched)]
    assert _near(p, 0.05)
    assert _near(p, 0.2)


def test_the_probe_keeps_its_error_rate() -> None:
    rng = np.random.default_rng(3)
    p = [_p_of_probe(data, rng) for data in _draws(4, 200)]
    assert _near(p, 0.05)
    assert _near(p, 0.2)


@pytest.mark.parametrize(
    ("best", "at_least"), [(False, 3 * 0.05), (True, 0.5)], ids=["one", "best"]
)
def test_the_documents_t_test_over_pairs_does_not(best: bool, at_least: float) -> None:
    p: list[npt.NDArray[np.float64]] = []
    for data in _draws(5, 100, matched=False, seeds=4, template=0.0):
        emotion = data.emotion[data.prompt_of_clip]
        p.append(raw_cosine_signal(data.activations, emotion).p)
    smallest = [float(row.min() if best else row[0]) for row in p]
    assert _rejections(smallest) > 100 * at_least


def test_a_planted_emotion_is_found_by_both() -> None:
    rng = np.random.default_rng(6)
    planted = _draws(7, 20, prompts=12, signal=0.1)
    assert _rejections([_p_of_signal(data, rng) for data in planted], 0.005) >= 18
    assert _rejections([_p_of_probe(data, rng) for data in planted], 0.005) >= 18


def test_calling_clips_independent_is_what_breaks_the_test() -> None:
    """The same statistic and max-T, labels dealt out to clips instead of prompts."""
    rng = np.random.default_rng(8)
    by_clip = []
    for data in _draws(9, 100, matched=False, seeds=4, template=0.0):
        clips = np.arange(data.prompt_of_clip.size)
        gram = prompt_gram(data.activations, clips)
        labels = relabelings(
            data.emotion[data.prompt_of_clip], count=100, rng=rng
        ).labels
        by_clip.append(max_t(emotion_signals(gram, labels), exact=False).p_any)
    assert _rejections(by_clip) > 50
