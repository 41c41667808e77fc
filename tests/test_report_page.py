"""The page opens anywhere, says what the record says, and nothing that it does not."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile  # type: ignore[import-untyped, unused-ignore]
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report import summary_lines, write_reports
from harness.report.audio import LONGEST_SECONDS
from harness.report.figures import draw_figures
from harness.report.findings import render_findings
from harness.report.markdown import render_markdown
from harness.report.names import NAMES
from harness.report.numerals import DASH
from harness.report.page import render_html

ROOT = Path(__file__).resolve().parents[1]
RATE = 16_000
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=y>{{ 7*7 }}</style>"
POLICY = (
    "default-src 'none'; style-src 'sha256-{}'; img-src data:; media-src data:; "
    "base-uri 'none'; form-action 'none'"
)
RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)


class Page(HTMLParser):
    """The tags of a page and the text that a reader sees."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self._unseen = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._unseen += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module", autouse=True)
def undrawn() -> Iterator[None]:
    """Figures take a second each and have tests of their own."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("page", "pdf"):
            patch.setattr(f"harness.report.{module}.draw_figures", lambda record: ())
        yield


@cache
def html_of(name: str) -> str:
    """Render one of the records, without audio, with figures, once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.report.page.draw_figures", draw_figures)
        return render_html(RECORDS[name], audio_root=ROOT)


def page_of(name: str) -> Page:
    return Page(html_of(name))


def render(verdict: dict[str, Any], *, audio_root: Path = ROOT) -> Page:
    return Page(render_html(verdict, audio_root=audio_root))


def tone(hertz: float, *, seconds: float = 1.0) -> npt.NDArray[np.float64]:
    times = np.arange(round(seconds * RATE)) / RATE
    return 0.3 * np.sin(2 * np.pi * hertz * times)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the path of everything in a record, containers included."""
    if path:
        yield path
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        entries = value.items()
    elif isinstance(value, list):
        entries = enumerate(value)
    for key, entry in entries:
        yield from leaves(entry, (*path, key))


def replaced(record: dict[str, Any], path: tuple[Any, ...], value: Any) -> Any:
    changed: Any = copy.deepcopy(record)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that holds a clip of a known tone for every emotion."""
    (tmp_path / "audio").mkdir()
    for index, emotion in enumerate(RECORDS["GO"]["design"]["emotions"]):
        path = tmp_path / "audio" / f"{emotion}.wav"
        soundfile.write(path, tone(220 * (index + 1)), RATE)
    return tmp_path


@pytest.mark.parametrize("word", ["GO", "EXTEND", "PIVOT", "FIX"])
def test_the_verdict_is_said_in_words_first(word: str) -> None:
    page = page_of(word)
    assert "".join(page.pieces).split("</h1>")[0].count(word) >= 1
    before_the_path = page.text.split("How the verdict was reached")[0]
    assert re.search(rf"\b{word}\b", before_the_path)
    assert RECORDS[word]["reason"] in before_the_path


def test_every_verdict_has_a_shape_of_its_own() -> None:
    shapes = set()
    for name in ("GO", "EXTEND", "PIVOT", "FIX", "running"):
        html = html_of(name)
        found = re.search(r'<svg class="sign".*?</svg>', html, flags=re.DOTALL)
        assert found is not None
        shapes.add(found[0])
    assert len(shapes) == 5


def test_the_next_command_is_given_to_the_letter() -> None:
    html = html_of("EXTEND")
    assert "<code>pytest --lf --samples 20</code></pre>" in html


@pytest.mark.parametrize("state", ["running", "incomplete"])
def test_a_stale_go_is_not_repeated(state: str) -> None:
    verdict = {**RECORDS["GO"], "state": state, "reason": None}
    html = render_html(verdict, audio_root=ROOT)
    assert "No verdict" in Page(html).text
    assert not re.search(r"\bGO\b", Page(html).text)
    assert 'class="verdict v-NONE"' in html
    assert re.search(r"\bGO\b", page_of("GO").text)


def test_nothing_is_loaded_and_nothing_can_run(store: Path) -> None:
    html = render_html(RECORDS["GO"], audio_root=store)
    page = Page(html)
    policies = [m for m in page.all("meta") if m.get("http-equiv")]
    style = re.search(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert [meta["content"] for meta in policies] == [POLICY.format(digest)]
    assert not [k for _, attributes in page.tags for k in attributes if k == "style"]
    targets = [
        value or ""
        for _, attributes in page.tags
        for key, value in attributes.items()
        if key in {"src", "href", "xlink:href", "action", "data", "srcset", "poster"}
    ]
    assert targets
    assert all(target.startswith(("#", "data:audio/mpeg;")) for target in targets)
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert not {"script", "link", "iframe", "object", "base"} & {
        t for t, _ in page.tags
    }
    assert not [k for _, attributes in page.tags for k in attributes if k[:2] == "on"]
    assert "http:" not in html
    assert "https:" not in html


def test_the_policy_precedes_whatever_it_governs() -> None:
    html = html_of("GO")
    assert html.lstrip().startswith("<!DOCTYPE html>")
    assert html.index("Content-Security-Policy") < html.index("<style")


def test_text_from_the_record_is_never_markup(store: Path) -> None:
    everywhere: Any = copy.deepcopy(RECORDS["FIX"])
    for path in list(leaves(everywhere)):
        owner = everywhere
        for key in path[:-1]:
            owner = owner[key]
        if isinstance(owner[path[-1]], str) and path[-1] not in {"state", "verdict"}:
            owner[path[-1]] = HOSTILE
    everywhere["claims"][0]["detail"] = {HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}
    everywhere["claims"][9]["role"] = "gate"
    plain, hostile = page_of("FIX"), render(everywhere, audio_root=store)
    assert hostile.all("script") == hostile.all("img") == []
    assert len(hostile.all("style")) == len(plain.all("style")) == 1
    assert " ".join(HOSTILE.split()) in hostile.text


def test_a_hostile_prompt_is_shown_as_it_is(store: Path) -> None:
    verdict = replaced(RECORDS["GO"], ("clips", 0, "prompt"), HOSTILE)
    page = render(verdict, audio_root=store)
    assert page.all("script") == []
    assert HOSTILE in page.text


def test_every_clip_of_the_record_has_a_player_by_emotion(store: Path) -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict["clips"] = [
        {**clip, "prompt": f"take {take}"}
        for take in range(2)
        for clip in RECORDS["GO"]["clips"]
    ]
    players = render(verdict, audio_root=store).all("audio")
    names = [
        f"{e} clip: take {n}" for e in verdict["design"]["emotions"] for n in (0, 1)
    ]
    assert [a["aria-label"] for a in players] == names
    assert all("controls" in a and a["preload"] == "metadata" for a in players)


def test_the_player_holds_the_clip_that_was_stored(store: Path) -> None:
    players = render(RECORDS["GO"], audio_root=store).all("audio")
    for index, player in enumerate(players):
        source = player["src"] or ""
        audio, rate = soundfile.read(io.BytesIO(base64.b64decode(source.split(",")[1])))
        assert rate == RATE
        spectrum = np.abs(np.fft.rfft(audio))
        heard = np.argmax(spectrum) * rate / len(audio)
        assert heard == pytest.approx(220 * (index + 1), abs=2)
        assert len(audio) == pytest.approx(RATE, rel=0.1)  # MP3 pads to whole frames


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("audio/none.wav", "none.wav is missing"),
        ("audio/damaged.wav", "damaged.wav cannot be read"),
        ("audio/empty.wav", "empty.wav holds no sound"),
        ("audio/nan.wav", "nan.wav holds values that are not numbers"),
        ("audio/fast.wav", "audio/fast.wav cannot be read"),
        ("../outside.wav", "../outside.wav lies outside"),
        ("audio/zero\0byte.wav", "cannot be read"),
        ("audio", "audio is missing"),
        (None, "the record names no file"),
    ],
)
def test_a_clip_that_cannot_be_played_is_stated(
    store: Path, file: str | None, said: str
) -> None:
    (store / "audio/damaged.wav").write_bytes(b"RIFF and then nothing")
    soundfile.write(store / "audio/empty.wav", np.zeros(0), RATE)
    broken = np.full(RATE, np.nan, dtype=np.float32)
    soundfile.write(store / "audio/nan.wav", broken, RATE, subtype="FLOAT")
    soundfile.write(store / "audio/fast.wav", np.zeros(960), 96_000)
    soundfile.write(store.parent / "outside.wav", tone(440), RATE)
    verdict = replaced(RECORDS["GO"], ("clips", 0, "file"), file)
    page = render(verdict, audio_root=store)
    assert len(page.all("audio")) == 4
    assert said in page.text


def test_an_emotion_without_a_clip_is_named(store: Path) -> None:
    verdict = {**RECORDS["GO"], "clips": RECORDS["GO"]["clips"][:3]}
    text = render(verdict, audio_root=store).text
    assert "No clip in the record for: energetic, angry." in text


def test_a_page_is_small_however_many_clips_the_record_has(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "audio").mkdir()
    for emotion in RECORDS["GO"]["design"]["emotions"]:
        noise = rng.uniform(-1, 1, 8 * 32_000)  # the worst that an MP3 can meet
        soundfile.write(tmp_path / f"audio/{emotion}.wav", noise, 32_000)
    verdict = {**RECORDS["GO"], "clips": RECORDS["GO"]["clips"] * 3}
    html = render_html(verdict, audio_root=tmp_path)
    page = Page(html)
    left_out = page.text.count("left out to keep the page small")
    assert len(page.all("audio")) + left_out == 15
    assert len(page.all("audio")) >= 10
    assert len(html.encode()) < 3_000_000


def test_only_the_first_seconds_of_a_long_clip_are_sent(store: Path) -> None:
    long = tone(440, seconds=LONGEST_SECONDS + 1)
    soundfile.write(store / "audio/happy.wav", long, RATE)
    page = render(RECORDS["GO"], audio_root=store)
    assert page.text.count(f"first {LONGEST_SECONDS:g} s") == 1
    audio, _ = soundfile.read(
        io.BytesIO(base64.b64decode((page.all("audio")[0]["src"] or "").split(",")[1]))
    )
    assert len(audio) / RATE == pytest.approx(LONGEST_SECONDS, abs=0.2)


def test_clips_beyond_the_share_of_audio_are_left_out(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [
        len(a["src"] or "")
        for a in render(RECORDS["GO"], audio_root=store).all("audio")
    ]
    monkeypatch.setattr("harness.report.audio.MOST_BYTES", sum(sizes[:3]))
    page = render(RECORDS["GO"], audio_root=store)
    assert [len(a["src"] or "") for a in page.all("audio")] == sizes[:3]
    assert page.text.count("left out to keep the page small") == 2


def test_an_empty_record_makes_a_page_that_says_so() -> None:
    page = render({})
    assert "No verdict" in page.text
    assert "No clip in the record." in page.text
    assert "no instrument checks: not measured" in page.text


def small_record() -> dict[str, Any]:
    """Take one claim of each role, and one clip; the curve has tests of its own."""
    claims = RECORDS["GO"]["claims"]
    kept = [claims[0], claims[10], claims[16], claims[20]]
    return {**RECORDS["GO"], "claims": kept, "clips": RECORDS["GO"]["clips"][:1]}


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_field_may_be_missing_or_null(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(list(leaves(small_record()))))
    strange: list[Any] = [None, float("nan"), [], {}, "", -1, "?", 1e300, [None], [{}]]
    value = data.draw(st.sampled_from(strange))
    verdict = replaced(small_record(), path, value)
    assert "<h1>" in render_html(verdict, audio_root=ROOT)
    assert render_markdown(verdict).startswith("# ")
    assert render_findings(verdict).startswith("# ")
    assert summary_lines(verdict, width=80)


@pytest.mark.parametrize("field", RECORDS["GO"])
def test_any_part_of_the_record_may_be_missing(field: str) -> None:
    verdict = {key: entry for key, entry in small_record().items() if key != field}
    assert "<h1>" in render_html(verdict, audio_root=ROOT)


@pytest.mark.parametrize("name", RECORDS)
def test_all_reports_are_written_and_nothing_else(name: str, tmp_path: Path) -> None:
    directory = tmp_path / "reports" / "latest"
    written = write_reports(RECORDS[name], directory=directory, audio_root=tmp_path)
    assert tuple(path.name for path in written) == NAMES
    assert sorted(directory.iterdir()) == sorted(written)


def test_a_page_replaces_the_one_before_it(tmp_path: Path) -> None:
    write_reports(RECORDS["GO"], directory=tmp_path, audio_root=tmp_path)
    write_reports(RECORDS["running"], directory=tmp_path, audio_root=tmp_path)
    assert "report.pdf" in [path.name for path in tmp_path.iterdir()]
    for path in tmp_path.glob("*.[hm]*"):
        assert not re.search(r"\bGO\b", Page(path.read_text(encoding="utf-8")).text)


def test_text_that_cannot_be_encoded_does_not_stop_the_page(tmp_path: Path) -> None:
    verdict = {**RECORDS["PIVOT"], "reason": json.loads('"half a pair \\ud800 here"')}
    page, *_ = write_reports(verdict, directory=tmp_path, audio_root=tmp_path)
    assert "half a pair ? here" in page.read_text(encoding="utf-8")


def test_passed_checks_are_folded_and_failed_ones_are_not() -> None:
    fine, broken = page_of("GO"), page_of("FIX")
    assert "9 of 9 checks passed" in fine.text
    assert "Instrument checks that failed" not in fine.text
    table = broken.text.split("Instrument checks that failed", 1)[1]
    table, after = table.split("7 of 9 checks passed", 1)
    assert "tempo_calibrated" in table
    assert "mode_calibrated" not in table
    assert "mode_calibrated" in after


def test_the_curve_of_an_invalid_claim_is_disowned() -> None:
    assert "The claim behind this figure is invalid" in page_of("FIX").text
    assert "The claim behind this figure is invalid" not in page_of("GO").text


def test_gates_come_before_the_panel_and_what_never_decides() -> None:
    text = page_of("GO").text
    order = ["layer_signal", "acoustic_match", "crossnobis", "umap_silhouette"]
    places = [text.index(name) for name in order]
    assert places == sorted(places)


def test_a_row_holds_the_numbers_of_its_claim() -> None:
    text = page_of("GO").text
    row = text.split("layer_signal", 1)[1].split("probe_accuracy")[0]
    for said in (
        "supported",
        "minimum",
        "audio-borne",
        "4.72 % of variance",
        "strong 5 % minimum 2 % no signal 1 %",
        "[3.39, 6.05]",
        "0.0001",
        "50 / 50",
        "raw cosine within 0.9531",
        "The effect at the best layer is above the minimum",
        "Next Steps, 'Minimum Viable Signal'",
    ):
        assert said in row, said


def test_what_the_documents_report_stands_beside_what_was_found() -> None:
    verdict = replaced(RECORDS["GO"], ("claims", 9, "documented"), "0.0047")
    text = render({**verdict, "clips": []}).text
    assert "they report 0.0047 raw cosine within 0.9531" in text
    assert "they report: 0.0047" in render_markdown(verdict)


def test_a_large_family_is_folded_under_its_sum() -> None:
    verdict = copy.deepcopy(small_record())
    member = {**RECORDS["GO"]["claims"][11], "id": "by_layer"}
    member["role"] = "panel"
    verdict["claims"] += [
        {**member, "member": f"layer {n}", "effect": n} for n in range(48)
    ]
    text = render(verdict).text
    row = text.split("by_layer")[1].split("layer 0")[0]
    assert "48 supported 0 to 47 BPM" in row
    assert "48 members" in row
    assert "layer 47" in text


def test_the_bound_of_a_claim_is_told_in_its_unit() -> None:
    verdict = copy.deepcopy(small_record())
    verdict["claims"][1]["detail"] = {"upper_bound": 0.912}
    verdict["claims"][2]["detail"] = {"upper_bound": None}
    text = render(verdict).text
    assert "upper bound, one-sided 91.2 %" in text
    assert text.count("upper bound, one-sided") == 1


def test_a_claim_without_numbers_shows_dashes() -> None:
    claim = {
        "id": "bare",
        "role": "gate",
        "effect": float("nan"),
        "ci": None,
        "p": None,
    }
    text = render({**RECORDS["EXTEND"], "claims": [claim]}).text
    row = (
        text.split("A dash")[0]
        .split("No statement in the record. bare")[1]
        .split("Why, source and detail")[0]
    )
    assert row.split() == ["undecided", *[DASH] * 5, "/", DASH, "1", DASH]


def test_a_strength_that_is_no_word_reaches_no_tier() -> None:
    for place, claim in enumerate(RECORDS["GO"]["claims"]):
        if claim["role"] == "gate":
            odd = replaced(RECORDS["GO"], ("claims", place, "strength"), [])
            assert "Tier of success" not in render_findings(odd)


def test_a_heavy_detail_does_not_make_a_heavy_page() -> None:
    verdict = replaced(
        RECORDS["GO"], ("claims", 10, "detail"), {"null": list(range(200_000))}
    )
    html = render_html(verdict, audio_root=ROOT)
    assert "(200,000 values)" in html
    assert len(html) < 400_000


def test_importing_the_reports_does_not_import_matplotlib() -> None:
    code = "import sys, harness.report; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_the_legend_explains_what_is_only_described() -> None:
    legend = render(RECORDS["GO"]).text.split("What the words mean")[1]
    assert "described Shown for the reader: the claim states no threshold" in legend


def test_a_clip_that_is_gone_is_a_warning(tmp_path: Path) -> None:
    text = render(RECORDS["GO"], audio_root=tmp_path).text
    clip = RECORDS["GO"]["clips"][0]
    gone = f"A clip of {clip['emotion']}: {Path(clip['file']).name} is missing."
    assert gone in text.split("Warnings")[1]
    unmade = {
        **RECORDS["incomplete"],
        "clips": [{"emotion": "sad", "note": "not made"}],
    }
    assert "A clip of sad" not in render(unmade, audio_root=tmp_path).text


def test_an_unfinished_run_is_compared_with_nothing() -> None:
    looks = [{"number": 1, "samples": 10, "kind": "planned", "verdict": "GO"}]
    said = "Nothing was found otherwise than before."
    assert said in render({**RECORDS["EXTEND"], "changed": [], "looks": looks}).text
    unfinished = {**RECORDS["incomplete"], "changed": [], "looks": looks}
    assert said not in render(unfinished).text
