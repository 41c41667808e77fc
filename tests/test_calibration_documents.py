"""The documents' own tests find emotions in nothing; the suite's do not there.

A small version of `pytest -m calibration`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from harness.calibration.documents import CELLS, documents_repetition
from harness.calibration.documents_report import DocumentsRates, documents_markdown
from harness.calibration.rates import Rate

_REPETITIONS = 10


@pytest.fixture(scope="module")
def rates() -> DocumentsRates:
    repetitions = {cell.name: 1 for cell in CELLS} | {"ICC 0.3": _REPETITIONS}
    found = {
        cell.name: [
            documents_repetition(cell, n) for n in range(repetitions[cell.name])
        ]
        for cell in CELLS
    }
    return DocumentsRates(json.loads(json.dumps(found)))


def hits(rates: DocumentsRates, test: str, icc: float = 0.3) -> int:
    return next(r.hits for r in rates.rates[test] if r.about["icc"] == icc)


@pytest.mark.parametrize(
    "test",
    [
        "t-test over pairs of clips, one layer",
        "the same, best of 48 layers",
        "the same on centred cosines, and a signal > 2 %",
        "labels dealt out to clips, max-T",
        "5-fold accuracy over clips > 70 %",
    ],
)
def test_tests_that_take_clips_for_independent_say_yes(
    rates: DocumentsRates, test: str
) -> None:
    assert hits(rates, test) >= 7


@pytest.mark.parametrize(
    "test",
    [
        "ours: labels dealt out to prompts, max-T",
        "ours: probe refitted under relabelings",
        "ours: tempo gap, labels dealt out to prompts",
        "ours, at the four looks with their alphas",
    ],
)
def test_the_suites_own_tests_do_not(rates: DocumentsRates, test: str) -> None:
    assert hits(rates, test) <= 3  # more has a chance of 1 in 1,000
    assert not rates.beyond()


def test_no_raw_cosine_near_95_percent_has_a_signal_of_2_percent(
    rates: DocumentsRates,
) -> None:
    assert hits(rates, "the same, and a signal > 2 %") == 0


def test_dimensions_differ_by_chance_as_was_simulated_before(
    rates: DocumentsRates,
) -> None:
    read = [rates.readings[f"dimensions that differ, N = {n}"][0] for n in (5, 20, 100)]
    assert read == pytest.approx([0.87, 0.75, 0.48], abs=0.08)


def test_an_own_test_that_errs_is_told_from_luck() -> None:
    def found(p: float) -> Sequence[dict[str, float]]:
        once = documents_repetition(CELLS[0], 0)
        return [{**once, "ours: signal": p}] * 20

    def wrong(p: float) -> list[Rate]:
        return DocumentsRates({cell.name: found(p) for cell in CELLS}).beyond()

    assert wrong(0.5) == []
    assert {rate.about["test"] for rate in wrong(0.01)} == {
        "ours: labels dealt out to prompts, max-T"
    }


def test_the_report_says_where_it_differs_from_what_was_simulated(
    rates: DocumentsRates,
) -> None:
    report = documents_markdown(rates)
    assert "| tempo gap > 20 BPM" in report
    assert "-, -, 12, -" in report
    for rate in rates.rates["labels dealt out to clips, max-T"]:
        rate.hits, rate.count = 0, 1000
    assert "- labels dealt out to clips, max-T, ICC 0.5: 0.0" in documents_markdown(
        rates
    )
