"""The acoustic panel: planted features found, their number paid for, rows aligned."""

from __future__ import annotations

from dataclasses import replace
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rulings_for_tests import p_of
from scipy import stats
from tables_for_tests import table_from

from harness.claims import load_claims
from harness.design import ClipTable
from harness.evidence import gap_evidence, panel_evidence
from harness.evidence.panel import Column, Contrast
from harness.inference import InferenceError
from harness.inference.looks import look_for
from harness.verdict import Evidence, Status, decide

EMOTIONS = ("happy", "sad", "calm", "energetic")
HAPPY_SAD: Contrast = ("happy", "sad")
ENERGETIC_CALM: Contrast = ("energetic", "calm")
CONTRASTS = {
    "brightness_gap": (HAPPY_SAD, ENERGETIC_CALM),
    "loudness_gap": (HAPPY_SAD, ENERGETIC_CALM),
    "mode_gap": (HAPPY_SAD,),
}
BRIGHT: Column = ("brightness_gap", HAPPY_SAD)
FIRST = look_for(10)

Floats = npt.NDArray[np.float64]


def table(*, prompts: int = 10, matched: bool = True, **changes: Any) -> ClipTable:
    emotion = np.repeat(np.arange(4), prompts)
    number = np.arange(emotion.size)
    return table_from(
        emotion, np.tile(np.arange(prompts), 4) if matched else None, number, **changes
    )


def features(
    clips: ClipTable, seed: int, *, brighter: float = 0.0
) -> dict[str, Floats]:
    """Noise that features share in part; happy is brighter by so many SD."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal(clips.n_clips)
    brightness, loudness, mode = shared + rng.standard_normal((3, clips.n_clips))
    happy = clips.emotion_of_clip == 0
    return {
        "brightness_gap": 1000 + 200 * (brightness + brighter * happy),
        "loudness_gap": 0.05 + 0.01 * loudness,
        "mode_gap": (mode > 0).astype(np.float64),
    }


def found_in(clips: ClipTable, seed: int, **planted: float) -> dict[Column, Evidence]:
    return panel_evidence(features(clips, seed, **planted), clips, CONTRASTS)


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "free"])
def test_the_feature_that_differs_is_found_and_no_other(matched: bool) -> None:
    found = found_in(table(matched=matched), 1, brighter=8.0)
    assert list(found) == [
        (name, pair) for name in CONTRASTS for pair in CONTRASTS[name]
    ]
    statuses = {
        column: decide(load_claims()[column[0]], evidence, FIRST).status
        for column, evidence in found.items()
    }
    supported = [c for c, status in statuses.items() if status is Status.SUPPORTED]
    assert supported == [BRIGHT]
    assert Status.INVALID not in statuses.values()


def test_everything_but_the_p_value_is_that_of_the_claim_alone() -> None:
    clips = table()
    values = features(clips, 2, brighter=2.0)
    together = panel_evidence(values, clips, CONTRASTS)[BRIGHT]
    alone = gap_evidence(values["brightness_gap"], clips, HAPPY_SAD)
    assert together.detail["p alone"] == alone.p
    assert together.detail["tested together"] == 5
    assert p_of(together) >= p_of(alone)
    for part in ("effect", "interval", "upper", "n_prompts", "n_clips"):
        assert getattr(together, part) == getattr(alone, part)


@pytest.mark.parametrize("seed", range(5))
def test_the_first_look_is_within_reach_of_the_strongest_whatever_the_others_are(
    seed: int,
) -> None:
    best = found_in(table(), seed, brighter=50.0)[BRIGHT]
    assert 1 / 1024 <= p_of(best) <= 5 / 1024 < FIRST.alpha


def test_a_single_column_pays_nothing() -> None:
    clips = table()
    values = features(clips, 3, brighter=1.0)
    only = panel_evidence(
        values, clips, {**dict.fromkeys(CONTRASTS, ()), "brightness_gap": [HAPPY_SAD]}
    )
    assert p_of(only[BRIGHT]) == pytest.approx(only[BRIGHT].detail["p alone"])


@pytest.mark.parametrize("matched", [True, False], ids=["matched", "free"])
def test_some_feature_is_found_by_chance_no_more_often_than_alpha(
    matched: bool,
) -> None:
    clips = table(prompts=6, matched=matched, relabeling_count=64)
    any_alone = any_together = 0
    repetitions = 150
    for seed in range(repetitions):
        found = found_in(clips, seed).values()
        any_together += min(p_of(f) for f in found) <= 0.0625
        any_alone += min(f.detail["p alone"] for f in found) <= 0.0625
    assert any_together <= stats.binom.ppf(0.999, repetitions, 0.0625)
    assert any_alone > stats.binom.ppf(0.999, repetitions, 0.0625)


def test_what_is_unmeasured_in_one_feature_leaves_the_others_as_they_were() -> None:
    clips = table()
    values = features(clips, 1, brighter=50.0)
    whole = panel_evidence(values, clips, CONTRASTS)
    values["mode_gap"][:3] = np.nan  # three happy prompts are in neither mode
    holed = panel_evidence(values, clips, CONTRASTS)
    assert p_of(holed[BRIGHT]) <= 5 / 1024
    assert holed[BRIGHT].effect == whole[BRIGHT].effect
    mode = holed["mode_gap", HAPPY_SAD]
    assert mode.unmeasured == 6
    assert mode.smallest_p is not None
    assert mode.smallest_p >= 1 / 2**7
    # Seven pairs cannot reach .005: the music's doing, not the instrument's.
    status = decide(load_claims()["mode_gap"], mode, FIRST).status
    assert status is Status.INCONCLUSIVE


def test_rows_stay_aligned_where_values_are_missing() -> None:
    """The same column twice, once with a hole: flips of the hole are ties."""
    clips = table(prompts=6, relabeling_count=64)
    values = {"brightness_gap": np.r_[np.arange(6.0, 12), np.zeros(18)]}
    values["mode_gap"] = values["brightness_gap"].copy()
    values["mode_gap"][0] = np.nan
    one_pair = {name: [HAPPY_SAD] for name in values}
    found = panel_evidence(values, clips, one_pair)
    assert p_of(found[BRIGHT]) == 1 / 64
    assert p_of(found["mode_gap", HAPPY_SAD]) == 2 / 64


def test_what_was_found_no_longer_counts_among_what_the_next_is_compared_with() -> None:
    clips = table()
    values = features(clips, 1, brighter=50.0)
    both = panel_evidence(values, clips, CONTRASTS)
    rest = {name: CONTRASTS[name] for name in ("loudness_gap", "mode_gap")}
    left = {**rest, "brightness_gap": (ENERGETIC_CALM,)}
    remaining = panel_evidence(values, clips, left)
    for column in remaining:
        assert p_of(both[column]) == pytest.approx(p_of(remaining[column]))


def test_a_feature_that_cannot_be_measured_at_all_is_no_part_of_it() -> None:
    clips = table()
    values = features(clips, 1, brighter=50.0)
    values["mode_gap"][:] = np.nan
    found = panel_evidence(values, clips, CONTRASTS)
    assert found["mode_gap", HAPPY_SAD].effect is None
    assert found[BRIGHT].detail["tested together"] == 4
    nothing = {name: np.full(clips.n_clips, np.nan) for name in values}
    assert all(
        f.effect is None for f in panel_evidence(nothing, clips, CONTRASTS).values()
    )


def test_free_prompts_are_relabeled_within_contrast_and_cohort() -> None:
    clips = table(prompts=4, matched=False)
    clips = replace(clips, cohort=np.tile([0, 0, 1, 1], 4))
    values = {"brightness_gap": np.r_[[9.0, 8, 7, 6], np.zeros(12)]}
    found = panel_evidence(values, clips, {"brightness_gap": [HAPPY_SAD]})
    # Two of four prompts change places in either cohort.
    assert p_of(found[BRIGHT]) == pytest.approx(1 / comb(4, 2) ** 2)


def test_contrasts_that_share_an_emotion_are_refused() -> None:
    clips = table()
    values = {"brightness_gap": np.arange(40.0)}
    pairs = [HAPPY_SAD, ("happy", "calm")]
    with pytest.raises(InferenceError, match="must not share an emotion"):
        panel_evidence(values, clips, {"brightness_gap": pairs})
