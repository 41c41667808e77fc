"""Clips without a model: plans, and audio and captures drawn from a clip's seed.

Conventions
-----------
Audio is 0.1 s at 16 kHz; captures have 2 layers, 2 halves, 8 windows and 3 dimensions.
The same clip always gives the same bytes. Neither torch nor audiocraft is imported.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.models.protocol import ModelCard
from harness.prompts import Prompt
from harness.sampling.plan import Generation, Plan, make_plan
from harness.sampling.summary import ClipCapture

__all__ = ["CARD", "GENERATION", "make_audio", "make_capture", "plan_of"]

CARD = ModelCard(
    name="phantom:paper",
    fingerprint="0123456789abcdef0123456789abcdef",
    layers=2,
    d_model=3,
    codebooks=4,
    vocabulary=256,
    delays=(0, 1, 2, 3),
    frame_rate=50.0,
    sample_rate=16_000,
    max_duration_seconds=30.0,
    parameters=0,
    text_encoder="skeptic/t5-tiny",
)
GENERATION = Generation(duration_seconds=0.1, batch_size=2)
_EMOTIONS = ("happy", "sad")
_WINDOWS = 8


def plan_of(prompts_per_emotion: int, *, generation: Generation = GENERATION) -> Plan:
    """Two emotions in the same templates, one clip a prompt, and second clips."""
    prompts = [
        Prompt(text=f"{emotion} tune, {n}", emotion=emotion, template=f"t{n:03d}")
        for n in range(1, prompts_per_emotion + 1)
        for emotion in _EMOTIONS
    ]
    return make_plan(
        prompts,
        seeds_per_prompt=1,
        seed=0,
        fingerprint=CARD.fingerprint,
        generation=generation,
    )


def make_audio(seed: int) -> npt.NDArray[np.float32]:
    """Noise of 1600 samples in [-1, 1]."""
    rng = np.random.default_rng([seed, 0])
    return rng.uniform(-1, 1, 1600).astype(np.float32)


def make_capture(
    seed: int, *, not_finite: tuple[tuple[str, int, int], ...] = ()
) -> ClipCapture:
    """Numbers that are all different; `not_finite` is passed on."""
    rng = np.random.default_rng([seed, 1])
    shape = (CARD.layers, 2, CARD.d_model)
    windowed = (*shape[:2], _WINDOWS, shape[2])

    def numbers(of: tuple[int, ...]) -> npt.NDArray[np.float32]:
        return rng.normal(0, 10, of).astype(np.float32)

    return ClipCapture(
        mean=numbers(shape),
        variance=numbers(shape) ** 2,
        magnitude=np.abs(numbers(shape)),
        first_step=numbers(shape),
        window_mean=numbers(windowed),
        window_variance=numbers(windowed) ** 2,
        window_magnitude=np.abs(numbers(windowed)),
        steps=(CARD.steps(GENERATION.duration_seconds),) * CARD.layers,
        not_finite=not_finite,
    )
