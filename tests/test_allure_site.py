"""Allure's site opens without a server, calls nobody, and remembers earlier runs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browser_for_tests import Opened, OpenPage, node_tools, unavailable
from playwright.sync_api import Page

from harness.report import allure_site
from harness.report.allure_results import complete_results
from harness.report.allure_site import AllureSiteError, history_path, make_site

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)
GOOGLE = (
    '<script async src="https://www.googletagmanager.com/gtag/js?id=G-X"></script>\n'
    "<script>\nwindow.dataLayer = [];\nfunction gtag(){dataLayer.push(arguments);}\n"
    "gtag('js', new Date());\n</script>"
)
PAGE = f"<html><script>allureReportOptions=1</script>{GOOGLE}<p>kept</p></html>"


def results(folder: Path, name: str, *, began: float = 1_800_000_000.0) -> Path:
    """Results of a run of few claims."""
    claims = [
        {**c, "week": 1, "topic": "music" if c["id"] == "tempo_gap" else "activations"}
        for c in RECORDS[name]["claims"]
        if c["role"] == "gate"
    ]
    record = {**RECORDS[name], "claims": claims}
    for clip in record["clips"]:
        (folder / clip["file"]).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / clip["file"], np.full(16_000, 0.1), 16_000)
    notes = complete_results(folder, record, decided={}, audio_root=folder, since=began)
    assert notes == []
    return folder


@pytest.fixture
def few(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "a-result.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of this folder only."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def writes(page: str) -> str:
    """A command of the name of Allure that makes this page, wherever it is told to."""
    python = shutil.which("python3") or "/usr/bin/python3"
    return (
        f'test "$1" = --version && echo 3.18.0 && exit\n{python} - "$@" <<\'END\'\n'
        "import json, pathlib, sys\n"
        "told = json.loads(pathlib.Path(sys.argv[sys.argv.index('--config') + 1])"
        ".read_text())\n"
        "out = pathlib.Path(told['output']); out.mkdir()\n"
        f"(out / 'index.html').write_text({page!r})\nEND"
    )


def test_without_node_it_says_what_to_install(few: Path, alone: Path) -> None:
    with pytest.raises(AllureSiteError, match=r"Install Node 20.*allure@3\.18\.0"):
        make_site(few, few.parent / "site")
    assert not (few.parent / "site").exists()


def test_without_results_it_says_how_to_make_them(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(AllureSiteError, match="pytest -m week1 --alluredir"):
            make_site(place, tmp_path / "site")


def test_what_is_no_site_is_not_overwritten(few: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("my own page", encoding="utf-8")
    with pytest.raises(AllureSiteError, match="which holds other files"):
        make_site(few, mine)
    assert (mine / "index.html").read_text(encoding="utf-8") == "my own page"
    with pytest.raises(AllureSiteError, match="got the file"):
        make_site(few, few / "a-result.json")


def test_analytics_are_taken_out(few: Path, alone: Path, tmp_path: Path) -> None:
    program(alone, "allure", writes(PAGE))
    page = make_site(few, tmp_path / "site").read_text(encoding="utf-8")
    assert "kept" in page
    assert "allureReportOptions=1" in page
    assert "google" not in page
    assert "gtag" not in page


def test_a_page_that_calls_in_another_way_is_not_handed_over(
    few: Path, alone: Path, tmp_path: Path
) -> None:
    hidden = "<script>load('https://www.google-analytics.com/x.js')</script>"
    program(alone, "allure", writes(hidden))
    with pytest.raises(AllureSiteError, match="would call an analytics service"):
        make_site(few, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_site_that_is_made_again_is_no_new_run(few: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    known = hashlib.md5(b"a").hexdigest()  # as Allure names the result `a`
    for line, is_new in (("{}", True), (json.dumps({"id": known}), False)):
        history_path(site).write_text(line, encoding="utf-8")
        assert allure_site._config(few, site, site)["appendHistory"] is is_new


def test_an_allure_of_before_is_not_used(
    few: Path, alone: Path, tmp_path: Path
) -> None:
    program(alone, "allure", "echo 2.30.0")
    program(alone, "npx", 'echo "no network: $2" >&2; exit 7')
    with pytest.raises(AllureSiteError, match=r"ended with 7: no network: allure@3"):
        make_site(few, tmp_path / "site")


def test_the_command_tells_where_the_page_is(
    few: Path,
    alone: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    program(alone, "allure", writes(PAGE))
    site = tmp_path / "site"
    assert allure_site.main([str(few), str(site)]) == 0
    assert capsys.readouterr().out == f"Allure: {site / 'index.html'}\n"
    assert allure_site.main([str(tmp_path / "nowhere"), str(site)]) == 2
    assert "`RESULTS` must be a directory" in capsys.readouterr().err
    assert allure_site.main([str(few)]) == 2
    assert "usage:" in capsys.readouterr().err


@pytest.fixture
def real_allure(monkeypatch: pytest.MonkeyPatch) -> None:
    tools = node_tools() / ".bin"
    if not (tools / "allure").exists():
        unavailable(
            f"Allure is not at {tools}. Install it: "
            f"npm install --prefix {node_tools().parent} {allure_site.ALLURE}."
        )
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


def place_of(results: Path, story: str) -> str:
    """Name the place in the site of the first result with this story or epic."""
    for path in sorted(results.glob("*-result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if story in [entry["value"] for entry in result["labels"]]:
            return "#" + hashlib.md5(result["uuid"].encode()).hexdigest()
    raise AssertionError(story)


def goes_to(opened: Opened, site: Path, place: str, text: str) -> Page:
    page = opened.page
    page.goto((site / "index.html").as_uri() + place)
    page.get_by_text(text).first.wait_for()
    return page


@pytest.mark.usefixtures("real_allure")
def test_the_site_in_a_browser(tmp_path: Path, open_page: OpenPage) -> None:
    site, first, second = (tmp_path / name for name in ("site", "first", "second"))
    results(first, "PIVOT")
    opened = open_page(make_site(first, site))
    assert len(history_path(site).read_text(encoding="utf-8").splitlines()) == 1
    assert allure_site._is_in(history_path(site), first)
    goes_to(opened, site, "#categories", "Refuted: shown to be absent")
    page = goes_to(opened, site, place_of(first, "tempo_gap"), "no signal")
    with page.context.expect_page() as of_sources:
        page.locator("a[href*='sources.invalid']").first.click()
    assert of_sources.value.url.startswith((site / "sources.html").as_uri() + "#")
    assert of_sources.value.locator(":target").count() == 1
    page.bring_to_front()
    page.get_by_text("Clips to listen to").first.click()
    clip = page.frame_locator("iframe").last.locator("audio").first
    clip.evaluate("a => a.duration || new Promise(r => a.ondurationchange = r)")
    assert 0.9 < clip.evaluate("a => a.duration") < 1.2
    assert (opened.errors, opened.requests) == ([], [])

    results(second, "GO", began=1_800_600_000.0)
    assert not allure_site._is_in(history_path(site), second)
    opened = open_page(make_site(second, site))
    assert len(history_path(site).read_text(encoding="utf-8").splitlines()) == 2
    page = goes_to(opened, site, place_of(second, "Verdict"), "Verdict: GO")
    assert "History\n1\n" in page.inner_text("body")  # the verdict of the first run
    assert (opened.errors, opened.requests) == ([], [])
