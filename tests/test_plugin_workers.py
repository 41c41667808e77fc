"""With workers, of pytest or of ray, the verdict is the one without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects_for_tests import (
    CONFTEST,
    INVALID,
    WEAK,
    WORKERS,
    Go,
    leave_stale_go,
    verdict_of,
)

pytest_plugins = ["pytester"]


def decided(record: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(record["claims"], key=lambda c: (c["id"], c["member"] or ""))


def test_workers_come_to_the_same_verdict(pytester: pytest.Pytester, go: Go) -> None:
    bodies = {"layer_signal": WEAK, "linear_probe": INVALID}
    more = (
        '@pytest.mark.claim("mode_gap")\n'
        "def test_mode(broken_microphone, decide_claim): pass"
    )
    alone = go("-m", "week1", bodies=bodies, more=more)
    first = verdict_of(pytester)
    together = pytester.runpytest_inprocess("-m", "week1", *WORKERS)
    second = verdict_of(pytester)
    assert alone.ret == together.ret == 11
    assert decided(first) == decided(second)
    for part in ("state", "verdict", "path", "reason", "model", "design"):
        assert first[part] == second[part]


def test_a_worker_that_crashed_leaves_no_verdict(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    result = go("-m", "week1", *WORKERS, bodies={"linear_probe": "os._exit(1)"})
    assert result.ret == 12
    record = verdict_of(pytester)
    assert (record["state"], record["verdict"]) == ("incomplete", None)
    assert "test_linear_probe" in record["reason"]


def test_workers_tell_what_was_left_out(pytester: pytest.Pytester, go: Go) -> None:
    result = go(
        "-m", "week1", "-p", "xdist", "-n", "1", "-k", "not energetic and not shuffled"
    )
    assert result.ret == 12
    reason = verdict_of(pytester)["reason"]
    assert "energetic against calm" in reason
    assert "test_shuffled_labels_are_silent" in reason


def test_workers_of_ray_and_of_pytest_are_not_mixed(go: Go) -> None:
    result = go("-m", "week1", *WORKERS, "--engine=ray")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: `--engine ray` must not come with -n. *"])


def test_workers_need_a_store_that_all_of_them_see(go: Go) -> None:
    result = go("-m", "week1", *WORKERS, "--store=memory://week1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: `--store memory://week1` must be a place that all workers see*"]
    )


NO_MEMORY = """

from harness.sampling.workers import WorkerError

pytest_plugins.append("fixtures.clips")


class Run(Run):
    def collect(self, *listeners):
        raise WorkerError("Memory does not hold a single clip.")
"""


@pytest.mark.parametrize(
    ("workers", "code"), [((), pytest.ExitCode.USAGE_ERROR), (WORKERS, 12)]
)
def test_what_stops_generation_is_one_line_with_and_without_workers(
    pytester: pytest.Pytester, go: Go, workers: tuple[str, ...], code: int
) -> None:
    pytester.makeconftest(CONFTEST + NO_MEMORY)
    more = "def test_generated(clips):\n    pass\n"
    result = go("-k", "test_generated", *workers, more=more)
    assert result.ret == code
    said = result.stdout.str() + result.stderr.str()
    assert "Memory does not hold a single clip." in said
    assert "Traceback" not in said
    assert "def collect" not in said
    assert verdict_of(pytester)["verdict"] is None


def test_each_worker_sees_one_gpu_of_those_that_may_be_used(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    more = """
@pytest.mark.parametrize("n", range(20))
def test_gpu(n):
    import pathlib, sys
    worker = os.environ["PYTEST_XDIST_WORKER"]
    pathlib.Path(worker).write_text(os.environ["CUDA_VISIBLE_DEVICES"])
    assert "torch" not in sys.modules
"""
    go("-k", "test_gpu", "-p", "xdist", "-n", "3", more=more)
    seen = {path.name: path.read_text() for path in pytester.path.glob("gw*")}
    assert seen == {"gw0": "4", "gw1": "7", "gw2": "4"}
    for path in pytester.path.glob("gw*"):
        path.unlink()
    pytester.runpytest_inprocess("-k", "test_gpu", *WORKERS, "--device=cpu")
    assert {path.read_text() for path in pytester.path.glob("gw*")} == {"4,7"}


def test_workers_find_our_settings_though_the_run_has_made_its_directories(
    tmp_path: Path,
) -> None:
    """pytest takes existing directories after unknown options for places of tests."""
    arguments = ("--samples=2", "--duration=2", "-k", "captured_once", "-n", "1")
    places = ("--store", str(tmp_path / "store"), "--report-dir", str(tmp_path / "out"))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "week1", *arguments, *places],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in run.stdout, run.stdout
    assert run.returncode == 12  # the other claims were not decided
