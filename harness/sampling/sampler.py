"""Clips from prompts: micro-batches of fixed size through engine and codec."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from harness.captures import ClipCapture
from harness.files import FileError, explain
from harness.models.protocol import Model, TextCondition
from harness.plan import CAPTURE, CaptureSpec, ClipSpec, Generation
from harness.sampling.engine import Decoded, Decoder, text_bucket
from harness.sampling.memory import OutOfMemory
from harness.sampling.resolved import ResolvedWriter

__all__ = ["Sample", "Sampler"]

# What torch's allocator and oneDNN say there, without an error of its own kind.
_NO_MEMORY_ON_THE_CPU = (
    "can't allocate memory",
    "could not create a primitive",
    "could not create a memory",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A generated clip: audio `(samples,)` float32, and its capture."""

    clip: ClipSpec
    audio: np.ndarray
    capture: ClipCapture


class Sampler:
    """Generates clips with one loaded model; texts are encoded once.

    What is time-resolved is streamed to files in `scratch`, and is gone when the sample
    after the next is asked for, unless somebody has moved it away.
    """

    def __init__(
        self,
        model: Model,
        generation: Generation,
        *,
        capture: CaptureSpec = CAPTURE,
        scratch: Path | None = None,
    ) -> None:
        self.model = model
        self.generation = generation
        self.capture = capture
        self.scratch = scratch
        self.decoder = Decoder(model.language_model)
        self._conditions: dict[str, TextCondition] = {}

    def with_batch_size(self, batch_size: int) -> Sampler:
        """The same model and texts, in micro-batches of another size."""
        other = object.__new__(Sampler)
        other.__dict__.update(self.__dict__)
        other.generation = replace(self.generation, batch_size=batch_size)
        return other

    def generate(
        self,
        clips: Sequence[ClipSpec],
        *,
        on_progress: Callable[[float], None] = lambda clips_done: None,
    ) -> Iterator[list[Sample]]:
        """Yield the clips in micro-batches; `on_progress` hears how many are done.

        Raises
        ------
        OutOfMemory
            If a micro-batch does not fit; what was yielded before stands.
        FileError
            If what is time-resolved cannot be written.
        """
        done = 0
        for batch in self._micro_batches(clips):
            before = done
            done += len(batch)

            def on_step(
                step: int, steps: int, before: int = before, n: int = done - before
            ) -> None:
                on_progress(before + n * step / steps)

            with ExitStack() as stack:
                scratch = self._scratch(stack)
                yield self._generate(batch, scratch, on_step)

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
        self,
        batch: list[ClipSpec],
        scratch: Path | None,
        on_step: Callable[[int, int], None],
    ) -> list[Sample]:
        with _memory(len(batch)):
            files, decoded = self._decode(batch, scratch, on_step)
            # One by one: the codec's wide layers would need more than all the rest.
            audio = [
                self.model.decode_audio(codes[None])[0].cpu().numpy()
                for codes in decoded.codes[: len(batch)]
            ]
        captures = [
            replace(capture, resolved=file)
            for capture, file in zip(decoded.captures, files, strict=False)
        ]
        return [
            Sample(clip=clip, audio=audio[row], capture=captures[row])
            for row, clip in enumerate(batch)
        ]

    def _decode(
        self,
        batch: list[ClipSpec],
        scratch: Path | None,
        on_step: Callable[[int, int], None],
    ) -> tuple[list[Path | None], Decoded]:
        # A short batch is filled up with its last clip: shapes, and so bits, stay the
        # same.
        size = self.generation.batch_size
        full = batch + [batch[-1]] * (size - len(batch))
        conditions = [self._condition(clip) for clip in full]
        frames = self.model.card.frames(self.generation.duration_seconds)
        files: list[Path | None] = [None] * len(batch)
        with ExitStack() as stack:
            on_held = None
            if scratch is not None:
                paths = [scratch / f"{clip.key}.safetensors" for clip in batch]
                shapes = [
                    self.decoder.shapes(condition, self.capture, frames=frames)
                    for condition in conditions[: len(batch)]
                ]
                stack.enter_context(_room_for(scratch))
                writer = ResolvedWriter(paths, shapes, self.capture, clips=size)
                on_held = stack.enter_context(writer).write
                files = [*paths]
            decoded = self.decoder.decode(
                conditions,
                [clip.seed for clip in full],
                self.generation,
                frames=frames,
                capture=self.capture,
                on_step=on_step,
                on_held=on_held,
            )
        return files, decoded

    def _scratch(self, stack: ExitStack) -> Path | None:
        """Where time-resolved files of a micro-batch go, if there are any."""
        if not (self.capture.resolved_layers or self.capture.attention_layers):
            return None
        if self.scratch is not None:
            with _room_for(self.scratch):
                self.scratch.mkdir(parents=True, exist_ok=True)
        return Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.scratch)))

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


@contextmanager
def _memory(clips: int) -> Iterator[None]:
    """Say in one kind of error that there was no memory, whatever device said so."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        torch.cuda.empty_cache()  # does nothing where there is no CUDA
        raise OutOfMemory(_too_large(clips)) from error
    except RuntimeError as error:
        if not any(said in str(error) for said in _NO_MEMORY_ON_THE_CPU):
            raise
        raise OutOfMemory(_too_large(clips)) from error


def _too_large(clips: int) -> str:
    return (
        f"A micro-batch of {clips} clips does not fit into memory. Use a smaller "
        "--batch-size, a shorter --duration or a smaller --model."
    )


@contextmanager
def _room_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(explain(path, error)) from error
