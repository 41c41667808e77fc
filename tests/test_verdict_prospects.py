"""What an undecided claim needs, and what looks to come will find: against simulation.

Conventions
-----------
Studies are of 4 emotions, templates matched; the look at hand is the first (10 prompts
per emotion, one clip of each) unless said otherwise.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from math import sqrt
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.claims import load_claims
from harness.inference.looks import PLANNED, design_for, look_for
from harness.inference.mean_power import mean_power
from harness.inference.power import Study, assumptions_from, power_at
from harness.plan import Generation, make_plan
from harness.prompts import load_bank
from harness.verdict.prospects import (
    chances,
    clips_of,
    need_of,
    need_sentence,
)
from harness.verdict.status import Decision, Evidence, Status

FIRST = look_for(10)
MEASURED = {
    "emotions": 4,
    "icc": 0.3,
    "participation_ratio": 23.0,
    "template_share": 0.15,
    "matched": True,
}


def undecided(
    claim: str = "tempo_gap",
    status: Status = Status.INCONCLUSIVE,
    *,
    error: float | None = None,
    units: int = 10,
    **evidence: Any,
) -> Decision:
    """A decision whose interval is that of a jackknife with this standard error."""
    effect = evidence.setdefault("effect", 10.0)
    if error is not None:
        half = error * float(stats.t.ppf(0.975, units - 1))
        evidence["interval"] = (effect - half, effect + half)
        evidence["upper"] = effect + error * float(stats.t.ppf(0.95, units - 1))
    return Decision(
        claim=load_claims()[claim],
        member=None,
        status=status,
        strength=None,
        because="It is open.",
        evidence=Evidence(**{"p": 0.05, "n_prompts": 40, **evidence}),
    )


def signal(effect: float = 0.01, **measured: Any) -> Decision:
    return undecided(
        "layer_signal",
        effect=effect,
        detail={"measured": {**MEASURED, **measured}, "layers": list(range(6))},
    )


# --- needs --------------------------------------------------------------------------


def test_the_prompts_that_are_needed_are_the_fewest_with_80_per_cent_power() -> None:
    """A spread of 20 BPM between templates: 20 BPM take some 15 of them at .01."""
    error = 20 / sqrt(10)
    need = need_of(undecided(error=error), FIRST, emotions=4, seconds_per_clip=0.6)
    assert need is not None

    def power(prompts: int) -> float:
        # From first principles: the t test of that many differences of SD 20.
        critical = stats.t.isf(0.01, prompts - 1)
        shift = 20 / (20 / sqrt(prompts))
        return float(stats.nct.sf(critical, prompts - 1, shift))

    assert need.prompts is not None
    assert power(need.prompts) >= 0.8 > power(need.prompts - 1)
    assert (need.seeds, need.samples, need.look) == (1, 20, 2)
    assert need.more_clips == 40
    assert need.seconds == pytest.approx(24)
    assert need_sentence(asdict(need)) == (
        f"needs {need.prompts} prompts x 1 clip per emotion: look 2 at 20; "
        "40 more clips, about 24 s"
    )


def test_that_many_prompts_find_it_in_simulated_studies() -> None:
    need = need_of(undecided(error=20 / sqrt(10)), FIRST)
    assert need is not None
    assert need.prompts is not None
    rng = np.random.default_rng(1)
    gaps = rng.normal(20, 20, (4000, need.prompts))
    found = stats.ttest_1samp(gaps, 0, axis=1, alternative="greater").pvalue < 0.01
    assert 0.78 <= found.mean() <= 0.88


def test_the_estimate_at_hand_does_not_matter_only_its_spread() -> None:
    needs = {need_of(undecided(error=6.0, effect=e), FIRST) for e in (-5.0, 3.0, 60.0)}
    assert len(needs) == 1


def test_distance_is_from_where_labels_mean_nothing() -> None:
    """An accuracy of .7 is .2 from chance, not .7 from nothing."""
    probe = undecided("linear_probe", error=0.06, effect=0.6, null=0.5)
    need = need_of(probe, FIRST)
    assert need is not None
    assert need.prompts is not None
    easy = need_of(undecided("linear_probe", error=0.06, effect=0.6), FIRST)
    assert easy is not None
    assert easy.prompts is not None
    assert easy.prompts < need.prompts
    power = mean_power(
        0.2,
        standard_error=0.06 * sqrt(10 / need.prompts),
        freedom=need.prompts - 1,
        alpha=look_for(need.samples or 0).alpha,
    )
    assert power >= 0.8


def test_a_signal_goes_by_the_variance_components_of_its_model() -> None:
    need = need_of(signal(), FIRST, emotions=4)
    assert need is not None
    assert need.prompts is not None
    assert need.samples is not None
    assumptions = assumptions_from(MEASURED, layers=6)

    def power(prompts: int) -> float:
        study = Study(emotions=4, prompts=prompts, seeds=need.seeds or 0, matched=True)
        alpha = look_for(need.samples or 0).alpha
        return power_at(0.02, study, alpha=alpha, assumptions=assumptions)

    assert power(need.prompts) >= 0.8 > power(need.prompts - 1)
    few = need_of(signal(participation_ratio=2.5), FIRST)
    assert few is not None
    assert few.prompts is None or few.prompts > need.prompts


@pytest.mark.parametrize(
    "decision", [signal(), undecided(error=9.0)], ids=["components", "interval"]
)
def test_what_is_foreseen_survives_the_record(decision: Decision) -> None:
    again = Decision.from_record(json.loads(json.dumps(decision.as_record())))
    assert need_of(again, FIRST, emotions=4) == need_of(decision, FIRST, emotions=4)
    assert need_of(again, FIRST) is not None
    assert chances(again, FIRST, p=0.05) == chances(decision, FIRST, p=0.05)


def test_more_noise_needs_a_later_look_and_in_the_end_none_is_enough() -> None:
    errors = (2.0, 9.0, 15.0, 20.0, 60.0)
    needs = [need_of(undecided(error=e), FIRST) for e in errors]
    looks = [9 if n is None or n.look is None else n.look for n in needs]
    assert looks == sorted(looks)
    assert looks[0] == 2
    assert looks[-1] == 9
    assert needs[-1] is not None
    assert "more prompts than" in need_sentence(asdict(needs[-1]))


@pytest.mark.parametrize(
    ("decision", "samples"),
    [
        (undecided(error=5.0, status=Status.SUPPORTED), 10),
        (undecided(error=5.0, status=Status.REFUTED), 10),
        (undecided(error=5.0, status=Status.INVALID), 10),
        (undecided(error=5.0), 9),  # a smoke run
        (undecided(error=5.0), 30),  # not a planned look
        (undecided(), 10),  # no spread was measured
        (undecided(interval=(float("nan"), float("nan"))), 10),
        (undecided("mode_gap", error=0.1, effect=0.2), 10),  # minimum: anything
    ],
)
def test_where_nothing_can_be_foreseen_nothing_is_said(
    decision: Decision, samples: int
) -> None:
    assert need_of(decision, look_for(samples)) is None
    if decision.status is Status.INCONCLUSIVE:
        assert chances(decision, look_for(samples), p=0.05) is None


@pytest.mark.parametrize("samples", PLANNED)
def test_clips_are_counted_as_the_plan_makes_them(samples: int) -> None:
    prompts, seeds = design_for(samples)
    bank = load_bank("matched")
    emotions = ("happy", "sad")
    plan = make_plan(
        bank.select(emotions, prompts, seed=0),
        seeds_per_prompt=seeds,
        seed=0,
        fingerprint="f",
        generation=Generation(
            duration_seconds=1.0, dtype="float32", device_type="cpu", batch_size=1
        ),
    )
    assert len(plan.clips) == 2 * clips_of(samples)


# --- chances ------------------------------------------------------------------------


def _later_looks(
    *, mean: float, sd: float, then: int, effect: float, seed: int
) -> np.ndarray[Any, Any]:
    """Means of `then` differences of which the ten at hand have this mean."""
    rng = np.random.default_rng(seed)
    more = rng.normal(effect, sd, (20_000, then - 10))
    means: np.ndarray[Any, Any] = (10 * mean + more.sum(axis=1)) / then
    return means


@pytest.mark.parametrize("sd", [60.0, 90.0])
def test_the_chance_of_an_open_claim_is_how_often_the_last_look_finds_it(
    sd: float,
) -> None:
    error = sd / sqrt(10)
    p = float(stats.norm.sf(8 / error))
    found = chances(undecided(error=error, effect=8.0, p=p), FIRST, p=p)
    assert found is not None
    assert found.samples == 100
    # 50 templates with two clips of each count for 50 / .65, with an ICC of .3.
    then = round(50 / 0.65)
    for effect, chance in ((20.0, found.minimum), (8.0, found.trend)):
        means = _later_looks(mean=8, sd=sd, then=then, effect=effect, seed=2)
        reached = np.mean(means / (sd / sqrt(then)) > stats.norm.isf(0.02))
        assert chance == pytest.approx(reached, abs=0.03)  # a t test is a bit weaker


def test_after_the_last_look_there_is_no_chance() -> None:
    last = undecided(error=9.0, units=50)
    assert chances(last, look_for(100), p=0.05) is None


def test_the_chance_of_a_weak_claim_is_to_reach_its_minimum() -> None:
    error = 20 / sqrt(10)
    weak = undecided(status=Status.WEAK, error=error, effect=17.0, p=0.003)
    found = chances(weak, FIRST, p=0.003)
    assert found is not None
    then = round(50 / 0.65)
    for effect, chance in ((20.0, found.minimum), (17.0, found.trend)):
        means = _later_looks(mean=17, sd=20, then=then, effect=effect, seed=3)
        assert chance == pytest.approx(np.mean(means >= 20), abs=0.02)


def test_chances_fall_with_what_was_seen() -> None:
    error = 20 / sqrt(25)
    look = look_for(50)
    found = [
        chances(undecided(error=error, units=25, effect=e), look, p=p)
        for e, p in ((10.0, 0.02), (0.0, 0.5), (-10.0, 0.98))
    ]
    minima = [c.minimum for c in found if c is not None]
    trends = [c.trend for c in found if c is not None]
    assert len(minima) == 3
    assert minima == sorted(minima, reverse=True)
    assert trends == sorted(trends, reverse=True)
    assert all(c.trend <= c.minimum for c in found[1:] if c is not None)


def test_a_signal_that_was_measured_has_chances_without_an_interval() -> None:
    found = chances(signal(), FIRST, p=0.05)
    assert found is not None
    assert found.minimum > 0.9
    late = chances(signal(effect=-0.01), look_for(50), p=0.9999)
    assert late is not None
    assert late.minimum < found.minimum
