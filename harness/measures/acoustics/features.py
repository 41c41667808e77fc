"""Everything that is measured on a clip, in one record.

Conventions
-----------
Audio is mono, shape `(samples,)`; units are in the names. A feature that cannot be
heard in the clip is nan, or 0 where it says how plainly something is heard.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.measures.acoustics.loudness import integrated_lufs, rms
from harness.measures.acoustics.mode import estimate_mode
from harness.measures.acoustics.soundness import judge_soundness
from harness.measures.acoustics.tempo import SHORTEST_SECONDS, estimate_tempo
from harness.measures.acoustics.timbre import brightness_hz
from harness.measures.acoustics.validation import Audio, validate

__all__ = ["Features", "measure"]


def measure(audio: Audio, *, sample_rate: int) -> Features:
    """Measure a clip in every way there is.

    Parameters
    ----------
    audio
        Mono audio, shape `(samples,)`, at least 2 s.
    sample_rate
        In Hz.

    Returns
    -------
    Features
        The same for the same samples, bit by bit.

    Raises
    ------
    AcousticsError
        If `audio` cannot be measured.
    """
    validate(audio, sample_rate=sample_rate, at_least_seconds=SHORTEST_SECONDS)
    tempo = estimate_tempo(audio, sample_rate=sample_rate)
    mode = estimate_mode(audio, sample_rate=sample_rate)
    soundness = judge_soundness(audio, sample_rate=sample_rate)
    return Features(
        tempo_bpm=tempo.bpm,
        tempo_salience=tempo.salience,
        mode_strength=mode.strength,
        mode_clarity=mode.clarity,
        tonic=mode.tonic,
        brightness_hz=brightness_hz(audio, sample_rate=sample_rate),
        rms=rms(audio, sample_rate=sample_rate),
        loudness_lufs=integrated_lufs(audio, sample_rate=sample_rate),
        silent=soundness.silent,
        clipped_share=soundness.clipped_share,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is heard in one clip."""

    tempo_bpm: float  # nan without a pulse
    tempo_salience: float  # 0 to 1
    mode_strength: float  # positive is major, negative is minor; nan in silence
    mode_clarity: float  # 0 to 1
    tonic: int  # pitch class, 0 for C; -1 in silence
    brightness_hz: float  # nan in silence
    rms: float  # 0 to 1
    loudness_lufs: float  # nan below -70 LUFS
    silent: bool
    clipped_share: float  # 0 to 1
