"""Clips as sound that travels inside the page: a file in, an MP3 data URI out.

Conventions
-----------
Audio has shape `(samples, channels)`, values in [-1, 1]. An envelope is a tuple of peak
magnitudes, one per slice of the clip, each in [0, 1]. What cannot be played is never an
error on a page: the note says why, and the page prints the note.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile  # type: ignore[import-untyped, unused-ignore]

from harness.files import checksum_bytes
from harness.report.record import ClipRow, Record

__all__ = [
    "CHOICE",
    "LONGEST_SECONDS",
    "MOST_BYTES",
    "Sound",
    "SoundError",
    "as_mp3",
    "load_sound",
    "sounds_of",
]

CHOICE = (
    "As many clips of every emotion, drawn by lot with the seed of the run: nobody "
    "chose them by how they sound."
)
LONGEST_SECONDS = 12.0
MOST_BYTES = 1_800_000  # of base64 text, all clips together: the page stays mailable

_LEFT_OUT = "left out to keep the page small"
_SLICES = 96
_COMPRESSION = 0.7  # 30 kB of music in 8 s; nothing that a listener would miss


class SoundError(ValueError):
    """A file holds nothing that can be played: which, and why."""


def as_mp3(path: Path) -> bytes:
    """The first seconds of a sound file, mixed down to one channel, as MP3.

    Parameters
    ----------
    path
        A file that libsndfile reads.

    Returns
    -------
    bytes
        Up to `LONGEST_SECONDS` of it.

    Raises
    ------
    SoundError
        If the file is missing, cannot be read, or holds no sound.
    """
    rate, audio = _read(path)
    packed = io.BytesIO()
    soundfile.write(
        packed,
        audio.mean(axis=1)[: int(LONGEST_SECONDS * rate)],
        rate,
        format="MP3",
        bitrate_mode="VARIABLE",
        compression_level=_COMPRESSION,
    )
    return packed.getvalue()


def sounds_of(record: Record, *, audio_root: Path) -> tuple[Sound, ...]:
    """Load the clips of a record, emotions in the order of its design.

    Parameters
    ----------
    record
        Its clips are those that the run has chosen to be listened to.
    audio_root
        The directory that the clips' files are named from, that of `verdict.json`.

    Returns
    -------
    tuple of Sound
        One per clip. From the first that would exceed the page's share of audio on, a
        note stands in place of sound.
    """
    order = {emotion: rank for rank, emotion in enumerate(_planned(record))}
    clips = sorted(record.clips, key=lambda c: order.get(c.emotion, len(order)))
    sounds, used = [], 0
    for clip in clips:
        left_out = Sound(clip=clip, note=_LEFT_OUT)
        full = used > MOST_BYTES
        sound = left_out if full else load_sound(clip, audio_root=audio_root)
        used += len(sound.uri)
        sounds.append(sound if used <= MOST_BYTES else left_out)
    return tuple(sounds)


def load_sound(clip: ClipRow, *, audio_root: Path) -> Sound:
    """Read a clip's file as MP3, or note why it cannot be played."""
    if clip.note or not clip.file:
        return Sound(clip=clip, note=clip.note or "the record names no file")
    try:
        path = (audio_root / clip.file).resolve()
        if not path.is_relative_to(audio_root.resolve()):
            note = f"{clip.file} lies outside of the directory of the record"
            return Sound(clip=clip, note=note)
        return _loaded(clip, path)
    except SoundError as error:
        return Sound(clip=clip, note=str(error))
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        # a rate that MP3 does not have; a path with a zero byte
        return Sound(clip=clip, note=f"{clip.file} cannot be read: {error}")


def _loaded(clip: ClipRow, path: Path) -> Sound:
    rate, audio = _read(path)
    content = path.read_bytes() if path.suffix == ".mp3" else as_mp3(path)
    if clip.checksum and checksum_bytes(content) != clip.checksum:
        note = f"{clip.file} is not the file that the run wrote: damaged, or another"
        return Sound(clip=clip, note=note)
    shown = audio[: int(LONGEST_SECONDS * rate)]
    text = base64.b64encode(content).decode("ascii")
    return Sound(
        clip=clip,
        uri=f"data:audio/mpeg;base64,{text}",
        note="" if len(shown) == len(audio) else f"first {LONGEST_SECONDS:g} s",
        seconds=len(shown) / rate,
        envelope=_envelope(shown.mean(axis=1)),
    )


def _read(path: Path) -> tuple[int, npt.NDArray[np.float32]]:
    """Rate in Hz and samples, a little more than are kept."""
    if not path.is_file():
        msg = f"{path.name} is missing"
        raise SoundError(msg)
    try:
        with soundfile.SoundFile(path) as opened:
            rate = int(opened.samplerate)
            audio = opened.read(
                int((LONGEST_SECONDS + 1) * rate), dtype="float32", always_2d=True
            )
    except (soundfile.SoundFileError, OSError) as error:
        msg = f"{path.name} cannot be read as sound: it is damaged"
        raise SoundError(msg) from error
    if not audio.size:
        msg = f"{path.name} holds no sound"
        raise SoundError(msg)
    if not np.isfinite(audio).all():
        msg = f"{path.name} holds values that are not numbers"
        raise SoundError(msg)
    return rate, audio


def _envelope(mono: npt.NDArray[np.float32]) -> tuple[float, ...]:
    slices = np.array_split(np.abs(mono), min(_SLICES, len(mono)))
    return tuple(min(1.0, float(part.max())) for part in slices)


def _planned(record: Record) -> list[str]:
    planned = record.design.get("emotions")
    names = [str(name) for name in planned] if isinstance(planned, list) else []
    return list(dict.fromkeys([*names, *(clip.emotion for clip in record.clips)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A clip with its sound as a data URI, or with a note that says why it has none."""

    clip: ClipRow
    uri: str = ""
    note: str = ""
    seconds: float = 0.0
    envelope: tuple[float, ...] = ()

    @property
    def complaint(self) -> str:
        """A sentence on a file that the run wrote and that cannot be played."""
        if self.uri or not self.clip.file or self.note == _LEFT_OUT:
            return ""
        return f"A clip of {self.clip.emotion or 'no emotion'}: {self.note}."
