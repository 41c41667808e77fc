"""Clips without a model: plans, and audio and captures drawn from a clip's seed.

Conventions
-----------
Audio is 0.1 s at 16 kHz; captures have 2 layers, 2 halves, 8 windows and 3 dimensions.
The same clip always gives the same bytes, its record included. Neither torch nor
audiocraft is imported.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from harness.captures import HALVES, ClipCapture, ClipTokens, resolved_name
from harness.models.protocol import ModelCard
from harness.plan import ClipSpec, Generation, Plan, make_plan
from harness.prompts import Prompt
from harness.store import Store

__all__ = [
    "CARD",
    "CLIPS",
    "FIRST",
    "GENERATION",
    "PLAN",
    "PROVENANCE",
    "card_of",
    "filled",
    "flip_a_bit",
    "make_audio",
    "make_capture",
    "make_resolved",
    "make_tokens",
    "plan_of",
    "put_clip",
    "reopened",
    "resolved_tensors",
    "tree",
]

# The time of making is part of a record: two stores can be compared only without it.
os.environ.setdefault("SOURCE_DATE_EPOCH", "1700000000")

GENERATION = Generation(duration_seconds=0.1, batch_size=2)
PROVENANCE = {"python": "3.11", "torch": "2.10.0"}
_EMOTIONS = ("happy", "sad")
_WINDOWS = 8


def card_of(name: str, *, layers: int, d_model: int, heads: int) -> ModelCard:
    """A model of that shape, which does not exist."""
    return ModelCard(
        name=name,
        fingerprint="0123456789abcdef0123456789abcdef",
        layers=layers,
        d_model=d_model,
        heads=heads,
        codebooks=4,
        vocabulary=256,
        delays=(0, 1, 2, 3),
        frame_rate=50.0,
        sample_rate=16_000,
        max_duration_seconds=30.0,
        parameters=0,
        text_encoder="skeptic/t5-tiny",
    )


CARD = card_of("phantom:paper", layers=2, d_model=3, heads=1)


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


PLAN = plan_of(2)  # 4 prompts, 8 clips
CLIPS = PLAN.clips[:3]
FIRST = CLIPS[0]


def make_audio(seed: int) -> npt.NDArray[np.float32]:
    """Noise of 1600 samples in [-1, 1]."""
    rng = np.random.default_rng([seed, 0])
    return rng.uniform(-1, 1, 1600).astype(np.float32)


def make_capture(
    seed: int, *, not_finite: tuple[tuple[str, int, int], ...] = ()
) -> ClipCapture:
    """Numbers that are all different; `not_finite` is passed on."""
    rng = np.random.default_rng([seed, 1])
    shape = (1, CARD.layers, 2, CARD.d_model)
    windowed = (*shape[:3], _WINDOWS, shape[3])

    def numbers(of: tuple[int, ...]) -> npt.NDArray[np.float32]:
        return rng.normal(0, 10, of).astype(np.float32)

    return ClipCapture(
        sites=("resid_post",),
        mean=numbers(shape),
        variance=numbers(shape) ** 2,
        magnitude=np.abs(numbers(shape)),
        first_step=numbers(shape),
        window_mean=numbers(windowed),
        window_variance=numbers(windowed) ** 2,
        window_magnitude=np.abs(numbers(windowed)),
        steps=(CARD.steps(GENERATION.duration_seconds),) * CARD.layers,
        not_finite=not_finite,
        tokens=make_tokens(seed),
    )


def make_tokens(seed: int) -> ClipTokens:
    """Codes of the clip's 5 frames, and a text of the card's width."""
    rng = np.random.default_rng([seed, 3])
    frames = CARD.frames(GENERATION.duration_seconds)
    return ClipTokens(
        codes=rng.integers(0, CARD.vocabulary, (CARD.codebooks, frames)),
        text=rng.normal(0, 1, CARD.d_model).astype(np.float32),
    )


def resolved_tensors(seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Layer 1 at every step, `(steps, d_model)`, by name."""
    rng = np.random.default_rng([seed, 2])
    shape = (CARD.steps(GENERATION.duration_seconds), CARD.d_model)
    return {
        resolved_name("resid_post", 1, half): rng.normal(0, 10, shape).astype("<f4")
        for half in HALVES
    }


def make_resolved(seed: int, folder: Path, *, key: str = "clip") -> Path:
    """A finished file of a clip's time-resolved tensors, to be taken over."""
    path = folder / f".{key}.{seed:x}.partial"
    path.write_bytes(save(resolved_tensors(seed)))
    return path


def put_clip(store: Store, clip: ClipSpec, *, scratch: Path | None = None) -> None:
    """Put a clip that is made from its seed, time-resolved where there is `scratch`."""
    capture = make_capture(clip.seed)
    if scratch is not None:
        capture = replace(capture, resolved=make_resolved(clip.seed, scratch))
    store.put(
        clip,
        make_audio(clip.seed),
        capture,
        generation=GENERATION,
        provenance=PROVENANCE,
    )


def filled(root: Path, clips: Sequence[ClipSpec]) -> Store:
    """A store with `clips`."""
    store = Store(root, CARD)
    for clip in clips:
        put_clip(store, clip)
    return store


def reopened(store: Store) -> Store:
    """The same store, seen by another process: nothing is taken on trust."""
    return Store(store.root, CARD)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def tree(directory: Path) -> dict[str, bytes]:
    """The bytes of all files but locks, by name."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }
