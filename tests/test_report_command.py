"""`python -m harness.report`: reports are written anew from what lies on disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.report import append_step_summary, pdf
from harness.report.__main__ import main
from harness.report.names import NAMES
from harness.report.writing import SUMMARY_BYTES

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module", autouse=True)
def undrawn() -> Iterator[None]:
    """Figures have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("page", "pdf"):
            patch.setattr(f"harness.report.{module}.draw_figures", lambda record: ())
        yield


def written(directory: Path, verdict: object) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(verdict)
    (directory / "verdict.json").write_text(text, encoding="utf-8")
    return directory


def test_all_reports_are_written_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = written(tmp_path / "run", RECORDS["PIVOT"])
    assert main([str(run)]) == 0
    names = capsys.readouterr().out.split()
    assert [Path(name).name for name in names] == list(NAMES)
    assert "PIVOT" in (run / "report.html").read_text(encoding="utf-8")
    assert (run / "report.pdf").read_bytes().startswith(b"%PDF")


def test_what_was_written_once_is_written_the_same_again(tmp_path: Path) -> None:
    run = written(tmp_path / "run", RECORDS["GO"])
    main([str(run)])
    first = {name: (run / name).read_bytes() for name in NAMES}
    main([str(run / "verdict.json")])
    assert {name: (run / name).read_bytes() for name in NAMES} == first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is not there. Run `uv run pytest -m week1`"),
        ('{"schema": 1, "verd', "is damaged"),
        ("\udcff", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("[1, 2]", "must hold a verdict, a JSON object, got list"),
        ("null", "got NoneType"),
    ],
)
def test_a_damaged_record_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    if content is not None:
        raw = content.encode("utf-8", "surrogateescape")
        (tmp_path / "verdict.json").write_bytes(raw)
    assert main([str(tmp_path)]) == 2
    streams = capsys.readouterr()
    assert said in streams.err
    assert len(streams.err.splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith("report")] == []


@pytest.mark.parametrize("schema", [0, 2, None, "new"])
def test_another_schema_is_stated_in_every_report(tmp_path: Path, schema: Any) -> None:
    run = written(tmp_path, {**RECORDS["GO"], "schema": schema})
    assert main([str(run)]) == 0
    for name in ("report.html", "report.md"):
        text = (run / name).read_text(encoding="utf-8")
        assert f"The record has schema {schema}" in text


def test_what_cannot_be_shown_is_counted(tmp_path: Path) -> None:
    claims = [*RECORDS["GO"]["claims"], "a claim", None]
    run = written(tmp_path, {**RECORDS["GO"], "claims": claims, "clips": {"a": 1}})
    assert main([str(run)]) == 0
    text = (run / "report.html").read_text(encoding="utf-8")
    assert f"2 of {len(claims)} entries of `claims`" in text
    assert "`clips` of the record must be a list and is left out" in text


def test_without_typst_nothing_is_said_unless_a_pdf_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = written(tmp_path, RECORDS["GO"])
    (run / "report.pdf").write_bytes(b"of another run")
    monkeypatch.setattr(pdf, "is_there", lambda: False)
    assert main([str(run)]) == 0
    streams = capsys.readouterr()
    assert streams.err == ""
    assert "report.pdf" not in streams.out
    assert not (run / "report.pdf").exists()
    assert main([str(run), "--pdf"]) == 2
    assert capsys.readouterr().err.strip() == pdf.HOW_TO_INSTALL


def test_a_place_that_cannot_be_written_to_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = written(tmp_path, RECORDS["GO"])
    (run / "report.html").mkdir()
    assert main([str(run)]) == 2
    assert re.fullmatch(r"`.*report.html.*` cannot be .*\n", capsys.readouterr().err)


# --- the page of a job --------------------------------------------------------------


def test_the_summary_of_a_job_goes_on_where_another_step_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "summary.md"
    place.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    append_step_summary(RECORDS["FIX"])
    text = place.read_text(encoding="utf-8")
    assert text.startswith("before\n# FIX: ")
    assert "report.md" not in text


def test_the_summary_of_a_job_is_never_larger_than_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
    warnings = [f"warning {n}: {'é' * 500}" for n in range(2000)]
    append_step_summary({**RECORDS["GO"], "warnings": warnings})
    assert SUMMARY_BYTES - 2000 < place.stat().st_size <= SUMMARY_BYTES
    text = place.read_text(encoding="utf-8")
    assert text.endswith("a job's page holds no more of it.*\n")
    append_step_summary(RECORDS["GO"])
    assert place.stat().st_size <= SUMMARY_BYTES


def test_elsewhere_no_summary_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    append_step_summary(RECORDS["GO"])
    assert list(tmp_path.iterdir()) == []
