"""Two runs on one page: what changed comes first, and nothing is left out."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.report.__main__ import main
from harness.report.compare import (
    Pair,
    difference_of,
    differences,
    pairs_of,
    render_comparison,
)
from harness.report.reading import RecordFile
from harness.report.record import read_record

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)


def file_of(verdict: dict[str, Any], name: str = "a") -> RecordFile:
    return RecordFile(path=Path(name) / "verdict.json", verdict=verdict)


def gates(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    return [c for c in verdict["claims"] if c["role"] == "gate"]


@pytest.fixture
def later() -> dict[str, Any]:
    """The run of GO again: one gate lost, one effect moved, one claim new, one gone."""
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict["verdict"], verdict["design"]["look"] = "EXTEND", 3
    first, second = gates(verdict)[:2]
    first |= {"status": "inconclusive", "strength": None, "effect": 0.001}
    first["ci"] = [-0.01, 0.012]
    second["effect"] += 0.01
    panel = [c for c in verdict["claims"] if c["role"] == "panel"]
    verdict["claims"].append({**panel[0], "id": "new_claim", "member": None})
    verdict["claims"].remove(panel[1])
    return verdict


def test_what_changed_comes_first_and_nothing_is_left_out(
    later: dict[str, Any],
) -> None:
    a, b = read_record(RECORDS["GO"]), read_record(later)
    pairs = pairs_of(a, b)
    assert pairs[0].either.id == gates(later)[0]["id"]
    assert [p.change for p in pairs[:3]] == ["changed", "only in one", "only in one"]
    assert {p.change for p in pairs[3:]} == {"the same"}
    assert pairs[3].either.id == gates(later)[1]["id"]  # a gate, and it moved
    shown = [p.first for p in pairs if p.first] + [p.second for p in pairs if p.second]
    assert len(shown) == len(a.claims) + len(b.claims)


def test_a_difference_is_b_minus_a_in_its_unit(later: dict[str, Any]) -> None:
    first = pairs_of(read_record(RECORDS["GO"]), read_record(later))[0]
    assert first.difference == pytest.approx(0.001 - 0.0472)
    assert difference_of(first) == "\N{MINUS SIGN}4.62 percentage points of variance"
    assert first.is_apart  # [-1, 1.2] against [3.39, 6.05]
    back = Pair(first=first.second, second=first.first)
    assert difference_of(back) == "+4.62 percentage points of variance"


def test_what_has_another_unit_is_not_subtracted() -> None:
    other = copy.deepcopy(RECORDS["GO"])
    gates(other)[0]["unit"] = "apples"
    pairs = pairs_of(read_record(RECORDS["GO"]), read_record(other))
    pair = next(p for p in pairs if p.either.id == gates(other)[0]["id"])
    assert pair.difference is None
    assert not pair.is_apart


def test_the_design_is_split_into_what_is_the_same_and_what_is_not(
    later: dict[str, Any],
) -> None:
    same, other = differences(read_record(RECORDS["GO"]), read_record(later))
    assert other == [("look", "2", "3")]
    assert dict(same)["seed"] == "20241107"


def test_the_page_shows_both_verdicts_and_loads_nothing(later: dict[str, Any]) -> None:
    html = render_comparison(file_of(RECORDS["GO"]), file_of(later, "b"))
    assert html.index(">GO<") < html.index(">EXTEND<")
    assert "Another status: 1" in html
    assert "In one run only: 2" in html
    style = re.search(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src &#39;sha256-{digest}&#39;" in html
    assert "<script" not in html
    assert "http" not in html.replace('http-equiv="', "")


def test_looks_at_one_question_are_no_replication(later: dict[str, Any]) -> None:
    for verdict in (RECORDS["GO"], later):
        verdict["design"]["bank_digest"] = "b1"
    assert "no replication" in render_comparison(file_of(RECORDS["GO"]), file_of(later))
    other = {**later, "model": {**later["model"], "fingerprint": "another"}}
    text = render_comparison(file_of(RECORDS["GO"]), file_of(other))
    assert "no replication" not in text


def test_a_run_without_verdict_or_claims_can_be_compared() -> None:
    html = render_comparison(file_of({}), file_of(RECORDS["running"]))
    assert html.count("No verdict") >= 2
    assert "B has no verdict" in html


def test_text_from_the_records_is_never_markup() -> None:
    hostile = "<script>alert(1)</script>{{ 7*7 }}"
    verdict = copy.deepcopy(RECORDS["FIX"])
    verdict |= {"reason": hostile, "warnings": [hostile]}
    for claim in verdict["claims"]:
        claim |= {"statement": hostile, "member": hostile, "id": hostile}
    html = render_comparison(file_of(verdict), file_of(RECORDS["FIX"]))
    assert "<script" not in html
    assert "{{ 7*7 }}" in html


def test_the_command_takes_directories_and_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("GO", "PIVOT"):
        (tmp_path / name).mkdir()
        text = json.dumps(RECORDS[name])
        (tmp_path / name / "verdict.json").write_text(text, encoding="utf-8")
    out = tmp_path / "new" / "both.html"
    second = tmp_path / "PIVOT" / "verdict.json"
    assert main(["compare", str(tmp_path / "GO"), str(second), "--out", str(out)]) == 0
    assert "GO/verdict.json" in out.read_text(encoding="utf-8")
    assert main(["compare", str(tmp_path / "GO"), str(tmp_path / "none")]) == 2
    assert "none` is not there" in capsys.readouterr().err


def test_only_shares_differ_by_percentage_points() -> None:
    def pair(unit: str) -> Pair:
        rows = [{"id": "a", "unit": unit, "effect": e} for e in (0.9, 0.4)]
        first, second = read_record({"claims": rows}).claims
        return Pair(first=first, second=second)

    minus = "\N{MINUS SIGN}"
    assert difference_of(pair("accuracy")) == f"{minus}50 percentage points"
    assert difference_of(pair("cosine")) == f"{minus}0.5 cosine"


def test_that_there_is_no_verdict_is_said_once() -> None:
    reason = "There is no verdict: the run was interrupted."
    unfinished = {**RECORDS["incomplete"], "reason": reason}
    page = render_comparison(file_of(unfinished), file_of(RECORDS["GO"], "b"))
    assert "A has no verdict: The run was interrupted." in page
    assert "There is no verdict" not in page
