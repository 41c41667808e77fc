"""The decision tree, worked by hand, and what never gives GO."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decisions_for_tests import (
    EXPECTED,
    FIRST,
    GATES,
    HEARD,
    INSTRUMENTS,
    LAST,
    Decisions,
    Key,
    all_in_favour,
    gate,
    ruled,
    settled,
)
from hypothesis import given
from hypothesis import strategies as st

from harness.claims import load_claims
from harness.inference.looks import Look, look_for
from harness.verdict import (
    EXIT_CODES,
    TEXT_BORNE,
    Evidence,
    Status,
    Verdict,
    decide,
    settle,
)


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


def test_the_first_step_counts_the_checks_and_names_its_source() -> None:
    sound = settled(all_in_favour()).path[0]
    number = len(INSTRUMENTS)
    assert sound.because == f"{number} of {number} checks and controls passed."
    assert sound.source.startswith("Start, 'Critical Learnings'")
    broken = settled(
        {
            **all_in_favour(),
            (INSTRUMENTS[0], None): ruled(INSTRUMENTS[0], Status.INVALID),
        }
    ).path[0]
    assert (broken.answer, broken.source) == ("no", sound.source)


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


@pytest.mark.parametrize("claim", ["replication", "probe_all", "clusters"])
def test_a_control_beside_the_verdict_voids_its_own_claim_alone(claim: str) -> None:
    control = load_claims()[claim].control()
    spoke = decide(control, Evidence(effect=0.0001), FIRST)
    assert spoke.status is Status.INVALID
    beside = replace(gate(SIGNAL), claim=load_claims()[claim])
    outcome = settled(
        {**all_in_favour(), (claim, None): beside, (control.id, None): spoke}
    )
    assert outcome.verdict is Verdict.GO
    assert (claim, None) not in outcome.p_gated
    siblings = {c.id for c in load_claims().values() if c.controlled_by == claim}
    assert set(outcome.unsound) == {claim, *siblings}
    record = outcome.annotated(beside.as_record())
    assert record["status"] == "invalid"
    assert record["because"].startswith("Its control failed: ")
    assert record["strength"] is None
    silent = decide(control, Evidence(effect=0.4), FIRST)
    sound = settled(
        {**all_in_favour(), (claim, None): beside, (control.id, None): silent}
    )
    assert sound.annotated(beside.as_record())["status"] == "supported"


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


@pytest.mark.parametrize("name", HEARD)
def test_activations_that_nobody_asked_without_the_words_give_no_verdict(
    name: str,
) -> None:
    key = (name, None)
    outcome = settled({**all_in_favour(), key: gate(key, qualifier=None)})
    assert outcome.verdict is None
    assert "words or music, was not asked" in outcome.reason


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
        known = ruled("layer_signal", ruling, effect=0.03)
        changed = replace(known, claim=replace(known.claim, id="new_gate"))
        outcome = settled({**all_in_favour(), ("new_gate", None): changed})
        assert outcome.verdict is not Verdict.GO


@given(removed=st.sets(st.sampled_from(sorted(EXPECTED)), min_size=1))
def test_removing_claims_from_a_go_never_gives_go(removed: set[str]) -> None:
    left = {k: d for k, d in all_in_favour().items() if k[0] not in removed}
    assert settled(left).verdict is None


looks = st.sampled_from([look_for(n) for n in (1, 9, 10, 11, 20, 50, 99, 100)])
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
        d.status is Status.SUPPORTED
        and d.evidence.qualifier != TEXT_BORNE
        and (d.claim.id not in HEARD or d.evidence.qualifier is not None)
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
    with_panel, without = (
        settled({**all_in_favour(), **extra}),
        settled(all_in_favour()),
    )
    assert with_panel.verdict is without.verdict
    assert (with_panel.reason, with_panel.path) == (without.reason, without.path)


def test_verdicts_have_the_exit_codes_of_the_contract() -> None:
    assert EXIT_CODES == {
        Verdict.GO: 0,
        Verdict.PIVOT: 1,
        Verdict.EXTEND: 10,
        Verdict.FIX: 11,
    }


# --- p-values across claims ---------------------------------------------------------

TEMPO = [key for key in GATES if key[0] == "tempo_gap"]
SIGNAL: Key = ("layer_signal", None)
PROBE: Key = ("linear_probe", None)


def test_each_gate_is_no_smaller_than_those_before_it() -> None:
    decisions = all_in_favour()
    decisions[TEMPO[1]] = gate(TEMPO[1], p=0.003)
    decisions[SIGNAL] = gate(SIGNAL, p=0.0011)
    decisions[PROBE] = gate(PROBE, p=0.004)
    decisions["mode_gap", None] = ruled("mode_gap", p=0.0001)
    found = settled(decisions)
    assert found.verdict is Verdict.GO
    # The music: every member, uncorrected. Then Holm: 2 x .0011 and 1 x .004, at least
    # the .003 of the music. Then the panel, at least .004.
    assert found.p_gated == {
        TEMPO[0]: 0.001,
        TEMPO[1]: 0.003,
        ("acoustic_match", None): 0.001,
        SIGNAL: 0.003,
        PROBE: 0.004,
        ("mode_gap", None): 0.004,
    }


def test_holm_can_stop_what_holds_alone_and_the_path_says_so() -> None:
    decisions = all_in_favour()
    decisions[SIGNAL], decisions[PROBE] = gate(SIGNAL, p=0.004), gate(PROBE, p=0.0045)
    decisions["mode_gap", None] = ruled("mode_gap", p=0.0001)
    found = settled(decisions)
    assert found.verdict is Verdict.EXTEND
    assert found.path[-1].node == "Do the activations carry the emotion?"
    assert found.path[-1].answer == "inconclusive"
    assert "Alone it holds; with Holm's correction" in found.reason
    assert "p = 0.008 is not below 0.005" in found.reason
    assert found.p_gated[SIGNAL] == found.p_gated[PROBE] == pytest.approx(0.008)
    assert ("mode_gap", None) not in found.p_gated
    assert settled(decisions, look=LAST).verdict is Verdict.GO  # alpha .02


def test_nothing_is_gated_behind_a_gate_that_stays_shut() -> None:
    shut = gate(("acoustic_match", None), Status.INCONCLUSIVE)
    found = settled({**all_in_favour(), ("acoustic_match", None): shut})
    assert found.p_gated[TEMPO[0]] == 0.001
    assert found.p_gated["acoustic_match", None] == 0.4
    assert SIGNAL not in found.p_gated
    assert PROBE not in found.p_gated


def test_a_question_without_an_answer_keeps_its_gate_shut() -> None:
    music = ("tempo_gap", "acoustic_match")
    rest = [d for (name, _), d in all_in_favour().items() if name not in music]
    found = settle(rest, expected=(), undecided=(), look=FIRST)
    assert found.verdict is None
    assert found.p_gated == {}


def test_nothing_is_gated_where_an_instrument_is_broken_or_the_look_is_none() -> None:
    broken: Decisions = {(INSTRUMENTS[0], None): ruled(INSTRUMENTS[0], Status.INVALID)}
    assert settled({**all_in_favour(), **broken}).p_gated == {}
    assert settled(all_in_favour(), look=look_for(9)).p_gated == {}


def test_what_an_earlier_look_supported_passes_its_gate_and_costs_nothing() -> None:
    decisions = {
        key: replace(d, carried_from=1) if d.claim.role == "gate" else d
        for key, d in all_in_favour().items()
    }
    # At look 2 (alpha .01): a probe alone at .008 holds, beside a fresh signal not.
    decisions[PROBE] = gate(PROBE, p=0.008)
    alone = settled(decisions, look=look_for(20))
    assert alone.verdict is Verdict.GO
    assert alone.p_gated == {PROBE: 0.008}
    assert "tempo_gap [happy against sad] (at look 1)" in alone.path[1].because
    decisions[SIGNAL] = gate(SIGNAL, p=0.007)
    beside = settled(decisions, look=look_for(20))
    assert beside.verdict is Verdict.EXTEND
    assert beside.p_gated[SIGNAL] == pytest.approx(0.014)


def test_everything_carried_is_go_without_a_new_test() -> None:
    carried = {
        key: replace(d, carried_from=1) if d.claim.role == "gate" else d
        for key, d in all_in_favour().items()
    }
    assert settled(carried, look=look_for(20)).verdict is Verdict.GO


@given(p=st.lists(st.floats(1e-6, 0.1), min_size=5, max_size=5))
def test_go_needs_every_gated_p_below_alpha(p: list[float]) -> None:
    decisions = all_in_favour()
    for key, value in zip(GATES, p, strict=True):
        ruling = Status.SUPPORTED if value < 0.005 else Status.INCONCLUSIVE
        decisions[key] = gate(key, ruling, p=value)
    found = settled(decisions)
    low, high = sorted((p[3], p[4]))
    holds = max(p[:3]) < 0.005 and 2 * low < 0.005 and high < 0.005
    assert (found.verdict is Verdict.GO) == holds
    if holds:
        assert all(found.p_gated[key] < 0.005 for key in GATES)


def test_the_record_of_a_claim_gets_its_gated_p_and_its_needs() -> None:
    undecided = gate(PROBE, Status.INCONCLUSIVE, effect=0.6, interval=(0.5, 0.7))
    found = settled({**all_in_favour(), PROBE: undecided})
    record = found.annotated({"id": "linear_probe", "member": None, "p": 0.4})
    assert record["p_gated"] == 0.4
    assert record["needs"]["look"] in (2, 3, 4)
    supported = found.annotated({"id": "tempo_gap", "member": TEMPO[0][1]})
    assert supported["p_gated"] == 0.001
    assert supported["needs"] is None
    instrument = found.annotated({"id": INSTRUMENTS[0], "member": None})
    assert instrument["p_gated"] is None


# --- more samples, or another design ------------------------------------------------


def test_extending_says_how_likely_it_is_to_decide() -> None:
    # .65 of accuracy, .25 from chance to nothing: wide open.
    open_yet = gate(PROBE, Status.INCONCLUSIVE, effect=0.6, p=0.05, interval=(0.5, 0.7))
    found = settled({**all_in_favour(), PROBE: open_yet})
    assert found.verdict is Verdict.EXTEND
    assert "20 per emotion are next (by 100 per emotion the chance is" in found.reason
    assert "if the effect is the claim's minimum from here on" in found.reason


def test_what_more_samples_are_unlikely_to_decide_is_to_be_redesigned() -> None:
    # Significant, but measured to lie far from the 20 BPM: +- 2 with 10 prompts.
    key = TEMPO[0]
    short = gate(key, Status.WEAK, effect=12.0, interval=(10.0, 14.0))
    found = settled({**all_in_favour(), key: short})
    assert found.verdict is Verdict.PIVOT
    assert "More samples are unlikely to decide" in found.reason
    assert "extreme prompts, longer clips or another model" in found.reason
    # With a spread that leaves 20 BPM within reach, more samples are worth making.
    wide = gate(key, Status.WEAK, effect=17.0, interval=(5.0, 29.0))
    assert settled({**all_in_favour(), key: wide}).verdict is Verdict.EXTEND


def test_a_trend_the_other_way_is_not_worth_more_clips_when_few_remain() -> None:
    against = gate(
        TEMPO[0], Status.INCONCLUSIVE, effect=-12.0, p=0.999, interval=(-22.0, -2.0)
    )
    decisions = {**all_in_favour(), TEMPO[0]: against}
    assert settled(decisions, look=look_for(50)).verdict is Verdict.PIVOT


def test_of_two_open_members_the_less_hopeful_one_stops() -> None:
    first, second = TEMPO
    hopeful = gate(first, Status.INCONCLUSIVE, p=0.1, interval=(15.0, 35.0))
    against = gate(
        second, Status.INCONCLUSIVE, effect=-12.0, p=0.999, interval=(-22.0, -2.0)
    )
    decisions = {**all_in_favour(), first: hopeful, second: against}
    found = settled(decisions, look=look_for(50))
    assert found.verdict is Verdict.PIVOT
    assert "energetic against calm" in found.reason
    only = settled({**all_in_favour(), first: hopeful}, look=look_for(50))
    assert only.verdict is Verdict.EXTEND


@given(
    effect=st.floats(-50, 50),
    p=st.floats(0.0001, 1),
    width=st.floats(0.01, 100),
    ruling=st.sampled_from([Status.WEAK, Status.INCONCLUSIVE]),
    look=looks,
)
def test_no_prospect_turns_anything_into_go(
    effect: float, p: float, width: float, ruling: Status, look: Look
) -> None:
    key = TEMPO[0]
    interval = (effect - width, effect + width)
    undecided = gate(key, ruling, effect=effect, p=p, interval=interval)
    found = settled({**all_in_favour(), key: undecided}, look=look)
    assert found.verdict in (Verdict.EXTEND, Verdict.PIVOT)
