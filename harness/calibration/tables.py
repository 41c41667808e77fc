"""Tables of error rates, for people and for programs.

Conventions
-----------
A rate comes with its 95 % interval of Clopper & Pearson (1934),
doi:10.1093/biomet/26.4.404, and is printed in percent. Every report is two files,
`NAME.md` and `NAME.json`, each written whole or not at all.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scipy import stats

from harness.files import write_bytes, write_json

__all__ = ["REPORTS", "interval", "percent", "share", "table", "write_report"]

REPORTS = Path("reports/calibration")
_VERSIONS = ("numpy", "scipy", "scikit-learn")


def interval(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a rate; everything is possible where nothing was seen."""
    if count == 0:
        return 0.0, 1.0
    found = stats.binomtest(hits, count).proportion_ci(method="exact")
    return float(found.low), float(found.high)


def percent(hits: int, count: int) -> str:
    """A rate with its interval: "5.0 [1.0, 13.9]", in percent."""
    if count == 0:
        return "-"
    low, high = interval(hits, count)
    return f"{100 * hits / count:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def share(hits: int, count: int) -> str:
    """A rate with what it is a rate of: "3 of 60, 5.0 % [1.0, 13.9]"."""
    if count == 0:
        return "none of none"
    rate, bounds = percent(hits, count).split(" ", 1)
    return f"{hits} of {count}, {rate} % {bounds}"


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table whose columns also line up on a terminal.

    Raises
    ------
    ValueError
        If a row has more or fewer cells than there are headers.
    """
    cells = [[str(cell) for cell in row] for row in (headers, *rows)]
    for row in cells:
        if len(row) != len(headers):
            msg = f"A row must have {len(headers)} cells, got {len(row)}: {row}."
            raise ValueError(msg)
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write_report(
    name: str, markdown: str, data: Mapping[str, Any], *, directory: Path = REPORTS
) -> None:
    """Write `NAME.md` and `NAME.json`; the latter also says with which versions."""
    versions = {package: version(package) for package in _VERSIONS}
    versions["python"] = platform.python_version()
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / f"{name}.json", {**data, "versions": versions})
    write_bytes(directory / f"{name}.md", markdown.encode())
