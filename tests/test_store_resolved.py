"""What is time-resolved comes back tensor by tensor, and only what is asked for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clips_for_tests import (
    FIRST,
    PLAN,
    make_audio,
    make_capture,
    make_resolved,
    put_clip,
    reopened,
    resolved_tensors,
)
from safetensors.numpy import load_file, save_file

from harness.files import FileError
from harness.store import Store, StoreError
from harness.store.disk import LocalDisk
from harness.store.formats import Part, decode_tensor, tensor_parts

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


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
