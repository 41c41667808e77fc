"""A store behind an URL gives and refuses what one in a directory does."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from clips_for_tests import (
    CARD,
    CLIPS,
    FIRST,
    PLAN,
    make_audio,
    make_capture,
    put_clip,
    resolved_tensors,
    tree,
)

from harness.files import FileError
from harness.store import Store, StoreError
from harness.store.commands import main
from harness.store.disk import Disk, LocalDisk
from harness.store.places import open_disk
from harness.store.remote import RemoteDisk

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture(params=["memory", "dir"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """In memory, and on this disk, but by way of fsspec."""
    if request.param == "memory":
        return f"memory:/{tmp_path}/store"
    return f"dir://store::file://{tmp_path}"


@pytest.fixture
def store(url: str, tmp_path: Path) -> Store:
    """Three clips, one of them with time-resolved tensors."""
    store = Store(url, CARD)
    put_clip(store, FIRST, scratch=tmp_path)
    for clip in CLIPS[1:]:
        put_clip(store, clip)
    return store


def contents(disk: Disk, folder: str = "") -> dict[str, bytes]:
    top = f"{folder}/" if folder else ""
    files = {top + name: disk.read(top + name) for name in disk.names(folder)}
    for inner in disk.folders(folder):
        files |= contents(disk, top + inner)
    return files


def test_it_is_the_remote_road_that_is_tried(store: Store) -> None:
    assert isinstance(store.disk, RemoteDisk)
    assert store.local_root is None
    assert store.free_bytes() is None


def test_everything_comes_back(store: Store, url: str) -> None:
    again = Store(url, CARD)
    assert again.missing(PLAN.clips) == list(PLAN.clips[3:])
    assert again.count(PLAN.keys) == 3
    assert again.verify(PLAN.keys) == []
    means = again.captures([c.key for c in CLIPS], "mean")
    expected = np.stack([make_capture(c.seed).mean[0] for c in CLIPS])
    np.testing.assert_array_equal(means, expected, strict=True)
    samples, rate = again.audio(FIRST.key)
    assert rate == CARD.sample_rate
    np.testing.assert_allclose(samples, make_audio(FIRST.seed), atol=1 / 32767)
    for name, values in resolved_tensors(FIRST.seed).items():
        np.testing.assert_array_equal(again.resolved(FIRST.key, name), values)
    again.write_check("repeat", {"differing": []})
    again.write_features(FIRST.key, {"tempo_bpm": 120.5})
    assert Store(url, CARD).check("repeat") == {"differing": []}
    assert Store(url, CARD).features(FIRST.key) == {"tempo_bpm": 120.5}


def test_its_files_are_those_of_a_store_in_a_directory(
    store: Store, tmp_path: Path
) -> None:
    local = Store(tmp_path / "local", CARD)
    put_clip(local, FIRST, scratch=tmp_path)
    for clip in CLIPS[1:]:
        put_clip(local, clip)
    local.write_metadata()
    store.write_metadata()
    assert contents(store.disk) == tree(tmp_path / "local")


def test_audio_can_be_opened_by_its_path(store: Store) -> None:
    path = store.audio_path(FIRST.key)
    assert path.is_relative_to(store.here)
    assert path.read_bytes() == store.disk.read(f"{store.folder}/audio/{path.name}")


@pytest.mark.parametrize("kind", ["audio", "captures", "records"])
@pytest.mark.parametrize("harm", ["flip", "cut", "delete"])
def test_damage_is_found_reported_and_mended(
    store: Store, url: str, tmp_path: Path, kind: str, harm: str
) -> None:
    before = contents(store.disk)
    endings = {"audio": "wav", "captures": "parquet", "records": "json"}
    name = f"{store.folder}/{kind}/{FIRST.key}.{endings[kind]}"
    content = bytearray(store.disk.read(name))
    content[len(content) // 2] ^= 4
    if harm == "delete":
        store.disk.remove(name)
    else:
        whole = bytes(content) if harm == "flip" else bytes(content[:-5])
        store.disk.write(name, whole)
    again = Store(url, CARD)
    reports = again.verify(PLAN.keys)
    assert len(reports) == (0 if (kind, harm) == ("records", "delete") else 1)
    assert again.missing(CLIPS) == [FIRST]
    with pytest.raises(StoreError, match=FIRST.key):
        Store(url, CARD).captures([FIRST.key], "mean")
    put_clip(again, FIRST, scratch=tmp_path)
    after = contents(again.disk)
    assert after.pop(f"{store.folder}/damage.txt", b"").decode().splitlines() == reports
    assert after == before


def test_two_stores_share_what_others_put(store: Store, url: str) -> None:
    other = Store(url, CARD)
    assert not other.has(PLAN.clips[3].key)
    put_clip(store, PLAN.clips[3])
    other.refresh()
    assert other.has(PLAN.clips[3].key)


def test_leases_are_shared_by_url(store: Store, url: str) -> None:
    other = Store(url, CARD)
    lease = store.try_lease("clip")
    assert lease is not None
    assert other.try_lease("clip") is None
    lease.release()
    assert other.try_lease("clip") is not None


def test_an_upload_that_fails_leaves_no_clip(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        # fsspec may use the instance of others: it is put back at the end.
        patched.setattr(store.disk.filesystem, "pipe_file", refuse)  # type: ignore[attr-defined]
        with pytest.raises((FileError, StoreError), match="the disk is full"):
            put_clip(store, PLAN.clips[3])
    store.refresh()
    assert not store.has(PLAN.clips[3].key)
    assert store.verify(PLAN.keys) == []


def test_a_place_that_can_only_be_read_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = open_disk(f"memory:/{tmp_path}/other")
    assert isinstance(disk, RemoteDisk)

    def refuse(path: str, content: bytes) -> None:
        raise NotImplementedError

    monkeypatch.setattr(disk.filesystem, "pipe_file", refuse)
    with pytest.raises(StoreError, match=r"\(there is no writing there\)\. Give a"):
        Store(f"memory:/{tmp_path}/other", CARD)


class NoCredentialsError(Exception):
    """What botocore raises: no `OSError`."""


def test_a_place_that_cannot_be_reached_is_named_in_one_line(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The library below s3fs has errors of its own."""
    below = types.ModuleType("botocore.exceptions")
    below.BotoCoreError = NoCredentialsError  # type: ignore[attr-defined]

    def refuse(*args: Any, **named: Any) -> None:
        raise NoCredentialsError("Unable to locate credentials")

    for name in ("cat_file", "pipe_file", "put_file", "get_file", "ls", "open", "rm"):
        monkeypatch.setattr(store.disk.filesystem, name, refuse)  # type: ignore[attr-defined]
    with pytest.raises(NoCredentialsError):  # it is nobody's error yet
        store.disk.read("x")
    monkeypatch.setitem(sys.modules, "botocore.exceptions", below)
    unreached = r"cannot be reached \(Unable to locate credentials\)\. See to"
    for ask in (
        lambda: store.disk.read("x"),
        lambda: store.disk.names("x"),
        lambda: store.disk.checksum("x"),
        lambda: store.audio_path(FIRST.key),
        lambda: store.captures([FIRST.key], "mean"),
        lambda: Store(url, CARD),
    ):
        with pytest.raises(StoreError, match=unreached):
            ask()
    unwritten = r"`.*x` cannot be written \(Unable to locate credentials\)"
    with pytest.raises(FileError, match=unwritten):
        store.disk.write("x", b"")
    with pytest.raises(FileError, match=unwritten):
        store.disk.remove("x")
    assert main(["ls", "--store", url]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "Unable to locate credentials" in said


def test_clearing_removes_the_leases_of_the_dead(
    store: Store, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = contents(store.disk)
    lease = f"{store.folder}/leases/clip-1.lease"
    store.disk.write(lease, b"somebody who is dead")
    assert main(["gc", "--store", url, "--unreferenced", "--yes"]) == 0
    assert "Removed 1 files" in capsys.readouterr().out
    assert contents(store.disk) == whole


# --- which place is meant ---------------------------------------------------------


def test_a_path_and_a_file_url_are_a_directory(tmp_path: Path) -> None:
    for root in (tmp_path / "a b", str(tmp_path / "a b"), f"file://{tmp_path}/a%20b"):
        disk = open_disk(root)
        assert isinstance(disk, LocalDisk)
        assert disk.directory == tmp_path / "a b"


def test_a_scheme_without_its_package_is_refused_with_the_remedy() -> None:
    def unknown(*args: Any, **named: Any) -> None:
        raise ImportError("Install s3fs to access S3")

    with pytest.MonkeyPatch.context() as patched:
        # Whether or not s3fs is installed here.
        patched.setattr(fsspec.core, "url_to_fs", unknown)
        with pytest.raises(StoreError) as caught:
            Store("s3://bucket/store", CARD)
    message = str(caught.value)
    assert message == (
        "`--store s3://bucket/store` needs a package that is not here (Install s3fs to "
        "access S3). Install it with `pip install 'skeptic[s3]'`."
    )


def test_a_scheme_that_nobody_knows_is_refused_in_one_line() -> None:
    with pytest.raises(
        StoreError, match=r"`--store foo://x` .*not known: foo.* give a"
    ):
        Store("foo://x", CARD)


def test_a_store_in_a_directory_does_not_import_fsspec(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from clips_for_tests import CARD, plan_of\n"
        "from harness.store import Store\n"
        f"Store({str(tmp_path)!r}, CARD).missing(plan_of(3).clips)\n"
        "heavy = {'fsspec', 'pyarrow', 'soundfile', 'torch', 'audiocraft'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    folder = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{folder.parent}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
