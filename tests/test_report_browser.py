"""The page in a real browser: it is quiet, it plays, it unfolds, and it fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browser_for_tests import Opened, OpenPage

from harness.report.compare import render_comparison
from harness.report.page import render_html
from harness.report.reading import read_file

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)
VERDICTS = ("GO", "EXTEND", "PIVOT", "FIX")
UNFOLD_ALL = "() => document.querySelectorAll('details').forEach(d => d.open = true)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page for each verdict and one that compares two; every clip is a tone."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "audio").mkdir()
    tone = 0.2 * np.sin(np.arange(2 * 16_000) * 0.1)
    written = {}
    for name in VERDICTS:
        for clip in RECORDS[name]["clips"]:
            soundfile.write(folder / clip["file"], tone, 16_000)
        written[name] = folder / f"{name}.html"
        page = render_html(RECORDS[name], audio_root=folder)
        written[name].write_text(page, encoding="utf-8")
        record = json.dumps(RECORDS[name])
        (folder / f"{name}.json").write_text(record, encoding="utf-8")
    first, second = (read_file(folder / f"{name}.json") for name in ("EXTEND", "GO"))
    written["compared"] = folder / "compared.html"
    compared = render_comparison(first, second)
    written["compared"].write_text(compared, encoding="utf-8")
    return written


def is_quiet(opened: Opened) -> bool:
    return (opened.errors, opened.requests) == ([], [])


@pytest.mark.parametrize("name", [*VERDICTS, "compared"])
def test_it_fits_everyone_and_calls_nobody(
    name: str, pages: dict[str, Path], open_page: OpenPage
) -> None:
    opened = open_page(pages[name])
    assert opened.sideways() == 0
    opened.page.evaluate(UNFOLD_ALL)
    assert opened.serious() == []
    assert opened.sideways() == 0
    assert is_quiet(opened)


@pytest.mark.parametrize("name", [*VERDICTS, "compared"])
def test_it_fits_a_phone(
    name: str, pages: dict[str, Path], open_page: OpenPage
) -> None:
    opened = open_page(pages[name], width=390, height=844)
    assert opened.sideways() == 0
    opened.page.evaluate(UNFOLD_ALL)
    assert opened.sideways() == 0
    if name in ("GO", "compared"):  # tables are cards here
        assert opened.serious() == []
    assert is_quiet(opened)


@pytest.mark.parametrize("name", VERDICTS)
def test_every_clip_plays(
    name: str, pages: dict[str, Path], open_page: OpenPage
) -> None:
    opened = open_page(pages[name])
    durations = opened.durations()
    assert len(durations) == len(RECORDS[name]["clips"])
    assert durations == pytest.approx([2.0] * len(durations), abs=0.15)
    opened.page.evaluate(
        "() => { const a = document.querySelector('audio'); a.muted = true;"
        " return a.play(); }"
    )
    opened.page.wait_for_function(
        "() => document.querySelector('audio').currentTime > 0.1"
    )
    assert is_quiet(opened)


@pytest.mark.parametrize("name", VERDICTS)
def test_rows_unfold_by_mouse_and_by_keyboard(
    name: str, pages: dict[str, Path], open_page: OpenPage
) -> None:
    opened = open_page(pages[name])
    rows = opened.page.locator("#claims details:visible")
    first, second = rows.nth(0), rows.nth(1)
    assert first.get_attribute("open") is None
    first.locator("summary").first.click()
    assert first.get_attribute("open") is not None
    assert first.get_by_text("Because").first.is_visible()

    summary = second.locator("summary").first
    opened.page.locator("h1").click()
    for _ in range(200):  # only ever by Tab, as a hand without a mouse would
        opened.page.keyboard.press("Tab")
        if summary.evaluate("s => s === document.activeElement"):
            break
    assert summary.evaluate("s => s === document.activeElement")
    for key, is_open in (("Enter", True), ("Space", False)):
        opened.page.keyboard.press(key)
        assert (second.get_attribute("open") is not None) is is_open
    assert is_quiet(opened)


def test_on_paper_everything_is_unfolded_and_nothing_plays(
    pages: dict[str, Path], open_page: OpenPage
) -> None:
    opened = open_page(pages["GO"])
    opened.page.emulate_media(media="print")
    heights = opened.page.evaluate(
        "() => [...document.querySelectorAll('#claims details > dl')].map("
        "d => d.getBoundingClientRect().height)"
    )
    assert heights
    assert min(heights) > 0
    assert opened.page.locator("audio:visible").count() == 0


def test_the_dark_page_can_be_read_as_well(
    pages: dict[str, Path], open_page: OpenPage
) -> None:
    opened = open_page(pages["PIVOT"])
    opened.page.emulate_media(color_scheme="dark")
    opened.page.evaluate(UNFOLD_ALL)
    assert opened.serious() == []


_OVERFLOWING = """() => [...document.querySelectorAll('#claims tr > *')].filter(cell =>
    cell.getClientRects().length && [...cell.querySelectorAll('*')].some(inner =>
    !inner.closest('.unseen, .scroll, svg') && inner.getClientRects().length &&
    inner.getBoundingClientRect().right > cell.getBoundingClientRect().right + 1)
).map(cell => cell.textContent)"""


@pytest.mark.parametrize("name", ["GO", "FIX", "compared"])
@pytest.mark.parametrize("width", [1000, 1100, 1165])
def test_no_cell_of_a_table_runs_into_the_next(
    name: str, width: int, pages: dict[str, Path], open_page: OpenPage
) -> None:
    opened = open_page(pages[name], width=width, height=900)
    assert opened.page.evaluate(_OVERFLOWING) == []
    assert opened.sideways() == 0
