"""The terminal summary fits, keeps its numbers, and never announces what is not so."""

from __future__ import annotations

import copy
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.cells import cells, cut, wrapped
from harness.report.record import VERDICTS
from harness.report.terminal import coloured, quiet_line, summary_lines

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("width", [1, 2, 7, 20, 40, 60, 79, 80, 100, 132, 250])
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    assert max(map(cells, summary_lines(RECORDS[name], width=width))) <= width


@settings(max_examples=60)
@given(text=st.text(max_size=80), width=st.integers(min_value=1, max_value=120))
def test_no_text_of_the_record_makes_a_line_too_wide(text: str, width: int) -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict.update(reason=text, next_command=text, stage=text)
    verdict["path"][0] = {"node": text, "answer": text, "because": text}
    verdict["claims"][0].update(status=text, id=text)
    verdict["claims"][9].update(statement=text, unit=text, status=text)
    verdict["claims"][11].update(member=text)
    assert max(map(cells, summary_lines(verdict, width=width, report=text))) <= width


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_numbers_are_never_cut(width: int) -> None:
    text = " ".join(summary_lines(RECORDS["GO"], width=width))
    for number in ("4.72 %", "[3.39, 6.05]", "82.9 BPM", "[0.0030, 0.0190]", "0.0710"):
        assert number in text


def test_columns_of_gates_and_panel_are_aligned() -> None:
    lines = summary_lines(RECORDS["GO"], width=110)
    heads = [line for line in lines if line.endswith("n/clips")]
    assert [head.split()[0] for head in heads] == ["gates", "panel"]
    rows = [line for line in lines if re.search(r"\d+/\d+$", line)]
    assert len(rows) == 11
    assert {len(line) for line in (*heads, *rows)} == {110}
    starts = {
        row.index(word) for row in rows for word in ("SUPPORTED", "WEAK") if word in row
    }
    assert starts == {heads[0].index("status")}


def test_a_claim_takes_one_line_at_the_usual_width() -> None:
    lines = summary_lines(RECORDS["GO"], width=80)
    place = next(i for i, x in enumerate(lines) if "energetic against calm" in x)
    assert lines[place].split() == [
        *("energetic", "against", "calm"),
        *("SUPPORTED", "78.1", "BPM", "[68.2,", "88.0]", "0.0001"),
    ]
    table = lines[lines.index("") + 1 :]
    table = table[: table.index("")]
    assert {len(line) for line in table if " of " not in line} == {80}
    assert len(lines) < 45


def test_names_that_do_not_fit_stand_above_their_numbers() -> None:
    lines = summary_lines(RECORDS["GO"], width=50)
    place = lines.index("  energetic against calm")
    assert lines[place + 1].split()[:3] == ["SUPPORTED", "78.1", "BPM"]


def test_columns_go_before_names_do() -> None:
    heads = [
        next(line for line in lines if line.startswith("gates"))
        for lines in (summary_lines(RECORDS["GO"], width=w) for w in (120, 100, 80))
    ]
    assert [head.split()[-1] for head in heads] == ["n/clips", "n/clips", "p"]
    assert all("interval" in head for head in heads)


def test_the_panel_sums_a_family_up_and_the_gates_do_not() -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    gates = [c for c in verdict["claims"] if c["id"] == "tempo_gap"]
    verdict["claims"] += [{**c, "id": "panel_gap", "role": "panel"} for c in gates]
    text = "\n".join(summary_lines(verdict, width=100))
    assert text.count("energetic against calm") == 1
    row = r"^panel_gap.* (\d) of \1 supported; [\d.]+ to [\d.]+ BPM$"
    assert re.search(row, text, re.MULTILINE)


@pytest.mark.parametrize("name", RECORDS)
def test_quiet_is_one_line_with_verdict_reason_and_what_is_next(name: str) -> None:
    verdict = RECORDS[name]
    for width in (None, 80, 120):
        line = quiet_line(verdict, width=width)
        word = name if name in VERDICTS else "No verdict"
        assert line.startswith(f"{word}: {(verdict['reason'] or '')[:20]}")
        assert "\n" not in line
        assert " Next: " in line
        assert line.endswith(verdict.get("next_command") or "")
    assert (verdict["reason"] or "") in quiet_line(verdict)


def test_quiet_repeats_no_stale_go() -> None:
    line = quiet_line({**RECORDS["GO"], "state": "running"})
    assert line.startswith("No verdict: Nothing has been decided so far. Next: ")


def test_colour_leaves_the_text_as_it_is() -> None:
    for verdict in RECORDS.values():
        for line in summary_lines(verdict, width=100):
            assert "".join(text for text, _ in coloured(line)) == line
    tones = {
        text: tone
        for line in summary_lines(RECORDS["PIVOT"], width=100)
        for text, tone in coloured(line)
        if tone
    }
    assert {"PIVOT", "REFUTED", "next:"} <= set(tones)
    assert tones["REFUTED"] == {"red": True}


def test_a_command_can_be_pasted_from_several_lines() -> None:
    command = "pytest -m week1 --samples 20 --store /somewhere/else --model a/b"
    verdict = {**RECORDS["EXTEND"], "next_command": command}
    lines = summary_lines(verdict, width=46)
    first = next(i for i, line in enumerate(lines) if line.startswith("      pytest"))
    typed = "\n".join(lines[first : first + 2])
    assert typed.count(" \\\n") == 1
    assert shlex.split(typed.replace("\\\n", "")) == shlex.split(command)


def test_a_family_has_one_row_of_its_own_and_one_per_member() -> None:
    lines = summary_lines(RECORDS["PIVOT"], width=120)
    top = next(i for i, line in enumerate(lines) if line.startswith("tempo_gap:"))
    assert [line.startswith("  ") for line in lines[top + 1 : top + 6]] == [
        *[True] * 4,
        False,
    ]
    assert "happy against sad" in lines[top + 1]


def test_passed_checks_take_one_line() -> None:
    lines = summary_lines(RECORDS["GO"], width=80)
    assert "instrument: 9 of 9 checks passed" in lines
    assert not any("tempo_calibrated" in line for line in lines)


def test_failed_checks_are_named() -> None:
    text = " ".join(summary_lines(RECORDS["FIX"], width=200))
    assert (
        "instrument: 7 of 9 checks passed; not passed: "
        "steps_complete (invalid); tempo_calibrated (invalid)"
    ) in text


@pytest.mark.parametrize("state", ["running", "incomplete"])
def test_a_stale_go_is_not_repeated(state: str) -> None:
    verdict = {**RECORDS["GO"], "state": state, "reason": None}
    text = "\n".join(summary_lines(verdict, width=120))
    assert text.startswith("No verdict")
    assert not re.search(r"\bGO\b", text)
    assert re.search(r"\bGO\b", "\n".join(summary_lines(RECORDS["GO"], width=120)))


def test_next_command_and_report_come_last() -> None:
    lines = summary_lines(RECORDS["EXTEND"], width=80, report="here/report.html")
    assert lines[-2:] == [
        "      pytest --lf --samples 20",
        "report: here/report.html",
    ]
    assert lines[-3].startswith("next: ")


@pytest.mark.parametrize("width", [40, 50, 80])
def test_a_path_is_told_whole(width: int) -> None:
    lines = summary_lines(RECORDS["GO"], width=width)
    steps = [line for line in lines if re.match(r"\d\. ", line)]
    assert len(steps) == len(RECORDS["GO"]["path"])
    text = " ".join(" ".join(lines).split())
    for step in RECORDS["GO"]["path"]:
        assert " ".join(step["because"].split()) in text


def test_earlier_looks_and_changes_are_told_whole() -> None:
    gates = {f"a_gate_of_a_long_name_{number}": "supported" for number in range(5)}
    look = {"number": 1, "samples": 10, "kind": "planned", "gates": gates}
    change = {"claim": "c" * 60, "before": "weak", "after": "supported", "samples": 10}
    verdict = {**RECORDS["GO"], "looks": [look], "changed": [change]}
    text = " ".join(" ".join(summary_lines(verdict, width=80)).split())
    assert "a_gate_of_a_long_name_4 supported" in text
    assert "weak with 10 clips, now supported" in text


def test_a_claim_that_is_invalid_says_why() -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    for claim in (c for c in verdict["claims"] if c["role"] == "panel"):
        claim |= {"status": "invalid", "because": "The ratings cannot be counted."}
    names = dict.fromkeys(c["id"] for c in verdict["claims"] if c["role"] == "panel")
    text = " ".join(" ".join(summary_lines(verdict, width=80)).split())
    assert f"invalid: {', '.join(names)}: The ratings cannot be counted." in text


def test_that_there_is_no_verdict_is_said_once() -> None:
    reason = "There is no verdict: the run was interrupted."
    line = quiet_line({**RECORDS["incomplete"], "reason": reason})
    assert line.startswith("No verdict: The run was interrupted. Next: ")


def test_characters_that_steer_a_terminal_are_dropped() -> None:
    verdict = {**RECORDS["GO"], "reason": "red \x1b[31mtext\x07 \u202eback \ud800"}
    text = "\n".join(summary_lines(verdict, width=80))
    assert "red [31mtext back" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]", text)


def test_the_summary_is_ascii_where_the_record_is() -> None:
    for verdict in RECORDS.values():
        assert "\n".join(summary_lines(verdict, width=100)).isascii()


def test_a_wide_character_takes_two_cells() -> None:
    assert cells("音楽") == 4
    assert cut("音楽の感情", width=7) == "音楽..."
    assert wrapped("音楽 の感情", width=6) == ["音楽", "の感情"]
    assert wrapped("音", width=1) == ["?"]


def test_a_text_that_fits_is_not_cut() -> None:
    assert cut("signal", width=6) == "signal"
    assert cut("signals", width=6) == "sig..."


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="`width` must be at least 1, got 0"):
        summary_lines(RECORDS["GO"], width=0)


def test_a_long_unit_is_cut_and_its_number_is_not() -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict["claims"][9].update(unit="difference of centred cosine", effect=0.0472)
    lines = summary_lines(verdict, width=100)
    assert any("0.0472 dif...  [0.0339, 0.0605]" in line for line in lines)


def test_a_large_family_is_summed_up_in_one_row() -> None:
    verdict = copy.deepcopy(RECORDS["PIVOT"])
    member = verdict["claims"][11]
    verdict["claims"][11:15] = [
        {**member, "member": f"pair {n}", "effect": float(n)} for n in range(9)
    ]
    for width in (72, 120):
        lines = summary_lines(verdict, width=width)
        assert not any("pair 3" in line for line in lines)
        assert any("9 refuted; 0 to 8 BPM" in line for line in lines)
