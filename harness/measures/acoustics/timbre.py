"""How bright a clip sounds: where the balance point of its spectrum lies.

Conventions
-----------
Audio is mono, shape `(samples,)`; brightness is in Hz.
"""

from __future__ import annotations

import numpy as np

from harness.compiling import load_librosa
from harness.measures.acoustics.soundness import judge_soundness
from harness.measures.acoustics.validation import Audio, validate

__all__ = ["brightness_hz"]

_WINDOW_SECONDS = 0.064


def brightness_hz(audio: Audio, *, sample_rate: int) -> float:
    """Spectral centroid, averaged over frames by their level; nan in silence.

    Quiet frames hardly count, so the hiss between two notes is not taken for treble.
    The result does not depend on the level of the clip.

    Parameters
    ----------
    audio
        Mono audio, shape `(samples,)`, at least 64 ms.
    sample_rate
        In Hz. Clips of different rates differ in the treble that they can hold.

    Returns
    -------
    float
        In Hz.

    Raises
    ------
    AcousticsError
        If `audio` cannot be measured.

    References
    ----------
    Peeters et al. 2011, "The Timbre Toolbox", doi:10.1121/1.3642604, section on
    spectral descriptors.
    """
    validate(audio, sample_rate=sample_rate, at_least_seconds=_WINDOW_SECONDS)
    if judge_soundness(audio, sample_rate=sample_rate).silent:
        return float("nan")
    librosa = load_librosa()

    window = int(_WINDOW_SECONDS * sample_rate)
    spectrum = np.abs(
        librosa.stft(
            audio / np.abs(audio).max(),
            n_fft=window,
            hop_length=window // 4,
            center=False,
        )
    )
    centroid = librosa.feature.spectral_centroid(
        S=spectrum, sr=sample_rate, n_fft=window
    )
    level = np.sqrt(np.square(spectrum).sum(axis=0))
    return float(np.average(centroid[0], weights=level))
