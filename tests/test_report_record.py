"""What a verdict record says is read in full, and what it does not say is not."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from harness.report.record import finite, grouped, layer_claim, read_record

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("word", ["GO", "EXTEND", "PIVOT", "FIX"])
def test_a_complete_record_has_its_verdict(word: str) -> None:
    record = read_record(RECORDS[word])
    assert record.verdict == word
    assert record.path[-1].answer == word


@pytest.mark.parametrize("state", ["running", "incomplete", None, "done", 1])
def test_only_a_complete_record_has_a_verdict(state: object) -> None:
    record = read_record({**RECORDS["GO"], "state": state})
    assert record.verdict is None
    assert [node.answer for node in record.path] == ["yes"] * 4


@pytest.mark.parametrize("word", ["go", "MAYBE", None, True])
def test_an_unknown_word_is_not_a_verdict(word: object) -> None:
    assert read_record({**RECORDS["GO"], "verdict": word}).verdict is None


def test_claims_are_sorted_into_their_roles() -> None:
    record = read_record(RECORDS["GO"])
    roles = (record.instruments, record.gates, record.panel, record.descriptive)
    assert [len(claims) for claims in roles] == [9, 7, 4, 1]
    assert sum(map(len, roles)) == len(RECORDS["GO"]["claims"])


def test_a_claim_of_an_unknown_role_is_shown_but_never_decides() -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict["claims"][10]["role"] = "oracle"
    record = read_record(verdict)
    assert record.descriptive[0].id == "probe_accuracy"
    assert "probe_accuracy" not in [claim.id for claim in record.gates]


def test_members_of_a_family_are_gathered_in_order() -> None:
    families = grouped(read_record(RECORDS["GO"]).gates)
    assert [family[0].id for family in families] == [
        "layer_signal",
        "probe_accuracy",
        "tempo_gap",
        "acoustic_match",
    ]
    assert [len(family) for family in families] == [1, 1, 4, 1]


def test_failed_checks_are_told_from_passed_ones() -> None:
    record = read_record(RECORDS["FIX"])
    assert [c.id for c in record.failed_checks] == [
        "steps_complete",
        "tempo_calibrated",
    ]
    assert len(record.passed_checks) == 7


def test_an_empty_record_reads_as_nothing_known() -> None:
    record = read_record({})
    assert (record.state, record.verdict) == ("incomplete", None)
    assert (record.claims, record.clips, record.path) == ((), (), ())
    assert layer_claim(record) is None


def test_another_schema_is_a_warning() -> None:
    assert read_record(RECORDS["GO"]).warnings == tuple(RECORDS["GO"]["warnings"])
    first = read_record({**RECORDS["GO"], "schema": 2}).warnings[0]
    assert "schema 2" in first


@pytest.mark.parametrize(
    "value", [None, float("nan"), float("inf"), "2", True, [1.0], {}]
)
def test_what_is_not_a_finite_number_is_none(value: object) -> None:
    assert finite(value) is None


def test_finite_numbers_stay() -> None:
    assert (finite(3), finite(-0.5), finite(0)) == (3.0, -0.5, 0.0)


@pytest.mark.parametrize("ci", [None, [], [1.0], [0.0, None], [0.0, 1.0, 2.0], "0-1"])
def test_half_an_interval_is_no_interval(ci: object) -> None:
    assert read_record({"claims": [{"ci": ci}]}).claims[0].ci is None


@pytest.mark.parametrize(
    ("role", "status", "shown"),
    [
        ("descriptive", "supported", "described"),
        ("descriptive", "inconclusive", "described"),
        ("descriptive", "invalid", "invalid"),
        ("panel", "supported", "supported"),
        ("panel", None, "undecided"),
    ],
)
def test_what_is_described_is_not_called_supported(
    role: str, status: str | None, shown: str
) -> None:
    claim = {"id": "a", "role": role, "status": status}
    assert read_record({"claims": [claim]}).claims[0].status == shown


def test_what_waits_for_something_was_not_described() -> None:
    claim = {"role": "descriptive", "status": "inconclusive", "awaits": "no ratings"}
    assert read_record({"claims": [claim]}).claims[0].status == "inconclusive"


@pytest.mark.parametrize("status", ["refuted", "weak", "inconclusive", None, "fine"])
def test_a_go_whose_gates_say_otherwise_is_no_verdict(status: str | None) -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    gate = next(c for c in verdict["claims"] if c["role"] == "gate")
    gate["status"] = status
    verdict |= {"next_command": "go on", "leaf": {"text": "Go on."}}
    record = read_record(verdict)
    assert (record.verdict, record.leaf, record.next_command) == (None, None, "")
    assert "GO" not in [node.answer for node in record.path]
    said = "The record says GO, but 1 of 7 gate claims are not supported: "
    assert record.warnings[-1].startswith(f"{said}`{gate['id']}`")
    assert record.reason == record.warnings[-1]


@pytest.mark.parametrize("claims", [[], None, {}, [3]])
def test_a_go_without_gates_is_no_verdict(claims: object) -> None:
    record = read_record({**RECORDS["GO"], "claims": claims})
    assert record.verdict is None
    assert "The record says GO, but it holds no gate claim." in record.warnings[-1]


@pytest.mark.parametrize("word", ["EXTEND", "PIVOT", "FIX"])
def test_other_verdicts_stand_with_the_gates_that_they_have(word: str) -> None:
    assert read_record({**RECORDS[word], "claims": []}).verdict == word


@pytest.mark.parametrize("key", ["design", "model", "environment", "music", "leaf"])
def test_what_is_no_object_is_left_out_and_said(key: str) -> None:
    before = read_record(RECORDS["GO"]).warnings
    record = read_record({**RECORDS["GO"], key: []})
    said = f"`{key}` of the record must be an object and is left out."
    assert record.warnings == (*before, said)


@pytest.mark.parametrize("key", ["design", "model", "environment"])
def test_a_finished_record_without_its_circumstances_is_warned_of(key: str) -> None:
    record = read_record({**RECORDS["EXTEND"], key: None})
    assert f"The record does not say its `{key}`." in record.warnings
    running = read_record({**RECORDS["running"], key: None})
    assert running.warnings == read_record(RECORDS["running"]).warnings


def test_a_gate_of_an_unknown_status_is_warned_of() -> None:
    verdict = copy.deepcopy(RECORDS["EXTEND"])
    gate = next(c for c in verdict["claims"] if c["role"] == "gate")
    gate["status"] = "splendid"
    assert any("(splendid)" in line for line in read_record(verdict).warnings)
