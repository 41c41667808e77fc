"""Clips as MP3 inside the page, all of one size and length.

A loud clip makes a larger file than a soft one unless every second takes as many bytes,
so the rate is constant, and what still differs is filled up.

Conventions
-----------
Audio has shape `(samples,)` or `(samples, channels)`, values in [-1, 1]. Loudness is
left as it is: it is part of what the model made.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import soundfile  # type: ignore[import-untyped, unused-ignore]

from harness.listening.sheet import ListeningError

__all__ = ["sounds_of_one_size"]

_COMPRESSION = 0.7  # of 0 to 1: 56 kbit/s at 16 kHz, 96 at 32 kHz


def sounds_of_one_size(
    audio: Mapping[str, tuple[npt.NDArray[np.float32], int]],
) -> dict[str, str]:
    """Data URIs of the clips, by the name that they come with.

    Parameters
    ----------
    audio : mapping of str to (array, int)
        Samples and their rate in Hz.

    Returns
    -------
    dict of str to str
        MP3 data URIs, all as long as each other.

    Raises
    ------
    ListeningError
        If clips differ in length or rate, which would tell them apart, or one holds no
        sound.
    """
    lengths = {(len(samples), rate) for samples, rate in audio.values()}
    if len(lengths) > 1:
        msg = (
            f"clips must be of one length to be told apart by ear alone, got "
            f"{len(lengths)} lengths or rates. Take the clips of one run."
        )
        raise ListeningError(msg)
    packed = {name: _mp3(name, *clip) for name, clip in audio.items()}
    size = max(map(len, packed.values()), default=0)
    return {
        name: f"data:audio/mpeg;base64,{_text(content.ljust(size, bytes(1)))}"
        for name, content in packed.items()
    }


def _mp3(name: str, samples: npt.NDArray[np.float32], rate: int) -> bytes:
    if not samples.size or not np.isfinite(samples).all():
        msg = f"clip {name} holds no sound. Remove it with `gc` and run again."
        raise ListeningError(msg)
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    packed = io.BytesIO()
    soundfile.write(
        packed,
        mono,
        rate,
        format="MP3",
        bitrate_mode="CONSTANT",
        compression_level=_COMPRESSION,
    )
    return packed.getvalue()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
