"""Damage is seen, reported and mended; what cannot be written is not half there."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clips_for_tests import (
    CARD,
    CLIPS,
    FIRST,
    PLAN,
    flip_a_bit,
    put_clip,
    reopened,
    tree,
)

from harness.files import FileError
from harness.store import Store, StoreError

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def cut_in_half(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def delete(path: Path) -> None:
    path.unlink()


def change_the_seed(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"{FIRST.seed}", f"{FIRST.seed + 1}"))


def change_the_steps(path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "steps": [8, 9]}))


def forget_the_files(path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "files": {}}))


def keep_only_the_key(path: Path) -> None:
    path.write_text(json.dumps({"key": FIRST.key}))


def not_a_record(path: Path) -> None:
    path.write_text("[1, 2, 3]")


DAMAGE = [
    (f"{folder}/{{key}}.{suffix}", spoil)
    for folder, suffix in (("audio", "wav"), ("captures", "parquet"))
    for spoil in (flip_a_bit, cut_in_half, empty, delete)
] + [
    ("records/{key}.json", spoil)
    for spoil in (
        cut_in_half,
        empty,
        not_a_record,
        keep_only_the_key,
        forget_the_files,
        change_the_seed,
        change_the_steps,
    )
]


@pytest.mark.parametrize(
    ("name", "spoil"),
    DAMAGE,
    ids=[f"{name.split('/')[0]}-{spoil.__name__}" for name, spoil in DAMAGE],
)
def test_damage_is_found_reported_and_mended(
    store: Store, name: str, spoil: Callable[[Path], None]
) -> None:
    untouched = tree(store.directory)
    path = store.directory / name.format(key=FIRST.key)
    spoil(path)
    again = reopened(store)
    if not name.startswith("audio"):
        with pytest.raises(StoreError, match=FIRST.key):
            again.captures([FIRST.key], "mean")
    (report,) = again.verify(PLAN.keys)
    assert FIRST.key in report
    assert again.missing(CLIPS) == [FIRST]
    assert not again.has(FIRST.key)
    assert again.damage_reports() == [report]
    assert reopened(store).damage_reports() == [report]  # by any worker
    with pytest.raises(StoreError, match=FIRST.key):
        again.captures([FIRST.key], "mean")
    put_clip(again, FIRST)
    assert reopened(store).verify(PLAN.keys) == []
    assert reopened(store).missing(CLIPS) == []
    mended = tree(store.directory)
    del mended["damage.txt"]
    assert mended == untouched


def test_damage_to_a_file_is_named(store: Store) -> None:
    flip_a_bit(store.audio_path(FIRST.key))
    again = reopened(store)
    with pytest.raises(StoreError, match=r"wav does not match its checksum\. Run"):
        again.audio(FIRST.key)
    assert again.verify([FIRST.key]) == [
        f"Clip {FIRST.key}: audio/{FIRST.key}.wav does not match its checksum; it was "
        "generated again."
    ]


def test_a_record_of_another_clip_is_damage(store: Store) -> None:
    records = store.directory / "records"
    content = (records / f"{CLIPS[1].key}.json").read_bytes()
    (records / f"{FIRST.key}.json").write_bytes(content)
    again = reopened(store)
    with pytest.raises(StoreError, match=f"record is that of clip {CLIPS[1].key}"):
        again.record(FIRST.key)
    assert len(again.verify(PLAN.keys)) == 1
    assert again.missing(CLIPS) == [FIRST]


def test_swapped_captures_are_damage(store: Store) -> None:
    one, two = (
        store.directory / "captures" / f"{clip.key}.parquet" for clip in CLIPS[:2]
    )
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    again = reopened(store)
    for clip in CLIPS[:2]:
        with pytest.raises(StoreError, match="parquet does not match its checksum"):
            again.captures([clip.key], "mean")
    assert len(again.verify(PLAN.keys)) == 2
    assert again.missing(CLIPS) == list(CLIPS[:2])


def test_what_was_established_and_then_changed_is_as_good_as_missing(
    store: Store,
) -> None:
    store.write_check("repeat", {"differing": ["key"]})
    store.write_features(FIRST.key, {"tempo_bpm": 120.5})
    for folder, old, new in (("checks", "key", "kex"), ("features", "120.5", "125.5")):
        (path,) = (store.directory / folder).iterdir()
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    assert reopened(store).check("repeat") is None
    assert reopened(store).features(FIRST.key) is None


def test_what_was_established_does_not_pass_for_something_else(store: Store) -> None:
    store.write_check("repeat", {"differing": []})
    store.write_features(FIRST.key, {"tempo_bpm": 120.5})
    other = PLAN.clips[1]
    for folder, old, new in (
        ("checks", "repeat", "other"),
        ("features", FIRST.key, other.key),
    ):
        copied = store.directory / folder / f"{new}.json"
        shutil.copy(store.directory / folder / f"{old}.json", copied)
    again = reopened(store)
    assert again.check("other") is None
    assert again.features(other.key) is None
    assert again.check("repeat") == {"differing": []}
    assert again.features(FIRST.key) == {"tempo_bpm": 120.5}


def test_a_sound_store_reports_no_damage(store: Store) -> None:
    again = reopened(store)
    assert again.verify(PLAN.keys) == []
    assert again.missing(CLIPS) == []
    assert again.damage_reports() == []
    assert not (store.directory / "damage.txt").exists()


def test_a_store_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    # Not by permissions: root, as in a container, may write everywhere.
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StoreError, match=r"cannot be written .* --store"):
        Store(tmp_path / "file" / "store", CARD)


@pytest.mark.parametrize("write", [0, 1, 2], ids=["audio", "capture", "record"])
def test_on_a_full_disk_the_clip_is_not_there_and_earlier_ones_are(
    store: Store, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    before = tree(store.directory)
    clip = PLAN.clips[3]
    calls: list[int] = []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > write:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(FileError, match="the disk is full"):
            put_clip(store, clip)
    assert len(calls) == write + 1
    for seen in (store, reopened(store)):
        assert not seen.has(clip.key)
        assert seen.verify(PLAN.keys) == []
        assert seen.missing(CLIPS) == []
    after = tree(store.directory)
    assert {name: after[name] for name in before} == before
    assert not any("partial" in name for name in after)
    put_clip(store, clip)  # room was made
    assert reopened(store).missing(PLAN.clips[:4]) == []


def test_on_a_full_disk_metadata_stays_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_metadata()
    before = tree(store.directory)
    put_clip(store, PLAN.clips[3])

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="the disk is full"):
        store.write_metadata()
    assert tree(store.directory)["audio/metadata.csv"] == before["audio/metadata.csv"]
