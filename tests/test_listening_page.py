"""The listening test in a real browser: a rater takes it, by keyboard alone."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser_for_tests import Opened, OpenPage
from listening_for_tests import sheet_with, write_page
from playwright.sync_api import Download, Page, expect

from harness.listening.answers import COLUMNS, read_answers

ALL_ANSWERED = """name => {
  const session = JSON.parse(localStorage.getItem(name));
  session.finished = session.started + 1;
  session.answers = session.order.map((trial, position) => ({
    position, trial, emotion: "happy", valence: 0, arousal: 0, heard_ms: 500, plays: 1,
    answer_ms: 900,
  }));
  localStorage.setItem(name, JSON.stringify(session));
}"""
EMOTION_KEYS = ("1", "2", "3", "4")


def begin(page: Page, rater: str = "r01") -> None:
    page.locator("#rater").focus()
    page.keyboard.type(rater)
    page.keyboard.press("Enter")
    expect(page.locator("#trial-title")).to_be_visible()


def opens(page: Page) -> None:
    """Wait until the clip was heard for long enough to be answered."""
    expect(page.locator("#answers:enabled")).to_have_count(1, timeout=5_000)


def answer(page: Page, key: str = "1") -> None:
    """One clip, by keys alone: play, choose, set both sliders, go on."""
    page.keyboard.press("p")
    opens(page)
    page.keyboard.press(key)
    page.keyboard.press("v")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("a")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")


def content(download: Download) -> str:
    return Path(download.path()).read_text(encoding="utf-8")


def test_a_rater_completes_the_test_by_keyboard_with_a_reload_in_the_middle(
    tmp_path: Path, open_page: OpenPage
) -> None:
    sheet = sheet_with(1, repeats=1)
    opened = open_page(write_page(sheet, tmp_path))
    page = opened.page
    begin(page)
    order = orders(page, sheet.id, "r01")
    for number in range(len(sheet.trials)):
        expect(page.locator("#trial-title")).to_have_text(f"Clip {number + 1} of 5")
        if number == 2:
            page.reload()  # nothing is lost, and nobody has to say who they are
            expect(page.locator("#trial-title")).to_have_text("Clip 3 of 5")
            assert orders(page, sheet.id, "r01") == order
        answer(page, EMOTION_KEYS[number % 4])
    expect(page.locator("#end-title")).to_be_visible()
    with page.expect_download() as found:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    assert found.value.suggested_filename == f"ratings-{sheet.id}-r01.json"
    path = tmp_path / "ratings.json"
    path.write_text(content(found.value), encoding="utf-8")
    answers = read_answers(path)  # checksum and all
    answers.check(sheet)
    assert [trial["trial"] for trial in answers.trials] == order
    assert {(t["valence"], t["arousal"]) for t in answers.trials} == {(5, -5)}
    assert answers.started < answers.finished
    with page.expect_download() as found:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    assert found.value.suggested_filename == f"ratings-{sheet.id}-r01.csv"
    rows = list(csv.DictReader(io.StringIO(content(found.value))))
    assert [tuple(map(str, t.values())) for t in answers.trials] == [
        tuple(row[column] for column in COLUMNS) for row in rows
    ]
    assert {row["rater"] for row in rows} == {"r01"}
    page.reload()  # and after the end the answers can be saved again
    expect(page.locator("#end-title")).to_be_visible()
    assert (
        json.loads(page.locator("#text").input_value())["checksum"] == answers.checksum
    )
    assert (opened.errors, opened.requests) == ([], [])


def orders(page: Page, test: str, rater: str) -> list[str]:
    kept: str = page.evaluate(
        "name => localStorage.getItem(name)", f"skeptic-listening:{test}:{rater}"
    )
    order: list[str] = json.loads(kept)["order"]
    return order


def test_nothing_can_be_answered_before_the_clip_was_heard(
    tmp_path: Path, open_page: OpenPage
) -> None:
    opened = open_page(write_page(sheet_with(1, repeats=0), tmp_path))
    page = opened.page
    begin(page)
    expect(page.locator("#answers:disabled")).to_have_count(1)
    page.keyboard.press("1")
    page.locator("#next").click()
    expect(page.locator("#missing")).to_have_text("Listen for 0.3 s first.")
    assert page.locator("input:checked[name=emotion]").count() == 0
    # To jump to the end is not to listen, and to hear the start twice is not either.
    page.evaluate(
        """async () => {
          const sound = document.getElementById('sound');
          while (sound.readyState < 4) await new Promise(done => setTimeout(done, 10));
          sound.currentTime = 0.6 * sound.duration;
          await new Promise(done => sound.addEventListener('seeked', done));
        }"""
    )
    page.locator("#play").click()
    expect(page.locator("#play-label")).to_have_text("Play again")
    expect(page.locator("#answers:disabled")).to_have_count(1)
    for _ in range(2):
        page.evaluate(
            """async () => {
              const sound = document.getElementById('sound');
              sound.currentTime = 0;
              await sound.play();
              await new Promise(done => setTimeout(done, 100));
              sound.pause();
            }"""
        )
    expect(page.locator("#answers:disabled")).to_have_count(1)
    page.locator("#play").click()
    opens(page)
    assert opened.errors == []


def test_what_is_missing_is_said_and_focused(
    tmp_path: Path, open_page: OpenPage
) -> None:
    page = open_page(write_page(sheet_with(1, repeats=0), tmp_path)).page
    begin(page)
    page.keyboard.press("p")
    opens(page)
    for missing, then in (
        ("Choose an emotion.", "Space"),
        ("Say how pleasant the mood is.", "ArrowUp"),
        ("Say how awake the mood is.", "ArrowUp"),
    ):
        page.locator("#next").click()
        expect(page.locator("#missing")).to_have_text(missing)
        page.keyboard.press(then)
    page.locator("#next").click()
    expect(page.locator("#trial-title")).to_have_text("Clip 2 of 4")
    expect(page.locator("#valence-value")).to_have_text("not set")
    expect(page.locator("#answers:disabled")).to_have_count(1)


def test_codes_that_name_somebody_or_are_taken_are_refused(
    tmp_path: Path, open_page: OpenPage
) -> None:
    page = open_page(write_page(sheet_with(1, repeats=0), tmp_path)).page
    page.locator("#rater").fill("Ada Lovelace")
    page.keyboard.press("Enter")
    expect(page.locator("#rater-error")).to_contain_text("letters, digits")
    page.locator("#rater").fill("r01")
    page.keyboard.press("Enter")
    answer(page)
    page.locator("#leave").click()
    page.locator("#rater").fill("r01")
    page.keyboard.press("Enter")
    expect(page.locator("#rater-error")).to_contain_text(
        "Somebody began with this code"
    )
    page.locator("#sessions button").click()
    expect(page.locator("#trial-title")).to_have_text("Clip 2 of 4")


def test_each_rater_hears_an_order_of_their_own_and_repeats_lie_apart(
    tmp_path: Path, open_page: OpenPage
) -> None:
    sheet = sheet_with(6, repeats=4)
    page = open_page(write_page(sheet, tmp_path)).page
    found = []
    for rater in ("r01", "r02", "r03"):
        begin(page, rater)
        found.append(tuple(orders(page, sheet.id, rater)))
        page.locator("#leave").click()
    assert len(set(found)) == 3
    for order in found:
        assert set(order) == set(sheet.by_id)
        gaps = [abs(order.index(a) - order.index(b)) for a, b in sheet.partners]
        assert min(gaps) >= len(order) // 4
    words = []
    for rater in ("r01", "r02", "r03", "r04", "r05", "r06"):
        if rater in ("r01", "r02", "r03"):
            page.get_by_role("button", name=re.compile(f"^{rater}:")).click()
        else:
            begin(page, rater)
        words.append(tuple(page.locator("#emotions span").all_inner_texts()))
        page.locator("#leave").click()
    assert len(set(words)) > 1


def test_the_page_does_without_memory_and_says_so(
    tmp_path: Path, open_page: OpenPage
) -> None:
    opened = open_page(write_page(sheet_with(1, repeats=0), tmp_path))
    page = opened.page
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', "
        "{ get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    page.reload()
    begin(page)
    expect(page.locator("#warning")).to_contain_text("do not close or reload")
    for _ in range(4):
        answer(page)
    expect(page.locator("#end-title")).to_be_visible()
    assert opened.errors == []


@pytest.mark.parametrize("size", [(1200, 900), (390, 844)], ids=["desktop", "phone"])
def test_every_screen_is_accessible_and_fits(
    tmp_path: Path, open_page: OpenPage, size: tuple[int, int]
) -> None:
    width, height = size
    sheet = sheet_with(1, repeats=1)
    opened = open_page(write_page(sheet, tmp_path), width=width, height=height)
    page = opened.page
    page.locator("#rater").fill("no good")
    page.keyboard.press("Enter")
    fits(opened)
    page.locator("#rater").fill("")
    begin(page)
    assert opened.sideways() == 0
    page.keyboard.press("p")
    opens(page)
    fits(opened)
    page.emulate_media(color_scheme="dark")
    fits(opened)
    page.emulate_media(color_scheme="light")
    page.evaluate(ALL_ANSWERED, f"skeptic-listening:{sheet.id}:r01")
    page.reload()
    expect(page.locator("#end-title")).to_be_visible()
    fits(opened)
    assert (opened.errors, opened.requests) == ([], [])


def fits(opened: Opened) -> None:
    assert opened.serious() == []
    assert opened.sideways() == 0


def test_the_page_tells_no_rater_what_a_clip_is(tmp_path: Path) -> None:
    sheet = sheet_with(6, repeats=4)
    text = write_page(sheet, tmp_path).read_text(encoding="utf-8")
    found = re.search(r'id="test">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    rest = text.replace(found[1], "")
    for trial in sheet.trials:
        assert trial.key not in text
        assert trial.emotion not in rest
    assert data.pop("emotions") == sorted(sheet.emotions)
    assert not any(emotion in json.dumps(data) for emotion in sheet.emotions)
    assert "tune" not in text  # a word of every prompt
    assert len({len(uri) for uri in data["sounds"].values()}) == 1
    assert [trial["id"] for trial in data["trials"]] == sorted(sheet.by_id)
    assert all(set(trial) == {"id", "sound"} for trial in data["trials"])
    # Nothing of an id says which emotion: sorted by id, they are in no order.
    by_id = [trial.emotion for trial in sheet.trials if not trial.again]
    runs = 1 + sum(a != b for a, b in zip(by_id[1:], by_id[:-1], strict=True))
    assert runs > len(by_id) / 2
