"""The store gives back what was put in, in open formats, or says that it cannot."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import shutil
import socket
import time
import wave
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from clips_for_tests import (
    CARD,
    GENERATION,
    PROVENANCE,
    make_audio,
    make_capture,
    make_resolved,
    make_tokens,
    plan_of,
    put_clip,
    resolved_tensors,
    tree,
)
from safetensors.numpy import load_file, save_file

from harness.captures import HALVES, ClipCapture, ClipTokens
from harness.files import FileError
from harness.models.protocol import ModelCard
from harness.plan import ENGINE
from harness.store import Store, StoreError
from harness.store.disk import LocalDisk
from harness.store.formats import Part, decode_tensor, tensor_parts

PLAN = plan_of(2)  # 4 prompts, 8 clips
CLIPS = PLAN.clips[:3]
FIRST = CLIPS[0]
STATISTICS = ("mean", "variance", "magnitude", "first_step")
WINDOWED = ("window_mean", "window_variance", "window_magnitude")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three clips."""
    store = Store(tmp_path / "store", CARD)
    for clip in CLIPS:
        put_clip(store, clip)
    return store


def reopened(store: Store) -> Store:
    """The same store, seen by another process: nothing is taken on trust."""
    return Store(store.root, CARD)


# --- what was put in comes back ---------------------------------------------------


def test_captures_come_back_to_the_bit(store: Store) -> None:
    again = reopened(store)
    keys = [clip.key for clip in CLIPS]
    for name in (*STATISTICS, *WINDOWED):
        expected = np.stack([getattr(make_capture(c.seed), name)[0] for c in CLIPS])
        found = again.captures(keys, name)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected, strict=True)
        reverse = again.captures(keys[::-1], name)
        np.testing.assert_array_equal(reverse, expected[::-1])


def test_codes_and_text_come_back_as_the_model_wrote_and_read_them(
    store: Store,
) -> None:
    again = reopened(store)
    for clip in CLIPS:
        tokens = make_tokens(clip.seed)
        np.testing.assert_array_equal(again.tokens(clip.key).codes, tokens.codes)
    assert again.tokens(FIRST.key).codes.dtype == np.int16
    expected = np.stack([make_tokens(c.seed).text for c in CLIPS])
    found = again.text_embeddings([c.key for c in CLIPS])
    np.testing.assert_array_equal(found, expected, strict=True)


def test_codes_beyond_sixteen_bits_come_back_too(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    codes = np.array([[0, 2**15 - 1], [2**15, 70_000]])
    tokens = ClipTokens(codes=codes, text=np.zeros(3, np.float32))
    capture = replace(make_capture(FIRST.seed), tokens=tokens)
    audio = make_audio(FIRST.seed)
    store.put(FIRST, audio, capture, generation=GENERATION, provenance=PROVENANCE)
    np.testing.assert_array_equal(store.tokens(FIRST.key).codes, codes)


def test_a_clip_without_tokens_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    capture = replace(make_capture(FIRST.seed), tokens=None)
    audio = make_audio(FIRST.seed)
    store.put(FIRST, audio, capture, generation=GENERATION, provenance=PROVENANCE)
    assert store.digests(audio, capture) == store.digests_of(FIRST.key)
    with pytest.raises(StoreError, match=f"Clip {FIRST.key} has no tokens"):
        store.tokens(FIRST.key)


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
    assert record["sites"] == ["resid_post"]
    assert record["provenance"] == {
        **PROVENANCE,
        "model": CARD.fingerprint,
        "engine": ENGINE,
        "seed": FIRST.seed,
        "time": "2023-11-14T22:13:20Z",  # SOURCE_DATE_EPOCH of clips_for_tests
    }


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
        put_clip(other, clip)
        put_clip(other, clip)
    assert tree(other.directory) == tree(store.directory)


def test_digests_are_those_of_the_numbers_that_are_there(store: Store) -> None:
    audio, capture = make_audio(FIRST.seed), make_capture(FIRST.seed)
    there = store.digests_of(FIRST.key)
    assert set(there) == {"audio", "codes", "text", *STATISTICS, *WINDOWED}
    assert len(set(there.values())) == len(there)
    assert store.digests(audio, capture) == there
    for name in (*STATISTICS, *WINDOWED):
        nearly = getattr(capture, name).copy()
        last = (-1,) * nearly.ndim
        nearly[last] = np.nextafter(nearly[last], np.float32(np.inf))
        found = store.digests(audio, replace(capture, **{name: nearly}))
        assert {n for n in there if found[n] != there[n]} == {name}
    for name in ("codes", "text"):
        numbers = getattr(make_tokens(FIRST.seed), name).copy()
        numbers.flat[-1] += 1
        tokens = replace(make_tokens(FIRST.seed), **{name: numbers})
        found = store.digests(audio, replace(capture, tokens=tokens))
        assert {n for n in there if found[n] != there[n]} == {name}
    found = store.digests(-audio, capture)
    assert {n for n in there if found[n] != there[n]} == {"audio"}


def test_digests_do_not_depend_on_what_wrote_the_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of pyarrow puts its name into the file, or packs otherwise."""
    before, files = store.digests_of(FIRST.key), store.record(FIRST.key)["files"]
    write_table = pq.write_table

    def otherwise(table: Any, sink: Any, **how: Any) -> None:
        write_table(table, sink, **{**how, "compression": "gzip"})

    monkeypatch.setattr(pq, "write_table", otherwise)
    put_clip(store, FIRST)
    again = reopened(store)
    assert again.record(FIRST.key)["files"] != files
    assert again.digests_of(FIRST.key) == before


def test_digests_of_a_damaged_clip_are_refused(store: Store) -> None:
    flip_a_bit(store.directory / "captures" / f"{FIRST.key}.parquet")
    with pytest.raises(StoreError, match="does not match its checksum"):
        reopened(store).digests_of(FIRST.key)


def test_models_do_not_share_clips(store: Store) -> None:
    other = Store(store.root, replace(CARD, fingerprint="f" * 32))
    assert not other.has(FIRST.key)


def test_the_card_says_what_the_model_is(store: Store) -> None:
    path = store.directory.parent / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    assert ModelCard.from_dict(card) == CARD


def test_checks_and_features_come_back_and_are_none_before(store: Store) -> None:
    assert store.check("repeat") is None
    assert store.features(FIRST.key) is None
    store.write_check("repeat", {"differing": []})
    store.write_features(FIRST.key, {"tempo_bpm": 120.5})
    assert reopened(store).check("repeat") == {"differing": []}
    assert reopened(store).features(FIRST.key) == {"tempo_bpm": 120.5}


def several_sites(seed: int) -> ClipCapture:
    """A capture at two sites, each with its own numbers."""
    one, two = make_capture(seed), make_capture(seed + 1)
    names = (*STATISTICS, *WINDOWED)
    both: dict[str, Any] = {
        n: np.concatenate([getattr(one, n), getattr(two, n)]) for n in names
    }
    return replace(one, sites=("resid_post", "mlp"), **both)


def test_each_site_comes_back_by_its_name(store: Store) -> None:
    clip = PLAN.clips[3]
    capture = several_sites(clip.seed)
    store.put(
        clip,
        make_audio(clip.seed),
        capture,
        generation=GENERATION,
        provenance=PROVENANCE,
    )
    again = reopened(store)
    for place, site in enumerate(capture.sites):
        for name in ("variance", "window_mean"):
            found = again.captures([clip.key], name, site=site)
            np.testing.assert_array_equal(found[0], getattr(capture, name)[place])
    with pytest.raises(
        StoreError, match=r"at resid_post, mlp, not at `self_attn`\. Run"
    ):
        again.captures([clip.key], "mean", site="self_attn")


def test_a_statistic_that_there_is_not_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match=r"must be one of mean, .*got median"):
        store.captures([FIRST.key], "median")


def test_time_resolved_tensors_come_back_one_by_one(
    store: Store, tmp_path: Path
) -> None:
    clip = PLAN.clips[3]
    put_clip(store, clip, scratch=tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))  # taken over
    again = reopened(store)
    expected = resolved_tensors(clip.seed)
    assert again.resolved_names(clip.key) == sorted(expected)
    for name, values in expected.items():
        found = again.resolved(clip.key, name)
        np.testing.assert_array_equal(found, values, strict=True)
    peer = load_file(again.directory / "captures" / f"{clip.key}.safetensors")
    assert set(peer) == set(expected)
    with pytest.raises(StoreError, match=r"no time-resolved `x` \(it has resid_post\."):
        again.resolved(clip.key, "x")
    assert again.resolved_names(FIRST.key) == []
    with pytest.raises(
        StoreError, match=r"\(it has none\)\. Run again with --resolved"
    ):
        again.resolved(FIRST.key, "x")


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8", "bool"])
def test_tensors_of_other_types_come_back_as_they_were(
    tmp_path: Path, dtype: str
) -> None:
    path = tmp_path / "file"
    values = np.random.default_rng(0).integers(0, 2, (3, 4, 5)).astype(dtype)
    save_file({"other": np.zeros(7), "it": values}, path)
    content = path.read_bytes()
    parts = tensor_parts(path)

    def read(part: Part) -> bytes:
        return content[part[0] : part[0] + part[1]]

    np.testing.assert_array_equal(decode_tensor(parts, "it", read), values, strict=True)


def test_bfloat16_comes_back_as_float32_of_the_same_value(tmp_path: Path) -> None:
    # 1.5 is 0x3FC0 and -2 is 0xC000; written by hand, for NumPy has no such type.
    header = b'{"it":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    content = len(header).to_bytes(8, "little") + header + b"\xc0\x3f\x00\xc0"
    (tmp_path / "file").write_bytes(content)
    parts = tensor_parts(tmp_path / "file")
    found = decode_tensor(parts, "it", lambda part: content[part[0] :][: part[1]])
    np.testing.assert_array_equal(found, np.array([1.5, -2], np.float32), strict=True)


def test_the_digests_of_a_time_resolved_clip_name_its_tensors(
    store: Store, tmp_path: Path
) -> None:
    clip = PLAN.clips[3]
    put_clip(store, clip, scratch=tmp_path)
    again = replace(
        make_capture(clip.seed), resolved=make_resolved(clip.seed, tmp_path)
    )
    there = store.digests_of(clip.key)
    assert set(resolved_tensors(clip.seed)) < set(there)
    assert store.digests(make_audio(clip.seed), again) == there
    other = replace(again, resolved=make_resolved(FIRST.seed, tmp_path))
    found = store.digests(make_audio(clip.seed), other)
    assert {n for n in there if found[n] != there[n]} == set(resolved_tensors(0))


def test_only_the_statistic_that_is_asked_for_is_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = reopened(store)
    again.record(FIRST.key)
    read: list[int] = []
    before = LocalDisk.read

    def counted(self: LocalDisk, name: str, **where: Any) -> bytes:
        content = before(self, name, **where)
        read.append(len(content))
        return content

    monkeypatch.setattr(LocalDisk, "read", counted)
    again.captures([FIRST.key], "mean")
    # What says where the columns are, and one that has 2 x 2 x 3 of 4 x 28 numbers.
    footer, column = read
    whole = (store.directory / "captures" / f"{FIRST.key}.parquet").stat().st_size
    assert column < (whole - footer) / 5


def test_files_that_are_being_written_lie_aside_and_are_taken_over(
    store: Store,
) -> None:
    clip, other = PLAN.clips[3], PLAN.clips[4]
    of_the_other = store.aside / f".{other.key}.1-ab.partial"
    of_the_other.write_bytes(b"x")
    left = store.aside / f".{clip.key}.1-ab.partial"
    left.write_bytes(b"x")  # by who was killed
    store.clear_leftovers(clip.key)
    assert list(store.aside.iterdir()) == [of_the_other]
    put_clip(store, clip, scratch=store.aside)
    assert list(store.aside.iterdir()) == [of_the_other]
    assert store.problem(clip.key) is None
    assert set(store.resolved_names(clip.key)) == set(resolved_tensors(clip.seed))


def test_a_place_aside_that_cannot_be_made_is_named(store: Store) -> None:
    shutil.rmtree(store.aside)
    (store.directory / "partial").write_text("not a directory")
    with pytest.raises(FileError, match=r"`.*partial` cannot be written"):
        _ = store.aside


# --- what another process does ----------------------------------------------------


def test_what_others_put_is_seen_after_a_refresh(store: Store) -> None:
    mine = reopened(store)
    assert mine.missing(PLAN.clips[:4]) == [PLAN.clips[3]]
    put_clip(store, PLAN.clips[3])
    assert not mine.has(PLAN.clips[3].key)
    assert mine.count(PLAN.keys) == 4  # progress looks each time
    mine.refresh()
    assert mine.missing(PLAN.clips[:4]) == []


def test_planning_opens_no_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    again = reopened(store)

    def opened(*args: Any, **named: Any) -> bytes:
        pytest.fail("a file was opened")

    monkeypatch.setattr(LocalDisk, "read", opened)
    assert again.missing(PLAN.clips) == list(PLAN.clips[3:])


def test_a_clip_is_checked_once_in_a_process(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = reopened(store)
    assert again.verify(PLAN.keys) == []
    monkeypatch.setattr(
        LocalDisk, "checksum", lambda self, name: pytest.fail("checked twice")
    )
    assert again.verify(PLAN.keys) == []


def test_a_clip_that_was_made_again_meanwhile_is_not_dropped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = reopened(store)
    flip_a_bit(store.audio_path(FIRST.key))
    found = again.problem

    def then_mended(key: str) -> str | None:
        problem = found(key)
        put_clip(store, FIRST)
        return problem

    monkeypatch.setattr(again, "problem", then_mended)
    assert again.verify([FIRST.key]) == []
    assert again.has(FIRST.key)
    assert reopened(store).missing(CLIPS) == []


# --- engines and layouts ----------------------------------------------------------


def test_clips_of_another_engine_are_named_and_not_mixed(store: Store) -> None:
    newer = Store(store.root, CARD, engine=ENGINE + 1)
    assert newer.missing(CLIPS) == list(CLIPS)
    assert newer.strangers() == [
        f"3 clips of this model were made by engine {ENGINE} and are not used; "
        f"`python -m harness.store gc --engine {ENGINE}` removes them."
    ]
    assert store.strangers() == []


def test_clips_of_another_model_are_named(store: Store) -> None:
    other = Store(store.root, replace(CARD, fingerprint="f" * 32, name="phantom:deaf"))
    assert other.strangers() == [
        "The store also has clips of other models (3 of phantom:paper)."
    ]


def test_a_store_from_before_engines_is_named_and_left_alone(tmp_path: Path) -> None:
    old = tmp_path / CARD.fingerprint / "records"
    old.mkdir(parents=True)
    (old / f"{FIRST.key}.json").write_text('{"schema": 1}')
    store = Store(tmp_path, CARD)
    assert store.missing([FIRST]) == [FIRST]
    (sentence,) = store.strangers()
    assert sentence.startswith("1 clips of this model were made before engine 1 and")
    assert "gc --engine 0` removes them" in sentence
    put_clip(store, FIRST)
    assert (old / f"{FIRST.key}.json").read_text() == '{"schema": 1}'


@pytest.mark.parametrize("layout", ['{"layout": 3}', '{"layout": 1}', "[]"])
def test_a_store_that_another_version_laid_out_is_refused(
    store: Store, layout: str
) -> None:
    (Path(store.root) / "layout.json").write_text(layout)
    before = tree(Path(store.root))
    with pytest.raises(StoreError, match=r"store` must have layout 2, got .* another"):
        reopened(store)
    assert tree(Path(store.root)) == before


def test_a_store_with_nothing_new_is_not_written_to(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*args: Any) -> None:
        pytest.fail("something was written")

    store.write_metadata()
    before = sorted(Path(store.root).rglob("*"))
    monkeypatch.setattr(LocalDisk, "write", write)
    again = reopened(store)
    assert again.verify(PLAN.keys) == []
    again.write_metadata()
    assert sorted(Path(store.root).rglob("*")) == before  # nor a lease taken


# --- what the time is -------------------------------------------------------------


def test_without_a_given_time_it_is_that_of_the_clock(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    before = int(time.time())
    put_clip(store, PLAN.clips[3])
    said = store.record(PLAN.clips[3].key)["provenance"]["time"]
    then = datetime.strptime(said, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= then.timestamp() <= time.time()


def test_a_given_time_that_is_none_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(StoreError, match="must be seconds since 1970, got yesterday"):
        put_clip(store, PLAN.clips[3])
    assert not reopened(store).has(PLAN.clips[3].key)


def test_the_record_does_not_name_the_machine(store: Store) -> None:
    text = json.dumps(store.record(FIRST.key))
    assert socket.gethostname() not in text
    assert str(Path(store.root)) not in text


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
