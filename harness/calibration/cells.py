"""Repetitions of many cells, in processes, that can be stopped and added to.

A cell is one row of a table: what is true, and the design. A repetition is a function
of its cell and its number alone, so that repetitions made today and tomorrow, by one
process or by eight, are those of one long run.

Conventions
-----------
Finished repetitions are lines of `raw/NAME-DIGEST.jsonl` below the reports; the digest
is that of the sources that decide, so that no table mixes what two versions found. Work
goes round: every cell gets its repetitions of one round before any gets the next.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from itertools import count
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, Protocol

from harness.calibration.tables import REPORTS
from harness.claims import CLAIMS_FILE

__all__ = ["Budget", "Cell", "Results", "repeat"]

_HARNESS = Path(__file__).parents[1]
_ROOMS = ("evidence", "inference", "measures", "verdict")
_FILES = ("design.py", "calibration/week.py", "calibration/worlds.py")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Results = dict[str, list[Any]]  # cell -> what its repetitions found, in their order


class Cell(Protocol):
    """One row of a table."""

    @property
    def name(self) -> str: ...

    @property
    def per_round(self) -> int:
        """How many repetitions a round has: more of what is cheap."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When to stop, and how many processes to use."""

    minutes: float = 5.0
    processes: int = 2
    rounds: int | None = None  # of repetitions there will be at most, old ones included

    @classmethod
    def from_environment(cls, *, minutes: float) -> Budget:
        """Settings of `pytest -m calibration`.

        SKEPTIC_CALIBRATION_MINUTES is shared by all tables (`minutes` is this one's
        part of 12), SKEPTIC_CALIBRATION_PROCESSES is the number of processes.
        """
        total = float(os.environ.get("SKEPTIC_CALIBRATION_MINUTES", "12"))
        processes = os.environ.get("SKEPTIC_CALIBRATION_PROCESSES", os.cpu_count() or 1)
        return cls(minutes=total * minutes / 12, processes=int(processes))


def repeat(
    name: str,
    cells: Sequence[Cell],
    repetition: Callable[[Any, int], Any],
    *,
    budget: Budget,
    say: Callable[[str], None] = print,
    directory: Path = REPORTS,
) -> Results:
    """Repeat every cell until the budget is spent; returns all that is known.

    Parameters
    ----------
    name : str
        Of the table.
    cells : sequence of Cell
        With different names.
    repetition : callable
        Of a cell and the number of the repetition; what it returns must survive JSON.
        A function of a module, for it is called in other processes.
    budget : Budget
        Minutes are counted here, whatever was found earlier; one round is made in any
        case where nothing is known.
    say : callable
        Is told about every round.
    directory : Path
        Of the reports.
    """
    path = directory / "raw" / f"{name}-{_digest(repetition)}.jsonl"
    known = _read(path)
    by_name = {cell.name: cell for cell in cells}
    if len(by_name) < len(cells):
        msg = f"Cells of `{name}` must have different names."
        raise ValueError(msg)
    todo = _todo(cells, known, rounds=budget.rounds)
    ends = time.monotonic() + 60 * budget.minutes
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream, _pool(budget.processes) as pool:
        stream.write("\n")  # ends the line that a killed run may have left
        for cell, number, found in _worked_off(
            pool, todo, repetition, width=2 * budget.processes, ends=ends
        ):
            known[cell.name][number] = found
            line = {"cell": cell.name, "repetition": number, "found": found}
            stream.write(json.dumps(line) + "\n")
            stream.flush()
            if cell is cells[-1] and number % cell.per_round == 0:
                say(f"{name}: round {number // cell.per_round + 1} is done")
    return {
        cell.name: [found for _, found in sorted(known[cell.name].items())]
        for cell in cells
    }


def _todo(
    cells: Sequence[Cell],
    known: Mapping[str, Mapping[int, Any]],
    *,
    rounds: int | None,
) -> Iterator[tuple[Cell, int, bool]]:
    """What is missing, round by round, and whether it belongs to the first round."""
    for turn in count() if rounds is None else range(rounds):
        for cell in cells:
            for number in range(turn * cell.per_round, (turn + 1) * cell.per_round):
                if number not in known[cell.name]:
                    yield cell, number, turn == 0


def _worked_off(
    pool: ProcessPoolExecutor,
    todo: Iterator[tuple[Cell, int, bool]],
    repetition: Callable[[Any, int], Any],
    *,
    width: int,
    ends: float,
) -> Iterator[tuple[Cell, int, Any]]:
    running: dict[Future[Any], tuple[Cell, int]] = {}
    while True:
        while len(running) < width and (task := next(todo, None)) is not None:
            cell, number, first = task
            if not first and time.monotonic() > ends:
                break
            running[pool.submit(repetition, cell, number)] = (cell, number)
        if not running:
            return
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            yield (*running.pop(done), done.result())


def _pool(processes: int) -> ProcessPoolExecutor:
    for name in _THREADS:  # one core each; read when numpy is imported over there
        os.environ.setdefault(name, "1")
    return ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_end_with_parent
    )


def _end_with_parent() -> None:
    """In a worker: do not go on for nobody when the run is killed."""
    Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _read(path: Path) -> defaultdict[str, dict[int, Any]]:
    known: defaultdict[str, dict[int, Any]] = defaultdict(dict)
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # empty, or a run was killed while it wrote
            known[entry["cell"]][entry["repetition"]] = entry["found"]
    return known


def _digest(repetition: Callable[[Any, int], Any]) -> str:
    """Of everything that a number could depend on, claims.toml included."""
    digest = hashlib.blake2b(digest_size=6)
    sources = [p for name in _ROOMS for p in sorted((_HARNESS / name).rglob("*.py"))]
    own = inspect.getsourcefile(repetition)
    files = [_HARNESS / name for name in _FILES] + ([Path(own)] if own else [])
    for path in (*sources, *files, CLAIMS_FILE):
        digest.update(path.read_bytes())
    return digest.hexdigest()
