"""Power: the formula against hand-worked values, and against the relabeling test."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isinf, log, log1p, pi, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.inference import InferenceError
from harness.inference.gaussian import Draw, GaussianModel, draw
from harness.inference.looks import look_for
from harness.inference.power import (
    Assumptions,
    Study,
    effective_layers,
    expected_signal,
    minimum_detectable,
    null_sd,
    outlook,
    power_at,
    prompts_needed,
)
from harness.inference.relabel import p_values, relabelings
from harness.measures.gram import prompt_gram
from harness.measures.similarity import emotion_signals

WEEK_1 = Study(emotions=4, prompts=10, seeds=1, matched=True)
ASSUMED = Assumptions()


def drawn(
    study: Study, icc: float, ratio: float, seed: int, template: float = 0.0
) -> Draw:
    """A null data set whose layers are independent, so that each is a repetition."""
    return draw(_model(study, icc=icc, ratio=ratio, template=template), rng=_rng(seed))


def _model(
    study: Study, *, icc: float, ratio: float, template: float = 0.0, **changes: Any
) -> GaussianModel:
    shape: dict[str, Any] = {
        "emotions": study.emotions,
        "prompts": study.prompts,
        "seeds": study.seeds,
        "matched": study.matched,
        "layers": 60,
        "dimensions": 256,
        "layer_correlation": 0.0,
        "template": template,
    }
    shape |= changes
    return GaussianModel(icc=icc, participation_ratio=ratio, **shape)


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def signals(
    activations: npt.NDArray[np.float32], data: Draw, rows: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    gram = prompt_gram(activations, data.prompt_of_clip)
    return emotion_signals(gram, rows, template=data.template)


def planted(
    data: Draw, study: Study, *, ratio: float, share: float, seed: int
) -> npt.NDArray[np.float32]:
    """`data` with emotions that own exactly `share` of the variance, in each layer.

    As much as the signal that this makes: the part within the observed emotions is
    `(k - 1) / k` of it.
    """
    one = replace(study, prompts=2, seeds=1, matched=True)
    model = _model(one, icc=0, ratio=ratio, cosine=0)
    emotions = draw(model, rng=_rng(seed)).activations[:: one.prompts].astype(float)
    emotions -= emotions.mean(axis=0)
    own = share * (study.emotions - 1) / study.emotions
    mean_square = np.mean(np.sum(emotions**2, axis=2), axis=0)
    emotions *= np.sqrt(own / (1 - own) / mean_square)[:, None]
    added = emotions[data.emotion[data.prompt_of_clip]].astype(np.float32)
    return np.asarray(data.activations + added, np.float32)


# --- worked by hand -----------------------------------------------------------------


def test_the_null_sd_is_that_of_two_mean_squares() -> None:
    study = Study(emotions=2, prompts=2, seeds=1, matched=True)
    # Two pairs within, (n11 n12 + n21 n22) / 2, less two between: four products, each
    # of variance 1 / 16, weighted by a half.
    assert null_sd(study, assumptions=Assumptions(participation_ratio=16)) == sqrt(
        1 / 16
    )
    two = replace(study, seeds=2)
    # .5 + .5 / 2 of the variance is left after the mean over two seeds.
    assert null_sd(
        two, assumptions=Assumptions(participation_ratio=16, icc=0.5)
    ) == pytest.approx(0.75 / 4)
    # Free: two pairs within, and all four between.
    free = replace(study, matched=False)
    assert null_sd(
        free, assumptions=Assumptions(participation_ratio=16)
    ) == pytest.approx(sqrt(2 * (1 / 4) + 4 * (1 / 16)) / 4)


def test_templates_take_from_the_noise_where_they_are_matched() -> None:
    shared = Assumptions(template_share=0.25)
    whole = null_sd(WEEK_1, assumptions=ASSUMED)
    assert null_sd(WEEK_1, assumptions=shared) == pytest.approx(0.75 * whole)
    free = replace(WEEK_1, matched=False)
    assert null_sd(free, assumptions=shared) == null_sd(free, assumptions=ASSUMED)


def test_one_dimension_keeps_two_parts_in_pi_of_a_share() -> None:
    """Scaled to length 1, a number keeps its sign only; E sign(x) x is sqrt(2 / pi)."""
    assert expected_signal(0.1, participation_ratio=1) == pytest.approx(0.1 * 2 / pi)
    assert expected_signal(0.1, participation_ratio=1e6) == pytest.approx(0.1)


def test_without_dimensions_power_is_that_of_an_f_test() -> None:
    study = Study(emotions=3, prompts=8, seeds=1, matched=False)
    one = Assumptions(participation_ratio=1)
    # Noise .8, 2 and 21 degrees of freedom, noncentrality 2 x 8 x .3 / .8.
    critical = stats.f.isf(0.05, 2, 21)
    expected = stats.ncf.sf(critical, 2, 21, 6.0)
    assert power_at(0.3, study, alpha=0.05, assumptions=one) == pytest.approx(expected)


def test_with_every_outcome_alike_power_is_alpha() -> None:
    for alpha in (0.005, 0.05):
        assert power_at(0, WEEK_1, alpha=alpha, assumptions=ASSUMED) == pytest.approx(
            alpha
        )
    five = replace(ASSUMED, effective_layers=5)
    in_one = 1 - 0.95 ** (1 / 5)
    assert power_at(0, WEEK_1, alpha=0.05, assumptions=five) == pytest.approx(in_one)


def test_a_design_that_cannot_reach_alpha_finds_nothing() -> None:
    pair = Study(emotions=2, prompts=5, seeds=1, matched=True)  # smallest p is 1 / 16
    assert power_at(0.4, pair, alpha=0.06, assumptions=ASSUMED) == 0
    assert isinf(minimum_detectable(pair, alpha=0.06, assumptions=ASSUMED))
    assert power_at(0.4, pair, alpha=0.07, assumptions=ASSUMED) > 0.5
    assert minimum_detectable(pair, alpha=0.07, assumptions=ASSUMED) < 0.4


# --- against the relabeling test ----------------------------------------------------


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "free"])
@pytest.mark.parametrize(
    ("ratio", "lowest", "highest"), [(23, 0.9, 1.1), (2.5, 0.78, 1.05)]
)
@pytest.mark.parametrize("icc", [0, 0.1, 0.3, 0.5])
def test_the_null_sd_is_the_simulated_one(
    icc: float, ratio: float, lowest: float, highest: float, matched: bool
) -> None:
    study = Study(emotions=4, prompts=10, seeds=2, matched=matched)
    found = []
    for seed in range(8):
        data = drawn(study, icc, ratio, seed)
        found.append(signals(data.activations, data, data.emotion[None]))
    assumed = Assumptions(icc=icc, participation_ratio=ratio)
    assert lowest < np.std(found) / null_sd(study, assumptions=assumed) < highest


def test_the_null_sd_of_templates_is_the_simulated_one() -> None:
    found = []
    for seed in range(8):
        data = drawn(WEEK_1, 0.3, 23, seed, template=1.0)
        found.append(signals(data.activations, data, data.emotion[None]))
    assumed = Assumptions(template_share=0.5)
    assert 0.9 < np.std(found) / null_sd(WEEK_1, assumptions=assumed) < 1.1


@pytest.mark.parametrize(("ratio", "within"), [(23, 0.06), (2.5, 0.2)])
@pytest.mark.parametrize("icc", [0, 0.5])
def test_the_signal_of_a_share_is_the_simulated_one(
    icc: float, ratio: float, within: float
) -> None:
    found = []
    for seed in range(4):
        data = drawn(WEEK_1, icc, ratio, seed)
        clips = planted(data, WEEK_1, ratio=ratio, share=0.1, seed=seed)
        found.append(signals(clips, data, data.emotion[None]))
    expected = expected_signal(0.1, participation_ratio=ratio)
    assert np.mean(found) == pytest.approx(expected, rel=within)


def _share_found(
    study: Study, alpha: float, *, share: float, ratio: float = 23
) -> float:
    p: list[float] = []
    for seed in range(4):
        data = drawn(study, 0.3, ratio, seed)
        rows = relabelings(
            data.emotion, template=data.template, count=1000, rng=_rng(seed)
        )
        clips = planted(data, study, ratio=ratio, share=share, seed=100 + seed)
        p += p_values(signals(clips, data, rows.labels)).tolist()
    return float(np.mean(np.array(p) < alpha))


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "free"])
@pytest.mark.parametrize(("prompts", "alpha"), [(10, 0.005), (10, 0.05), (20, 0.01)])
def test_the_least_that_is_detectable_is_detected_four_times_in_five(
    prompts: int, alpha: float, matched: bool
) -> None:
    study = replace(WEEK_1, prompts=prompts, matched=matched)
    least = minimum_detectable(study, alpha=alpha, assumptions=ASSUMED)
    share = least / expected_signal(1, participation_ratio=23)
    found = _share_found(study, alpha, share=share)
    low, high = stats.binom.interval(0.999, 240, 0.8)
    assert low / 240 <= found <= high / 240


def test_the_power_at_half_of_it_is_the_simulated_one_too() -> None:
    least = minimum_detectable(WEEK_1, alpha=0.05, assumptions=ASSUMED)
    share = least / 2 / expected_signal(1, participation_ratio=23)
    power = power_at(least / 2, WEEK_1, alpha=0.05, assumptions=ASSUMED)
    low, high = stats.binom.interval(0.999, 240, power)
    assert low / 240 <= _share_found(WEEK_1, 0.05, share=share) <= high / 240


def test_few_dimensions_find_at_least_what_was_said() -> None:
    few = Assumptions(participation_ratio=2.5)
    study = replace(WEEK_1, prompts=20)
    least = minimum_detectable(study, alpha=0.01, assumptions=few)
    share = least / expected_signal(1, participation_ratio=2.5)
    assert _share_found(study, 0.01, share=share, ratio=2.5) > 0.75


@pytest.mark.parametrize("layers", [6, 24, 48])
def test_effective_layers_cost_what_the_largest_of_correlated_ones_costs(
    layers: int,
) -> None:
    lags = np.abs(np.subtract.outer(range(layers), range(layers)))
    mixing = np.linalg.cholesky(0.95**lags)
    rng = _rng(3)
    largest = [
        np.sum((mixing @ rng.standard_normal((layers, 69))) ** 2, axis=1).max()
        for _ in range(2000)
    ]
    in_one = float(stats.chi2.sf(np.quantile(largest, 0.95), 69))
    found = log(0.95) / log1p(-in_one)
    assert effective_layers(layers) == pytest.approx(found, rel=0.35)


def test_layers_count_for_what_they_are() -> None:
    assert effective_layers(1) == pytest.approx(1)
    assert effective_layers(12, correlation=0) == pytest.approx(12)
    assert effective_layers(12, correlation=1) == pytest.approx(1)


# --- properties ---------------------------------------------------------------------

studies = st.builds(
    Study,
    emotions=st.integers(2, 6),
    prompts=st.integers(10, 50),
    seeds=st.integers(1, 3),
    matched=st.booleans(),
)
assumptions = st.builds(
    Assumptions,
    icc=st.floats(0, 0.9),
    participation_ratio=st.floats(1, 100),
    template_share=st.floats(0, 0.5),
    effective_layers=st.floats(1, 48),
)


@settings(deadline=None, max_examples=50)
@given(studies, assumptions, st.sampled_from([0.005, 0.01, 0.05]))
def test_more_is_found_with_more(
    study: Study, assumed: Assumptions, alpha: float
) -> None:
    def least(study: Study, assumed: Assumptions) -> float:
        return minimum_detectable(study, alpha=alpha, assumptions=assumed)

    here = least(study, assumed)
    assert 0 < here < study.emotions / (study.emotions - 1)
    assert least(replace(study, prompts=study.prompts + 5), assumed) < here
    assert least(replace(study, seeds=study.seeds + 1), assumed) < here
    alike = least(study, replace(assumed, icc=assumed.icc + 0.05))
    assert alike > here if study.seeds > 1 else alike == here
    assert least(study, replace(assumed, effective_layers=60)) > here
    assert power_at(here, study, alpha=alpha, assumptions=assumed) == pytest.approx(
        0.8, abs=1e-3
    )
    assert power_at(1.01 * here, study, alpha=alpha, assumptions=assumed) > 0.8


@settings(deadline=None, max_examples=50)
@given(st.floats(0.03, 0.3), assumptions)
def test_prompts_needed_are_the_first_that_are_enough(
    signal: float, assumed: Assumptions
) -> None:
    def power(prompts: int) -> float:
        study = replace(WEEK_1, prompts=prompts)
        return power_at(signal, study, alpha=0.05, assumptions=assumed)

    needed = prompts_needed(signal, WEEK_1, alpha=0.05, at_most=60, assumptions=assumed)
    if needed is None:
        assert power(60) < 0.8
    else:
        assert power(needed) >= 0.8
        assert needed == 2 or power(needed - 1) < 0.8


def test_a_bank_may_be_too_small() -> None:
    def needed(at_most: int) -> int | None:
        return prompts_needed(
            0.03, WEEK_1, alpha=0.05, at_most=at_most, assumptions=ASSUMED
        )

    enough = needed(100)
    assert enough is not None
    assert needed(enough) == enough
    assert needed(enough - 1) is None


# --- what is said, and refused ------------------------------------------------------


def test_the_outlook_of_a_look_is_for_its_alpha_prompts_and_layers() -> None:
    def said(samples: int, layers: int) -> str:
        return outlook(look_for(samples), emotions=4, matched=True, layers=layers)

    study = Study(emotions=4, prompts=25, seeds=2, matched=True)
    assumed = Assumptions(effective_layers=effective_layers(48))
    least = minimum_detectable(study, alpha=0.015, assumptions=assumed)
    assert said(50, 48) == (
        f"detects a layer signal of {100 * least:.1f} % (80 % power; assumes ICC .3, "
        "participation ratio 23)"
    )
    assert said(50, 6) != said(50, 48)
    measured = {"icc": 0.412, "participation_ratio": 11.32, "template_share": 0.25}
    known = Assumptions(**measured, effective_layers=effective_layers(48))
    least = minimum_detectable(study, alpha=0.015, assumptions=known)
    assert outlook(
        look_for(50), emotions=4, matched=True, layers=48, measured=measured
    ) == (
        f"detects a layer signal of {100 * least:.1f} % (80 % power; measured ICC .41, "
        "participation ratio 11.3)"
    )
    assert said(3, 6) == said(11, 6) == "none, this look is never evidence"


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (lambda: replace(WEEK_1, prompts=1), "`Study` must have 2 emotions"),
        (lambda: replace(WEEK_1, emotions=1), "`Study` must have 2 emotions"),
        (lambda: replace(WEEK_1, seeds=0), "`Study` must have 2 emotions"),
        (lambda: Assumptions(icc=1.0), r"`icc` must lie in \[0, 1\), got 1.0"),
        (lambda: Assumptions(template_share=-0.1), "`template_share` must lie"),
        (lambda: Assumptions(participation_ratio=0.5), "`participation_ratio` must be"),
        (lambda: Assumptions(effective_layers=inf), "`effective_layers` must be"),
        (
            lambda: power_at(0.1, WEEK_1, alpha=0, assumptions=ASSUMED),
            r"`alpha` must lie inside \(0, 1\), got 0",
        ),
        (
            lambda: power_at(-0.1, WEEK_1, alpha=0.05, assumptions=ASSUMED),
            r"`signal` must lie in \[0, 1.33333\), got -0.1",
        ),
        (
            lambda: power_at(1.4, WEEK_1, alpha=0.05, assumptions=ASSUMED),
            "`signal` must lie in",
        ),
        (
            lambda: minimum_detectable(
                WEEK_1, alpha=0.05, power=0.04, assumptions=ASSUMED
            ),
            r"`power` must lie inside \(0.05, 1\), got 0.04",
        ),
    ],
)
def test_what_cannot_be_is_refused(wrong: Any, match: str) -> None:
    with pytest.raises(InferenceError, match=match):
        wrong()
