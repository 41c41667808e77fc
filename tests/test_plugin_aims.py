"""What is not aimed at claims, or runs none of them, leaves the verdict alone."""

from __future__ import annotations

import pytest
from projects_for_tests import Go, leave_stale_go

from harness.planfile import read_plan

pytest_plugins = ["pytester"]


def test_other_tests_have_no_header_and_leave_the_verdict_alone(
    pytester: pytest.Pytester, go: Go
) -> None:
    directory = leave_stale_go(pytester)
    before = {path: path.read_text() for path in directory.iterdir()}
    go("--collect-only")
    (pytester.mkdir("tests") / "test_other.py").write_text("def test_other(): pass")
    result = pytester.runpytest_inprocess("tests")
    assert result.ret == 0
    assert "model: " not in result.stdout.str()
    assert "= verdict =" not in result.stdout.str()
    assert {path: path.read_text() for path in directory.iterdir()} == before
    assert not (pytester.path / ".skeptic").exists()


@pytest.mark.parametrize(
    "question",
    [
        "--help",
        "--version",
        "--markers",
        "--collect-only",
        "--fixtures",
        "--cache-show",
    ],
)
def test_asking_pytest_something_is_not_a_run(
    pytester: pytest.Pytester, go: Go, question: str
) -> None:
    directory = leave_stale_go(pytester)
    before = {path: path.read_text() for path in directory.iterdir()}
    assert go(question).ret == 0
    assert {path: path.read_text() for path in directory.iterdir()} == before
    assert not (pytester.path / ".skeptic").exists()


@pytest.mark.parametrize(
    "target", ["hypotheses", ".", "hypotheses/test_claims_here.py::test_tempo_gap"]
)
def test_claims_can_be_aimed_at_by_folder_file_or_name(
    pytester: pytest.Pytester, go: Go, target: str
) -> None:
    go("--collect-only")
    result = pytester.runpytest_inprocess(target)
    result.stdout.fnmatch_lines(["model: made up *"])
    assert (result.ret == 0) == (target in (".", "hypotheses"))


def test_a_plan_can_be_written_and_no_test_is_run(
    pytester: pytest.Pytester, go: Go
) -> None:
    directory = leave_stale_go(pytester)
    before = {path: path.read_text() for path in directory.iterdir()}
    result = go(
        "-m", "week1", "--plan-only", "week 1.json", "--store=kept", "--device=cuda"
    )
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "model: made up *",
            "plan: week 1.json: 60 clips, 0 are missing",
            "generate them with any number of: python -m harness.sampling "
            "--plan 'week 1.json' --store kept",
        ]
    )
    assert "passed" not in result.stdout.str()
    found = read_plan(pytester.path / "week 1.json")
    assert found.model == "phantom:encodes"
    assert len(found.plan.clips) == 60
    assert {path: path.read_text() for path in directory.iterdir()} == before


def test_a_plan_that_cannot_be_written_is_refused(
    pytester: pytest.Pytester, go: Go
) -> None:
    (pytester.path / "file").write_text("")
    result = go("-m", "week1", "--plan-only=file/plan.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: `file/plan.json` cannot be written *"])
