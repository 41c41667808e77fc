"""The table of statuses worked by hand, and records of decisions.

Conventions
-----------
Unless said otherwise a claim has the thresholds of the layer signal (none .01, minimum
.02, strong .05) and the look is the first planned one (10 clips, alpha .005).
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.claims import Claim, Thresholds, load_claims
from harness.inference.looks import Look, look_for
from harness.verdict import (
    Decision,
    Evidence,
    Status,
    decide,
    plain,
)

FIRST, LAST = look_for(10), look_for(100)
SMOKE, UNPLANNED = look_for(9), look_for(11)
ABOVE = Thresholds(none=0.01, minimum=0.02, strong=0.05)
BELOW = Thresholds(none=0.5, minimum=0.2, strong=0.05)


def claim(
    *,
    role: str = "gate",
    direction: str = "above",
    thresholds: Thresholds = ABOVE,
    name: str = "layer_signal",
) -> Claim:
    return Claim(
        id=name,
        statement="S",
        source="D",
        week=1,
        role=role,
        unit="cosine",
        direction=direction,
        thresholds=thresholds,
    )


def status(
    evidence: Evidence, *, look: Look = FIRST, **about_the_claim: Any
) -> tuple[str, str | None]:
    decision = decide(claim(**about_the_claim), evidence, look)
    return str(decision.status), decision.strength


# --- the table ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "p", "upper", "expected"),
    [
        (0.06, 0.001, 0.08, ("supported", "strong")),
        (0.05, 0.001, 0.08, ("supported", "strong")),
        (0.0499, 0.001, 0.08, ("supported", "minimum")),
        (0.02, 0.001, 0.03, ("supported", "minimum")),
        (0.0199, 0.001, 0.03, ("weak", None)),
        (0.005, 0.001, 0.008, ("weak", None)),  # real, however small
        (-0.03, 0.004, 0.03, ("weak", None)),
        (0.06, 0.005, 0.08, ("inconclusive", None)),  # p is alpha, not below it
        (0.06, 0.0049999, 0.08, ("supported", "strong")),
        (0.06, 0.4, 0.08, ("inconclusive", None)),
        (0.0, 0.9, None, ("inconclusive", None)),  # no bound: nothing is shown
        (0.0, 0.9, math.nan, ("inconclusive", None)),
        (0.0, 0.9, 0.01, ("inconclusive", None)),  # the bound must be short of none
        (0.0, 0.9, 0.0099, ("refuted", None)),
        (-0.2, 1.0, -0.1, ("refuted", None)),
    ],
)
def test_status_of_an_effect_that_should_be_large(
    effect: float, p: float, upper: float | None, expected: tuple[str, str | None]
) -> None:
    assert status(Evidence(effect=effect, p=p, upper=upper)) == expected


@pytest.mark.parametrize(
    ("effect", "p", "bound", "expected"),
    [
        (0.04, 0.001, 0.03, ("supported", "strong")),
        (0.05, 0.001, 0.03, ("supported", "strong")),
        (0.2, 0.001, 0.1, ("supported", "minimum")),
        (0.21, 0.001, 0.1, ("weak", None)),
        (0.04, 0.005, 0.03, ("inconclusive", None)),
        (0.7, 0.5, 0.5, ("inconclusive", None)),
        (0.7, 0.5, 0.51, ("refuted", None)),
    ],
)
def test_status_of_an_effect_that_should_be_small(
    effect: float, p: float, bound: float, expected: tuple[str, str | None]
) -> None:
    found = status(
        Evidence(effect=effect, p=p, upper=bound), direction="below", thresholds=BELOW
    )
    assert found == expected


def test_a_design_that_cannot_reach_alpha_is_invalid() -> None:
    out_of_reach = Evidence(effect=0.06, p=0.03, smallest_p=0.03, upper=0.005)
    decision = decide(claim(), out_of_reach, FIRST)
    assert decision.status is Status.INVALID
    assert "smallest p that this design can give is 0.03" in decision.because
    # The third look spends .015: with .0145 within reach the same design is sound.
    assert status(Evidence(effect=0.06, p=0.0145, smallest_p=0.0145), look=FIRST) == (
        "invalid",
        None,
    )
    assert status(
        Evidence(effect=0.06, p=0.0145, smallest_p=0.0145), look=look_for(50)
    ) == ("supported", "strong")


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence(effect=None, unmeasured=12), "inconclusive"),
        (Evidence(effect=0.06, p=0.02, smallest_p=0.02, unmeasured=3), "inconclusive"),
        (Evidence(effect=0.06, p=0.02, smallest_p=0.02, unmeasured=0), "invalid"),
        (Evidence(effect=0.06, p=0.004, smallest_p=0.004, unmeasured=3), "supported"),
        (Evidence(effect=math.nan, p=0.004, unmeasured=3), "invalid"),
    ],
)
def test_music_that_cannot_be_measured_is_no_fault_of_the_instrument(
    evidence: Evidence, expected: str
) -> None:
    assert status(evidence)[0] == expected


@pytest.mark.parametrize("look", [SMOKE, UNPLANNED, look_for(1), look_for(60)])
@pytest.mark.parametrize("upper", [0.08, 0.0])
def test_a_look_that_was_not_planned_is_never_evidence(
    look: Look, upper: float
) -> None:
    evidence = Evidence(effect=0.06, p=1e-9, upper=upper, smallest_p=1e-9)
    decision = decide(claim(), evidence, look)
    assert decision.status is Status.INCONCLUSIVE
    assert f"{look.samples} clips per emotion" in decision.because
    assert ("smoke run" in decision.because) == (look.samples < 10)


@pytest.mark.parametrize("effect", [math.nan, math.inf, -math.inf, None])
@pytest.mark.parametrize("role", ["gate", "panel", "instrument"])
@pytest.mark.parametrize("look", [FIRST, SMOKE])
def test_what_could_not_be_measured_is_invalid(
    effect: float | None, role: str, look: Look
) -> None:
    evidence = Evidence(effect=effect, p=0.001, upper=0.0)
    assert status(evidence, role=role, look=look) == ("invalid", None)


@pytest.mark.parametrize("p", [math.nan, None])
def test_an_effect_without_a_p_is_invalid(p: float | None) -> None:
    assert status(Evidence(effect=0.06, p=p, upper=0.08)) == ("invalid", None)


@pytest.mark.parametrize("role", ["gate", "panel", "instrument"])
@pytest.mark.parametrize("look", [FIRST, SMOKE])
def test_a_problem_makes_the_best_of_evidence_invalid(role: str, look: Look) -> None:
    evidence = Evidence(effect=1.0, p=1e-6, problem="The microphone is off.")
    decision = decide(claim(role=role), evidence, look)
    assert decision.status is Status.INVALID
    assert decision.because == "The microphone is off."


@pytest.mark.parametrize("look", [FIRST, SMOKE, UNPLANNED, LAST])
@pytest.mark.parametrize(
    ("effect", "expected"), [(1.0, "supported"), (0.95, "supported"), (0.94, "invalid")]
)
def test_an_instrument_is_sound_or_not_at_any_look_and_without_a_p(
    look: Look, effect: float, expected: str
) -> None:
    found = status(
        Evidence(effect=effect),
        role="instrument",
        thresholds=Thresholds(minimum=0.95),
        look=look,
    )
    assert found == (expected, None)


def test_the_reason_names_the_numbers() -> None:
    weak = decide(claim(), Evidence(effect=0.0123, p=0.0012, upper=0.03), FIRST)
    assert weak.because == "p = 0.0012 < 0.005, but 0.0123 is short of 0.02."
    refuted = decide(claim(), Evidence(effect=0.0, p=0.6, upper=0.004), FIRST)
    assert refuted.because == "The 95 % bound 0.004 is short of 0.01: no effect."


effects = st.floats(-1, 1)
ps = st.floats(0, 1)
looks = st.sampled_from([look_for(n) for n in (1, 9, 10, 11, 20, 50, 99, 100)])
uppers = st.none() | st.floats(-1, 1)


@given(effect=effects, p=ps, upper=uppers, look=looks)
def test_not_significant_is_never_refuted(
    effect: float, p: float, upper: float | None, look: Look
) -> None:
    decision = decide(claim(), Evidence(effect=effect, p=p, upper=upper), look)
    shown = upper is not None and upper < 0.01
    if decision.status is Status.REFUTED:
        assert shown
        assert look.kind == "planned"
    elif p >= look.alpha and not shown:
        assert decision.status is Status.INCONCLUSIVE


@given(effect=effects, p=ps, upper=uppers, look=looks)
def test_supported_means_planned_significant_and_large_enough(
    effect: float, p: float, upper: float | None, look: Look
) -> None:
    decision = decide(claim(), Evidence(effect=effect, p=p, upper=upper), look)
    earned = look.kind == "planned" and p < look.alpha and effect >= 0.02
    assert (decision.status is Status.SUPPORTED) == earned
    assert (decision.strength == "strong") == (earned and effect >= 0.05)


@given(effect=effects, p=ps, upper=uppers, look=looks)
def test_the_two_directions_mirror_each_other(
    effect: float, p: float, upper: float | None, look: Look
) -> None:
    mirrored = status(
        Evidence(effect=-effect, p=p, upper=None if upper is None else -upper),
        look=look,
        direction="below",
        thresholds=Thresholds(none=-0.01, minimum=-0.02, strong=-0.05),
    )
    assert status(Evidence(effect=effect, p=p, upper=upper), look=look) == mirrored


# --- records ------------------------------------------------------------------------


def test_a_record_is_json_whatever_the_evidence_holds() -> None:
    evidence = Evidence(
        effect=math.nan,
        p=np.float64("nan"),
        upper=math.inf,
        interval=(np.float64(-0.5), math.nan),
        as_documented={"t": np.float64(2.5)},
        detail={
            "curve": np.array([[0.5, np.nan], [np.inf, 1.0]]),
            "flags": np.array([True, False]),
            "counts": (np.int64(3), None),
            "by number": {5: np.float32("inf")},
        },
    )
    record = decide(claim(), evidence, FIRST).as_record()
    again = json.loads(json.dumps(record, allow_nan=False))
    assert again == record
    assert record["effect"] is None
    assert record["p"] is None
    assert record["ci"] == [-0.5, None]
    assert record["as_documented"] == {"t": 2.5}
    assert record["detail"] == {
        "curve": [[0.5, None], [None, 1.0]],
        "flags": [True, False],
        "counts": [3, None],
        "by number": {"5": None},
        "upper_bound": None,
    }


def test_a_record_has_the_fields_of_the_contract() -> None:
    evidence = Evidence(
        effect=0.06, p=0.001, interval=(0.04, 0.08), n_prompts=40, n_clips=40
    )
    record = decide(claim(), evidence, FIRST, member="layer 3").as_record()
    contract = {
        "id": "layer_signal",
        "status": "supported",
        "strength": "strong",
        "effect": 0.06,
        "unit": "cosine",
        "ci": [0.04, 0.08],
        "p": 0.001,
        "n_prompts": 40,
        "n_clips": 40,
        "threshold": {"none": 0.01, "minimum": 0.02, "strong": 0.05},
        "source": "D",
        "as_documented": {},
        "qualifier": None,
        "detail": {"upper_bound": None},
    }
    assert {name: record[name] for name in contract} == contract
    assert record["member"] == "layer 3"


numbers = st.floats() | st.integers() | st.booleans() | st.none() | st.text()
arrays = st.lists(st.floats(), max_size=3).map(np.array)
nested = st.recursive(
    numbers | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(nested)
def test_plain_data_are_json_and_stay_as_they_are(value: object) -> None:
    once = plain(value)
    assert json.loads(json.dumps(once, allow_nan=False)) == once
    assert plain(once) == once


@pytest.mark.parametrize("kind", ["claim", "control"])
@pytest.mark.parametrize("name", ["layer_signal", "tempo_gap", "audio_sound"])
def test_what_settles_a_verdict_survives_the_record(kind: str, name: str) -> None:
    stated = load_claims()[name]
    asked = stated if kind == "claim" else stated.control()
    evidence = Evidence(
        effect=0.5,
        null=0.25,
        p=0.001,
        interval=(0.4, 0.6),
        upper=0.6,
        qualifier="audio-borne",
        detail={"measured": {"icc": 0.3}},
    )
    decision = decide(asked, evidence, FIRST, member="m")
    again = Decision.from_record(json.loads(json.dumps(decision.as_record())))
    for part in ("claim", "member", "status", "strength", "because"):
        assert getattr(again, part) == getattr(decision, part)
    for part in ("effect", "null", "p", "interval", "upper", "qualifier"):
        assert getattr(again.evidence, part) == getattr(evidence, part)
    assert again.evidence.detail["measured"] == {"icc": 0.3}
    assert again.carried_from is None


def test_a_carried_record_says_which_look_it_is_from() -> None:
    record = decide(claim(), Evidence(effect=0.06, p=0.001), FIRST).as_record()
    carried = {**record, "detail": {}, "look": 1, "carried": True}
    assert Decision.from_record(carried).carried_from == 1
    assert Decision.from_record({**record, "look": 2}).carried_from is None
