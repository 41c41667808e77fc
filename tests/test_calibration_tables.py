"""Rates are printed with what they are rates of, and reports are written whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from statsmodels.stats.proportion import proportion_confint

from harness.calibration.tables import interval, percent, share, table, write_report


@pytest.mark.parametrize(("hits", "count"), [(0, 60), (3, 60), (60, 60), (1, 1)])
def test_intervals_are_those_of_clopper_and_pearson(hits: int, count: int) -> None:
    expected = proportion_confint(hits, count, method="beta")
    assert interval(hits, count) == pytest.approx(expected)


def test_rates_are_in_percent_with_their_count() -> None:
    assert percent(3, 60) == "5.0 [1.0, 13.9]"
    assert share(3, 60) == "3 of 60, 5.0 % [1.0, 13.9]"


def test_nothing_seen_says_nothing() -> None:
    assert interval(0, 0) == (0.0, 1.0)
    assert percent(0, 0) == "-"


def test_a_table_lines_up() -> None:
    assert table(["claim", "rate"], [["tempo_gap", 5], ["a", "12.5"]]).splitlines() == [
        "| claim     | rate |",
        "|-----------|------|",
        "| tempo_gap | 5    |",
        "| a         | 12.5 |",
    ]


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="must have 2 cells, got 1"):
        table(["claim", "rate"], [["tempo_gap"]])


def test_a_report_is_two_files_with_versions(tmp_path: Path) -> None:
    write_report("planted", "# Rates\n", {"repetitions": 3}, directory=tmp_path / "new")
    assert (tmp_path / "new" / "planted.md").read_text(encoding="utf-8") == "# Rates\n"
    data = json.loads((tmp_path / "new" / "planted.json").read_text(encoding="utf-8"))
    assert data["repetitions"] == 3
    assert set(data["versions"]) == {"python", "numpy", "scipy", "scikit-learn"}
