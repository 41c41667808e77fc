"""The ledger adds to a record what it knows, and a broken one takes nothing away."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from harness.ledger import Ledger
from harness.report import across
from harness.report.markdown import render_markdown
from harness.report.past import ledger_of, with_ledger
from harness.report.record import read_record

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)
QUESTION = {"model": "9f3c51d2a7e04b18", "bank": "b1", "seconds": 8.0}
THEN = {"samples": 5, "seed": 20241107, "data": "d1"}


def record() -> dict[str, Any]:
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict["design"]["bank_digest"] = QUESTION["bank"]
    return verdict


def look(number: int, samples: int) -> dict[str, Any]:
    emotions = sorted(RECORDS["GO"]["design"]["emotions"])
    return {
        "event": "look",
        "question": {**QUESTION, "emotions": emotions},
        **THEN,
        "samples": samples,
        "look": number,
        "kind": "planned",
        "alpha": 0.005,
        "design": {},
        "made": {},
    }


def result(samples: int, **claim: Any) -> dict[str, Any]:
    gate = next(c for c in RECORDS["GO"]["claims"] if c["role"] == "gate")
    about = {k: v for k, v in look(1, samples).items() if k in ("question", *THEN)}
    found = {**gate, "status": "inconclusive", "effect": 0.011, **claim}
    return {"event": "result", **about, "verdict": "EXTEND", "claims": [found]}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    found = Ledger(tmp_path / "ledger.jsonl")
    found.append(look(1, 5))
    found.append(result(5))
    return found


def test_a_claim_shows_what_an_earlier_look_found_of_it(ledger: Ledger) -> None:
    read = read_record(with_ledger(record(), ledger.path))
    gate = read.gates[0]
    assert across.earlier_values(read, gate) == (
        ("look 1, 5 clips", "inconclusive, 1.10 % of variance, [3.39, 6.05], p 0.0001"),
    )
    assert across.earlier_values(read, read.gates[1]) == ()
    assert "2 lines, each as it was written" in read.ledger_says


def test_what_the_record_says_of_a_look_stands(ledger: Ledger) -> None:
    verdict = record()
    first = ledger.entries()[0]
    known = {k: first[k] for k in ("samples", "seed", "time")}
    verdict["looks"] = [{**known, "same_data": True, "number": 1}]
    whole = with_ledger(verdict, ledger.path)
    assert whole["looks"][0]["same_data"] is True
    assert whole["warnings"] == verdict.get("warnings", [])


def test_a_later_look_is_a_warning(ledger: Ledger) -> None:
    ledger.append(look(3, 50))
    said = read_record(with_ledger(record(), ledger.path)).warnings
    assert any("another look was taken: look 3 of 50 clips" in line for line in said)


def test_half_a_line_is_stated_and_nothing_is_lost(ledger: Ledger) -> None:
    text = ledger.path.read_text(encoding="utf-8")
    ledger.path.write_text(text[: len(text) // 2 + 40], encoding="utf-8")
    verdict = {**record(), "looks": [{"number": 1, "samples": 5, "verdict": "EXTEND"}]}
    whole = with_ledger(verdict, ledger.path)
    assert whole["looks"] == verdict["looks"]
    assert "is not as it was written" in render_markdown(whole)


def test_entries_of_an_unknown_form_are_stated(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append({"event": "look", "question": look(1, 5)["question"]})
    said = read_record(with_ledger(record(), ledger.path)).warnings
    assert any("of an unknown form" in line for line in said)


@pytest.mark.parametrize("field", ["model", "design"])
def test_a_record_without_a_question_is_stated(ledger: Ledger, field: str) -> None:
    whole = with_ledger({**record(), field: None}, ledger.path)
    assert "of an unknown form" in whole["ledger_says"]


def test_a_ledger_about_another_question_is_said_to_be(ledger: Ledger) -> None:
    verdict = record()
    verdict["design"]["duration_s"] = 30.0
    whole = with_ledger(verdict, ledger.path)
    assert "none about this question" in whole["ledger_says"]
    assert "looks" not in verdict or whole["looks"] == verdict["looks"]


def test_no_ledger_is_said_plainly(tmp_path: Path) -> None:
    missing = with_ledger(record(), tmp_path / "none.jsonl")
    assert "There is no ledger at" in missing["ledger_says"]
    assert "names no ledger" in with_ledger(record(), None)["ledger_says"]


def test_a_ledger_that_is_gone_is_a_warning(tmp_path: Path) -> None:
    place = tmp_path / "none.jsonl"
    looked = {**record(), "looks": [{"number": 1}]}
    assert "There is no ledger at" in with_ledger(looked, place)["warnings"][-1]
    never = {**record(), "looks": [], "warnings": []}
    assert with_ledger(never, place)["warnings"] == []


def test_the_ledger_is_found_from_the_record(tmp_path: Path) -> None:
    verdict = {"ledger": "../store/ledger.jsonl"}
    found = ledger_of(verdict, directory=tmp_path)
    assert found == tmp_path / "../store/ledger.jsonl"
    oddities: list[Any] = [None, "", 3, []]
    for odd in oddities:
        assert ledger_of({"ledger": odd}, directory=tmp_path) is None
