"""Clips are drawn by lot, as many of each emotion, and what was heard is on record."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from clips_for_tests import CARD, plan_of, put_clip

from harness.excerpts import clear_excerpts, excerpts, heard
from harness.files import checksum
from harness.plan import Plan
from harness.request import Request
from harness.run import Run
from harness.store import Store

TEMPO = {"happy": 130.123456, "sad": 70.0}


@dataclass
class Made:
    """As much of a run as is read: its clips are noise, and what was heard made up."""

    store: Store
    request: Request
    plan: Plan = field(default_factory=lambda: plan_of(6))

    @property
    def run(self) -> Run:
        return cast(Run, self)


@pytest.fixture
def made(tmp_path: Path) -> Made:
    request = Request(model="phantom:paper", emotions=("happy", "sad"), samples=6)
    found = Made(store=Store(str(tmp_path / "store"), CARD), request=request)
    for clip in found.plan.clips:
        put_clip(found.store, clip)
        features = {"tempo_bpm": TEMPO[clip.prompt.emotion], "rms": None, "mode": "x"}
        found.store.write_features(clip.key, features)
    return found


def drawn(made: Made, folder: Path) -> list[dict[str, Any]]:
    return excerpts(made.run, folder)


def test_two_clips_of_each_emotion_are_written_beside_the_record(
    made: Made, tmp_path: Path
) -> None:
    found = drawn(made, tmp_path)
    assert Counter(clip["emotion"] for clip in found) == {"happy": 2, "sad": 2}
    assert [clip["file"] for clip in found] == [
        "clips/1-happy.mp3",
        "clips/2-happy.mp3",
        "clips/3-sad.mp3",
        "clips/4-sad.mp3",
    ]
    for clip in found:
        assert checksum(tmp_path / clip["file"]) == clip["checksum"]
        assert clip["tempo_bpm"] == TEMPO[clip["emotion"]]
    assert len({clip["prompt"] for clip in found}) == 4


def test_the_lot_is_that_of_the_seed(made: Made, tmp_path: Path) -> None:
    prompts = [clip["prompt"] for clip in drawn(made, tmp_path)]
    assert prompts == [clip["prompt"] for clip in drawn(made, tmp_path)]
    others = []
    for seed in range(1, 6):
        made.request = Request(
            model="phantom:paper", emotions=("happy", "sad"), samples=6, seed=seed
        )
        others.append([clip["prompt"] for clip in drawn(made, tmp_path)])
    assert len({tuple(other) for other in [prompts, *others]}) > 3


def test_no_clip_is_drawn_more_often_than_others(made: Made, tmp_path: Path) -> None:
    """Over many seeds each of the 6 is drawn in a third: 100 of 300, SD 8."""
    made.store = Store(str(tmp_path / "empty"), CARD)  # nothing to be encoded
    counts: Counter[str] = Counter()
    for seed in range(300):
        made.request = Request(
            model="phantom:paper", emotions=("happy", "sad"), samples=6, seed=seed
        )
        counts.update(clip["prompt"] for clip in drawn(made, tmp_path))
    assert len(counts) == 12
    assert max(abs(count - 100) for count in counts.values()) < 33


def test_a_clip_that_is_not_there_is_missed_and_not_replaced(
    made: Made, tmp_path: Path
) -> None:
    wanted = [clip["prompt"] for clip in drawn(made, tmp_path)]
    empty = Made(store=Store(str(tmp_path / "empty"), CARD), request=made.request)
    found = drawn(empty, tmp_path / "report")
    assert [clip["prompt"] for clip in found] == wanted
    assert {clip["note"] for clip in found} == {"the clip has not been made"}
    assert not (tmp_path / "report").exists()


def test_a_clip_that_cannot_be_played_says_why(made: Made, tmp_path: Path) -> None:
    first = drawn(made, tmp_path)[0]
    spec = next(c for c in made.plan.clips if c.prompt.text == first["prompt"])
    made.store.audio_path(spec.key).write_bytes(b"no music")
    note = drawn(made, tmp_path)[0]["note"]
    assert re.fullmatch(r"\w+\.wav cannot be read as sound: it is damaged", note)


def test_what_an_earlier_run_wrote_is_taken_away(made: Made, tmp_path: Path) -> None:
    drawn(made, tmp_path)
    (tmp_path / "clips" / "notes.txt").write_text("mine", encoding="utf-8")
    clear_excerpts(tmp_path)
    clear_excerpts(tmp_path / "nowhere")
    assert [p.name for p in (tmp_path / "clips").iterdir()] == ["notes.txt"]


def test_what_was_heard_is_on_record_clip_by_clip(made: Made) -> None:
    found = heard(made.run)
    assert Counter(found["emotion"]) == {"happy": 6, "sad": 6}
    pairs = set(zip(found["emotion"], found["tempo_bpm"], strict=True))
    assert pairs == {("happy", 130.1), ("sad", 70.0)}
    assert found["rms"] == [None] * 12
    assert found["bounds"]["happy"]["tempo_bpm_above"] == 120


def test_clips_that_nobody_listened_to_are_left_out(made: Made, tmp_path: Path) -> None:
    store = Store(str(tmp_path / "silent"), CARD)
    put_clip(store, made.plan.clips[0])
    silent = Made(store=store, request=made.request)
    assert heard(silent.run)["emotion"] == []
