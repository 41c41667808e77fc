"""The few rates that a page shows are those of the tables, each from its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.calibration.summary import SUMMARY, write_summary
from harness.calibration.tables import interval
from harness.report.calibration import SUMMARY_FILE, Calibration, load_calibration


def rate(hits: int, count: int) -> dict[str, Any]:
    return {"hits": hits, "count": count, "interval": interval(hits, count)}


def model(must_be: list[str], never: list[str], right: int, wrong: int) -> Any:
    return {
        "must_be": must_be,
        "never": never,
        "right": rate(right, 20),
        "forbidden": rate(wrong, 20),
    }


ZOO = {
    "models": {
        "encodes": model(["GO"], [], 19, 0),
        "deaf": model(["PIVOT", "EXTEND"], ["GO"], 20, 0),
        "echo": model(["PIVOT", "EXTEND"], ["GO"], 18, 1),
    },
    "claims": {
        "tempo_gap": {"sensitivity": rate(20, 20), "specificity": rate(0, 0)},
        "instrument and controls": {
            "sensitivity": rate(0, 0),
            "specificity": rate(59, 60),
        },
    },
}
PLANTED = {
    "verdicts": [
        {"world": "nothing", "user": "stops", **rate(0, 50)},
        {"world": "nothing", "user": "anew", **rate(1, 50)},
        {"world": "music only", "user": "anew", **rate(1, 50)},
        {"world": "nothing", "look": 10, **rate(9, 50)},
        {"world": "everything", "user": "anew", **rate(50, 50)},
    ]
}


def said(directory: Path) -> dict[str, str]:
    load_calibration.cache_clear()
    found = load_calibration(directory / SUMMARY)
    return {rate.says: rate.amount for rate in found.rates}


def test_rates_of_the_zoo_are_those_of_the_models_they_concern(tmp_path: Path) -> None:
    write_summary("zoo", ZOO, directory=tmp_path)
    assert said(tmp_path) == {
        "go-ahead for a phantom that must not have it": "1 of 40, 2.5 % [0.1, 13.2]",
        "go-ahead for a phantom that must have it": "19 of 20, 95 % [75.1, 99.9]",
        "all checks and controls held": "59 of 60, 98.3 % [91.1, 100]",
    }
    (found,) = load_calibration(tmp_path / SUMMARY).claims["tempo_gap"]
    assert found.says == "found where it is there"  # nothing was ever silent


def test_of_planted_data_the_user_counts_who_errs_most(tmp_path: Path) -> None:
    write_summary("planted", PLANTED, directory=tmp_path)
    (amount,) = said(tmp_path).values()
    assert amount == "2 of 100, 2 % [0.2, 7]"


def test_a_part_replaces_itself_and_no_other(tmp_path: Path) -> None:
    write_summary("zoo", ZOO, directory=tmp_path)
    write_summary("planted", PLANTED, directory=tmp_path)
    write_summary("planted", {"verdicts": PLANTED["verdicts"][:1]}, directory=tmp_path)
    write_summary("another", {}, directory=tmp_path)
    parts = json.loads((tmp_path / SUMMARY).read_text(encoding="utf-8"))["parts"]
    assert set(parts) == {"zoo", "planted"}
    assert len(said(tmp_path)) == 4
    assert parts["planted"]["rates"][0]["count"] == 50


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"parts": 3}',
        b'{"parts": {"zoo": {"rates": [3, {"hits": 1}, null]}}}',
    ],
)
def test_a_damaged_summary_holds_no_rates(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SUMMARY).write_bytes(content)
    assert said(tmp_path) == {}


def test_a_missing_summary_holds_no_rates(tmp_path: Path) -> None:
    found: Calibration = load_calibration(tmp_path / "none.json")
    assert (found.rates, found.claims, found.version) == ((), {}, "")


def test_the_summary_that_is_kept_agrees_with_the_tables_that_are() -> None:
    tables = SUMMARY_FILE.parent
    found = load_calibration()
    sensitive, silent = (rate.amount for rate in found.claims["tempo_gap"])
    zoo = (tables / "zoo.md").read_text(encoding="utf-8").splitlines()
    row = next(line for line in zoo if line.startswith("| tempo_gap "))
    for cell, amount in zip(row.split("|")[2::2], (sensitive, silent), strict=False):
        percent = float(cell.split("[")[0])
        assert f"{percent:g} %" in amount
