"""Allure is told every claim, once, as the record has it."""

from __future__ import annotations

import copy
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from harness.report.allure_claim import SOURCES_URL, claim_fields, history_of
from harness.report.allure_results import complete_results
from harness.report.record import read_record
from harness.report.sources import Citation, citations, sources_page

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)
BEGAN = 1_800_000_000.0
ALLURE_STATUS = {
    "supported": "passed",
    "weak": "failed",
    "refuted": "failed",
    "inconclusive": "failed",
    "invalid": "broken",
}

Result = dict[str, Any]


def raw(
    folder: Path, name: str, *, start: float = BEGAN + 1, status: str = "passed"
) -> Path:
    """Write a result file as allure-pytest does."""
    path = folder / f"{name.partition('[')[0]}-{int(start)}-result.json"
    result = {
        "uuid": path.name.removesuffix("-result.json"),
        "name": name,
        "fullName": f"hypotheses.test_here#{name.partition('[')[0]}",
        "status": status,
        "statusDetails": {"message": "Failed: seen", "trace": "line 7"},
        "start": int(start * 1000),
        "stop": int(start * 1000) + 5,
        "historyId": "theirs",
        "testCaseId": "theirs",
        "parameters": [{"name": "contrast", "value": "('a', 'b')"}],
        "labels": [{"name": "tag", "value": "week1"}, {"name": "host", "value": "h"}],
        "attachments": [
            {"name": "log", "source": "l-attachment.txt", "type": "text/plain"}
        ],
    }
    path.write_text(json.dumps(result), encoding="utf-8")
    return path


def read(folder: Path) -> list[Result]:
    paths = sorted(folder.glob("*-result.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def labels(result: Result, name: str) -> list[str]:
    return [e["value"] for e in result["labels"] if e["name"] == name]


def stories(folder: Path) -> list[Result]:
    return [result for result in read(folder) if labels(result, "story")]


def completed(folder: Path, record: dict[str, Any], **decided: tuple[str, str]) -> Path:
    nodes = {f"hypotheses/test_here.py::{k}": v for k, v in decided.items()}
    notes = complete_results(
        folder, record, decided=nodes, audio_root=folder, since=BEGAN
    )
    assert notes == []
    return folder


@pytest.fixture(scope="module")
def pivot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("allure")
    return completed(folder, RECORDS["PIVOT"])


def test_every_claim_is_there_once_with_the_status_that_it_has(pivot: Path) -> None:
    claims = RECORDS["PIVOT"]["claims"]
    found = stories(pivot)
    assert len(found) == len(claims)
    assert len({result["historyId"] for result in found}) == len(claims)
    for claim in claims:
        here = [r for r in found if labels(r, "story") == [claim["id"]]]
        own = [r for r in here if str(claim.get("member") or "") in r["name"]]
        assert {r["status"] for r in own} >= {ALLURE_STATUS[claim["status"]]}


def test_epic_is_the_week_feature_the_topic_severity_the_role() -> None:
    entry = {"id": "x", "week": 2, "topic": "music", "role": "gate", "status": "weak"}
    record = {"claims": [entry, {**entry, "id": "x control", "role": "instrument"}]}
    gate, control = (claim_fields(claim) for claim in read_record(record).claims)
    assert [labels(gate, n) for n in ("epic", "feature", "story", "severity")] == [
        *(["Week 2"], ["Music"], ["x"], ["critical"])
    ]
    assert labels(control, "feature") == ["Controls"]
    assert labels(control, "severity") == ["blocker"]


def test_a_claim_of_unknown_status_is_not_passed() -> None:
    for status in ("", "excellent", None):
        record = read_record({"claims": [{"id": "x", "status": status}]})
        assert claim_fields(record.claims[0])["status"] == "broken"


def test_links_lead_to_the_section_that_is_cited(pivot: Path) -> None:
    page = (pivot / "sources.html").read_text(encoding="utf-8")
    anchors = set(re.findall(r'id="([^"]+)"', page))
    linked = {
        link["url"]
        for result in stories(pivot)
        if not labels(result, "story")[0].endswith("control")
        for link in result["links"]
    }
    assert linked
    assert {url.partition("#")[0] for url in linked} == {SOURCES_URL}
    assert {url.partition("#")[2] for url in linked} <= anchors


def test_sources_are_taken_apart_as_people_wrote_them() -> None:
    source = "Plan, 'Week 2'; none: 'We're Here' (2 of 4); strong: Start, 'The End' (8)"
    assert citations(source) == (
        Citation(document="Plan", section="Week 2"),
        Citation(document="Plan", section="We're Here"),
        Citation(document="Start", section="The End"),
    )
    assert citations("Critical Reality Check, 'N=1'; Start Here, 'Now'") == (
        Citation(document="Reality Check", section="N=1"),
        Citation(document="Start", section="Now"),
    )
    assert citations("Russell (1980)")[0].text == "'Russell (1980)'"
    assert citations(" ") == ()


def test_the_page_of_sources_escapes_what_it_shows() -> None:
    claim = {"id": "x", "statement": "<b>&", "source": "Plan, '<i>'", "documented": "<"}
    page = sources_page(read_record({"claims": [claim]}).claims)
    assert "&lt;b&gt;&amp;" in page
    assert "<i>" not in page


def test_the_result_of_a_test_is_completed_not_replaced(tmp_path: Path) -> None:
    record = copy.deepcopy(RECORDS["PIVOT"])
    claim = next(c for c in record["claims"] if c["status"] == "refuted")
    record["claims"] = [claim]
    path = raw(tmp_path, "test_it[a]", status="failed")
    completed(tmp_path, record, **{"test_it[a]": (claim["id"], claim["member"] or "")})
    (result,) = stories(tmp_path)
    assert result == json.loads(path.read_text(encoding="utf-8"))
    assert result["statusDetails"]["message"] == f"REFUTED: {claim['because']}"
    assert result["statusDetails"]["trace"] == "line 7"
    assert labels(result, "host") == ["h"]
    assert "week1" not in labels(result, "tag")
    assert result["attachments"][0]["name"] == "log"
    assert {p["name"] for p in result["parameters"]} >= {"effect", "threshold", "p"}
    assert all(p["excluded"] for p in result["parameters"])


def test_results_of_other_runs_are_left_alone(tmp_path: Path) -> None:
    claim = RECORDS["GO"]["claims"][0]
    old = raw(tmp_path, "test_it", start=BEGAN - 60)
    before = old.read_text(encoding="utf-8")
    record = {**RECORDS["GO"], "claims": [claim]}
    completed(tmp_path, record, test_it=(claim["id"], ""))
    assert old.read_text(encoding="utf-8") == before
    assert len(stories(tmp_path)) == 1  # the claim has one of its own


def test_a_test_that_decided_nothing_is_undecided(tmp_path: Path) -> None:
    path = raw(tmp_path, "test_it", status="broken")
    completed(tmp_path, {**RECORDS["GO"], "claims": []})
    result = json.loads(path.read_text(encoding="utf-8"))
    assert labels(result, "epic") == ["Undecided"]
    assert result["status"] == "broken"
    assert category(tmp_path, result).startswith("Undecided")


def test_a_damaged_file_is_named_and_left(tmp_path: Path) -> None:
    damaged = tmp_path / "half-result.json"
    damaged.write_text('{"uuid": "1", "na', encoding="utf-8")
    notes = complete_results(
        tmp_path, {"claims": []}, decided={}, audio_root=tmp_path, since=BEGAN
    )
    assert len(notes) == 1
    assert "half-result.json is no result of Allure" in notes[0]
    assert damaged.read_text(encoding="utf-8") == '{"uuid": "1", "na'


def test_a_place_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()
    notes = complete_results(
        place, RECORDS["GO"], decided={}, audio_root=tmp_path, since=BEGAN
    )
    assert len(notes) == 1
    assert notes[0].startswith(f"Allure's results in {place} are not complete")


def category(folder: Path, result: Result) -> str:
    """Name the category that Allure puts a result into: the first that matches."""
    listed = json.loads((folder / "categories.json").read_text(encoding="utf-8"))
    message = result["statusDetails"]["message"]
    for entry in listed:
        fits = re.fullmatch(entry.get("messageRegex", r"[\s\S]*"), message)
        if fits and result["status"] in entry["matchedStatuses"]:
            return str(entry["name"])
    return ""


def test_categories_keep_what_is_not_supported_apart(tmp_path: Path) -> None:
    statuses = ["weak", "refuted", "inconclusive", "invalid", "supported"]
    claims = [
        {"id": s, "status": s, "because": f"INVALID: no, {s}\nand"} for s in statuses
    ]
    record = {"state": "complete", "verdict": "PIVOT", "claims": claims}
    completed(tmp_path, record)
    found = {labels(r, "story")[0]: category(tmp_path, r) for r in stories(tmp_path)}
    assert found.pop("supported") == ""
    for status, name in found.items():
        assert name.lower().startswith(status)
    verdict = next(r for r in read(tmp_path) if labels(r, "epic") == ["Verdict"])
    assert category(tmp_path, verdict).startswith("Verdict")


@pytest.mark.parametrize(
    ("name", "status"),
    [("GO", "passed"), ("EXTEND", "failed"), ("PIVOT", "failed"), ("FIX", "broken")],
)
def test_the_verdict_is_a_result_with_its_path(
    name: str, status: str, tmp_path: Path
) -> None:
    completed(tmp_path, RECORDS[name])
    verdict = next(r for r in read(tmp_path) if labels(r, "epic") == ["Verdict"])
    assert (verdict["name"], verdict["status"]) == (f"Verdict: {name}", status)
    assert len(verdict["steps"]) == len(RECORDS[name]["path"])


def test_a_run_that_did_not_end_has_no_verdict_that_passes(tmp_path: Path) -> None:
    completed(tmp_path, {**RECORDS["GO"], "state": "incomplete", "claims": []})
    (verdict,) = read(tmp_path)
    assert (verdict["name"], verdict["status"]) == ("Verdict: No verdict", "broken")


def test_numbers_that_change_do_not_cut_the_history() -> None:
    claims = [c for c in RECORDS["GO"]["claims"] if c["id"] == "tempo_gap"]
    later = [{**c, "effect": 1.0, "p": 0.5, "status": "weak"} for c in claims]
    then, now = (
        [claim_fields(c)["historyId"] for c in read_record({"claims": cs}).claims]
        for cs in (claims, later)
    )
    assert then == now
    assert len(set(then)) == len(claims) > 1
    assert history_of("a") != history_of("b")


def test_plots_are_pictures_and_clips_play_where_scripts_do_not(
    pivot: Path, tmp_path: Path
) -> None:
    attached = [a for r in stories(pivot) for a in r["attachments"]]
    assert len({a["source"] for a in attached}) == len(
        attached
    )  # Allure shows one once
    for attachment in attached:
        text = (pivot / attachment["source"]).read_text(encoding="utf-8")
        if attachment["type"] == "image/svg+xml":
            assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
            assert "var(" not in text
        else:
            assert "<script" not in text
    pairs = [r for r in stories(pivot) if labels(r, "story") == ["tempo_gap"]]
    names = {a["name"] for r in pairs for a in r["attachments"]}
    assert "Clips to listen to: happy, sad" in names


def test_the_environment_is_what_was_under_test(tmp_path: Path) -> None:
    record = copy.deepcopy(RECORDS["GO"])
    record["model"]["name"] = "C:\\models\\añ\nb"
    completed(tmp_path, record)
    text = (tmp_path / "environment.properties").read_text(encoding="utf-8")
    about = dict(line.split("=", 1) for line in text.splitlines())
    assert about["verdict"] == "GO"
    assert about["model.name"] == r"C:\\models\\a\u00f1 b"
    assert {"stage", "emotions", "torch", "python"} <= set(about)


def test_what_is_described_passes_and_what_waits_does_not() -> None:
    claim = {"id": "a", "role": "descriptive", "status": "inconclusive"}
    waiting = {**claim, "awaits": "no ratings", "because": "No ratings yet."}
    found, open_ = read_record({"claims": [claim, waiting]}).claims
    assert claim_fields(found)["status"] == "passed"
    fields = claim_fields(open_)
    assert fields["status"] == "failed"
    assert fields["statusDetails"]["message"] == "INCONCLUSIVE: No ratings yet."


def test_the_sources_keep_what_is_reported_of_one_member_only() -> None:
    theirs = {"id": "a", "statement": "x", "source": "Plan, 'Week 2'"}
    members = [{**theirs, "documented": "-9.5 BPM"}, {**theirs, "documented": None}]
    for claims in (members, members[::-1]):
        page = sources_page(read_record({"claims": claims}).claims)
        assert "They report: -9.5 BPM." in page
