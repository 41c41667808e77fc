"""The table of statuses and the decision tree, worked by hand, and what never gives GO.

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
    EXIT_CODES,
    TEXT_BORNE,
    Decision,
    Evidence,
    Outcome,
    Status,
    Verdict,
    decide,
    plain,
    settle,
)

FIRST, LAST = look_for(10), look_for(100)
SMOKE, UNPLANNED = look_for(9), look_for(11)
ABOVE = Thresholds(none=0.01, minimum=0.02, strong=0.05)
BELOW = Thresholds(none=0.5, minimum=0.2, strong=0.05)

GATES = {
    ("tempo_gap", "happy against sad"): 25.0,
    ("tempo_gap", "energetic against calm"): 25.0,
    ("acoustic_match", None): 0.85,
    ("layer_signal", None): 0.03,
    ("linear_probe", None): 0.72,
}
INSTRUMENTS = tuple(
    claim.id for claim in load_claims().values() if claim.role == "instrument"
)
EXPECTED = (*INSTRUMENTS, *dict.fromkeys(name for name, _ in GATES))


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
    evidence = Evidence(effect=0.5, p=0.001, upper=0.6, qualifier="audio-borne")
    decision = decide(asked, evidence, FIRST, member="m")
    again = Decision.from_record(json.loads(json.dumps(decision.as_record())))
    for part in ("claim", "member", "status", "strength", "because"):
        assert getattr(again, part) == getattr(decision, part)
    assert again.evidence.effect == 0.5
    assert again.evidence.qualifier == "audio-borne"


# --- the decision tree --------------------------------------------------------------


Key = tuple[str, str | None]  # claim and member
Decisions = dict[Key, Decision]


def ruled(
    name: str,
    ruling: Status = Status.SUPPORTED,
    *,
    member: str | None = None,
    strength: str | None = None,
    effect: float | None = None,
    qualifier: str | None = None,
) -> Decision:
    supported = ruling is Status.SUPPORTED
    return Decision(
        claim=load_claims()[name],
        member=member,
        status=ruling,
        strength=(strength or "minimum") if supported else None,
        because=f"{name} is {ruling}.",
        evidence=Evidence(effect=effect, qualifier=qualifier),
    )


def gate(key: Key, *args: Any, **changes: Any) -> Decision:
    name, member = key
    return ruled(name, *args, member=member, **{"effect": GATES[key], **changes})


def all_in_favour() -> Decisions:
    decisions: Decisions = {(name, None): ruled(name) for name in INSTRUMENTS}
    return {**decisions, **{key: gate(key) for key in GATES}}


def settled(decisions: Decisions, *, look: Look = FIRST) -> Outcome:
    return settle(decisions.values(), expected=EXPECTED, undecided=(), look=look)


def test_all_supported_is_go_and_the_path_says_why() -> None:
    outcome = settled(all_in_favour())
    assert outcome.verdict is Verdict.GO
    assert "at least minimum effect in every gate" in outcome.reason
    assert [(n.node, n.answer) for n in outcome.path] == [
        ("Is the instrument sound?", "yes"),
        ("Does the music follow the prompt?", "supported"),
        ("Do the activations carry the emotion?", "supported"),
        ("Can a linear probe read it?", "supported"),
    ]


def test_a_strong_effect_in_every_gate_is_said_to_be_one() -> None:
    strong: Decisions = {key: gate(key, strength="strong") for key in GATES}
    assert "strong effect" in settled({**all_in_favour(), **strong}).reason
    weaker = gate(("layer_signal", None), strength="minimum")
    mixed = {**all_in_favour(), **strong, ("layer_signal", None): weaker}
    assert "at least minimum" in settled(mixed).reason


@pytest.mark.parametrize("key", GATES)
@pytest.mark.parametrize(
    ("ruling", "samples", "verdict"),
    [
        (Status.REFUTED, 10, Verdict.PIVOT),
        (Status.REFUTED, 100, Verdict.PIVOT),
        (Status.INCONCLUSIVE, 2, Verdict.EXTEND),
        (Status.INCONCLUSIVE, 10, Verdict.EXTEND),
        (Status.INCONCLUSIVE, 11, Verdict.EXTEND),
        (Status.INCONCLUSIVE, 50, Verdict.EXTEND),
        (Status.INCONCLUSIVE, 100, Verdict.PIVOT),
        (Status.WEAK, 10, Verdict.EXTEND),
        (Status.WEAK, 100, Verdict.PIVOT),
        (Status.INVALID, 10, Verdict.FIX),
        (Status.INVALID, 100, Verdict.FIX),
    ],
)
def test_one_gate_short_of_support(
    key: Key, ruling: Status, samples: int, verdict: Verdict
) -> None:
    decisions = {**all_in_favour(), key: gate(key, ruling)}
    outcome = settled(decisions, look=look_for(samples))
    assert outcome.verdict is verdict
    assert key[0] in outcome.reason
    assert outcome.path[-1].answer in (str(ruling), "no")


@pytest.mark.parametrize(
    ("effect", "verdict"),
    [(0.0099, Verdict.PIVOT), (0.01, Verdict.EXTEND), (0.015, Verdict.EXTEND)],
)
def test_an_effect_that_is_real_but_trifling_is_not_worth_more_clips(
    effect: float, verdict: Verdict
) -> None:
    key = ("layer_signal", None)
    weak = gate(key, Status.WEAK, effect=effect)
    outcome = settled({**all_in_favour(), key: weak})
    assert outcome.verdict is verdict
    assert ("trifling" in outcome.reason) == (verdict is Verdict.PIVOT)


def test_extending_names_the_next_planned_look() -> None:
    key = ("linear_probe", None)
    decisions = {**all_in_favour(), key: gate(key, Status.INCONCLUSIVE)}
    assert "20 per emotion are next" in settled(decisions).reason
    assert "100 per emotion are next" in settled(decisions, look=look_for(50)).reason


def test_the_worst_member_of_a_gate_decides_for_all() -> None:
    first, second = (key for key in GATES if key[0] == "tempo_gap")
    refuted = {second: gate(second, Status.REFUTED)}
    assert settled({**all_in_favour(), **refuted}).verdict is Verdict.PIVOT
    undecided = {first: gate(first, Status.INCONCLUSIVE)}
    both = settled({**all_in_favour(), **undecided, **refuted})
    assert both.verdict is Verdict.PIVOT
    assert "energetic against calm" in both.reason


def test_the_tree_asks_for_music_before_activations() -> None:
    changed: Decisions = {
        ("acoustic_match", None): gate(("acoustic_match", None), Status.REFUTED),
        ("layer_signal", None): gate(("layer_signal", None), Status.INCONCLUSIVE),
    }
    outcome = settled({**all_in_favour(), **changed})
    assert outcome.verdict is Verdict.PIVOT
    assert outcome.path[-1].node == "Does the music follow the prompt?"


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_broken_instrument_is_to_be_mended_whatever_else_is_found(name: str) -> None:
    broken = ruled(name, Status.INVALID)
    outcome = settled({**all_in_favour(), (name, None): broken})
    assert outcome.verdict is Verdict.FIX
    assert name in outcome.reason
    refuted = {key: gate(key, Status.REFUTED) for key in GATES}
    assert settled({**refuted, (name, None): broken}).verdict is Verdict.FIX
    alone = settle([broken], expected=EXPECTED, undecided=["test_x"], look=FIRST)
    assert alone.verdict is Verdict.FIX


def test_every_broken_instrument_stands_in_the_path() -> None:
    names = INSTRUMENTS[:2]
    broken: Decisions = {(n, None): ruled(n, Status.INVALID) for n in names}
    path = settled({**all_in_favour(), **broken}).path
    assert [node.because.split(":")[0] for node in path] == list(names)


def test_a_control_that_speaks_up_breaks_the_instrument() -> None:
    control = load_claims()["layer_signal"].control()
    spoke = decide(control, Evidence(effect=0.0001), FIRST)
    outcome = settled({**all_in_favour(), (control.id, None): spoke})
    assert outcome.verdict is Verdict.FIX
    assert "layer_signal control" in outcome.reason


@pytest.mark.parametrize("key", GATES)
@pytest.mark.parametrize(
    ("look", "verdict"), [(FIRST, Verdict.EXTEND), (LAST, Verdict.PIVOT)]
)
def test_what_only_the_words_carry_is_not_go(
    key: Key, look: Look, verdict: Verdict
) -> None:
    decisions = {**all_in_favour(), key: gate(key, qualifier=TEXT_BORNE)}
    outcome = settled(decisions, look=look)
    assert outcome.verdict is verdict
    assert outcome.path[-1].answer == TEXT_BORNE
    heard = {**all_in_favour(), key: gate(key, qualifier="audio-borne")}
    assert settled(heard, look=look).verdict is Verdict.GO


@pytest.mark.parametrize("name", EXPECTED)
def test_a_gate_or_an_instrument_that_is_missing_gives_no_verdict(name: str) -> None:
    decisions = {k: d for k, d in all_in_favour().items() if k[0] != name}
    outcome = settled(decisions)
    assert outcome.verdict is None
    assert name in outcome.reason
    assert outcome.path == ()


def test_a_collected_test_that_did_not_decide_gives_no_verdict() -> None:
    outcome = settle(
        all_in_favour().values(),
        expected=EXPECTED,
        undecided=["hypotheses/test_x.py::test_y"],
        look=FIRST,
    )
    assert outcome.verdict is None
    assert "test_y" in outcome.reason


def test_many_missing_claims_are_not_all_listed() -> None:
    outcome = settle(
        [], expected=[f"claim_{k}" for k in range(9)], undecided=[], look=FIRST
    )
    assert outcome.reason.count("claim_") == 5
    assert outcome.reason.endswith(", ....")


def test_nothing_decided_is_no_verdict() -> None:
    assert settle([], expected=(), undecided=(), look=FIRST).verdict is None
    instruments = [ruled(name) for name in INSTRUMENTS]
    only = settle(instruments, expected=INSTRUMENTS, undecided=(), look=FIRST)
    assert only.verdict is None


def test_a_gate_that_stands_in_no_question_must_be_supported_too() -> None:
    for ruling in (Status.REFUTED, Status.INCONCLUSIVE, Status.WEAK, Status.INVALID):
        other = decide(claim(name="new_gate"), Evidence(effect=0.0), FIRST)
        changed = Decision(
            claim=other.claim,
            member=None,
            status=ruling,
            strength=None,
            because="It is not.",
            evidence=other.evidence,
        )
        outcome = settled({**all_in_favour(), ("new_gate", None): changed})
        assert outcome.verdict is not Verdict.GO


@given(removed=st.sets(st.sampled_from(sorted(EXPECTED)), min_size=1))
def test_removing_claims_from_a_go_never_gives_go(removed: set[str]) -> None:
    left = {k: d for k, d in all_in_favour().items() if k[0] not in removed}
    assert settled(left).verdict is None


statuses = st.sampled_from(list(Status))
qualifiers = st.sampled_from([None, "audio-borne", TEXT_BORNE])


@given(data=st.data(), look=looks)
def test_go_means_that_every_gate_is_supported_and_heard(
    data: st.DataObject, look: Look
) -> None:
    decisions = dict(all_in_favour())
    for key in data.draw(st.sets(st.sampled_from(list(decisions)), max_size=3)):
        effect = decisions[key].evidence.effect
        decisions[key] = ruled(
            key[0],
            data.draw(statuses),
            member=key[1],
            effect=effect,
            qualifier=data.draw(qualifiers),
        )
    gates = [decisions[key] for key in GATES]
    sound = all(
        decisions[name, None].status is not Status.INVALID for name in INSTRUMENTS
    )
    in_favour = all(
        d.status is Status.SUPPORTED and d.evidence.qualifier != TEXT_BORNE
        for d in gates
    )
    assert (settled(decisions, look=look).verdict is Verdict.GO) == (
        sound and in_favour
    )


@given(ruling=statuses, qualifier=qualifiers)
def test_the_panel_never_decides(ruling: Status, qualifier: str | None) -> None:
    panel = [c.id for c in load_claims().values() if c.role == "panel"]
    extra: Decisions = {
        (name, None): ruled(name, ruling, qualifier=qualifier) for name in panel
    }
    assert settled({**all_in_favour(), **extra}) == settled(all_in_favour())


def test_verdicts_have_the_exit_codes_of_the_contract() -> None:
    assert EXIT_CODES == {
        Verdict.GO: 0,
        Verdict.PIVOT: 1,
        Verdict.EXTEND: 10,
        Verdict.FIX: 11,
    }
