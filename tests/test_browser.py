"""The browser sees what a page does wrong; without this, its silence says nothing."""

from __future__ import annotations

import base64
from pathlib import Path

import browser_for_tests
import numpy as np
import pytest
import soundfile
from browser_for_tests import OpenPage, unavailable

HEAD = "<!doctype html><html lang=en><head><title>t</title>"


def page(tmp_path: Path, body: str, *, head: str = HEAD) -> Path:
    path = tmp_path / "page.html"
    path.write_text(f"{head}</head><body><main>{body}</main></body></html>")
    return path


def test_a_good_page_has_nothing_to_answer_for(
    tmp_path: Path, open_page: OpenPage
) -> None:
    opened = open_page(page(tmp_path, "<h1>Fine</h1>"), width=390)
    assert (opened.errors, opened.requests) == ([], [])
    assert opened.serious() == []
    assert opened.sideways() == 0


def test_errors_exceptions_and_broken_policies_are_noted(
    tmp_path: Path, open_page: OpenPage
) -> None:
    body = (
        "<script>console.error('said')</script><script>nothing.there()</script>"
        "<script>console.log('unsaid')</script>"
    )
    opened = open_page(page(tmp_path, body))
    assert [e.split(":")[-1].strip() for e in opened.errors] == [
        "said",
        "nothing is not defined",
    ]
    policy = "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'\">"
    strict = open_page(page(tmp_path, body, head=HEAD + policy))
    assert len(strict.errors) == 3
    assert all("Content Security Policy" in error for error in strict.errors)


def test_requests_that_leave_the_machine_are_noted(
    tmp_path: Path, open_page: OpenPage
) -> None:
    body = (
        '<img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
        '<img alt="" src="http://127.0.0.1:9/there.png">'
        "<script>fetch('http://127.0.0.1:9/more').catch(() => 0)</script>"
    )
    opened = open_page(page(tmp_path, body))
    assert sorted(opened.requests) == [
        "http://127.0.0.1:9/more",
        "http://127.0.0.1:9/there.png",
    ]


def test_what_keeps_people_out_is_found(tmp_path: Path, open_page: OpenPage) -> None:
    body = "<p style='color:#ccc'>pale</p><img src=''><h1>x</h1>"
    found = " ".join(open_page(page(tmp_path, body)).serious())
    assert "color-contrast (serious)" in found
    assert "image-alt (critical)" in found


def test_a_page_that_is_too_wide_is_measured(
    tmp_path: Path, open_page: OpenPage
) -> None:
    body = "<div style='width:500px'>wide</div>"
    opened = open_page(page(tmp_path, body), width=390)
    assert 100 <= opened.sideways() <= 140


def test_players_tell_how_long_they_play(tmp_path: Path, open_page: OpenPage) -> None:
    sound = tmp_path / "sound.mp3"
    tone = np.sin(np.arange(32_000) * 0.05) * 0.1
    soundfile.write(sound, tone, 16_000)
    data = base64.b64encode(sound.read_bytes()).decode()
    body = (
        f"<audio controls preload=none src='data:audio/mpeg;base64,{data}'></audio>"
        "<audio controls src='data:audio/mpeg;base64,AAAA'></audio>"
    )
    whole, broken = open_page(page(tmp_path, body)).durations()
    assert whole == pytest.approx(2.0, abs=0.15)
    assert broken == 0


def test_where_a_browser_is_required_its_absence_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SKEPTIC_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Install it"):
        unavailable("Install it.")
    monkeypatch.setenv("SKEPTIC_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="Install it"):
        unavailable("Install it.")
    monkeypatch.setenv("SKEPTIC_NODE_TOOLS", str(tmp_path))
    browser_for_tests._axe.cache_clear()
    with pytest.raises(pytest.fail.Exception, match=r"axe-core@4\.14\.1"):
        browser_for_tests._axe()
