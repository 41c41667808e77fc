"""JUnit XML, the report log and Allure's files have the claims, on workers, too."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from projects_for_tests import INVALID, REFUTED, WORKERS, Go

from harness.claims import load_claims
from harness.properties import properties_of
from harness.verdict import Decision, Evidence, Status

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
BODIES = {"layer_signal": REFUTED, "acoustic_match": INVALID}


def test_numbers_are_written_by_name() -> None:
    decision = Decision(
        claim=load_claims()["tempo_gap"],
        member="happy against sad",
        status=Status.SUPPORTED,
        strength="strong",
        because="so",
        evidence=Evidence(
            effect=41.5, p=0.002, interval=(30.25, 52.5), n_prompts=20, n_clips=40
        ),
    )
    assert dict(properties_of(decision)) == {
        "claim": "tempo_gap",
        "member": "happy against sad",
        "status": "supported",
        "strength": "strong",
        "effect": 41.5,
        "unit": "BPM",
        "interval": "[30.25, 52.5]",
        "p": 0.002,
        "threshold": "none 9.5, minimum 20, strong 40",
        "n_prompts": 20,
        "n_clips": 40,
        "source": load_claims()["tempo_gap"].source,
    }


def test_what_was_not_measured_is_left_out() -> None:
    decision = Decision(
        claim=load_claims()["layer_signal"],
        member=None,
        status=Status.INVALID,
        strength=None,
        because="broken",
        evidence=Evidence(effect=float("nan"), problem="broken"),
    )
    names = dict(properties_of(decision))
    assert names["status"] == "invalid"
    assert not {"member", "effect", "p", "interval", "n_clips"} & set(names)


def junit(path: Path) -> dict[str, dict[str, str]]:
    """Properties by the name of the test."""
    return {
        str(case.get("name")): {
            str(p.get("name")): str(p.get("value")) for p in case.iter("property")
        }
        for case in ET.parse(path).iter("testcase")
    }


@pytest.mark.parametrize("workers", [(), WORKERS], ids=["alone", "workers"])
def test_files_of_others_have_the_claims(
    workers: tuple[str, ...], go: Go, pytester: pytest.Pytester
) -> None:
    go(
        *("-p", "allure_pytest.plugin", "-p", "pytest_reportlog.plugin", *workers),
        *("--junitxml=junit.xml", "--report-log=log.jsonl", "--alluredir=results"),
        bodies=BODIES,
        more="@pytest.mark.claim('layer_signal')\ndef test_breaks():\n    1 / 0\n",
    )
    cases = junit(pytester.path / "junit.xml")
    assert cases["test_layer_signal"]["status"] == "refuted"
    assert cases["test_layer_signal"]["effect"] == "0.0"
    assert cases["test_acoustic_match"]["status"] == "invalid"
    assert cases["test_linear_probe"]["claim"] == "linear_probe"
    assert cases["test_breaks"] == {}

    lines = (pytester.path / "log.jsonl").read_text(encoding="utf-8").splitlines()
    reports = [json.loads(line) for line in lines]
    logged = {
        r["nodeid"].partition("::")[2]: dict(r["user_properties"])
        for r in reports
        if r["$report_type"] == "TestReport" and r["when"] == "call"
    }
    assert logged["test_layer_signal"]["effect"] == 0.0
    assert logged["test_layer_signal"]["status"] == "refuted"

    told = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (pytester.path / "results").glob("*-result.json")
    ]
    by_story = {story_of(result): result for result in told}
    assert by_story["layer_signal"]["status"] == "failed"
    assert by_story["acoustic_match"]["status"] == "broken"
    assert by_story["linear_probe"]["status"] == "passed"
    assert [r["status"] for r in told if r["name"] == "test_breaks"] == ["broken"]
    assert any(r["name"].startswith("Verdict: ") for r in told)
    named = [r["fullName"] for r in told if "fullName" in r]
    assert "hypotheses.test_claims_here#test_layer_signal" in named


def story_of(result: dict[str, Any]) -> str:
    values = [e["value"] for e in result["labels"] if e["name"] == "story"]
    return values[0] if values else ""


def test_a_run_without_allure_never_asks_for_it(
    go: Go, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.startswith(("allure", "harness.report.allure")):
            monkeypatch.delitem(sys.modules, name)
    go()
    ours = ("allure", "harness.report.allure")
    assert not [name for name in sys.modules if name.startswith(ours)]


def test_no_claim_and_no_fixture_knows_allure() -> None:
    files = [*(ROOT / "hypotheses").rglob("*.py"), *(ROOT / "fixtures").glob("*.py")]
    assert len(files) > 20
    assert [f for f in files if "allure" in f.read_text(encoding="utf-8")] == []


def test_no_module_of_the_harness_imports_allure() -> None:
    for path in (ROOT / "harness").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import allure\n" not in text
        assert "from allure" not in text
