"""Measure the error rates and write them down, as long as there is time.

By hand, over night: `python -m harness.calibration.error_rates --minutes 480`. What was
measured before with the same sources is kept and added to.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from harness.calibration import documents, planted
from harness.calibration.cells import Budget, Results, repeat
from harness.calibration.documents_report import DocumentsRates, documents_markdown
from harness.calibration.planted_report import PlantedRates, planted_markdown
from harness.calibration.summary import write_summary
from harness.calibration.tables import REPORTS, write_report

__all__ = ["measure_documents", "measure_planted"]

Say = Callable[[str], None]


class _Rates(Protocol):
    def as_record(self) -> dict[str, Any]: ...


R = TypeVar("R", bound=_Rates)


def measure_planted(
    budget: Budget, *, say: Say = print, directory: Path = REPORTS
) -> PlantedRates:
    """`planted.md` and `planted.json`: the error rates of the suite."""
    found = partial(
        repeat, "planted", planted.CELLS, planted.planted_repetition, budget=budget
    )
    return _write(
        "planted",
        found,
        lambda results: PlantedRates(planted.CELLS, results),
        planted_markdown,
        say=say,
        directory=directory,
    )


def measure_documents(
    budget: Budget, *, say: Say = print, directory: Path = REPORTS
) -> DocumentsRates:
    """`documents.md` and `documents.json`: those of the documents' own tests."""
    found = partial(
        repeat,
        "documents",
        documents.CELLS,
        documents.documents_repetition,
        budget=budget,
    )
    return _write(
        "documents",
        found,
        DocumentsRates,
        documents_markdown,
        say=say,
        directory=directory,
    )


def _write(
    name: str,
    find: Callable[..., Results],
    rates_of: Callable[[Results], R],
    markdown: Callable[[R], str],
    *,
    say: Say,
    directory: Path,
) -> R:
    started = time.monotonic()
    rates = rates_of(find(say=say, directory=directory))
    record = {**rates.as_record(), "seconds": round(time.monotonic() - started)}
    text = markdown(rates)
    write_report(name, text, record, directory=directory)
    write_summary(name, record, directory=directory)
    say(f"\n{text}")
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    tables = {"planted": measure_planted, "documents": measure_documents}
    parser.add_argument("tables", nargs="*", default=list(tables), choices=list(tables))
    parser.add_argument("--minutes", type=float, default=10.0, help="for each table")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    for name in given.tables:
        tables[name](Budget(minutes=given.minutes, processes=given.processes))


if __name__ == "__main__":
    main()
