"""Clips from prompts: micro-batches of fixed size through engine and codec."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from harness.models.protocol import Model, TextCondition
from harness.sampling.engine import Decoder, text_bucket
from harness.sampling.plan import CAPTURE, CaptureSpec, ClipSpec, Generation
from harness.sampling.summary import ClipCapture

__all__ = ["Sample", "Sampler"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A generated clip: audio `(samples,)` float32, and its capture."""

    clip: ClipSpec
    audio: np.ndarray
    capture: ClipCapture


class Sampler:
    """Generates clips with one loaded model; texts are encoded once."""

    def __init__(
        self, model: Model, generation: Generation, *, capture: CaptureSpec = CAPTURE
    ) -> None:
        self.model = model
        self.generation = generation
        self.capture = capture
        self.decoder = Decoder(model.language_model)
        self._conditions: dict[str, TextCondition] = {}

    def generate(
        self,
        clips: Sequence[ClipSpec],
        *,
        on_progress: Callable[[float], None] = lambda clips_done: None,
    ) -> Iterator[list[Sample]]:
        """Yield the clips in micro-batches; `on_progress` hears how many are done."""
        done = 0
        for batch in self._micro_batches(clips):
            before = done
            done += len(batch)

            def on_step(
                step: int, steps: int, before: int = before, n: int = done - before
            ) -> None:
                on_progress(before + n * step / steps)

            yield self._generate(batch, on_step)

    def _micro_batches(self, clips: Sequence[ClipSpec]) -> Iterator[list[ClipSpec]]:
        """Clips whose texts have one padded shape, at most a micro-batch at a time."""
        groups: dict[tuple[int, int], list[ClipSpec]] = {}
        for clip in clips:
            groups.setdefault(text_bucket(self._condition(clip)), []).append(clip)
        size = self.generation.batch_size
        for group in groups.values():
            for start in range(0, len(group), size):
                yield group[start : start + size]

    def _generate(
        self, batch: list[ClipSpec], on_step: Callable[[int, int], None]
    ) -> list[Sample]:
        # A short batch is filled up with its last clip: shapes, and so bits, stay the
        # same.
        full = batch + [batch[-1]] * (self.generation.batch_size - len(batch))
        decoded = self.decoder.decode(
            [self._condition(clip) for clip in full],
            [clip.seed for clip in full],
            self.generation,
            frames=self.model.card.frames(self.generation.duration_seconds),
            windows=self.capture.windows,
            on_step=on_step,
        )
        audio = self.model.decode_audio(decoded.codes).cpu().numpy()
        captures = decoded.capture.clips()
        return [
            Sample(clip=clip, audio=audio[row], capture=captures[row])
            for row, clip in enumerate(batch)
        ]

    def _condition(self, clip: ClipSpec) -> TextCondition:
        text = clip.prompt.text
        if text not in self._conditions:
            self._conditions[text] = self.model.encode_text(text)
        return self._conditions[text]

    def provenance(self) -> dict[str, Any]:
        """What made the clips; nothing that names the machine."""
        device = next(self.model.language_model.parameters()).device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
        return {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "audiocraft": version("audiocraft"),
            "device": name,
            "dtype": self.generation.dtype,
        }
