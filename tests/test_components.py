"""Variance components: by hand, against draws of known truth, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from harness.inference.gaussian import Draw, GaussianModel, draw
from harness.measures.components import Components, variance_components
from harness.measures.similarity import SimilarityError

WEEK_1 = GaussianModel(prompts=10, seeds=2, layers=3, dimensions=128, signal=0.02)


def _as_first_look(drawn: Draw) -> tuple[npt.NDArray[np.bool_], Draw]:
    """Two clips of the first five prompts of each emotion, one of the others."""
    second = np.arange(len(drawn.prompt_of_clip)) % 2 == 1
    return ~second | (drawn.prompt_of_clip % 10 < 5), drawn


def _found(model: GaussianModel, *, repetition: int) -> Components:
    keep, drawn = _as_first_look(draw(model, rng=np.random.default_rng(repetition)))
    return variance_components(
        drawn.activations[keep],
        drawn.prompt_of_clip[keep],
        drawn.emotion,
        template=drawn.template,
    )


def _means(model: GaussianModel, repetitions: int = 30) -> dict[str, float]:
    found = [_found(model, repetition=r) for r in range(repetitions)]
    names = ("icc", "template_share", "participation_ratio")
    return {n: float(np.mean([np.median(getattr(f, n)) for f in found])) for n in names}


@pytest.mark.parametrize("icc", [0.0, 0.1, 0.3, 0.5])
def test_the_shares_of_a_first_look_are_the_true_ones(icc: float) -> None:
    found = _means(replace(WEEK_1, icc=icc))
    assert found["icc"] == pytest.approx(icc, abs=0.035)
    assert found["template_share"] == pytest.approx(0.2 / 1.22, abs=0.03)
    assert found["participation_ratio"] == pytest.approx(23, rel=0.06)


def test_few_dimensions_are_counted_as_few() -> None:
    found = _means(replace(WEEK_1, participation_ratio=2.5))
    assert found["participation_ratio"] == pytest.approx(2.5, abs=0.4)
    assert found["icc"] == pytest.approx(0.3, abs=0.08)


def test_free_prompts_count_their_wording_as_the_prompt_s() -> None:
    found = _means(replace(WEEK_1, matched=False))
    assert found["template_share"] == 0
    # .3 + .2 of templates, of 1.2
    assert found["icc"] == pytest.approx(0.5 / 1.2, abs=0.035)


def test_a_look_with_two_seeds_reads_the_same() -> None:
    drawn = draw(replace(WEEK_1, prompts=25), rng=np.random.default_rng(3))
    found = variance_components(
        drawn.activations, drawn.prompt_of_clip, drawn.emotion, template=drawn.template
    )
    assert np.median(found.icc) == pytest.approx(0.3, abs=0.08)
    assert found.pairs == 100


def test_more_dimensions_than_observations_are_counted() -> None:
    wide = replace(WEEK_1, dimensions=2000, participation_ratio=100, layers=1)
    found = _means(wide, repetitions=8)
    assert found["participation_ratio"] == pytest.approx(100, rel=0.15)


def test_two_by_three_by_hand() -> None:
    """One dimension, 2 emotions x 3 templates, second clips that differ by 2 and 4."""
    first = np.array([1.0, 2, 6, 3, 7, 11])
    second = np.array([3.0, 6])  # of prompts 0 and 1
    values = np.concatenate([first, second])[:, None, None]
    found = variance_components(
        values,
        np.array([0, 1, 2, 3, 4, 5, 0, 1]),
        np.repeat([0, 1], 3),
        template=np.tile([0, 1, 2], 2),
    )
    # Means 3 and 7; templates 2, 4.5, 8.5; grand 5. Residuals 1, -.5, -.5, twice:
    # 3 over 2 degrees: 1.5. Templates: 2 (9 + .25 + 12.25) = 43 over 2: 21.5, less 1.5,
    # over 2: 10. Emotions: 6 x 4 = 24, less 1.5, over 3: 7.5.
    assert found.template_share[0] == pytest.approx(10 / (10 + 7.5 + 1.5))
    assert found.icc[0] == 0.0  # the seed's 5 / 2 is more than the 1.5 there is
    assert found.pairs == 2


def test_neither_place_nor_scale_of_the_activations_matters() -> None:
    keep, drawn = _as_first_look(draw(WEEK_1, rng=np.random.default_rng(0)))
    found = [
        variance_components(
            scale * drawn.activations[keep].astype(np.float64) + shift,
            drawn.prompt_of_clip[keep],
            drawn.emotion,
            template=drawn.template,
        )
        for scale, shift in ((1.0, 0.0), (50.0, 3.0))
    ]
    for name in ("icc", "template_share", "participation_ratio"):
        once, again = (getattr(f, name) for f in found)
        np.testing.assert_allclose(once, again, rtol=1e-6, atol=1e-8)


def test_a_layer_that_never_varies_is_nothing_and_stops_nothing() -> None:
    keep, drawn = _as_first_look(draw(WEEK_1, rng=np.random.default_rng(0)))
    flat = drawn.activations[keep].copy()
    flat[:, 1] = 4.0
    found = variance_components(
        flat, drawn.prompt_of_clip[keep], drawn.emotion, template=drawn.template
    )
    assert (found.icc[1], found.participation_ratio[1]) == (0.0, 1.0)
    assert found.icc[0] > 0


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_activations_that_say_nothing_are_refused(fill: float) -> None:
    drawn = draw(WEEK_1, rng=np.random.default_rng(0))
    with pytest.raises(SimilarityError, match="must be finite and vary"):
        variance_components(
            np.full_like(drawn.activations, fill), drawn.prompt_of_clip, drawn.emotion
        )


def test_without_second_clips_nothing_can_be_told_apart() -> None:
    drawn = draw(replace(WEEK_1, seeds=1), rng=np.random.default_rng(0))
    with pytest.raises(SimilarityError, match="2 prompts with a second clip"):
        variance_components(drawn.activations, drawn.prompt_of_clip, drawn.emotion)


def test_shapes_must_agree() -> None:
    drawn = draw(WEEK_1, rng=np.random.default_rng(0))
    with pytest.raises(SimilarityError, match="must have shape"):
        variance_components(drawn.activations[:-1], drawn.prompt_of_clip, drawn.emotion)
