"""Nobody writes numba's cache while somebody else does."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.compiling import compiling_alone, load_librosa

ROOT = Path(__file__).parents[1]
COMPILING = {"librosa", "umap", "pynndescent", "numba"}
HOLDER = """
import sys, time
from harness.compiling import compiling_alone
with compiling_alone():
    print("in", time.monotonic(), flush=True)
    time.sleep(0.3)
    print("out", time.monotonic(), flush=True)
"""


def test_one_process_holds_the_lock_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        for _ in range(3)
    ]
    printed = "".join(holder.communicate(timeout=60)[0] for holder in holders)
    moments = [line.split() for line in printed.splitlines()]
    assert len(moments) == 6
    in_order = sorted(moments, key=lambda moment: float(moment[1]))
    assert [what for what, _ in in_order] == ["in", "out"] * 3


def test_the_lock_can_be_held_again_by_whoever_has_had_it() -> None:
    for _ in range(2):
        with compiling_alone():
            pass


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_what_compiles_is_imported_behind_the_lock_only() -> None:
    allowed = {
        "harness/compiling.py": "librosa",
        "harness/measures/clustering.py": "umap",
    }
    rooms = ("harness", "fixtures", "hypotheses", "tests", "benchmarks")
    found = {
        path.relative_to(ROOT).as_posix(): name
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        for name in imports(path)
        if name in COMPILING
    }
    assert found == allowed


def test_librosa_comes_with_all_that_is_used() -> None:
    librosa = load_librosa()
    assert librosa is load_librosa()
    assert {"librosa.beat", "librosa.feature", "librosa.onset"} <= set(sys.modules)
