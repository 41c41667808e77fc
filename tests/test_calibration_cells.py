"""Repetitions are counted on, whoever makes them and however often they are stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.calibration.cells import Budget, repeat


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    per_round: int = 1


ROWS = (Row("a"), Row("b", per_round=2))


def squared(row: Row, number: int) -> dict[str, Any]:
    return {"row": row.name, "square": number**2}


def counted(tmp_path: Path, rounds: int) -> dict[str, list[int]]:
    found = repeat(
        "squares",
        ROWS,
        squared,
        budget=Budget(minutes=1, processes=1, rounds=rounds),
        say=lambda line: None,
        directory=tmp_path,
    )
    return {name: [each["square"] for each in own] for name, own in found.items()}


def lines_of(tmp_path: Path) -> list[str]:
    (path,) = (tmp_path / "raw").iterdir()
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line]


def test_a_later_run_adds_to_an_earlier_one(tmp_path: Path) -> None:
    assert counted(tmp_path, 1) == {"a": [0], "b": [0, 1]}
    assert counted(tmp_path, 2) == {"a": [0, 1], "b": [0, 1, 4, 9]}
    assert len(lines_of(tmp_path)) == 6  # none was made twice


def test_a_line_that_a_killed_run_left_half_is_made_again(tmp_path: Path) -> None:
    counted(tmp_path, 1)
    (path,) = (tmp_path / "raw").iterdir()
    whole = path.read_text(encoding="utf-8").rstrip("\n")
    path.write_text(whole[:-10], encoding="utf-8")
    assert counted(tmp_path, 1) == {"a": [0], "b": [0, 1]}
    assert counted(tmp_path, 1) == {"a": [0], "b": [0, 1]}
    assert [json.loads(line)["cell"] for line in lines_of(tmp_path)[3:]] == ["b"]


def test_without_time_there_is_one_round(tmp_path: Path) -> None:
    found = repeat(
        "squares",
        ROWS,
        squared,
        budget=Budget(minutes=0, processes=1),
        say=lambda line: None,
        directory=tmp_path,
    )
    assert {name: len(own) for name, own in found.items()} == {"a": 1, "b": 2}


def test_two_cells_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must have different names"):
        repeat("x", [Row("a"), Row("a")], squared, budget=Budget(), directory=tmp_path)


def test_the_budget_is_shared_by_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKEPTIC_CALIBRATION_MINUTES", "60")
    monkeypatch.setenv("SKEPTIC_CALIBRATION_PROCESSES", "3")
    assert Budget.from_environment(minutes=7) == Budget(minutes=35, processes=3)


SLEEPER = """
import os, time
from pathlib import Path
from harness.calibration.cells import Budget, repeat
from test_calibration_cells import Row


def sleep(row, number):
    Path({here!r}, "worker").write_text(str(os.getpid()))
    time.sleep(60)


if __name__ == "__main__":
    repeat("s", [Row("a")], sleep, budget=Budget(processes=1), directory=Path({here!r}))
"""


def test_workers_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER.format(here=str(tmp_path)), encoding="utf-8")
    tests = Path(__file__).parent
    paths = {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    run = subprocess.Popen([sys.executable, script], env={**os.environ, **paths})
    worker = tmp_path / "worker"
    assert _soon(lambda: worker.exists() and worker.read_text(encoding="utf-8") != "")
    run.send_signal(signal.SIGKILL)
    run.wait()
    number = int(worker.read_text(encoding="utf-8"))
    assert _soon(lambda: not _runs(number))


def _soon(holds: Any) -> bool:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        if holds():
            return True
        time.sleep(0.1)
    return False


def _runs(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"
