"""Levels by clip and layer: emotions against prompts, and one emotion against another.

Conventions
-----------
Levels are logarithms, `(clips, layers)`: noise of clips, of prompts and of templates,
and what an emotion adds in the layers where it does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rulings_for_tests import p_of, status_of
from scipy import stats
from tables_for_tests import table_from

from harness.design import ClipTable
from harness.evidence import frequency_evidence, ratio_evidence, spread_evidence
from harness.inference import InferenceError
from harness.inference.looks import look_for
from harness.measures.temporal import TemporalError
from harness.verdict import Status

Floats = npt.NDArray[np.float64]

EMOTIONS = ("happy", "sad", "calm", "energetic")
HAPPY_SAD = ("happy", "sad")
LAYERS = 6
BANDS = ((1.5, 3.0), (3.0, 6.0), (6.0, 12.0), (12.0, 24.0))  # in Hz
ALPHA = look_for(10).alpha


def table(
    prompts: int = 10, *, seeds: int = 2, matched: bool = True, count: int = 1_000
) -> ClipTable:
    emotion = np.repeat(np.arange(4), prompts)
    clips = np.repeat(np.arange(emotion.size), seeds)
    return table_from(
        emotion,
        np.tile(np.arange(prompts), 4) if matched else None,
        clips,
        relabeling_count=count,
    )


def levels(
    clips: ClipTable, *, happy: float = 0.0, layer: int = 2, seed: int = 0
) -> Floats:
    """SD of .1 of clips and prompts, .3 of templates; happy has more in one layer."""
    rng = np.random.default_rng(seed)
    template = np.arange(clips.n_prompts) if clips.template is None else clips.template
    by_prompt = 0.1 * rng.normal(size=(clips.n_prompts, LAYERS))
    by_prompt += 0.3 * rng.normal(size=(template.max() + 1, LAYERS))[template]
    by_prompt[clips.emotion == 0, layer] += happy
    noise = 0.1 * rng.normal(size=(clips.n_clips, LAYERS))
    found: Floats = by_prompt[clips.prompt_of_clip] + noise
    return found


# --- emotions against prompts -------------------------------------------------------


@pytest.mark.parametrize(
    ("matched", "happy"), [(True, 0.4), (False, 1.5)], ids=["matched", "free"]
)
def test_a_level_that_follows_the_emotion_is_found(matched: bool, happy: float) -> None:
    clips = table(matched=matched)
    found = spread_evidence(levels(clips, happy=happy), clips)
    assert found.detail["layer"] == 2
    assert status_of("variance_ratio", found) is Status.SUPPORTED
    below = np.delete(found.detail["p, corrected"], 2)
    assert (below > ALPHA).all()
    assert found.interval is not None
    assert found.effect is not None
    assert 1.0 < found.interval[0] < found.effect < found.interval[1]


def test_the_ratio_is_the_f_of_prompt_means() -> None:
    clips = table(matched=False)
    values = levels(clips, happy=0.5)
    found = spread_evidence(values, clips)
    by_prompt = clips.by_prompt(values)
    groups = [by_prompt[clips.emotion == e] for e in range(4)]
    expected = stats.f_oneway(*groups).statistic
    np.testing.assert_allclose(found.detail["ratio"], expected)


def test_its_p_is_that_of_scipy_where_there_is_one_layer() -> None:
    clips, kept = table(6, count=10_000).restricted(("happy", "sad"))
    values = levels(table(6, count=10_000), happy=0.3)[kept][:, 2:3]
    by_prompt = clips.by_prompt(values)[:, 0]
    expected = stats.permutation_test(
        [clips.of_emotion(by_prompt, e) for e in ("happy", "sad")],
        lambda one, other, axis: np.abs(np.mean(one - other, axis=axis)),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
        alternative="greater",
    )
    found = spread_evidence(values, clips)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.smallest_p == 2 / 64


def test_the_effect_is_of_templates_that_did_not_choose_the_layer() -> None:
    # The largest of six ratios, of which none is above 1 but by chance.
    clips = table(12, seeds=1, count=20)
    found = [spread_evidence(levels(clips, seed=s), clips) for s in range(40)]
    largest = [np.log(f.detail["ratio"]).max() for f in found]
    held_out = [np.log(f.effect or 1.0) for f in found]
    assert np.mean(largest) > 0.5
    assert np.mean(held_out) < 0.2
    assert all(f.null == 1.0 for f in found)


def test_the_documents_ratio_stands_beside_it() -> None:
    clips = table()
    values = levels(clips, happy=2.0)
    said = spread_evidence(values, clips).as_documented
    variances = np.exp(values[:, 2])
    happy = variances[clips.emotion_of_clip == 0].mean()
    assert said["happy"] == pytest.approx(happy)
    (ratio,) = (said[name] for name in said if name.startswith("happy / "))
    assert ratio == pytest.approx(happy / min(said[e] for e in EMOTIONS))


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "free"])
def test_a_level_follows_by_chance_no_more_often_than_alpha(matched: bool) -> None:
    clips, repetitions = table(6, seeds=1, matched=matched, count=200), 150
    found = [spread_evidence(levels(clips, seed=s), clips) for s in range(repetitions)]
    low = sum(p_of(f) <= 0.05 for f in found)
    assert low <= stats.binom.ppf(0.999, repetitions, 0.05)


def test_seeds_of_one_prompt_are_not_prompts() -> None:
    """Clips of a prompt are alike: counted one by one, they seem to differ."""
    clips = table(5, seeds=6, matched=False, count=200)
    repetitions = 80
    by_prompt = by_clip = 0
    for seed in range(repetitions):
        values = levels(clips, seed=seed)[:, :1]
        by_prompt += p_of(spread_evidence(values, clips)) <= 0.05
        groups = [values[clips.emotion_of_clip == e, 0] for e in range(4)]
        by_clip += stats.f_oneway(*groups).pvalue <= 0.05
    bound = stats.binom.ppf(0.999, repetitions, 0.05)
    assert by_prompt <= bound < by_clip


# --- one emotion against another ----------------------------------------------------


def test_a_factor_of_two_is_found_and_supported() -> None:
    clips = table()
    found = ratio_evidence(levels(clips, happy=np.log(2)), clips, HAPPY_SAD)
    assert found.detail["layer"] == 2
    assert found.effect == pytest.approx(2.0, rel=0.1)
    assert found.smallest_p == 1 / 1_000  # of 1,024 sign flips, drawn
    assert status_of("happy_varies_more", found) is Status.SUPPORTED
    assert found.n_prompts == 20
    assert found.n_clips == 40
    assert found.as_documented["happy / sad"] == pytest.approx(2.0, rel=0.15)


def test_the_interval_holds_the_factor_about_as_often_as_it_should() -> None:
    clips, repetitions = table(8, seeds=1, count=2), 100
    held = 0
    for seed in range(repetitions):
        values = levels(clips, happy=np.log(2), seed=seed)
        interval = ratio_evidence(values, clips, HAPPY_SAD).interval
        assert interval is not None
        held += interval[0] < 2.0 < interval[1]
    assert held >= stats.binom.ppf(0.001, repetitions, 0.95)


def test_a_factor_that_is_too_small_is_weak_and_its_opposite_is_refuted() -> None:
    clips = table()
    weak = ratio_evidence(levels(clips, happy=np.log(1.3)), clips, HAPPY_SAD)
    assert status_of("happy_varies_more", weak) is Status.WEAK
    less = levels(clips)
    less[clips.emotion_of_clip == 0] -= 0.5
    refuted = ratio_evidence(less, clips, HAPPY_SAD)
    assert status_of("happy_varies_more", refuted) is Status.REFUTED


def test_hand_worked_ratio_of_one_layer() -> None:
    clips = table(4, seeds=1)
    values = np.zeros((16, 1))
    values[:4, 0] = np.log(
        [2.0, 4.0, 8.0, 16.0]
    )  # geometric mean: the square root of 32
    values[4:8, 0] = np.log([1.0, 1.0, 2.0, 2.0])  # of 2
    found = ratio_evidence(values, clips, HAPPY_SAD)
    assert found.effect == pytest.approx(4.0)
    assert p_of(found) == 1 / 2**4
    assert found.smallest_p == 1 / 2**4


def test_other_emotions_have_no_say() -> None:
    clips = table()
    values = levels(clips, happy=0.5)
    other = values.copy()
    other[clips.emotion_of_clip >= 2] *= 7
    one, two = (ratio_evidence(v, clips, HAPPY_SAD) for v in (values, other))
    assert one.effect == two.effect
    assert one.p == two.p


def test_one_emotion_exceeds_another_by_chance_no_more_often_than_alpha() -> None:
    clips, repetitions = table(6, seeds=1, count=64), 150
    found = sum(
        p_of(ratio_evidence(levels(clips, seed=s), clips, HAPPY_SAD)) <= 0.0625
        for s in range(repetitions)
    )
    assert found <= stats.binom.ppf(0.999, repetitions, 0.0625)


# --- frequencies --------------------------------------------------------------------


def powers(clips: ClipTable, *, stronger: float = 1.0, faster: float = 1.0) -> Floats:
    """Four bands in three layers; happy has more in all bands, or in the highest."""
    rng = np.random.default_rng(1)
    found = np.exp(rng.normal(0, 0.1, size=(clips.n_clips, 3, 4))) * [8, 4, 2, 1]
    happy = clips.emotion_of_clip == 0
    found[happy] *= stronger
    found[happy, 1, 3] *= faster
    return np.asarray(found, np.float64)


def test_faster_is_found_in_its_layer_and_band() -> None:
    clips = table()
    found = frequency_evidence(powers(clips, faster=1.5), clips, bands=BANDS)
    assert (found.detail["layer"], found.detail["window or band"]) == (1, 3)
    assert (found.detail["from_hz"], found.detail["to_hz"]) == BANDS[3]
    assert found.detail["ratio"].shape == (3, 4)
    assert status_of("frequency_ratio", found) is Status.SUPPORTED


def test_stronger_is_not_faster() -> None:
    clips = table()
    plain, strong = (
        frequency_evidence(powers(clips, stronger=factor), clips, bands=BANDS)
        for factor in (1.0, 9.0)
    )
    assert strong.effect == pytest.approx(plain.effect)
    assert p_of(strong) == p_of(plain) > ALPHA


# --- what cannot be measured --------------------------------------------------------


@pytest.mark.parametrize(
    "measure",
    [spread_evidence, lambda values, clips: ratio_evidence(values, clips, HAPPY_SAD)],
    ids=["spread", "ratio"],
)
def test_levels_that_are_the_same_or_no_numbers_are_refused(measure: Any) -> None:
    clips = table()
    with pytest.raises(TemporalError, match="must vary between clips"):
        measure(np.ones((clips.n_clips, LAYERS)), clips)
    bad = levels(clips)
    bad[3, 1] = np.nan
    with pytest.raises(TemporalError, match="got nan for clip 3 in column 1"):
        measure(bad, clips)


def test_a_layer_in_which_nothing_differs_is_never_the_best() -> None:
    clips = table()
    values = levels(clips, happy=0.5)
    values[:, 0] = 1.0
    for found in (
        spread_evidence(values, clips),
        ratio_evidence(values, clips, HAPPY_SAD),
    ):
        assert found.detail["layer"] == 2
        assert found.detail["p, corrected"][0] == 1.0


def test_one_prompt_an_emotion_is_refused() -> None:
    clips = table(1, matched=False)
    with pytest.raises(TemporalError, match="2 prompts of each or more"):
        spread_evidence(levels(clips), clips)


def test_too_few_templates_to_choose_a_layer_in_are_refused() -> None:
    clips = table(3)
    with pytest.raises(InferenceError, match="at least 4"):
        spread_evidence(levels(clips), clips)
