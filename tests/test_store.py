"""The store gives back what was put in, in open formats, or says that it cannot."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from clips_for_tests import CARD, GENERATION, make_audio, make_capture, plan_of
from filelock import Timeout

from harness.files import FileError
from harness.models.protocol import ModelCard
from harness.sampling.plan import ClipSpec
from harness.sampling.summary import HALVES
from harness.store import Store, StoreError

PLAN = plan_of(2)  # 4 prompts, 8 clips
CLIPS = PLAN.clips[:3]
FIRST = CLIPS[0]
PROVENANCE = {"python": "3.11", "torch": "2.10.0"}
STATISTICS = ("mean", "variance", "magnitude", "first_step")
WINDOWED = ("window_mean", "window_variance", "window_magnitude")


def put(store: Store, clip: ClipSpec) -> None:
    store.put(
        clip,
        make_audio(clip.seed),
        make_capture(clip.seed),
        generation=GENERATION,
        provenance=PROVENANCE,
    )


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three clips."""
    store = Store(tmp_path, CARD)
    for clip in CLIPS:
        put(store, clip)
    return store


def reopened(store: Store) -> Store:
    """The same store, seen by another process: nothing is taken on trust."""
    return Store(store.root, CARD)


def tree(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


# --- what was put in comes back ---------------------------------------------------


def test_captures_come_back_to_the_bit(store: Store) -> None:
    again = reopened(store)
    keys = [clip.key for clip in CLIPS]
    for name in (*STATISTICS, *WINDOWED):
        expected = np.stack([getattr(make_capture(c.seed), name) for c in CLIPS])
        found = again.captures(keys, name)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected, strict=True)
        reverse = again.captures(keys[::-1], name)
        np.testing.assert_array_equal(reverse, expected[::-1])


def test_audio_comes_back_to_sixteen_bits(store: Store) -> None:
    samples, rate = reopened(store).audio(FIRST.key)
    assert rate == 16_000
    assert samples.shape == (1600,)
    np.testing.assert_allclose(samples, make_audio(FIRST.seed), atol=1 / 32767)


def test_the_record_says_what_the_clip_is(store: Store) -> None:
    record = reopened(store).record(FIRST.key)
    assert record["key"] == FIRST.key
    assert record["prompt"] == FIRST.prompt.text
    assert record["emotion"] == FIRST.prompt.emotion
    assert record["template"] == FIRST.prompt.template
    assert record["seed"] == FIRST.seed
    assert record["model"] == CARD.name
    assert record["generation"]["duration_seconds"] == 0.1
    assert record["steps"] == [8, 8]
    assert record["not_finite"] == []
    assert record["peak"] == pytest.approx(np.abs(make_audio(FIRST.seed)).max())
    assert record["provenance"] == PROVENANCE


def test_clips_that_were_not_put_are_missing(store: Store) -> None:
    again = reopened(store)
    assert again.missing(PLAN.clips) == list(PLAN.clips[3:])
    assert again.count(PLAN.keys) == 3
    assert [again.has(c.key) for c in PLAN.clips] == [True] * 3 + [False] * 5
    assert again.damage_reports() == []
    with pytest.raises(StoreError, match=rf"Clip {PLAN.clips[3].key} is not in .* Run"):
        again.captures([PLAN.clips[3].key], "mean")
    with pytest.raises(StoreError, match="is not in"):
        again.audio(PLAN.clips[3].key)


def test_the_same_clip_always_gives_the_same_files(
    store: Store, tmp_path: Path
) -> None:
    other = Store(tmp_path / "other", CARD)
    for clip in CLIPS:
        put(other, clip)
        put(other, clip)
    assert tree(other.directory) == tree(store.directory)


def test_digests_are_those_of_the_files_that_would_be_written(store: Store) -> None:
    audio, capture = make_audio(FIRST.seed), make_capture(FIRST.seed)
    written = store.record(FIRST.key)["files"]
    assert store.digests(FIRST, audio, capture) == written
    nearly = capture.mean.copy()
    nearly[1, 1, 2] = np.nextafter(nearly[1, 1, 2], np.float32(np.inf))
    for digests in (
        store.digests(FIRST, audio, replace(capture, mean=nearly)),
        store.digests(FIRST, -audio, capture),
    ):
        assert len(set(digests.values()) & set(written.values())) == 1


def test_models_do_not_share_clips(store: Store) -> None:
    other = Store(store.root, replace(CARD, fingerprint="f" * 32))
    assert not other.has(FIRST.key)


def test_the_card_says_what_the_model_is(store: Store) -> None:
    card = json.loads((store.directory / "card.json").read_text(encoding="utf-8"))
    assert ModelCard.from_dict(card) == CARD


def test_checks_and_features_come_back_and_are_none_before(store: Store) -> None:
    assert store.check("repeat") is None
    assert store.features(FIRST.key) is None
    store.write_check("repeat", {"differing": []})
    store.write_features(FIRST.key, {"tempo_bpm": 120.5})
    assert reopened(store).check("repeat") == {"differing": []}
    assert reopened(store).features(FIRST.key) == {"tempo_bpm": 120.5}


# --- open formats -----------------------------------------------------------------


def test_parquet_has_one_row_for_each_layer_half_and_site(store: Store) -> None:
    path = store.directory / "captures" / f"{FIRST.key}.parquet"
    table = pq.read_table(path)
    assert table.column_names == ["layer", "half", "site", *STATISTICS, *WINDOWED]
    rows = table.to_pylist()
    assert [(r["layer"], r["half"], r["site"]) for r in rows] == [
        (layer, half, "resid_post") for layer in (0, 1) for half in HALVES
    ]
    assert HALVES == ("conditional", "null")
    capture = make_capture(FIRST.seed)
    for row in rows:
        half = HALVES.index(row["half"])
        for name in STATISTICS:
            expected = getattr(capture, name)[row["layer"], half]
            assert row[name] == expected.tolist()
        for name in WINDOWED:  # one window after the other
            expected = getattr(capture, name)[row["layer"], half]
            assert row[name] == expected.ravel().tolist()
    assert table.schema.metadata == {b"d_model": b"3", b"windows": b"8"}


def test_audio_is_plain_wav_of_sixteen_bits(store: Store) -> None:
    with wave.open(str(store.audio_path(FIRST.key)), "rb") as file:
        assert file.getnchannels() == 1
        assert file.getframerate() == 16_000
        assert file.getsampwidth() == 2
        assert file.getnframes() == 1600


def test_metadata_lists_every_clip_with_its_file_first(store: Store) -> None:
    store.write_metadata()
    folder = store.directory / "audio"
    text = (folder / "metadata.csv").read_text(encoding="utf-8")
    table = list(csv.DictReader(io.StringIO(text)))
    assert list(table[0]) == [
        "file_name",
        "prompt",
        "emotion",
        "template",
        "seed",
        "model",
        "duration",
        "key",
    ]
    by_key = {row["key"]: row for row in table}
    assert set(by_key) == {clip.key for clip in CLIPS}
    for clip in CLIPS:
        row = by_key[clip.key]
        assert (folder / row["file_name"]).is_file()
        assert row["prompt"] == clip.prompt.text  # has a comma in it
        assert row["seed"] == str(clip.seed)
        assert row["emotion"] == clip.prompt.emotion
        assert row["duration"] == "0.1"


def test_metadata_follows_what_is_added(store: Store) -> None:
    store.write_metadata()
    put(store, PLAN.clips[3])
    store.write_metadata()
    lines = (store.directory / "audio" / "metadata.csv").read_text().splitlines()
    assert len(lines) == 1 + 4


def test_nothing_that_runs_code_is_written(store: Store) -> None:
    store.write_metadata()
    kinds = {Path(name).suffix for name in tree(store.directory)}
    assert kinds <= {".json", ".wav", ".csv", ".parquet", ".lock"}


def test_a_clip_that_is_not_finite_comes_back_as_it_was_and_is_named(
    store: Store,
) -> None:
    clip = PLAN.clips[3]
    places = (("null", 1, 5), ("conditional", 1, 6))
    capture = make_capture(clip.seed, not_finite=places)
    capture.mean[1, 1] = np.nan
    capture.variance[1, 0, 2] = np.inf
    audio = make_audio(clip.seed)
    audio[:3] = np.nan, np.inf, -np.inf
    store.put(clip, audio, capture, generation=GENERATION, provenance=PROVENANCE)
    again = reopened(store)
    assert again.record(clip.key)["not_finite"] == [list(place) for place in places]
    assert again.record(clip.key)["peak"] is None
    found = again.captures([clip.key], "mean")[0]
    np.testing.assert_array_equal(found, capture.mean)
    found = again.captures([clip.key], "variance")[0]
    np.testing.assert_array_equal(found, capture.variance)
    samples, _ = again.audio(clip.key)
    np.testing.assert_allclose(samples[:3], [0, 1, -1], atol=1 / 32767)


def test_audio_beyond_full_scale_is_clipped_and_its_peak_is_kept(store: Store) -> None:
    clip = PLAN.clips[3]
    audio = np.array([0.5, 1.5, -2.0], dtype=np.float32)
    store.put(
        clip,
        audio,
        make_capture(1),
        generation=GENERATION,
        provenance=PROVENANCE,
    )
    samples, _ = store.audio(clip.key)
    np.testing.assert_allclose(samples, [0.5, 1, -1], atol=1 / 32767)
    assert store.record(clip.key)["peak"] == 2.0


# --- damage is seen ---------------------------------------------------------------


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


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
    assert again.missing(CLIPS) == [FIRST]
    assert not again.has(FIRST.key)
    (report,) = again.damage_reports()
    assert FIRST.key in report
    assert reopened(store).damage_reports() == [report]  # by any worker
    with pytest.raises(StoreError, match=FIRST.key):
        again.captures([FIRST.key], "mean")
    put(again, FIRST)
    assert reopened(store).missing(CLIPS) == []
    mended = tree(store.directory)
    del mended["damage.txt"]
    assert mended == untouched


def test_damage_to_a_file_is_named(store: Store) -> None:
    flip_a_bit(store.audio_path(FIRST.key))
    again = reopened(store)
    assert not again.has(FIRST.key)
    assert again.damage_reports() == [
        f"Clip {FIRST.key}: audio/{FIRST.key}.wav does not match its checksum; it was "
        "generated again."
    ]


def test_a_record_of_another_clip_is_damage(store: Store) -> None:
    records = store.directory / "records"
    content = (records / f"{CLIPS[1].key}.json").read_bytes()
    (records / f"{FIRST.key}.json").write_bytes(content)
    again = reopened(store)
    assert again.missing(CLIPS) == [FIRST]
    assert len(again.damage_reports()) == 1


def test_swapped_captures_are_damage(store: Store) -> None:
    one, two = (
        store.directory / "captures" / f"{clip.key}.parquet" for clip in CLIPS[:2]
    )
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert reopened(store).missing(CLIPS) == list(CLIPS[:2])


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


def test_a_sound_store_reports_no_damage(store: Store) -> None:
    again = reopened(store)
    assert again.missing(CLIPS) == []
    assert again.damage_reports() == []
    assert not (store.directory / "damage.txt").exists()


# --- no room, no permission -------------------------------------------------------


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
            put(store, clip)
    assert len(calls) == write + 1
    for seen in (store, reopened(store)):
        assert not seen.has(clip.key)
        assert seen.missing(CLIPS) == []
        assert seen.damage_reports() == []
    after = tree(store.directory)
    assert {name: after[name] for name in before} == before
    assert not any("partial" in name for name in after)
    put(store, clip)  # room was made
    assert reopened(store).missing(PLAN.clips[:4]) == []


def test_on_a_full_disk_metadata_stays_as_it_was(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_metadata()
    before = tree(store.directory)
    put(store, PLAN.clips[3])

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="the disk is full"):
        store.write_metadata()
    assert tree(store.directory)["audio/metadata.csv"] == before["audio/metadata.csv"]


# --- leases -----------------------------------------------------------------------


def test_a_lease_has_one_holder_at_a_time(store: Store) -> None:
    with store.lease("clip").acquire(timeout=0):
        with pytest.raises(Timeout):
            reopened(store).lease("clip").acquire(timeout=0)
        with reopened(store).lease("other").acquire(timeout=0):
            pass
    with reopened(store).lease("clip").acquire(timeout=0):
        pass


def test_leases_that_cannot_be_made_are_an_error_of_the_store(store: Store) -> None:
    (store.directory / "leases").write_text("not a directory")
    with pytest.raises((StoreError, FileError), match="leases` cannot be written"):
        store.lease("clip")
