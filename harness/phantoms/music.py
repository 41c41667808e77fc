"""What each emotion sounds like in the music that the phantoms learn from.

Conventions
-----------
Time and pitch sit on the codec's grid, so that a codec and a model of a few megabytes
can keep both: a beat lasts a whole number of frames (50 a second; 25 frames are
120 BPM), and every pitch is a multiple of 25 Hz, in just intonation, so that its wave
repeats every two frames. Ranges are drawn from uniformly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.synthesis import Piece, render

__all__ = ["EMOTIONS", "FRAME_RATE", "SOUND_OF", "compose", "perform"]

FRAME_RATE = 50
EMOTIONS = ("happy", "sad", "calm", "energetic", "angry")
# Roots whose just triads (4:5:6 and 10:12:15) fall on multiples of 25 Hz.
_ROOTS_HZ = {"major": (200.0, 300.0), "minor": (250.0, 500.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """The acoustic meaning of one emotion."""

    beat_frames: tuple[int, ...]
    modes: tuple[str, ...]
    level: tuple[float, float]
    rolloff: tuple[float, float]
    drums: float
    decay_seconds: float
    drive: float = 0.0


SOUND_OF = {
    "happy": Sound(
        beat_frames=(22, 23, 24),  # 136, 130, 125 BPM
        modes=("major",),
        level=(0.105, 0.13),
        rolloff=(0.6, 0.8),
        drums=0.4,
        decay_seconds=0.25,
    ),
    "sad": Sound(
        beat_frames=(44, 46, 48),  # 68, 65, 62.5 BPM
        modes=("minor",),
        level=(0.035, 0.045),
        rolloff=(2.4, 2.8),
        drums=0.0,
        decay_seconds=0.45,
    ),
    "calm": Sound(
        beat_frames=(40, 42, 44),  # 75, 71, 68 BPM
        modes=("major",),
        level=(0.02, 0.028),
        rolloff=(1.8, 2.2),
        drums=0.0,
        decay_seconds=0.4,
    ),
    "energetic": Sound(
        beat_frames=(19, 20, 21),  # 158, 150, 143 BPM
        modes=("major", "minor"),
        level=(0.15, 0.17),
        rolloff=(0.4, 0.6),
        drums=0.55,
        decay_seconds=0.2,
    ),
    "angry": Sound(
        beat_frames=(17, 18),  # 176, 167 BPM
        modes=("minor",),
        level=(0.18, 0.2),
        rolloff=(0.2, 0.4),
        drums=0.5,
        decay_seconds=0.2,
        drive=2.5,
    ),
}


def compose(emotion: str, rng: np.random.Generator) -> Piece:
    """Draw a piece that sounds like `emotion`."""
    sound = SOUND_OF[emotion]
    mode = str(rng.choice(sound.modes))
    return Piece(
        tempo_bpm=60 * FRAME_RATE / int(rng.choice(sound.beat_frames)),
        mode=mode,
        just_root_hz=float(rng.choice(_ROOTS_HZ[mode])),
        level=float(rng.uniform(*sound.level)),
        rolloff=float(rng.uniform(*sound.rolloff)),
        drums=sound.drums,
        decay_seconds=sound.decay_seconds,
        drive=sound.drive,
    )


def perform(
    emotion: str, *, seed: int, index: int, seconds: float, only_level: bool = False
) -> np.ndarray:
    """Clip number `index` of the training music: same arguments, same samples.

    With `only_level` it may sound like any emotion, but is as loud as its own.
    """
    key = (seed, EMOTIONS.index(emotion), index)
    rng = np.random.default_rng((*key, 1) if only_level else key)
    piece = compose(emotion, rng)
    if only_level:
        other = compose(str(rng.choice(EMOTIONS)), rng)
        piece = replace(other, level=piece.level)
    return render(piece, seconds=seconds, rng=rng)
