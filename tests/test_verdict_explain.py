"""`python -m harness.verdict explain`: the path in words."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from decisions_for_tests import GATES, Decisions, all_in_favour, gate, settled

from harness.inference.looks import look_for
from harness.verdict import Status
from harness.verdict.__main__ import main
from harness.verdict.explain import crossed_lines, explain, tier_of


def record_of(decisions: Decisions, *, samples: int = 20, week: int = 2) -> Any:
    outcome = settled(decisions, look=look_for(samples), week=week)
    return {
        "schema": 1,
        "verdict": outcome.verdict,
        "reason": outcome.reason,
        "path": [asdict(node) for node in outcome.path],
        "leaf": None if outcome.leaf is None else asdict(outcome.leaf),
        "claims": [d.as_record() for d in decisions.values()],
    }


def with_gates(*rulings: Any, **changes: Any) -> Decisions:
    return {**all_in_favour(), **{key: gate(key, *rulings, **changes) for key in GATES}}


def test_every_node_is_told_with_its_numbers_and_its_source() -> None:
    lines = explain(record_of(all_in_favour()))
    assert lines[0].startswith("GO: ")
    second = lines.index("2. Does the music follow the prompt? supported")
    assert lines[second + 1 : second + 4] == [
        "   tempo_gap [happy against sad]: tempo_gap is supported.",
        "   tempo_gap [energetic against calm]: tempo_gap is supported.",
        "   acoustic_match: acoustic_match is supported.",
    ]
    assert lines[second + 4].startswith("   source: Reality Check")


def test_the_leaf_says_what_is_blocked() -> None:
    lines = explain(record_of(all_in_favour()))
    at = next(i for i, line in enumerate(lines) if line.startswith("=> Proceed"))
    assert any("blocked: needs SAE" in line for line in lines[at:])


@pytest.mark.parametrize(
    ("decisions", "tier"),
    [
        (with_gates(strength="strong"), "strong signal"),
        (with_gates(strength="minimum"), "minimum viable signal"),
        (with_gates(Status.INCONCLUSIVE), None),
        (with_gates(Status.REFUTED), "no signal"),
    ],
)
def test_the_tier_that_all_gates_reach(decisions: Decisions, tier: str | None) -> None:
    found = tier_of(d.as_record() for d in decisions.values())
    assert (found and found[0]) == tier


def test_one_weaker_gate_makes_it_the_lower_tier() -> None:
    key = ("linear_probe", None)
    mixed = {**with_gates(strength="strong"), key: gate(key, strength="minimum")}
    found = tier_of(d.as_record() for d in mixed.values())
    assert found is not None
    assert found[0] == "minimum viable signal"


def test_no_gates_reach_no_tier() -> None:
    assert tier_of([]) is None


@pytest.mark.parametrize(
    ("ruling", "crossed"),
    [
        (Status.REFUTED, True),
        (Status.INCONCLUSIVE, False),
        (Status.SUPPORTED, False),
        (Status.INVALID, None),
    ],
)
def test_a_red_line_is_crossed_by_what_is_refuted(
    ruling: Status, crossed: bool | None
) -> None:
    lines = crossed_lines([d.as_record() for d in with_gates(ruling).values()])
    of_gates = [found for text, _, found in lines if "extreme" not in text]
    assert set(of_gates) == {crossed}


def test_a_red_line_of_which_nobody_asked_is_not_decided() -> None:
    lines = crossed_lines([d.as_record() for d in all_in_favour().values()])
    assert [found for text, _, found in lines if "extreme" in text] == [None]


def test_a_run_that_came_to_nothing_is_told_as_far_as_it_came() -> None:
    record = {"schema": 1, "verdict": None, "reason": "The run has not finished."}
    lines = explain(record)
    assert lines[0] == "no verdict: The run has not finished."
    assert all("not decided" in line for line in lines[1:])


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_a_directory_without_a_verdict_is_named(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "verdict.json").write_text(content, encoding="utf-8")
    assert main(["explain", str(tmp_path)]) == 2
    assert "must hold a verdict" in capsys.readouterr().err


def test_another_schema_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "verdict.json").write_text('{"schema": 0}', encoding="utf-8")
    assert main(["explain", str(tmp_path)]) == 2
    assert "`schema` must be 1, got 0" in capsys.readouterr().err


def test_the_command_prints_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = record_of(all_in_favour())
    (tmp_path / "verdict.json").write_text(json.dumps(record), encoding="utf-8")
    assert main(["explain", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines() == explain(record)
