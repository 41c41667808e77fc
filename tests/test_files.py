"""Files are whole or not there, whatever interrupts the writing."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.files import (
    FileError,
    checksum,
    checksum_bytes,
    checksum_stream,
    move_file,
    read_json,
    write_bytes,
    write_json,
)

NO_ROOM = r"cannot be written: the disk is full\. Nothing that was written before"
REPOSITORY = Path(__file__).parents[1]


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_what_was_written_is_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file.bin"
    write_bytes(path, b"first")
    write_bytes(path, b"second")
    assert path.read_bytes() == b"second"
    assert names(path.parent) == ["file.bin"]


def test_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    path = tmp_path / "file" / "below" / "it"
    with pytest.raises(FileError, match=rf"`{path}` cannot be written .*--store"):
        write_bytes(path, b"content")


def test_a_directory_in_its_place_is_refused_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(FileError, match=r"taken` cannot .* directory where a file .*R"):
        write_bytes(tmp_path / "taken", b"content")
    assert names(tmp_path) == ["taken"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def full(*args: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os if call == "fsync" else Path, call, full)
    with pytest.raises(FileError, match=NO_ROOM):
        write_bytes(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_write_that_the_system_cuts_short_leaves_the_old_file(tmp_path: Path) -> None:
    # For real, in a process that may not write files of more than 4 KiB.
    path = tmp_path / "file"
    write_bytes(path, b"old")
    program = f"""
import resource, signal
from pathlib import Path
from harness.files import FileError, write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_bytes(Path({str(path)!r}), b"x" * 100_000)
except FileError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"`{path}` cannot be written" in done.stdout
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_half_written_files_are_where_they_were_asked_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []
    aside = tmp_path / "aside"
    monkeypatch.setattr(os, "fsync", lambda fd: seen.extend(aside.iterdir()))
    for _ in range(2):
        write_bytes(tmp_path / "folder" / "file", b"content", aside=aside)
    assert len({path.name for path in seen}) == 2  # each has a name of its own
    assert all(path.name.startswith(".file.") for path in seen)
    assert names(aside) == []
    assert names(tmp_path / "folder") == ["file"]


@pytest.mark.parametrize("links", [True, False], ids=["one disk", "two disks"])
def test_a_file_is_moved_and_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    source, path = tmp_path / "source", tmp_path / "folder" / "file"
    for content in (b"first", b"second"):
        source.write_bytes(content)
        move_file(source, path)
        assert path.read_bytes() == content
        assert names(tmp_path) == ["folder"]
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_file_that_cannot_be_moved_stays_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    source, path = tmp_path / "source", tmp_path / "file"
    source.write_bytes(b"new")
    path.write_bytes(b"old")

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os if call == "fsync" else Path, call, full)
    with pytest.raises(FileError, match=NO_ROOM):
        move_file(source, path)
    assert source.read_bytes() == b"new"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file", "source"]


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(-1e9, 1e9),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    )
)
@settings(deadline=None, max_examples=50)
def test_json_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "data.json"
    write_json(path, data)
    assert read_json(path) == data


def test_json_is_for_people_and_does_not_depend_on_the_order_of_keys(
    tmp_path: Path,
) -> None:
    for name, data in (("a", {"b": 1, "a": "ü"}), ("b", {"a": "ü", "b": 1})):
        write_json(tmp_path / name, data)
    text = (tmp_path / "a").read_text(encoding="utf-8")
    assert text == (tmp_path / "b").read_text(encoding="utf-8")
    assert text == '{\n "a": "ü",\n "b": 1\n}\n'


def test_a_number_that_json_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "data.json", {"p": float("nan")})
    assert names(tmp_path) == []


def test_missing_and_damaged_json_reads_as_nothing(tmp_path: Path) -> None:
    assert read_json(tmp_path / "missing") is None
    whole = json.dumps({"key": "value", "list": [1, 2, 3]}).encode()
    path = tmp_path / "half"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_json(path) is None
    path.write_bytes(b"\xff\xfe not text")
    assert read_json(path) is None


def test_checksums_are_blake2b_of_128_bits(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "file").write_bytes(content)
    with (tmp_path / "file").open("rb") as stream:
        of_stream = checksum_stream(stream)
    expected = hashlib.blake2b(content, digest_size=16).hexdigest()
    assert checksum(tmp_path / "file") == checksum_bytes(content) == expected
    assert of_stream == expected
    # Of nothing, from the reference implementation (RFC 7693).
    assert checksum_bytes(b"") == "cae66941d9efbd404e4d88758ea67670"


def test_each_flipped_bit_changes_the_checksum() -> None:
    content = b"some content"
    flipped = {
        checksum_bytes(
            bytes(b ^ (1 << bit) if i == at else b for i, b in enumerate(content))
        )
        for at in range(len(content))
        for bit in range(8)
    }
    assert len(flipped) == 8 * len(content)
    assert checksum_bytes(content) not in flipped
