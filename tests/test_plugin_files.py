"""What a run leaves on disk, however it ends: never a verdict of an earlier one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from projects_for_tests import SUPPORTED, Go, leave_stale_go, verdict_of

import harness.record

pytest_plugins = ["pytester"]


READS_THE_VERDICT = (
    'there = pathlib.Path("reports/latest")\n'
    '    record = json.loads((there / "verdict.json").read_text())\n'
    '    assert record["state"] == "running"\n'
    '    assert record["verdict"] is None\n'
    '    assert not (there / "report.html").exists()\n'
    '    assert not (there / "report.md").exists()\n'
    '    decide_claim(given("{name}"))'
)


def test_while_a_run_is_on_the_file_says_so_and_no_old_report_is_left(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    result = go("-m", "week1", bodies={"every_step_captured": READS_THE_VERDICT})
    assert result.ret == 0
    assert verdict_of(pytester)["state"] == "complete"


def test_an_interrupted_run_leaves_no_verdict(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    result = go("-m", "week1", bodies={"linear_probe": "raise KeyboardInterrupt"})
    assert result.ret == pytest.ExitCode.INTERRUPTED
    record = verdict_of(pytester)
    assert (record["state"], record["verdict"]) == ("incomplete", None)
    assert "interrupted" in record["reason"]


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", SUPPORTED])
def test_clips_that_are_not_there_are_said_not_to_be(
    pytester: pytest.Pytester, go: Go, body: str
) -> None:
    store = f"--store=memory://{pytester.path.name}"
    result = go("-m", "week1", store, bodies={"linear_probe": body})
    assert result.ret == (0 if body == SUPPORTED else pytest.ExitCode.INTERRUPTED)
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    listed = verdict_of(pytester)["clips"]
    assert {clip["note"] for clip in listed} == {"the clip has not been made"}
    assert not any(clip.get("file") for clip in listed)


def test_a_file_that_cannot_be_collected_leaves_no_verdict(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    assert go(more="import no_such_module").ret == pytest.ExitCode.INTERRUPTED
    assert verdict_of(pytester)["verdict"] is None


def test_a_killed_run_leaves_a_file_that_says_running(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    go("--collect-only", bodies={"linear_probe": "os._exit(9)"})
    result = pytester.runpytest_subprocess("-m", "week1", "-p", "no:cacheprovider")
    assert result.ret == 9
    record = verdict_of(pytester)
    assert (record["state"], record["verdict"]) == ("running", None)


def test_a_verdict_is_written_with_its_reports(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(
        harness.record.VerdictRecord,
        "_write_reports",
        lambda record, verdict: written.append(verdict),
    )
    go("-m", "week1", "--report-dir=elsewhere")
    path = pytester.path / "elsewhere" / "verdict.json"
    assert written == [json.loads(path.read_text(encoding="utf-8"))]
    assert not (pytester.path / "reports").exists()


def test_a_verdict_that_cannot_be_written_is_no_pivot(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise KeyError("no such clip")

    monkeypatch.setattr(harness.record.VerdictRecord, "_excerpts", fail)
    result = go("-m", "week1")
    assert result.ret == 12
    assert "There is no verdict" in result.stdout.str() + result.stderr.str()
    assert "no such clip" in result.stderr.str()
    assert verdict_of(pytester)["state"] == "running"
