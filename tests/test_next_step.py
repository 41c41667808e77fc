"""After a run the record says what to type next, and what that will cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from projects_for_tests import INCONCLUSIVE, INVALID, REFUTED, Go, verdict_of

pytest_plugins = ["pytester"]


def command_of(record: dict[str, Any]) -> str:
    """Without the model, which the small projects make up."""
    return str(record["next_command"]).replace(" --model made up", "")


def test_a_go_leads_to_the_next_week_with_more_clips(
    pytester: pytest.Pytester, go: Go
) -> None:
    assert go("-m", "week1").ret == 0
    record = verdict_of(pytester)
    assert command_of(record) == "uv run pytest -m week2 --samples 20"
    assert record["next_clips"] == 40  # 10 more clips of 4 emotions
    assert record["next_seconds"] is None  # none was made, no pace is known


def test_a_broken_instrument_is_followed_by_the_same_command(
    pytester: pytest.Pytester, go: Go
) -> None:
    go("-m", "week1", "--seed", "7", bodies={"captures_finite": INVALID})
    record = verdict_of(pytester)
    assert command_of(record) == "uv run pytest -m week1 --samples 10 --seed 7"
    assert record["next_clips"] is None


def test_an_unfinished_run_is_followed_by_the_same_command(
    pytester: pytest.Pytester, go: Go
) -> None:
    go("-m", "week1", bodies={"linear_probe": "pass"})
    record = verdict_of(pytester)
    assert record["verdict"] is None
    assert command_of(record) == "uv run pytest -m week1 --samples 10"
    assert record["next_clips"] == 0
    assert record["environment"]["clips_stored"] == record["environment"]["clips"]


def test_a_pivot_is_for_a_person_to_act_on(pytester: pytest.Pytester, go: Go) -> None:
    go("-m", "week1", bodies={"layer_signal": REFUTED})
    record = verdict_of(pytester)
    assert record["verdict"] == "PIVOT"
    assert record["next_command"] is None


def test_the_time_is_that_of_the_last_run_that_made_clips(
    pytester: pytest.Pytester, go: Go
) -> None:
    bodies = {"linear_probe": INCONCLUSIVE}
    go("-m", "week1", bodies=bodies)
    path = pytester.path / "reports" / "latest" / "verdict.json"
    record = verdict_of(pytester)
    record["environment"]["seconds_per_clip"] = 2.5
    path.write_text(json.dumps(record), encoding="utf-8")
    go("-m", "week1", bodies=bodies)
    assert verdict_of(pytester)["next_seconds"] == 100.0
    record["model"]["fingerprint"] = "another"
    path.write_text(json.dumps(record), encoding="utf-8")
    go("-m", "week1", bodies=bodies)
    assert verdict_of(pytester)["next_seconds"] is None


def test_a_step_of_the_path_names_the_claims_that_answer_it(
    pytester: pytest.Pytester, go: Go
) -> None:
    go("-m", "week1")
    claims = [step["claims"] for step in verdict_of(pytester)["path"]]
    assert claims[1:] == [
        ["tempo_gap", "acoustic_match"],
        ["layer_signal"],
        ["linear_probe"],
    ]


def test_the_record_says_where_its_ledger_is(pytester: pytest.Pytester, go: Go) -> None:
    go("-m", "week1")
    directory = pytester.path / "reports" / "latest"
    found = directory / verdict_of(pytester)["ledger"]
    assert found.resolve() == (pytester.path / ".skeptic" / "ledger.jsonl").resolve()


def test_the_page_of_a_job_gets_the_report(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = pytester.path / "step.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    go("-m", "week1")
    assert place.read_text(encoding="utf-8").startswith("# GO: ")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path))  # a directory
    assert go("-m", "week1").ret == 0
    warnings = verdict_of(pytester)["warnings"]
    assert any("`GITHUB_STEP_SUMMARY` cannot be written to" in w for w in warnings)
