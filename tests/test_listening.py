"""Making a listening test, collecting ratings, and everything raters may send."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from listening_for_tests import (
    EMOTIONS,
    clips_of,
    right,
    saved,
    seal,
    sheet_with,
)

from harness.design import ClipTable, clip_table
from harness.ledger import Ledger
from harness.listening.choice import chosen_clips, heard_again
from harness.listening.commands import main
from harness.listening.heard import heard_by_raters
from harness.listening.ratings import RATINGS_NAME, refused_files
from harness.listening.sheet import (
    ListeningError,
    Sheet,
    Trial,
    read_sheet,
    write_sheet,
)
from harness.listening.sound import sounds_of_one_size
from harness.plan import Generation, make_plan
from harness.prompts import load_bank
from harness.store.survey import engine_folder


def table_of_bank(prompts: int, *, bank: str = "matched", seed: int = 0) -> ClipTable:
    """Clips of a shipped bank, as a run would have them."""
    shipped = load_bank(bank)
    plan = make_plan(
        shipped.select(EMOTIONS, prompts, seed=seed),
        seeds_per_prompt=1,
        seed=seed,
        fingerprint="0123456789abcdef",
        generation=Generation(duration_seconds=1.0),
    )
    return clip_table(plan, bank=shipped)


# --- the choice -----------------------------------------------------------------------


def test_every_emotion_is_heard_in_the_same_templates() -> None:
    table = table_of_bank(20)
    clips = chosen_clips(table, per_emotion=6, rng=np.random.default_rng(0))
    by_emotion = {e: [] for e in EMOTIONS}  # type: dict[str, list[str]]
    for clip in clips:
        by_emotion[clip.prompt.emotion].append(clip.prompt.template)
    assert {tuple(templates) for templates in by_emotion.values()} == {
        tuple(by_emotion["happy"])
    }
    assert len(set(by_emotion["happy"])) == 6
    same = chosen_clips(table, per_emotion=6, rng=np.random.default_rng(0))
    other = chosen_clips(table, per_emotion=6, rng=np.random.default_rng(1))
    assert clips == same
    assert clips != other


def test_templates_that_share_words_come_last() -> None:
    table = table_of_bank(20)
    assert table.template is not None
    groups = len(set(table.template.tolist()))
    clips = chosen_clips(table, per_emotion=8, rng=np.random.default_rng(2))
    keys = {clip.key for clip in clips}
    heard = [
        table.template[prompt]
        for prompt, key in zip(table.prompt_of_clip, table.keys, strict=True)
        if key in keys
    ]
    assert len(set(heard)) == min(8, groups)


def test_prompts_without_templates_are_chosen_one_by_one() -> None:
    table = table_of_bank(8, bank="generic")
    clips = chosen_clips(table, per_emotion=5, rng=np.random.default_rng(0))
    assert [clip.prompt.emotion for clip in clips] == list(np.repeat(EMOTIONS, 5))
    assert len({clip.key for clip in clips}) == 20


def test_more_clips_than_there_are_and_too_few_to_conclude_from_are_refused() -> None:
    table = table_of_bank(10)
    with pytest.raises(ListeningError, match=r"`--clips 11` .* must be at most 10"):
        chosen_clips(table, per_emotion=11, rng=np.random.default_rng(0))
    with pytest.raises(ListeningError, match=r"`--clips` must be at least 4 .* got 3"):
        chosen_clips(table, per_emotion=3, rng=np.random.default_rng(0))


def test_emotions_take_turns_in_being_heard_again() -> None:
    clips = clips_of(6)
    again = heard_again(clips, count=4, rng=np.random.default_rng(0))
    assert sorted(clip.prompt.emotion for clip in again) == sorted(EMOTIONS)
    with pytest.raises(ListeningError, match=r"`--repeats` must lie between 0 and 24"):
        heard_again(clips, count=25, rng=np.random.default_rng(0))


# --- sounds and key -------------------------------------------------------------------


def test_loud_and_soft_clips_take_the_same_room_and_stay_loud_and_soft() -> None:
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    audio = {
        "loud": (0.3 * noise, 16_000),
        "soft": (0.01 * noise, 16_000),
        "silent": (0 * noise, 16_000),
    }
    uris = sounds_of_one_size(audio)
    assert len({len(uri) for uri in uris.values()}) == 1
    rms = {}
    for name, uri in uris.items():
        packed = base64.b64decode(uri.removeprefix("data:audio/mpeg;base64,"))
        samples, rate = soundfile.read(io.BytesIO(packed))
        assert (len(samples), rate) == (16_000, 16_000)
        rms[name] = float(np.sqrt(np.mean(samples**2)))
    assert rms["loud"] / rms["soft"] == pytest.approx(30, rel=0.2)


def test_clips_of_two_lengths_would_tell_themselves_apart() -> None:
    audio = {
        "a": (np.zeros(800, np.float32), 16_000),
        "b": (np.zeros(900, np.float32), 16_000),
    }
    with pytest.raises(ListeningError, match="must be of one length"):
        sounds_of_one_size(audio)
    with pytest.raises(ListeningError, match="clip a holds no sound"):
        sounds_of_one_size({"a": (np.full(800, np.nan, np.float32), 16_000)})


def test_a_key_is_read_back_and_an_edited_one_refused(tmp_path: Path) -> None:
    sheet = sheet_with(4, repeats=2)
    path = write_sheet(sheet, folder=tmp_path)
    assert read_sheet(sheet.id, folder=tmp_path) == sheet
    path.write_text(path.read_text().replace('"raters": 8', '"raters": 4'))
    with pytest.raises(ListeningError, match="not as it was written"):
        read_sheet(sheet.id, folder=tmp_path)
    path.write_text(path.read_text()[:200])
    with pytest.raises(ListeningError, match="not as it was written"):
        read_sheet(sheet.id, folder=tmp_path)
    with pytest.raises(ListeningError, match=r"`other` has no key .* another test"):
        read_sheet("other", folder=tmp_path)


# --- collecting -----------------------------------------------------------------------


class Desk:
    """A store, a folder with the key, and the command line."""

    def __init__(self, path: Path, sheet: Sheet) -> None:
        self.path, self.sheet = path, sheet
        self.keys = path / "listening"
        write_sheet(sheet, folder=_made(self.keys))
        self.store = path / "store"
        for trial in sheet.trials:
            put_record(self.store, sheet.model, trial.key)
        self.ratings = Ledger(self.store / RATINGS_NAME)

    def collect(self, *files: Path, more: Sequence[str] = ()) -> int:
        where = ["--store", str(self.store), "--keys", str(self.keys)]
        reports = ["--report-dir", str(self.path / "latest")]
        return main(["collect", *map(str, files), *where, *reports, *more])

    def raters(self) -> list[str]:
        return [e["rater"] for e in self.ratings.entries() if e["event"] == "ratings"]

    def refused(self) -> list[tuple[str, str]]:
        return refused_files(self.ratings.entries())

    def saved(self, **given: Any) -> Path:
        return saved(self.sheet, self.path, **given)


def put_record(store: Path, model: str, key: str) -> None:
    folder = _made(store / engine_folder(model, 3) / "records")
    (folder / f"{key}.json").write_text("{}")


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture(scope="module")
def sheet() -> Sheet:
    return sheet_with(4, repeats=2, raters=4)


@pytest.fixture
def desk(tmp_path: Path, sheet: Sheet) -> Desk:
    return Desk(tmp_path, sheet)


def test_ratings_are_added_with_what_they_are_about(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.collect(desk.saved(rater="r01"), desk.saved(rater="r02")) == 0
    said = capsys.readouterr().out
    assert f"added, rater 2 of 4 planned for test {desk.sheet.id}" in said
    assert "2 added, 0 on record before, 0 refused" in said
    first, second = desk.ratings.entries()
    assert (first["rater"], second["rater"]) == ("r01", "r02")
    assert first["raters_planned"] == 4
    about = first["clips"]
    assert all(about[a["trial"]]["emotion"] == a["emotion"] for a in first["answers"])


def _without_last(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "answers": data["answers"][:-1]}


def _first(**changes: Any) -> Any:
    def edit(data: dict[str, Any]) -> dict[str, Any]:
        first, *rest = data["answers"]
        return {**data, "answers": [{**first, **changes}, *rest]}

    return edit


def _first_twice(data: dict[str, Any]) -> dict[str, Any]:
    first, second, *rest = data["answers"]
    return {
        **data,
        "answers": [first, {**second, "trial": first["trial"]}, *rest],
    }


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_without_last, "no answer for clips"),
        (_first(trial="ffffffffffff"), "clips that the test does not have: ffffff"),
        (_first_twice, "no answer for clips"),
        (_first(emotion="angry"), "emotion must be one of happy, sad, calm, energetic"),
        (_first(emotion=None), "`emotion` must be text, got None"),
        (_first(valence=101), "`valence` must lie between -100 and 100, got 101"),
        (_first(arousal=0.5), "`arousal` must be a whole number, got 0.5"),
        (_first(arousal=True), "`arousal` must be a whole number, got True"),
        (_first(heard_ms=10), "must be heard for 300 ms or more, got 10"),
        (_first(heard_ms=-1), "`heard_ms` must be 0 or more"),
        (_first(position=3), "`position` must be 0, got 3"),
        (lambda d: {**d, "rater": "Ada Lovelace"}, "`rater` must be 1 to 32 letters"),
        (lambda d: {**d, "rater": None}, "`rater` must be 1 to 32 letters"),
        (lambda d: {**d, "test": "0" * 16}, "has no key in"),
        (lambda d: {**d, "test": "../../etc/passwd"}, "has no key in"),
        (lambda d: {**d, "test": 3}, "`test` must be text, got 3"),
        (lambda d: {**d, "version": 2}, "is of version 2, must be 1"),
        (lambda d: {**d, "format": "verdict"}, "is no file of ratings"),
        (lambda d: {**d, "answers": "all good"}, "`answers` must be a list"),
        (lambda d: {**d, "started": None}, "`started` must be a whole number"),
    ],
)
def test_what_cannot_be_an_answer_is_refused_by_name(
    desk: Desk, capsys: pytest.CaptureFixture[str], edit: Any, said: str
) -> None:
    good = desk.saved(rater="r01")
    bad = desk.path / "bad.json"
    seal(bad, edit(json.loads(good.read_text())))
    assert desk.collect(bad, good) == 1  # the good one is added all the same
    told = capsys.readouterr()
    assert told.err.startswith(f"{bad}: not added: ")
    assert said in told.err
    assert told.err.count("\n") == 1
    assert "1 added, 0 on record before, 1 refused" in told.out
    assert desk.raters() == ["r01"]
    ((file, because),) = desk.refused()  # the report can say so
    assert file == "bad.json"
    assert said in because


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not whole JSON"),
        ("[]", "is no file of ratings"),
        ("\ufeffnothing", "is not whole JSON"),
        ("[" * 100_000, "is not whole JSON"),
        ("test,rater,position\r\n", "is the table (CSV)"),
    ],
)
def test_files_that_are_something_else_are_refused(
    desk: Desk, capsys: pytest.CaptureFixture[str], content: str, said: str
) -> None:
    path = desk.path / "ratings.json"
    path.write_text(content)
    assert desk.collect(path, desk.path / "not there.json") == 1
    told = capsys.readouterr().err.splitlines()
    assert said in told[0]
    assert "cannot be read (No such file or directory)" in told[1]
    assert desk.raters() == []
    assert [file for file, _ in desk.refused()] == ["ratings.json"]


def test_half_a_file_and_an_edited_one_are_refused(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    path = desk.saved()
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2])
    assert desk.collect(path) == 1
    assert "is not whole JSON" in capsys.readouterr().err
    data = json.loads(whole)
    data["answers"][0]["emotion"] = "sad"
    data["answers"][1]["emotion"] = "happy"
    path.write_text(json.dumps(data))
    assert desk.collect(path) == 1
    assert "it was changed after it was saved" in capsys.readouterr().err


def test_a_rater_counts_once(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    path = desk.saved(rater="r01")
    data = json.loads(path.read_text())
    assert desk.collect(path, path) == 0  # as with `ratings-*.json` a second time
    told = capsys.readouterr().out
    assert "is on record for test" in told
    assert "1 added, 1 on record before, 0 refused" in told
    assert desk.collect(desk.saved(rater="r01", seed=1)) == 1
    assert "with other answers, which stand" in capsys.readouterr().err
    copied = seal(desk.path / "copied.json", {**data, "rater": "r02"})
    assert desk.collect(copied) == 1
    assert "the very answers of `r01`" in capsys.readouterr().err
    assert desk.raters() == ["r01"]


def test_two_raters_with_one_code_are_told_apart_by_hand(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.collect(desk.saved(rater="r01")) == 0
    other = desk.saved(rater="r01", seed=1)
    assert desk.collect(other) == 1
    assert "a code of its own: --as CODE" in capsys.readouterr().err
    assert len(desk.refused()) == 1
    assert desk.collect(other, more=["--as", "r 7"]) == 1
    assert "`--as` must be 1 to 32 letters" in capsys.readouterr().err
    assert desk.collect(other, more=["--as", "r07"]) == 0
    assert desk.raters() == ["r01", "r07"]
    assert desk.refused() == []  # nothing is missing any more
    assert desk.collect(other, other, more=["--as", "r08"]) == 4
    assert "`--as` is for one file, got 2" in capsys.readouterr().err


def test_a_refused_file_is_on_record_once_and_until_it_is_added(desk: Desk) -> None:
    path = desk.saved(rater="r01")
    whole = path.read_text()
    path.write_text(whole[:100])
    assert desk.collect(path) == 1
    assert desk.collect(path) == 1
    assert len(desk.ratings.entries()) == 1
    table = table_of_sheet(desk.sheet)
    (said,) = heard_by_raters(desk.ratings.entries(), table).beside
    assert said.startswith(f"refused, {path.name}: it is not whole JSON")
    path.write_text(whole)
    assert desk.collect(path) == 0
    assert heard_by_raters(desk.ratings.entries(), table).beside == ()


def test_ratings_are_not_put_where_no_run_would_find_them(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    path = desk.saved(rater="r01")
    right_one, desk.store = desk.store, desk.path / "typo"
    assert desk.collect(path) == 4
    assert "typo` holds no clips" in capsys.readouterr().err
    assert not desk.store.exists()
    put_record(desk.store, desk.sheet.model, "e" * 32)  # of another run
    assert desk.collect(path) == 1
    assert "holds none of the clips of test" in capsys.readouterr().err
    desk.store = right_one
    assert desk.collect(path) == 0
    assert desk.raters() == ["r01"]


def test_the_next_command_is_about_the_same_store_and_report(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.collect(desk.saved(rater="r01")) == 0
    said = capsys.readouterr().out
    assert "`uv run pytest -m week2 --samples 20 " in said
    assert f"--store {desk.store} --report-dir {desk.path / 'latest'}`" in said


def test_broken_ratings_on_record_are_not_written_to(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert desk.collect(desk.saved(rater="r01")) == 0
    broken = desk.ratings.path.read_text()[:-40]
    desk.ratings.path.write_text(broken)
    assert desk.collect(desk.saved(rater="r02")) == 4
    told = capsys.readouterr().err
    assert "is not as it was written: ratings cannot be counted." in told
    assert "collect the raters' JSON files again" in told
    assert "--store" not in told
    assert desk.ratings.path.read_text() == broken


def test_without_a_run_there_is_nothing_to_make_a_test_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--report-dir", str(tmp_path)]
    assert main(["make", *where]) == 4
    assert "must hold the record of a run" in capsys.readouterr().err
    (tmp_path / "verdict.json").write_text('{"design": {"emotions": ["happy"]}}')
    assert main(["make", *where]) == 4
    assert "does not say which clips it is about" in capsys.readouterr().err
    assert main(["make", *where, "--raters", "2"]) == 4
    assert "`--raters` must be at least 4, got 2" in capsys.readouterr().err


# --- what counts ----------------------------------------------------------------------


def entries_of(desk: Desk, raters: int, **given: Any) -> list[dict[str, Any]]:
    files = [desk.saved(rater=f"r{k:02d}", **given) for k in range(raters)]
    assert desk.collect(*files) == 0
    return desk.ratings.entries()


def table_of_sheet(sheet: Sheet) -> ClipTable:
    """The run that the sheet's clips are from, in an order of its own."""
    table = table_of_bank(4)
    first = {t.key: t.emotion for t in sheet.trials if not t.again}
    by_key = {clip.key: clip for clip in clips_of(4)}
    specs = tuple(by_key[key] for key in sorted(first))
    codes = {emotion: k for k, emotion in enumerate(EMOTIONS)}
    template = [int(s.prompt.template[1:]) for s in specs]
    return replace(
        table,
        specs=specs,
        controls=specs,
        emotions=EMOTIONS,
        emotion=np.array([codes[s.prompt.emotion] for s in specs]),
        template=np.array(template),
        cohort=np.zeros(len(specs), np.intp),
        prompt_of_clip=np.arange(len(specs)),
        prompt_of_control=np.arange(len(specs)),
    )


def test_answers_find_their_clips_in_whatever_order_they_were_heard(desk: Desk) -> None:
    def steady(trial: Trial) -> dict[str, Any]:
        return {**right(trial), "arousal": 10 if trial.again else 30}

    heard = heard_by_raters(
        entries_of(desk, 3, hears=steady), table_of_sheet(desk.sheet)
    )
    assert heard.raters == ("r00", "r01", "r02")
    assert heard.planned == 4
    np.testing.assert_array_equal(
        heard.answers, np.tile(heard.table.emotion_of_clip, (3, 1))
    )
    assert heard.clip_again.size == 2
    # The two presentations of a clip: whichever this rater heard first, counts.
    both = {
        (int(a), int(b))
        for rater in range(3)
        for a, b in zip(
            heard.arousal[rater, heard.clip_again],
            heard.again_arousal[rater],
            strict=True,
        )
    }
    assert both == {(30, 10), (10, 30)}


def test_the_planned_raters_count_and_late_ones_are_named(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = entries_of(desk, 6)
    assert "beyond the 4 raters planned, so it is kept" in capsys.readouterr().out
    heard = heard_by_raters(entries, table_of_sheet(desk.sheet))
    assert heard.raters == ("r00", "r01", "r02", "r03")
    assert heard.beside == ("beyond the planned 4: r04, r05",)


def test_which_test_counts_does_not_depend_on_its_answers(desk: Desk) -> None:
    entries = entries_of(desk, 2)
    table = table_of_sheet(desk.sheet)
    other = {**entries[0], "test": "other", "rater": "r09"}
    larger = {**other, "test": "larger", "samples": 50}
    foreign = {
        **other,
        "test": "foreign",
        "clips": {t: {**c, "key": "f" * 32} for t, c in entries[0]["clips"].items()},
    }
    heard = heard_by_raters([*entries, other, foreign], table)
    assert heard.raters == ("r00", "r01")
    assert heard.beside == ("test other: 1 rater", "test foreign: 1 rater")
    assert heard_by_raters([*entries, larger], table).raters == ("r09",)
    nobody = heard_by_raters([foreign], table)
    assert nobody.raters == ()
    assert nobody.beside == ("test foreign: 1 rater",)


def test_a_sheet_holds_what_its_page_must_not(sheet: Sheet) -> None:
    known = asdict(sheet)
    assert {t["emotion"] for t in known["trials"]} == set(EMOTIONS)
    assert len(sheet.partners) == 2
    assert len(sheet.id) == 16
