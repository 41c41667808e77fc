"""The Markdown report is well-formed, whatever the record says."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.markdown import escape, render_markdown

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)


def tables(markdown: str) -> list[list[list[str]]]:
    """Split a document into its tables, rows and cells, as a renderer would."""
    blocks = [block.splitlines() for block in markdown.split("\n\n")]
    return [
        [re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in block]
        for block in blocks
        if block and block[0].startswith("|")
    ]


@pytest.mark.parametrize("name", RECORDS)
def test_every_table_is_rectangular(name: str) -> None:
    found = tables(render_markdown(RECORDS[name]))
    for table in found:
        assert {len(row) for row in table} == {9}
        assert all(re.fullmatch(r":?-+:?", cell.strip()) for cell in table[1])
    rows = sum(len(table) - 2 for table in found)
    shown = [
        claim
        for claim in RECORDS[name]["claims"]
        if claim["role"] != "instrument" or claim["status"] != "supported"
    ]
    assert rows == len(shown)


def test_a_statement_with_pipes_does_not_add_columns() -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict["claims"][9]["statement"] = "a | b \\| c\n| d | `e` <b>f</b>"
    first = tables(render_markdown(verdict))[0]
    assert {len(row) for row in first} == {9}
    assert "<b>" not in render_markdown(verdict)


@given(st.text())
def test_escaped_text_is_one_line_without_bare_markup(text: str) -> None:
    safe = escape(text)
    assert len(safe.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*_\[\]]", safe.replace("\\\\", ""))
    assert "<" not in safe


@pytest.mark.parametrize("word", ["GO", "EXTEND", "PIVOT", "FIX"])
def test_the_verdict_is_the_title(word: str) -> None:
    assert render_markdown(RECORDS[word]).startswith(f"# {word}: ")


@pytest.mark.parametrize("state", ["running", "incomplete"])
def test_a_stale_go_is_not_repeated(state: str) -> None:
    verdict = {**RECORDS["GO"], "state": state, "reason": None}
    text = render_markdown(verdict)
    assert text.startswith("# No verdict")
    assert not re.search(r"\bGO\b", text)
    assert re.search(r"\bGO\b", render_markdown(RECORDS["GO"]))


def test_the_next_command_cannot_break_its_fence() -> None:
    text = render_markdown({**RECORDS["GO"], "next_command": "a ``` b\n# c"})
    assert "\n````\na ``` b # c\n````\n" in text


def test_numbers_of_a_claim_are_in_its_row() -> None:
    rows = [row for table in tables(render_markdown(RECORDS["GO"])) for row in table]
    signal = next(row for row in rows if "layer\\_signal" in row[0])
    assert [cell.strip() for cell in signal[1:8]] == [
        "supported (minimum), audio-borne",
        "4.72 % of variance",
        "strong 5 %, minimum 2 %, no signal 1 %",
        "\\[3.39, 6.05\\]",
        "0.0001",
        "50 / 50",
        "2",
    ]
    assert "raw cosine within: 0.9531" in signal[8]


def test_an_empty_record_still_makes_a_document() -> None:
    assert "No claim has been decided." in render_markdown({})
