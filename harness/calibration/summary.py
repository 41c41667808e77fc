"""The few rates that a page of results shows: `reports/calibration/summary.json`.

Every table writes its own part; the others stay as they were measured.

Conventions
-----------
A rate is `says` (a phrase), `hits`, `count` and `interval` (95 %, Clopper and Pearson).
`claims` holds `sensitivity` and `specificity` of each claim on the phantoms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.calibration.tables import interval
from harness.calibration.worlds import EVERYTHING
from harness.files import read_json, write_json

__all__ = ["SUMMARY", "write_summary"]

SUMMARY = "summary.json"


def write_summary(name: str, data: Mapping[str, Any], *, directory: Path) -> None:
    """Write the part of the table `name`; a table without a part changes nothing.

    Parameters
    ----------
    name : str
        "zoo", "planted", "documents" or "instruments".
    data : mapping
        What `NAME.json` holds.
    directory : Path
        Where it is.
    """
    if name not in _PARTS:
        return
    path = directory / SUMMARY
    before = read_json(path)
    parts = dict(before.get("parts") or {}) if isinstance(before, dict) else {}
    parts[name] = {
        "version": version("skeptic"),
        "rates": [_rounded(rate) for rate in _PARTS[name](data)],
    }
    if name == "zoo":
        parts[name]["claims"] = _of_claims(data)
    write_json(path, {"schema": 1, "parts": parts})


def _zoo(data: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    models = data["models"].values()
    must_not = [m for m in models if "GO" in m["never"]]
    must = [m for m in models if m["must_be"] == ["GO"]]
    yield _rate(
        "go-ahead for a phantom that must not have it",
        sum(m["forbidden"]["hits"] for m in must_not),
        sum(m["forbidden"]["count"] for m in must_not),
    )
    yield _rate(
        "go-ahead for a phantom that must have it",
        sum(m["right"]["hits"] for m in must),
        sum(m["right"]["count"] for m in must),
    )
    held = data["claims"]["instrument and controls"]["specificity"]
    yield _rate("all checks and controls held", held["hits"], held["count"])


def _planted(data: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """GO where something is missing, for whoever looks so that it is most frequent."""
    nulls = [r for r in data["verdicts"] if "user" in r and r["world"] != EVERYTHING]
    by_user: dict[str, list[int]] = {}
    for rate in nulls:
        total = by_user.setdefault(rate["user"], [0, 0])
        total[0] += rate["hits"]
        total[1] += rate["count"]
    if by_user:
        hits, count = max(by_user.values(), key=lambda total: total[0] / total[1])
        yield _rate("go-ahead on planted data that lacks what it takes", hits, count)


def _documents(data: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for ours, whose in ((True, "this suite"), (False, "the documents")):
        own = [r for r in data["rates"] if r["ours"] is ours]
        hits, count = sum(r["hits"] for r in own), sum(r["count"] for r in own)
        yield _rate(f"the tests of {whose} say yes where nothing is", hits, count)


def _instruments(data: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Tempo; the ranges of tempo hold every sound once, the kinds hold them again."""
    own = [
        a
        for a in data["answers"]
        if a["question"] == "tempo" and a["kind"].endswith("BPM")
    ]
    hits = sum(a["answers"].get("right", 0) for a in own)
    yield _rate("tempo read right", hits, sum(a["count"] for a in own))


_PARTS: dict[str, Callable[[Mapping[str, Any]], Iterable[dict[str, Any]]]] = {
    "zoo": _zoo,
    "planted": _planted,
    "documents": _documents,
    "instruments": _instruments,
}


def _of_claims(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        claim: {name: _rounded(rate) for name, rate in found.items() if rate["count"]}
        for claim, found in data["claims"].items()
        if claim != "instrument and controls"
    }


def _rate(says: str, hits: int, count: int) -> dict[str, Any]:
    return {
        "says": says,
        "hits": hits,
        "count": count,
        "interval": interval(hits, count),
    }


def _rounded(rate: Mapping[str, Any]) -> dict[str, Any]:
    return {**rate, "interval": [round(float(bound), 4) for bound in rate["interval"]]}
