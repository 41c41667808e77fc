"""The Gaussian model has the variances that it says it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.inference import InferenceError
from harness.inference.gaussian import (
    GaussianModel,
    draw,
    emotion_vectors,
    true_signal,
)
from harness.measures.gram import prompt_gram
from harness.measures.similarity import emotion_signal


def test_the_design_is_sorted_by_emotion_then_template_then_seed() -> None:
    data = draw(
        GaussianModel(emotions=2, prompts=3, seeds=2, layers=4, dimensions=5),
        rng=np.random.default_rng(0),
    )
    assert data.activations.shape == (12, 4, 5)
    assert data.activations.dtype == np.float32
    assert data.emotion.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.template is not None
    assert data.template.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.prompt_of_clip.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_free_prompts_have_no_template() -> None:
    data = draw(GaussianModel(matched=False), rng=np.random.default_rng(0))
    assert data.template is None


def test_the_intraclass_correlation_is_the_one_asked_for() -> None:
    model = GaussianModel(prompts=200, template=0.0, icc=0.3, layers=1)
    clips = draw(model, rng=np.random.default_rng(0)).activations[:, 0]
    pairs = clips.reshape(-1, 2, clips.shape[-1]).astype(np.float64)
    within = np.mean(np.sum((pairs[:, 0] - pairs[:, 1]) ** 2, axis=1)) / 2
    total = np.sum(clips.var(axis=0))
    assert 1 - within / total == pytest.approx(0.3, abs=0.02)
    assert total == pytest.approx(1.0, abs=0.05)


def test_raw_cosines_and_layer_correlation_are_those_asked_for() -> None:
    model = GaussianModel(prompts=50, layers=3, cosine=0.9, layer_correlation=0.8)
    clips = draw(model, rng=np.random.default_rng(1)).activations.astype(np.float64)
    units = clips / np.linalg.norm(clips, axis=2, keepdims=True)
    mean = units[:, 0].mean(axis=0)
    assert np.sum(mean**2) == pytest.approx(0.9, abs=0.02)
    centred = clips - clips.mean(axis=0)
    scale = np.sqrt(np.sum(centred[:, 0] ** 2) * np.sum(centred[:, 1] ** 2))
    assert np.sum(centred[:, 0] * centred[:, 1]) / scale == pytest.approx(0.8, abs=0.03)


def test_the_participation_ratio_is_the_one_asked_for() -> None:
    model = GaussianModel(
        prompts=500, layers=1, dimensions=256, template=0.0, participation_ratio=23.0
    )
    clips = draw(model, rng=np.random.default_rng(2)).activations[:, 0]
    eigenvalues = np.linalg.eigvalsh(np.cov(clips.T.astype(np.float64)))
    assert eigenvalues.sum() ** 2 / np.sum(eigenvalues**2) == pytest.approx(23, rel=0.1)


@pytest.mark.parametrize(
    ("field", "value"),
    [("icc", 1.0), ("cosine", -0.1), ("signal", -1.0), ("participation_ratio", 1.0)],
)
def test_impossible_models_are_refused(field: str, value: float) -> None:
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(InferenceError, match=f"`{field}`"):
        GaussianModel(**wrong)


def test_the_emotions_have_exactly_the_variance_asked_for() -> None:
    model = GaussianModel(signal=0.02, layers=3)
    vectors = emotion_vectors(model, rng=np.random.default_rng(0))
    assert vectors.shape == (4, 3, 64)
    assert np.allclose(vectors.mean(axis=0), 0)
    assert np.sum(vectors**2, axis=(0, 2)) / 3 == pytest.approx([0.02] * 3)


def test_given_emotions_are_what_a_draw_adds() -> None:
    model = GaussianModel(signal=0.5, layers=2)
    vectors = emotion_vectors(model, rng=np.random.default_rng(0))
    with_emotion, without = (
        draw(model, rng=np.random.default_rng(1), emotions=each).activations
        for each in (vectors, np.zeros_like(vectors))
    )
    emotion_of_clip = np.repeat(np.arange(4), model.prompts * model.seeds)
    assert np.allclose(with_emotion - without, vectors[emotion_of_clip], atol=1e-5)


def test_the_true_signal_is_what_many_prompts_show() -> None:
    model = GaussianModel(
        prompts=200, seeds=1, layers=2, dimensions=32, signal=0.1, template=0.0
    )
    rng = np.random.default_rng(2)
    vectors = emotion_vectors(model, rng=rng)
    truth = true_signal(model, vectors, rng=rng)
    seen = []
    for _ in range(8):
        data = draw(model, rng=rng, emotions=vectors)
        gram = prompt_gram(data.activations, data.prompt_of_clip)
        seen.append(emotion_signal(gram, data.emotion, template=data.template))
    assert np.mean(seen, axis=0) == pytest.approx(truth, abs=0.005)


def test_the_true_signal_is_near_the_share_of_variance_in_many_dimensions() -> None:
    model = GaussianModel(
        layers=1, dimensions=2000, participation_ratio=900.0, signal=0.02, template=0.2
    )
    vectors = emotion_vectors(model, rng=np.random.default_rng(3))
    truth = true_signal(model, vectors, prompts=2000, rng=np.random.default_rng(4))
    total = 1 + 0.2 + 0.02 * 3 / 4
    assert truth == pytest.approx([0.02 / total], rel=0.03)
