"""What lies in a store is in open formats, and a table lists it."""

from __future__ import annotations

import csv
import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from clips_for_tests import (
    CLIPS,
    FIRST,
    GENERATION,
    PLAN,
    PROVENANCE,
    make_audio,
    make_capture,
    put_clip,
    reopened,
    tree,
)

from harness.captures import HALVES
from harness.store import Store

STATISTICS = ("mean", "variance", "magnitude", "first_step")
WINDOWED = ("window_mean", "window_variance", "window_magnitude")

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


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
            expected = getattr(capture, name)[0, row["layer"], half]
            assert row[name] == expected.tolist()
        for name in WINDOWED:  # one window after the other
            expected = getattr(capture, name)[0, row["layer"], half]
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


def test_metadata_that_somebody_edited_is_written_anew(store: Store) -> None:
    store.write_metadata()
    path = store.directory / "audio" / "metadata.csv"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"happy", b"sad"))
    store.write_metadata()
    assert path.read_bytes() == whole


def test_what_a_killed_writer_of_metadata_left_is_cleared_away(store: Store) -> None:
    partial = store.directory / "partial" / ".metadata.csv.1-ab.partial"
    partial.parent.mkdir(exist_ok=True)
    partial.write_bytes(b"file_na")
    store.write_metadata()
    assert not partial.exists()


def test_metadata_forgets_what_was_removed(store: Store) -> None:
    store.write_metadata()
    store.disk.remove(f"{store.folder}/records/{FIRST.key}.json")
    store.write_metadata()
    text = (store.directory / "audio" / "metadata.csv").read_text()
    assert FIRST.key not in text
    assert len(text.splitlines()) == 1 + 2


def test_metadata_reads_only_the_records_that_are_new(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write_metadata()
    again = reopened(store)
    put_clip(again, PLAN.clips[3])
    read: list[str] = []
    before = again.read_record

    def counted(key: str) -> dict[str, Any]:
        read.append(key)
        return before(key)

    monkeypatch.setattr(again, "read_record", counted)
    again.write_metadata()
    assert read == [PLAN.clips[3].key]
    text = (store.directory / "audio" / "metadata.csv").read_text()
    assert len(text.splitlines()) == 1 + 4


def test_metadata_follows_what_is_added(store: Store) -> None:
    store.write_metadata()
    put_clip(store, PLAN.clips[3])
    store.write_metadata()
    lines = (store.directory / "audio" / "metadata.csv").read_text().splitlines()
    assert len(lines) == 1 + 4


def test_nothing_that_runs_code_is_written(store: Store) -> None:
    store.write_metadata()
    kinds = {Path(name).suffix for name in tree(store.directory)}
    assert kinds <= {".json", ".wav", ".csv", ".parquet", ".safetensors", ".lock"}


def test_a_clip_that_is_not_finite_comes_back_as_it_was_and_is_named(
    store: Store,
) -> None:
    clip = PLAN.clips[3]
    places = (("null", 1, 5), ("conditional", 1, 6))
    capture = make_capture(clip.seed, not_finite=places)
    capture.mean[0, 1, 1] = np.nan
    capture.variance[0, 1, 0, 2] = np.inf
    audio = make_audio(clip.seed)
    audio[:3] = np.nan, np.inf, -np.inf
    store.put(clip, audio, capture, generation=GENERATION, provenance=PROVENANCE)
    again = reopened(store)
    assert again.record(clip.key)["not_finite"] == [list(place) for place in places]
    assert again.record(clip.key)["peak"] is None
    found = again.captures([clip.key], "mean")[0]
    np.testing.assert_array_equal(found, capture.mean[0])
    found = again.captures([clip.key], "variance")[0]
    np.testing.assert_array_equal(found, capture.variance[0])
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
