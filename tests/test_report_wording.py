"""Numbers keep their meaning when they are written for a reader."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report import numerals, wording
from harness.report.record import ClaimRow, read_record

MINUS = numerals.MINUS


def claim(**fields: Any) -> ClaimRow:
    return read_record({"claims": [fields]}).claims[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (403, "403"),
        (1_900_544, "1,900,544"),
        (0.04716, "0.0472"),
        (0.5, "0.5"),
        (-9.5, f"{MINUS}9.5"),
        (2.5e-41, "2.5e-41"),
        (3e-41, "3e-41"),
        (-4e12, f"{MINUS}4e12"),
    ],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert numerals.significant(value) == text


@given(st.floats(min_value=-1e12, max_value=1e12).filter(lambda v: abs(v) > 1e-300))
def test_a_written_number_reads_back_within_half_a_per_cent(value: float) -> None:
    text = numerals.significant(value).replace(",", "").replace(MINUS, "-")
    assert math.isclose(float(text), value, rel_tol=0.00501)


@given(st.floats(min_value=0.0, max_value=1.0))
def test_a_p_value_is_never_written_as_zero(p: float) -> None:
    text = numerals.p_value(p)
    assert any(digit in text for digit in "123456789")
    if not text.startswith("<"):
        assert abs(float(text) - p) <= 0.00005 + 1e-12


def test_an_effect_in_fractions_is_shown_in_per_cent() -> None:
    found = claim(effect=0.0472, unit="fraction of variance", ci=[0.0339, 0.0605])
    assert wording.effect(found) == "4.72 % of variance"
    assert wording.effect(found, short=True) == "4.72 %"
    assert wording.interval(found) == "[3.39, 6.05]"


def test_an_effect_in_per_cent_is_not_scaled_again() -> None:
    assert wording.effect(claim(effect=4.72, unit="%")) == "4.72 %"
    assert wording.effect(claim(effect=71.3, unit="BPM")) == "71.3 BPM"


def test_a_comma_in_an_interval_separates_its_ends() -> None:
    found = claim(effect=807.06, ci=[104.6, 1509.5], unit="Hz")
    assert wording.interval(found) == "[105, 1510]"


def test_shares_are_shown_in_per_cent_of_what_they_are_of() -> None:
    assert wording.effect(claim(effect=0.84, unit="share of clips")) == "84 % of clips"
    assert wording.effect(claim(effect=0.84, unit="sharepoints")) == "0.840 sharepoints"


def test_thresholds_are_written_on_the_scale_of_the_effect() -> None:
    limits = {"none": 0.01, "minimum": 0.02, "strong": None}
    found = claim(unit="fraction", threshold=limits)
    assert wording.thresholds(found) == (("minimum", "2 %"), ("no signal", "1 %"))


def test_the_threshold_of_a_check_is_not_called_a_minimum() -> None:
    found = claim(role="instrument", unit="BPM", threshold={"minimum": 4})
    assert wording.thresholds(found) == (("required", "4"),)


def test_what_was_not_measured_is_a_dash() -> None:
    empty = claim(effect=float("nan"), p=None)
    assert wording.effect(empty) == numerals.DASH
    assert wording.interval(empty) == numerals.DASH
    assert numerals.p_value(empty.p) == numerals.DASH
    assert wording.sample_size(empty) == f"{numerals.DASH} / {numerals.DASH}"


def test_a_negative_zero_loses_its_sign() -> None:
    assert numerals.fixed(-0.001, decimals=1) == "0.0"
    assert numerals.fixed(-0.06, decimals=1) == f"{MINUS}0.1"


def test_a_column_shares_its_decimals() -> None:
    assert numerals.aligned([0.21, 4.4, None]) == ["0.21", "4.40", numerals.DASH]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026-11-20T09:39:12+00:00", "20 November 2026, 09:39 UTC"),
        (0, "1 January 1970, 00:00 UTC"),
        (1e300, "1e300"),
        ("yesterday", "yesterday"),
        (None, "not measured"),
    ],
)
def test_dates_are_written_out(value: object, text: str) -> None:
    assert numerals.date(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(8.25, "8.25 s"), (412.6, "6 min 53 s"), (7260, "2 h 01 min"), (None, None)],
)
def test_durations_are_written_in_their_largest_unit(
    value: float | None, text: str | None
) -> None:
    assert numerals.seconds(value) == (text or numerals.NOT_MEASURED)


def test_a_long_list_is_cut_and_says_so() -> None:
    text = numerals.fact(list(range(10_000)))
    assert text.endswith("... (10,000 values)")
    assert len(text) < 400


def test_loose_values_are_written_in_words() -> None:
    value = {"held_out": True, "gap_bpm": None, "rates": [0.5, float("nan")]}
    assert numerals.fact(value) == (
        f"held out: yes; gap (BPM): not measured; rates: 0.5, {numerals.DASH}"
    )


def test_statuses_are_counted_with_the_supported_first() -> None:
    statuses = ["refuted", "supported", "refuted", "inconclusive"]
    claims = tuple(claim(status=status) for status in statuses)
    assert wording.tally(claims) == "1 of 4 supported, 2 refuted, 1 inconclusive"


def test_the_design_is_told_in_one_line() -> None:
    record = read_record(
        {
            "design": {
                "emotions": ["happy", "sad"],
                "prompts_per_emotion": 10,
                "seeds_per_prompt": 1,
                "clips_per_emotion": None,
                "duration_s": 8.0,
            }
        }
    )
    assert wording.design_line(record) == (
        "2 emotions (happy, sad), 10 prompts per emotion, 1 seed per prompt, 8 s each"
    )


def test_only_a_running_run_is_waited_for() -> None:
    running = wording.next_step(read_record({"state": "running"}))
    assert running.startswith("Wait for the run to end")
    ended = wording.next_step(read_record({"state": "incomplete"}))
    assert ended == "Start it again: what is stored is reused."


def test_a_repair_is_not_the_command_that_failed() -> None:
    record = {"state": "complete", "verdict": "FIX"}
    again = read_record({**record, "next_command": "pytest --duration 1.0"})
    assert "the same settings: change what a check names" in wording.next_step(again)
    assert "settings" not in wording.next_step(read_record(record))


def test_a_cost_counts_the_clips_that_are_there() -> None:
    def cost(**environment: float) -> str:
        return wording.cost_line(read_record({"environment": environment}))

    assert cost(clips=60, clips_stored=16) == "16 of 60 clips"
    assert (
        cost(clips=60, clips_stored=60, clips_made=0) == "60 clips (0 made by this run)"
    )
    assert cost(clips=60) == "60 clips"


def test_an_unknown_time_is_only_that() -> None:
    record = read_record({"next_command": "pytest", "next_clips": 44})
    assert (
        wording.next_cost(record) == "44 more clips; how long that takes is not known"
    )
