"""Sound in the page: the file that the run wrote, or a sentence on why none."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped, unused-ignore]

from harness.files import checksum_bytes
from harness.report import audio
from harness.report.audio import (
    LONGEST_SECONDS,
    Sound,
    SoundError,
    as_mp3,
    load_sound,
    sounds_of,
)
from harness.report.record import read_record

RATE = 16_000


def tone(seconds: float, *, hertz: float = 440.0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.5 * np.sin(2 * np.pi * hertz * time)


def wav(path: Path, *, seconds: float = 0.5, channels: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.column_stack([tone(seconds)] * channels), RATE)
    return path


def sound_of(directory: Path, **fields: Any) -> Sound:
    clip = read_record({"clips": [{"emotion": "calm", **fields}]}).clips[0]
    return load_sound(clip, audio_root=directory)


def heard(sound: Sound) -> np.ndarray:
    head, _, text = sound.uri.partition(",")
    assert head == "data:audio/mpeg;base64"
    found: np.ndarray = soundfile.read(io.BytesIO(base64.b64decode(text)))[0]
    return found


def kept(directory: Path, *, seconds: float = 0.5) -> dict[str, str]:
    """An MP3 as the run writes it, and what the record says of it."""
    content = as_mp3(wav(directory / "whole.wav", seconds=seconds))
    (directory / "clip.mp3").write_bytes(content)
    return {"file": "clip.mp3", "checksum": checksum_bytes(content)}


def test_music_survives_as_a_twentieth_of_its_size(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", seconds=4.0, channels=2)
    content = as_mp3(path)
    assert len(content) < path.stat().st_size / 10
    samples, rate = soundfile.read(io.BytesIO(content))
    assert (rate, samples.ndim) == (RATE, 1)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * rate / len(samples) == pytest.approx(440, abs=1)


def test_a_page_holds_the_very_bytes_that_the_run_wrote(tmp_path: Path) -> None:
    fields = kept(tmp_path)
    (tmp_path / "whole.wav").unlink()
    sound = sound_of(tmp_path, **fields)
    text = sound.uri.partition(",")[2]
    assert base64.b64decode(text) == (tmp_path / "clip.mp3").read_bytes()
    assert (sound.note, round(sound.seconds, 2)) == ("", 0.5)
    assert 0.4 < max(sound.envelope) < 0.6


def test_what_is_too_long_is_cut(tmp_path: Path) -> None:
    wav(tmp_path / "long.wav", seconds=LONGEST_SECONDS + 3)
    sound = sound_of(tmp_path, file="long.wav")
    assert sound.note == f"first {LONGEST_SECONDS:g} s"
    assert len(heard(sound)) == LONGEST_SECONDS * RATE


def test_a_file_that_was_changed_is_not_played(tmp_path: Path) -> None:
    fields = kept(tmp_path)
    other = as_mp3(wav(tmp_path / "other.wav", seconds=0.7))
    (tmp_path / "clip.mp3").write_bytes(other)
    sound = sound_of(tmp_path, **fields)
    assert (sound.uri, sound.note) == (
        "",
        "clip.mp3 is not the file that the run wrote: damaged, or another",
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "clip.mp3 is missing"),
        (b"", "clip.mp3 cannot be read as sound: it is damaged"),
        (b"no music" * 500, "clip.mp3 cannot be read as sound: it is damaged"),
    ],
)
def test_a_file_that_is_not_there_or_damaged_says_so(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "clip.mp3").write_bytes(content)
    assert sound_of(tmp_path, file="clip.mp3").note == why


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "the record names no file"),
        ({"note": "the clip has not been made"}, "the clip has not been made"),
        (
            {"file": "../elsewhere.mp3"},
            "../elsewhere.mp3 lies outside of the directory of the record",
        ),
        ({"file": "a\0b.mp3"}, "a\0b.mp3 cannot be read: "),
    ],
)
def test_a_record_without_a_playable_file_says_why(
    tmp_path: Path, fields: dict[str, str], why: str
) -> None:
    sound = sound_of(tmp_path, **fields)
    assert sound.uri == ""
    assert sound.note.startswith(why)


@pytest.mark.parametrize(
    ("samples", "why"),
    [(np.zeros(0), "holds no sound"), (np.full(99, np.nan), "are not numbers")],
)
def test_what_is_no_sound_is_refused(
    tmp_path: Path, samples: np.ndarray, why: str
) -> None:
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with pytest.raises(SoundError, match=why):
        as_mp3(tmp_path / "a.wav")


def test_clips_come_in_the_order_of_the_design(tmp_path: Path) -> None:
    clips = [{"emotion": e, "prompt": f"{e} {n}"} for n in (1, 2) for e in ("b", "a")]
    record = read_record({"design": {"emotions": ["a", "b"]}, "clips": clips})
    sounds = sounds_of(record, audio_root=tmp_path)
    assert [s.clip.prompt for s in sounds] == ["a 1", "a 2", "b 1", "b 2"]


def test_sound_beyond_the_page_s_share_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = kept(tmp_path)
    one = len(sound_of(tmp_path, **fields).uri)
    monkeypatch.setattr(audio, "MOST_BYTES", 2 * one)
    clips = [{"emotion": "calm", **fields} for _ in range(4)]
    sounds = sounds_of(read_record({"clips": clips}), audio_root=tmp_path)
    assert [bool(sound.uri) for sound in sounds] == [True, True, False, False]
    assert {s.note for s in sounds[2:]} == {"left out to keep the page small"}
