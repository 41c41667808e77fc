"""The report on paper holds what the page holds, whatever the record says."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typst

from harness.report import pdf
from harness.report.figures import draw_figures
from harness.report.record import read_record
from harness.report.writing import write_reports

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)
HOSTILE = '#panic("no") $x_1$ \\ ] [ *b* _i_ <label> @ref "quote" \ud800 // /* ```'


@pytest.fixture(scope="module", autouse=True)
def undrawn() -> Iterator[None]:
    """Figures take a second each: they are drawn where they matter."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("page", "pdf"):
            patch.setattr(f"harness.report.{module}.draw_figures", lambda record: ())
        yield


def texts(verdict: dict[str, Any]) -> str:
    """Everything that is handed to typst, as it reads it."""
    return json.dumps(pdf.content_of(read_record(verdict), ()), ensure_ascii=False)


@pytest.mark.parametrize("name", RECORDS)
def test_every_kind_of_record_is_set(name: str) -> None:
    made = pdf.render_pdf(read_record(RECORDS[name]))
    assert made.startswith(b"%PDF")
    assert made == pdf.render_pdf(read_record(RECORDS[name]))


def test_an_empty_record_is_set() -> None:
    assert pdf.render_pdf(read_record({})).startswith(b"%PDF")


def test_text_from_the_record_is_never_markup() -> None:
    verdict = copy.deepcopy(RECORDS["PIVOT"])
    verdict |= {"reason": HOSTILE, "next_command": HOSTILE, "warnings": [HOSTILE]}
    for claim in verdict["claims"]:
        claim |= {"statement": HOSTILE, "member": HOSTILE, "because": HOSTILE}
        claim["detail"] = {HOSTILE: HOSTILE}
    assert pdf.render_pdf(read_record(verdict)).startswith(b"%PDF")


def test_it_says_what_the_page_says() -> None:
    verdict = RECORDS["GO"]
    said = texts(verdict)
    for claim in verdict["claims"]:
        assert claim["role"] == "instrument" or claim["statement"] in said
    for clip in verdict["clips"]:
        assert clip["prompt"] in said
    for node in verdict["path"]:
        assert node["because"] in said
    assert verdict["reason"] in said
    assert "[3.39, 6.05]" in said
    assert "go-ahead for a phantom that must not have it" in said


def test_figures_are_in_it_without_the_style_sheet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    record = read_record(RECORDS["GO"])
    drawn = draw_figures(record)[:1]
    assert "var(--" in drawn[0].svg
    assert b"var(" not in pdf.on_paper(drawn[0].svg)
    without = len(pdf.render_pdf(record))
    monkeypatch.setattr("harness.report.pdf.draw_figures", lambda record: drawn)
    assert len(pdf.render_pdf(record)) > without + 2000


def test_a_long_list_is_cut_and_says_so() -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    gate = next(c for c in verdict["claims"] if c["role"] == "gate")
    gate["detail"] = {"by prompt": "0.125 " * 200}
    assert "... (all in verdict.json)" in texts(verdict)


def test_a_figure_that_could_not_be_drawn_is_named() -> None:
    drawn = draw_figures(read_record({}))
    content = pdf.content_of(read_record({}), drawn)
    assert len(content["missing"]) == len(drawn) > 0
    assert content["figures"] == []


def test_what_typst_refuses_is_told_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> bytes:
        raise typst.TypstError("no such font", "no such font")

    monkeypatch.setattr(typst, "compile", refuse)
    (tmp_path / "report.pdf").write_bytes(b"of another run")
    names = [p.name for p in write_reports(RECORDS["GO"], directory=tmp_path)]
    assert "report.pdf" not in names
    assert not (tmp_path / "report.pdf").exists()
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "report.pdf cannot be set: no such font" in text
