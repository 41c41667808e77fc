"""Where the decision tree leads, worked by hand from the documents."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decisions_for_tests import GATES, Decisions, all_in_favour, gate, ruled, settled

from harness.claims import load_claims
from harness.inference.looks import look_for
from harness.verdict import Evidence, Status, Verdict
from harness.verdict.questions import blocked, leaf, questions, red_lines, tiers

SIGNAL = ("layer_signal", None)


def leaf_of(decisions: Decisions, *, samples: int, week: int) -> str | None:
    found = settled(decisions, look=look_for(samples), week=week).leaf
    return None if found is None else found.name


@pytest.mark.parametrize(
    ("signal", "samples", "week", "expected"),
    [
        # Next Steps, 'Decision Tree': > 3 %, 20 samples and the probe, then Phase 1.
        (0.05, 10, 1, "dataset"),
        (0.05, 10, 2, "dataset"),
        (0.05, 20, 2, "sae"),
        (0.03, 20, 2, "sae"),
        (0.05, 100, 3, "sae"),
        # 1 to 3 %: 50 samples, a recheck, the deep dive.
        (0.029, 20, 2, "recheck"),
        (0.029, 50, 2, "deep_dive"),
        (0.029, 100, 3, "deep_dive"),
    ],
)
def test_where_a_go_leads(
    signal: float, samples: int, week: int, expected: str
) -> None:
    decisions = {**all_in_favour(), SIGNAL: gate(SIGNAL, effect=signal)}
    outcome = settled(decisions, look=look_for(samples), week=week)
    assert outcome.verdict is Verdict.GO
    assert outcome.leaf is not None
    assert outcome.leaf.name == expected


@pytest.mark.parametrize(
    ("earlier", "samples", "signal", "expected"),
    [(1, 20, 0.05, "dataset"), (2, 50, 0.05, "sae"), (2, 50, 0.025, "recheck")],
)
def test_what_is_carried_on_was_seen_in_fewer_clips(
    earlier: int, samples: int, signal: float, expected: str
) -> None:
    seen = gate(SIGNAL, effect=signal)
    decisions = {**all_in_favour(), SIGNAL: replace(seen, carried_from=earlier)}
    assert leaf_of(decisions, samples=samples, week=2) == expected


@pytest.mark.parametrize(
    ("p", "samples", "expected"),
    [
        (0.009, 20, "sae"),
        (0.012, 50, "deep_dive"),  # below the look's alpha of .015, not below .01
        (0.009, 50, "sae"),
        (0.019, 100, "deep_dive"),
    ],
)
def test_a_large_signal_leads_straight_on_with_a_small_p_only(
    p: float, samples: int, expected: str
) -> None:
    decisions = {**all_in_favour(), SIGNAL: gate(SIGNAL, effect=0.05, p=p)}
    assert leaf_of(decisions, samples=samples, week=2) == expected


@pytest.mark.parametrize("key", GATES)
@pytest.mark.parametrize(
    ("ruling", "samples", "week", "expected"),
    [
        (Status.REFUTED, 10, 1, "models"),
        (Status.REFUTED, 20, 2, "models"),
        (Status.REFUTED, 20, 3, "models"),
        (Status.REFUTED, 100, 1, "why_not"),
        (Status.INCONCLUSIVE, 10, 1, "more"),
        (Status.INCONCLUSIVE, 100, 2, "why_not"),
        (Status.INVALID, 10, 1, "instrument"),
    ],
)
def test_where_anything_else_leads(
    key: tuple[str, str | None],
    ruling: Status,
    samples: int,
    week: int,
    expected: str,
) -> None:
    decisions = {**all_in_favour(), key: gate(key, ruling)}
    assert leaf_of(decisions, samples=samples, week=week) == expected


def test_without_a_verdict_there_is_no_leaf() -> None:
    decisions = all_in_favour()
    del decisions[SIGNAL]
    assert leaf_of(decisions, samples=10, week=1) is None


def test_a_broken_instrument_leads_nowhere_else() -> None:
    broken = ruled("every_step_captured", Status.INVALID)
    decisions = {**all_in_favour(), ("every_step_captured", None): broken}
    assert leaf_of(decisions, samples=100, week=3) == "instrument"


def test_a_panel_that_cannot_be_measured_breaks_nothing_else() -> None:
    control = load_claims()["late_layers"].control()
    unmeasured = replace(
        ruled("late_layers", Status.INVALID),
        claim=control,
        evidence=Evidence(effect=None),
    )
    found_something = replace(unmeasured, evidence=Evidence(effect=0.0001))
    name = (control.id, None)
    stands = settled({**all_in_favour(), name: unmeasured})
    assert stands.verdict is Verdict.GO
    beside = settled({**all_in_favour(), name: found_something})
    assert beside.verdict is Verdict.GO
    assert set(beside.unsound) == {"late_layers", "layer_ranks"}
    of_gate = load_claims()["layer_signal"].control()
    broken = replace(unmeasured, claim=of_gate)
    assert (
        settled({**all_in_favour(), (of_gate.id, None): broken}).verdict is Verdict.FIX
    )


@pytest.mark.parametrize(
    ("name", "needs"),
    [("sae", {"SAE"}), ("models", {"models"}), ("why_not", {"models"})],
)
def test_what_cannot_be_asked_yet_is_said_where_it_would_be_asked(
    name: str, needs: set[str]
) -> None:
    assert {waits.needs for waits in leaf(name).blocked} == needs


def test_everything_in_the_tree_has_a_source_and_names_claims_that_exist() -> None:
    claims = load_claims()
    for question in questions():
        assert question.source
        assert all(claims[claim].role == "gate" for claim in question.claims)
    for line in red_lines():
        assert line.source
        assert all(claims[claim].thresholds.none is not None for claim in line.claims)
    assert all(tier.source for tier in tiers())
    assert all(waits.source and waits.week == 3 for waits in blocked().values())
    assert not set(blocked()) & set(claims)
