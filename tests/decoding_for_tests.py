"""One way to decode for all tests of the engine: 0.4 s, prompts of unlike lengths."""

from __future__ import annotations

from collections.abc import Sequence

from audiocraft_for_tests import WINDOWS
from torch import Tensor

from harness.models.musicgen import LoadedMusicGen
from harness.plan import CaptureSpec, Generation
from harness.sampling.engine import Decoded, Decoder

__all__ = [
    "FRAMES",
    "GENERATION",
    "LONG",
    "MEDIUM",
    "SHORT",
    "STEPS",
    "decode",
]

SHORT = "sad music"
MEDIUM = "an energetic tune for piano and drums"
LONG = (
    "a calm melody, slowly wandering over the hills and the sea in the evening, with "
    "flute and harp and a very distant choir of old friends"
)
GENERATION = Generation(duration_seconds=0.4)
FRAMES, STEPS = 20, 23


def decode(
    model: LoadedMusicGen,
    prompts: Sequence[str],
    *,
    seeds: Sequence[int] | None = None,
    generation: Generation = GENERATION,
    capture: CaptureSpec = CaptureSpec(windows=WINDOWS),  # noqa: B008
    forced_codes: Tensor | None = None,
) -> Decoded:
    return Decoder(model.language_model).decode(
        [model.encode_text(p) for p in prompts],
        seeds or range(1, len(prompts) + 1),
        generation,
        frames=FRAMES,
        capture=capture,
        forced_codes=forced_codes,
    )
