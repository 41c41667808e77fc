"""What stands around a claim is said, and said alike, in all three reports."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.report import across
from harness.report.cells import cells
from harness.report.markdown import render_markdown
from harness.report.page import render_html
from harness.report.record import read_record
from harness.report.terminal import summary_lines

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)
NEEDS = {
    "prompts": 17,
    "seeds": 1,
    "samples": 20,
    "look": 2,
    "more_clips": 40,
    "seconds": 25.2,
}
NEEDED = (
    "needs 17 prompts x 1 clip per emotion: look 2 at 20; 40 more clips, about 25 s"
)
LADDER = [
    {"rung": "first step", "effect": 0.031, "p": 0.0001},
    {"rung": "null half", "effect": 0.0044, "p": 0.31},
]
LOOKS = [
    {
        "number": 1,
        "samples": 10,
        "kind": "planned",
        "time": "2026-11-20T09:30:00Z",
        "alpha": 0.005,
        "verdict": "EXTEND",
        "same_data": False,
        "gates": {"layer_signal": "inconclusive", "linear_probe": "supported"},
    },
    {"number": 2, "samples": 20, "kind": "planned", "same_data": True, "gates": {}},
]
LOOK = (
    "look 1, 10 clips per emotion, 20 November 2026, 09:30 UTC: EXTEND; layer_signal "
    "inconclusive, linear_probe supported"
)


@pytest.fixture
def verdict() -> dict[str, Any]:
    """A second look: one gate carried, one that needs more, one with a ladder."""
    record = copy.deepcopy(RECORDS["EXTEND"])
    record["looks"] = LOOKS
    gates = [c for c in record["claims"] if c["role"] == "gate"]
    signal = next(c for c in gates if c["id"] == "layer_signal")
    first, second = [c for c in gates if c is not signal][:2]
    first.update(status="supported", carried=True, look=1, p_gated=None)
    second.update(status="inconclusive", p=0.003, p_gated=0.006, needs=NEEDS)
    signal.update(status="supported", qualifier="text-borne")
    signal["detail"]["ladder"] = LADDER
    return record


def _in_terminal(verdict: dict[str, Any], tmp_path: Path) -> str:
    return "\n".join(summary_lines(verdict, width=400))


def _in_markdown(verdict: dict[str, Any], tmp_path: Path) -> str:
    return render_markdown(verdict).replace("\\", "")


@pytest.fixture(scope="module", autouse=True)
def undrawn() -> Iterator[None]:
    """Figures have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.report.page.draw_figures", lambda record: ())
        yield


def _on_page(verdict: dict[str, Any], tmp_path: Path) -> str:
    return render_html(verdict, audio_root=tmp_path)


REPORTS = [_in_terminal, _in_markdown, _on_page]


@pytest.mark.parametrize("report", REPORTS)
def test_everything_around_a_claim_is_said(
    report: Any, verdict: dict[str, Any], tmp_path: Path
) -> None:
    said = report(verdict, tmp_path)
    for text in (
        NEEDED,
        LOOK,
        "supported at look 1, not tested again",
        "0.0030",
        "0.0060",
        "text-borne",
        "null half",
        "0.3100",
    ):
        assert text in said
    assert "look 2, 20 clips" not in said  # that is this run


@pytest.mark.parametrize("report", REPORTS)
def test_what_is_not_there_is_not_announced(report: Any, tmp_path: Path) -> None:
    said = report(RECORDS["GO"], tmp_path)
    for text in (
        "arlier look",
        "not tested again",
        "needs ",
        "ext or music",
        " gated ",
    ):
        assert text not in said.replace("a gated one counts", "")


@pytest.mark.parametrize("width", [30, 80, 120])
def test_the_terminal_is_as_wide_as_it_is(width: int, verdict: dict[str, Any]) -> None:
    assert max(map(cells, summary_lines(verdict, width=width))) <= width


def test_p_and_gated_p_stand_in_columns_of_their_own(verdict: dict[str, Any]) -> None:
    lines = summary_lines(verdict, width=160)
    head = next(line for line in lines if line.startswith("gates"))
    assert head.split()[-3:] == ["p", "gated", "n/clips"]
    row = next(line for line in lines if "0.0060" in line)
    assert row.split()[-3:-1] == ["0.0030", "0.0060"]


def test_a_qualifier_of_nothing_is_not_a_note(verdict: dict[str, Any]) -> None:
    claims = read_record(verdict).claims
    signal = next(c for c in claims if c.id == "layer_signal")
    assert across.notes(signal) == ("text-borne",)
    record = copy.deepcopy(verdict)
    for entry in record["claims"]:
        entry["status"] = "inconclusive"
    silent = next(c for c in read_record(record).claims if c.id == "layer_signal")
    assert across.notes(silent) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, NEEDED),
        ({"seconds": None}, NEEDED.replace("about 25 s", "time unknown")),
        (
            {"seeds": 2, "seconds": 7260},
            "17 prompts x 2 clips per emotion: look 2 at 20",
        ),
        ({"seconds": 7260}, "40 more clips, about 2.0 h"),
        ({"seconds": 600}, "40 more clips, about 10 min"),
        ({"more_clips": None}, "look 2 at 20"),
        (
            {"prompts": None, "seeds": None, "samples": None, "look": None},
            "needs more prompts than the 100 clips of the last look have",
        ),
    ],
)
def test_what_is_needed_in_words(changes: dict[str, Any], said: str) -> None:
    record = read_record({"claims": [{"id": "x", "needs": {**NEEDS, **changes}}]})
    assert said in record.claims[0].needs


@pytest.mark.parametrize("gap", [{"seeds": None}, {"look": "two"}, {"prompts": None}])
def test_half_a_need_is_not_said(gap: dict[str, Any]) -> None:
    record = read_record({"claims": [{"id": "x", "needs": {**NEEDS, **gap}}]})
    assert record.claims[0].needs == ""


def test_a_look_of_which_little_is_known_is_a_line_all_the_same() -> None:
    look = read_record({"looks": [{"kind": "repeated", "samples": 10}]}).looks[0]
    assert across.look_line(look) == "repeated look, 10 clips per emotion: no verdict"
