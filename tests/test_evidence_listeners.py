"""What listeners hear: decided by enough of them, right about null and truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tables_for_tests import table_of

from harness.claims import load_claims
from harness.evidence.common import silence
from harness.evidence.listeners import (
    Heard,
    agreement_evidence,
    recognition_evidence,
)
from harness.inference.looks import look_for
from harness.verdict import Status, decide
from harness.verdict.gates import breaks

SECOND = look_for(20)
CLAIM = load_claims()["emotion_heard"]


def heard_by(
    raters: int, *, hear: float, planned: int = 6, seed: int = 0, prompts: int = 6
) -> Heard:
    """Raters who hear the emotion with a chance of `hear`, and guess otherwise.

    Each favours one word when guessing; what is heard again is answered the same.
    """
    rng = np.random.default_rng(seed)
    table = table_of(prompts)
    truth = table.emotion_of_clip
    shape = (raters, table.n_clips)
    favourite = rng.integers(0, 4, (raters, 1))
    guess = np.where(rng.random(shape) < 0.5, favourite, rng.integers(0, 4, shape))
    answers = np.where(rng.random(shape) < hear, truth, guess)
    sliders = np.clip(30.0 * (truth % 2) + rng.normal(0, 20, shape), -100, 100)
    again = np.arange(4)
    return Heard(
        table=table,
        raters=tuple(f"r{k:02d}" for k in range(raters)),
        planned=planned,
        answers=answers,
        valence=sliders,
        arousal=-sliders,
        again=answers[:, again],
        again_valence=sliders[:, again] + 10,
        again_arousal=-sliders[:, again],
        clip_again=again,
    )


def test_without_ratings_nothing_is_decided_and_nothing_is_broken() -> None:
    nobody = heard_by(0, hear=1.0)
    for found, claim in (
        (recognition_evidence(nobody), CLAIM),
        (agreement_evidence(nobody), load_claims()["listeners_agree"]),
    ):
        decision = decide(claim, found, SECOND)
        assert decision.status is Status.INCONCLUSIVE
        assert decision.because.startswith("No ratings yet")
        assert "`uv run python -m harness.listening make`" in decision.because
        assert not breaks(decision)
        assert decision.as_record()["status"] == "inconclusive"


@pytest.mark.parametrize("raters", [0, 2])
def test_until_all_have_answered_the_control_is_of_raters_who_guess(
    raters: int,
) -> None:
    heard = heard_by(raters, hear=1.0)
    found = silence(recognition_evidence(heard.shuffled()))
    assert decide(CLAIM.control(), found, SECOND).status is Status.SUPPORTED
    assert len(heard.guessed().raters) == 6
    # Guessers would be caught if their answers followed the labels.
    planted = replace(heard.guessed(), answers=heard_by(6, hear=0.8).answers)
    caught = silence(recognition_evidence(planted))
    assert decide(CLAIM.control(), caught, SECOND).status is Status.INVALID


@pytest.mark.parametrize("raters", [1, 2, 5])
def test_fewer_raters_than_planned_decide_nothing_however_sure(raters: int) -> None:
    found = recognition_evidence(heard_by(raters, hear=1.0))
    decision = decide(CLAIM, found, SECOND)
    assert decision.status is Status.INCONCLUSIVE
    assert f"{raters} of 6 planned raters" in decision.because
    assert "says nothing yet about listeners" in decision.because
    assert "in 100% of their answers, where chance gives 25%" in decision.because
    assert found.p is None
    assert found.detail["share right"] == 1.0
    also = agreement_evidence(heard_by(raters, hear=1.0))
    described = decide(load_claims()["listeners_agree"], also, SECOND)
    assert described.status is Status.INCONCLUSIVE


def test_listeners_who_hear_it_support_the_claim() -> None:
    heard = heard_by(6, hear=0.6)
    found = recognition_evidence(heard)
    decision = decide(CLAIM, found, SECOND)
    assert decision.status is Status.SUPPORTED
    assert found.interval is not None
    assert found.effect is not None
    assert found.interval[0] < found.effect < found.interval[1]
    assert found.detail["share right"] == pytest.approx(
        found.effect + found.detail["chance"]
    )
    assert found.detail["chance"] == pytest.approx(0.25)
    confused = found.detail["confusion"]
    assert confused["sad"]["sad"] == found.detail["share right by emotion"]["sad"]
    assert sum(confused["calm"].values()) == pytest.approx(1.0)
    assert found.detail["named alike both times"] == 1.0
    assert found.detail["valence moved by"] == pytest.approx(10.0)
    assert silence(recognition_evidence(heard.shuffled())).effect > 0.01  # type: ignore[operator]


def test_listeners_who_hear_nothing_seldom_support_it() -> None:
    found = [recognition_evidence(heard_by(6, hear=0.0, seed=s)) for s in range(60)]
    p = np.array([f.p for f in found])
    assert np.mean(p < 0.05) <= 0.05
    inside = [f.interval[0] <= 0 <= f.interval[1] for f in found if f.interval]
    assert np.mean(inside) >= 0.95


def test_raters_and_templates_that_vary_around_nothing_seldom_support_it() -> None:
    rng, deaf = np.random.default_rng(8), heard_by(6, hear=0.0, prompts=7)
    assert deaf.table.template is not None
    truth = deaf.table.emotion_of_clip
    template = deaf.table.template[deaf.table.prompt_of_clip]
    found = []
    for _ in range(200):  # below 0 another emotion is heard, as much below chance
        luck = rng.uniform(-0.33, 0.33, 7)
        skill = luck[template] + rng.normal(0, 0.05, (6, 1))
        hears = rng.random(skill.shape) < np.where(skill > 0, skill, -3 * skill)
        guess = rng.integers(0, 4, skill.shape)
        named = np.where(skill > 0, truth, (truth + 2) % 4)
        answers = np.where(hears, named, guess)
        found.append(recognition_evidence(replace(deaf, answers=answers)))
    p = np.array([f.p for f in found])
    assert np.mean(p < 0.01) <= 0.01
    for evidence in found:
        if decide(CLAIM, evidence, SECOND).status is Status.SUPPORTED:
            assert evidence.interval is not None
            assert evidence.interval[0] > 0


def test_all_raters_right_about_everything_is_a_finding_with_some_chance() -> None:
    found = recognition_evidence(heard_by(6, hear=1.0))
    assert decide(CLAIM, found, SECOND).status is Status.SUPPORTED
    assert found.detail["p, raters and prompts as samples"] > 0


def test_one_good_ear_among_six_is_no_finding_about_listeners() -> None:
    deaf, ear = heard_by(6, hear=0.0, seed=3), heard_by(6, hear=1.0)
    mixed = replace(deaf, answers=np.vstack([deaf.answers[:5], ear.answers[:1]]))
    found = recognition_evidence(mixed)
    assert found.detail["p, labels shuffled among prompts"] < 0.01
    assert found.detail["p, raters and prompts as samples"] > 0.05
    assert decide(CLAIM, found, SECOND).status is Status.INCONCLUSIVE


def test_one_clear_template_among_six_is_no_finding_about_prompts() -> None:
    deaf, ear = heard_by(8, hear=0.0, seed=4, planned=8), heard_by(8, hear=1.0)
    assert deaf.table.template is not None
    clear = deaf.table.template[deaf.table.prompt_of_clip] == 0
    found = recognition_evidence(
        replace(deaf, answers=np.where(clear, ear.answers, deaf.answers))
    )
    assert found.interval is not None
    assert found.interval[0] < 0
    assert decide(CLAIM, found, SECOND).status is Status.INCONCLUSIVE


def test_agreement_is_described_with_an_interval() -> None:
    found = agreement_evidence(heard_by(6, hear=0.8))
    assert found.effect == pytest.approx(0.6, abs=0.15)
    assert found.interval is not None
    assert found.interval[0] < found.effect < found.interval[1]  # type: ignore[operator]
    decision = decide(load_claims()["listeners_agree"], found, SECOND)
    assert decision.status is Status.SUPPORTED
    assert "Described, not tested" in decision.because


def test_the_verdict_does_not_rest_on_listeners() -> None:
    claims = load_claims()
    assert claims["emotion_heard"].role == "panel"
    assert claims["listeners_agree"].role == "descriptive"
