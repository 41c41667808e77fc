"""What is heard in a clip, as numbers: tempo, mode, brightness, loudness, soundness.

Conventions
-----------
Audio is mono, floating point, in [-1, 1], shape `(samples,)`; `sample_rate` is in Hz.
Every measure checks its input first and raises `AcousticsError`. What cannot be heard
(the tempo of silence, the key of a clip without tones) is `nan`, never an exception.
"""

from harness.measures.acoustics.features import Features, measure
from harness.measures.acoustics.loudness import integrated_lufs, rms
from harness.measures.acoustics.mode import Mode, estimate_mode
from harness.measures.acoustics.reference import (
    ReferenceClip,
    TempoErrors,
    is_octave_error,
    is_within,
    tempo_error_rates,
    tempo_reference_clips,
)
from harness.measures.acoustics.soundness import Soundness, judge_soundness
from harness.measures.acoustics.tempo import Tempo, estimate_tempo
from harness.measures.acoustics.timbre import brightness_hz
from harness.measures.acoustics.validation import AcousticsError, Audio, validate

__all__ = [
    "AcousticsError",
    "Audio",
    "Features",
    "Mode",
    "ReferenceClip",
    "Soundness",
    "Tempo",
    "TempoErrors",
    "brightness_hz",
    "estimate_mode",
    "estimate_tempo",
    "integrated_lufs",
    "is_octave_error",
    "is_within",
    "judge_soundness",
    "measure",
    "rms",
    "tempo_error_rates",
    "tempo_reference_clips",
    "validate",
]
