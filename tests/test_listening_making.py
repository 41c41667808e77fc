"""From a run's record and store to page and key, without a model."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clips_for_tests import CARD, GENERATION, put_clip

import harness.listening.making as making
from harness.design import clip_table
from harness.inference.looks import look_for
from harness.listening.commands import main
from harness.listening.sheet import ListeningError, read_sheet
from harness.plan import Plan, make_plan
from harness.prompts import load_bank
from harness.request import Request
from harness.run import Run, RunError
from harness.store import Store

EMOTIONS = ("happy", "sad")
RECORD: dict[str, Any] = {
    "model": {"name": CARD.name, "fingerprint": CARD.fingerprint},
    "design": {
        "emotions": list(EMOTIONS),
        "clips_per_emotion": 10,
        "alpha": 0.05,
        "duration_s": 0.1,
        "seed": 0,
        "bank": "matched",
        "bank_digest": load_bank("matched").digest,
    },
    "environment": {"device": "cpu", "dtype": "float32"},
}


def plan() -> Plan:
    return make_plan(
        load_bank("matched").select(EMOTIONS, 10, seed=0),
        seeds_per_prompt=1,
        seed=0,
        fingerprint=CARD.fingerprint,
        generation=GENERATION,
    )


class Place:
    """A run that was made: its record, its store, and the command line."""

    def __init__(self, path: Path, store: Path) -> None:
        self.path = path
        self.store = store
        self.requests: list[Request] = []
        self.plan = plan()
        self.write(RECORD)

    def write(self, record: dict[str, Any]) -> None:
        folder = self.path / "reports" / "latest"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "verdict.json").write_text(json.dumps(record))

    def open_run(self, request: Request, *, generates: bool) -> Run:
        assert not generates
        if request.model != CARD.name:
            msg = f"`--model {request.model}` is not there."
            raise RunError(msg)
        self.requests.append(request)
        bank = load_bank(request.prompts)
        return Run(
            request,
            checkpoint=None,  # type: ignore[arg-type]
            card=CARD,
            bank=bank,
            prompts=bank.select(EMOTIONS, 10, seed=request.seed),
            plan=self.plan,
            store=Store(request.store, CARD),
            planned=look_for(request.samples),
        )

    def make(self, *arguments: str) -> int:
        reports = str(self.path / "reports" / "latest")
        where = ["--store", str(self.store), "--report-dir", reports]
        return main(["make", *arguments, *where])

    def pages(self) -> list[Path]:
        return sorted((self.path / "reports" / "listening").glob("*.html"))


@pytest.fixture(scope="module")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store")
    store = Store(path, CARD)
    for clip in plan().clips:
        put_clip(store, clip)
    return path


@pytest.fixture
def place(tmp_path: Path, full_store: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path, full_store)
    monkeypatch.setattr(making, "open_run", made.open_run)
    return made


def test_page_and_key_are_of_the_run_that_the_record_names(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.make("--clips", "5", "--repeats", "3", "--raters", "5") == 0
    said = capsys.readouterr().out
    (page,) = place.pages()
    sheet = read_sheet(page.stem, folder=page.parent)
    assert (len(sheet.trials), len(sheet.partners), sheet.raters) == (13, 3, 5)
    assert {t.key for t in sheet.trials} <= set(place.plan.keys)
    emotion = {clip.key: clip.prompt.emotion for clip in place.plan.clips}
    assert all(emotion[t.key] == t.emotion for t in sheet.trials)
    assert sheet.minimum_ms == 90  # clips of 0.1 s are shorter than any minimum
    assert f"test {sheet.id}: 10 clips, 3 of them twice" in said
    assert str(page) in said
    reports = place.path / "reports" / "latest"
    assert said.splitlines()[-1] == (
        f"then: uv run python -m harness.listening collect --store {place.store} "
        f"--report-dir {reports} ratings-*.json"
    )
    text = page.read_text(encoding="utf-8")
    assert not any(clip.prompt.text in text for clip in place.plan.clips)
    assert not re.search(r"(src|href)=\"(?!#)[^\"]", text)  # nothing is loaded
    (request,) = place.requests
    assert (request.samples, request.emotions) == (10, EMOTIONS)
    assert (request.duration, request.device, request.dtype) == (0.1, "cpu", "float32")


def test_the_same_seed_makes_the_same_test(place: Place) -> None:
    assert place.make() == 0
    (first,) = place.pages()
    content = first.read_bytes()
    assert place.make() == 0
    assert place.pages() == [first]
    assert first.read_bytes() == content
    assert place.make("--seed", "1") == 0
    assert len(place.pages()) == 2


def _changed(**changes: dict[str, Any]) -> dict[str, Any]:
    return {k: {**v, **changes.get(k, {})} for k, v in RECORD.items()}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (_changed(model={"fingerprint": "f" * 32}), "the model that `verdict.json`"),
        (_changed(design={"bank_digest": "f" * 32}), "the bank that `verdict.json`"),
        (_changed(model={"name": "elsewhere"}), "`--model elsewhere` is not there"),
        (_changed(design={"duration_s": "long"}), "does not say which clips"),
        ({"design": {}}, "does not say which clips"),
        ({"state": "running"}, "must hold the record of a run"),
    ],
)
def test_a_record_of_another_run_is_refused_in_one_line(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    record: dict[str, Any],
    said: str,
) -> None:
    place.write(record)
    assert place.make() == 4
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert place.pages() == []


def test_a_test_that_could_not_decide_anything_is_not_made(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write(_changed(design={"alpha": 0.01}))
    assert place.make("--clips", "5") == 4  # 1 of 2 ** 5 ways to deal two labels out
    assert "the smallest p would be 0.031" in capsys.readouterr().err
    assert place.make("--clips", "7") == 0


def test_prompts_that_share_their_words_are_too_few_to_conclude_from() -> None:
    table = clip_table(plan(), bank=load_bank("matched"))
    assert table.template is not None
    making._check_power(table, table.specs, alpha=None)
    alike = replace(table, template=table.template % 3)
    with pytest.raises(ListeningError, match=r"of 3 prompts that share no word"):
        making._check_power(alike, alike.specs, alpha=None)


def test_clips_that_are_gone_are_not_heard(
    place: Place, full_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.store = place.path / "store"
    shutil.copytree(full_store, place.store)
    records = place.store / CARD.fingerprint
    gone = [c.key for c in place.plan.evidence_clips() if c.prompt.emotion == "sad"]
    for key in gone[:-2]:
        for path in records.rglob(f"{key}.json"):
            path.unlink()
    assert place.make() == 4
    assert "asks for more than there are: must be at most" in capsys.readouterr().err
    for key in gone[-2:]:
        for path in records.rglob(f"{key}.json"):
            path.unlink()
    assert place.make() == 4
    assert "has no clip of sad" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--clips", "3"), "`--clips` must be at least 4"),
        (("--clips", "11"), "must be at most 10"),
        (("--repeats", "-1"), "`--repeats` must lie between 0 and"),
        (("--raters", "1"), "`--raters` must be at least 4, got 1"),
        (("--listen", "0"), "`--listen` must be seconds above 0"),
        (("--listen", "nan"), "`--listen` must be seconds above 0"),
        (("--seed", "-1"), "`--seed` must be a whole number"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(
    place: Place,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert place.make(*arguments) == 4
    assert said in capsys.readouterr().err
