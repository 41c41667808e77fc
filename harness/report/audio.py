"""Clips as sound that travels inside the page: a WAV in, an MP3 data URI out.

Conventions
-----------
Audio has shape `(samples, channels)`, values in [-1, 1]. An envelope is a tuple of peak
magnitudes, one per slice of the clip, each in [0, 1]. What cannot be played is never an
error here: the note says why, and the page prints the note.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile  # type: ignore[import-untyped, unused-ignore]

from harness.report.record import ClipRow, Record

__all__ = ["LONGEST_SECONDS", "MOST_BYTES", "Sound", "load_sound", "sounds_of"]

LONGEST_SECONDS = 20.0
MOST_BYTES = 1_800_000  # of base64 text, all clips together: the page stays mailable

_SLICES = 96


def sounds_of(record: Record, *, audio_root: Path) -> tuple[Sound, ...]:
    """Load one clip per emotion, the first in the record: not chosen by how it sounds.

    Parameters
    ----------
    record
        Emotions come in the order of its design, then in that of its clips.
    audio_root
        The folder that the clips' paths are relative to.

    Returns
    -------
    tuple of Sound
        One per emotion that has a clip. From the first clip on that would
        exceed the page's share of audio, a note stands in place of sound.
    """
    firsts: dict[str, ClipRow] = {}
    for clip in record.clips:
        firsts.setdefault(clip.emotion, clip)
    sounds, used = [], 0
    for emotion in _ordered(record, present=list(firsts)):
        clip = firsts[emotion]
        full = Sound(clip=clip, note="left out to keep the page small")
        sound = full if used > MOST_BYTES else load_sound(clip, audio_root=audio_root)
        used += len(sound.uri)
        sounds.append(sound if used <= MOST_BYTES else full)
    return tuple(sounds)


def load_sound(clip: ClipRow, *, audio_root: Path) -> Sound:
    """Read a clip's WAV and encode its first seconds as MP3, or note why not."""
    if not clip.file:
        return Sound(clip=clip, note="the record names no file")
    try:
        path = (audio_root / clip.file).resolve()
        if not path.is_relative_to(audio_root.resolve()):
            return Sound(clip=clip, note=f"{clip.file} lies outside of the store")
        if not path.is_file():
            return Sound(clip=clip, note=f"{clip.file} is missing from the store")
        return _encoded(clip, path)
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        # ValueError: a path that no file system can hold, such as one with a zero byte
        return Sound(clip=clip, note=f"{clip.file} cannot be read: {error}")


def _encoded(clip: ClipRow, path: Path) -> Sound:
    with soundfile.SoundFile(path) as opened:
        rate, frames = opened.samplerate, opened.frames
        audio = opened.read(
            int(LONGEST_SECONDS * rate), dtype="float32", always_2d=True
        )
    if not audio.size:
        return Sound(clip=clip, note=f"{clip.file} holds no sound")
    if not np.isfinite(audio).all():
        return Sound(clip=clip, note=f"{clip.file} holds values that are not numbers")
    mono = audio.mean(axis=1)
    packed = io.BytesIO()
    soundfile.write(packed, mono, rate, format="MP3")
    text = base64.b64encode(packed.getvalue()).decode("ascii")
    return Sound(
        clip=clip,
        uri=f"data:audio/mpeg;base64,{text}",
        note="" if len(audio) == frames else f"first {LONGEST_SECONDS:g} s",
        seconds=len(audio) / rate,
        envelope=_envelope(mono),
    )


def _envelope(mono: npt.NDArray[np.float32]) -> tuple[float, ...]:
    slices = np.array_split(np.abs(mono), min(_SLICES, len(mono)))
    return tuple(min(1.0, float(part.max())) for part in slices)


def _ordered(record: Record, *, present: list[str]) -> list[str]:
    planned = record.design.get("emotions")
    names = [str(name) for name in planned] if isinstance(planned, list) else []
    first = [name for name in dict.fromkeys(names) if name in present]
    return first + [name for name in present if name not in first]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A clip with its sound as a data URI, or with a note that says why it has none."""

    clip: ClipRow
    uri: str = ""
    note: str = ""
    seconds: float = 0.0
    envelope: tuple[float, ...] = ()
