"""The findings note says what was found, and what is not known."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from harness.report.findings import render_findings

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)
SECTIONS = [
    "## 1. Architecture and instrument",
    "## 2. Do the activations carry the emotion?",
    "## 3. Does the music carry it?",
    "## 4. Readiness for Phase 1",
    "## 5. What is not known",
]


def section(text: str, number: int) -> str:
    after = text.split(SECTIONS[number - 1])[1]
    return after.split("\n## ")[0]


@pytest.mark.parametrize("name", RECORDS)
def test_every_section_is_there_in_order(name: str) -> None:
    text = render_findings(RECORDS[name])
    places = [text.index(heading) for heading in SECTIONS]
    assert places == sorted(places)


def test_an_empty_record_is_a_note_that_claims_nothing() -> None:
    text = render_findings({})
    assert "There is no verdict: nothing above may be quoted" in text
    assert "Nothing was asked." in section(text, 2)


def test_claims_stand_where_their_topic_says() -> None:
    record = copy.deepcopy(RECORDS["GO"])
    chosen = next(c for c in record["claims"] if c["role"] == "gate")
    chosen.update(topic="music", statement="The music does something")
    text = render_findings(record)
    assert "The music does something" in section(text, 3)
    assert "The music does something" not in section(text, 2)


@pytest.mark.parametrize("name", ["EXTEND", "FIX"])
def test_what_is_undecided_is_not_known(name: str) -> None:
    record = RECORDS[name]
    open_claims = [
        c
        for c in record["claims"]
        if c["status"] in ("inconclusive", "invalid") and c["role"] != "instrument"
    ]
    assert open_claims
    unknown = section(render_findings(record), 5)
    assert all(c["status"] in unknown for c in open_claims)


def test_the_leaf_and_what_it_waits_for_are_told() -> None:
    record = copy.deepcopy(RECORDS["PIVOT"])
    record["leaf"] = {
        "name": "models",
        "text": "Try other models.",
        "source": "Next Steps",
        "blocked": [{"statement": "Another model carries it", "needs": "models"}],
    }
    text = render_findings(record)
    assert "Try other models." in section(text, 4)
    assert "Another model carries it: blocked, needs models." in section(text, 5)
