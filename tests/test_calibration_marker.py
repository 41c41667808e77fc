"""Calibration runs when it is asked for, opens no run, and otherwise is not there."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import harness.plugin
from harness.run import RunError

pytest_plugins = ["harness.plugin"]


def open_run(request, *, generates=True):
    raise RunError("a run was opened")


harness.plugin.open_run = open_run
"""
CALIBRATION = """
import pytest

pytestmark = pytest.mark.calibration


def test_error_rates():
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\ntestpaths = hypotheses\naddopts = --strict-markers\n")
    folder = pytester.mkdir("hypotheses") / "calibration"
    folder.mkdir()
    (folder / "test_rates.py").write_text(CALIBRATION, encoding="utf-8")
    return pytester


@pytest.mark.parametrize(
    "arguments",
    [("-m", "calibration"), ("hypotheses/calibration",)],
    ids=["by its marker", "by its place"],
)
def test_calibration_runs_without_a_model(
    project: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    result = project.runpytest_inprocess(*arguments)
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize("arguments", [(), ("-m", "week1"), ("hypotheses",)])
def test_any_other_run_is_opened_and_leaves_it_out(
    project: pytest.Pytester, arguments: tuple[str, ...]
) -> None:
    result = project.runpytest_inprocess(*arguments)
    result.stderr.fnmatch_lines(["*a run was opened*"])
    seen = project.runpytest_inprocess(*arguments, "--collect-only", "-q")
    assert "test_error_rates" not in seen.stdout.str()
