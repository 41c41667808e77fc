"""Clips from prompts: micro-batches of fixed size through engine and codec."""

from __future__ import annotations

import copy
import platform
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from harness.captures import ClipCapture
from harness.files import PARTIAL, FileError, explain
from harness.models.protocol import Model, TextCondition
from harness.plan import CAPTURE, CaptureSpec, ClipSpec, Generation
from harness.sampling.engine import Decoded, Decoder, text_bucket
from harness.sampling.maps import AttentionMaps
from harness.sampling.memory import OutOfMemory
from harness.sampling.resolved import ResolvedWriter
from harness.sampling.whole import OnLayer, pass_whole

__all__ = ["Sample", "Sampler"]

_Item = TypeVar("_Item")

# What torch's allocator for the CPU, oneDNN, cuBLAS and cuDNN say, without an error of
# their own kind.
_NO_MEMORY = (
    "can't allocate memory",
    "could not create a primitive",
    "could not create a memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A generated clip: audio `(samples,)` float32, and its capture."""

    clip: ClipSpec
    audio: np.ndarray
    capture: ClipCapture


class Sampler:
    """Generates clips with one loaded model; texts are encoded once.

    What is time-resolved is streamed to `.KEY.*.partial` in `scratch`; whoever takes a
    sample moves its file away before the next micro-batch is asked for, or it is gone.
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
        other = copy.copy(self)
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
        for batch in self._together(clips, lambda clip: clip.prompt.text):
            before = done
            done += len(batch)

            def on_step(
                step: int, steps: int, before: int = before, n: int = done - before
            ) -> None:
                on_progress(before + n * step / steps)

            files = self._files(batch)
            try:
                yield self._generate(batch, files, on_step)
            finally:
                for file in files:
                    file.unlink(missing_ok=True)

    def forced(
        self, passes: Sequence[tuple[str, np.ndarray]], *, early_steps: int
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Feed codes `(codebooks, frames)` to the model while it reads a text.

        Yields, in any order, the number of a pass, its mean residual stream over all
        steps and that over the first `early_steps`, both `(layers, halves, d_model)`
        float32.

        Raises
        ------
        OutOfMemory
            If a micro-batch does not fit.
        """
        size = self.generation.batch_size
        capture = CaptureSpec(windows=1)
        for batch in self._together(range(len(passes)), lambda i: passes[i][0]):
            full = batch + [batch[-1]] * (size - len(batch))
            codes = np.stack([passes[i][1] for i in full]).astype(np.int64)
            early = _EarlyMean(early_steps)
            with _memory(size):
                decoded = self.decoder.decode(
                    [self._condition(passes[i][0]) for i in full],
                    [0] * size,
                    self.generation,
                    frames=codes.shape[2],
                    capture=capture,
                    forced_codes=torch.from_numpy(codes),
                    on_held=early.add,
                )
            for place, index in enumerate(batch):
                mean = decoded.captures[place].mean[0]
                yield index, mean, early.of_clip(place)

    def whole(self, text: str, codes: np.ndarray, on_layer: OnLayer) -> None:
        """Pass a clip that is there through the model, all steps at once.

        `codes` are `(codebooks, frames)`; see `harness.sampling.whole`.

        Raises
        ------
        OutOfMemory
            If the clip does not fit.
        """
        with _memory(1):
            forced_codes = torch.from_numpy(codes.astype(np.int64))
            pass_whole(self.decoder, self._condition(text), forced_codes, on_layer)

    def pieces(self, text: str) -> tuple[str, ...]:
        """The pieces of a text that cross-attention reads, in the order of its maps."""
        return self.model.text_pieces(text)

    def _together(
        self, items: Iterable[_Item], text_of: Callable[[_Item], str]
    ) -> Iterator[list[_Item]]:
        """Items whose texts have one padded shape, at most a micro-batch at a time."""
        groups: dict[tuple[int, int], list[_Item]] = {}
        for item in items:
            bucket = text_bucket(self._condition(text_of(item)))
            groups.setdefault(bucket, []).append(item)
        size = self.generation.batch_size
        for group in groups.values():
            for start in range(0, len(group), size):
                yield group[start : start + size]

    def _generate(
        self,
        batch: list[ClipSpec],
        files: list[Path],
        on_step: Callable[[int, int], None],
    ) -> list[Sample]:
        with _memory(self.generation.batch_size):
            decoded = self._decode(batch, files, on_step)
            # One by one: the codec's wide layers would need more than all the rest.
            audio = [
                self.model.decode_audio(codes[None])[0].cpu().numpy()
                for codes in decoded.codes[: len(batch)]
            ]
        captures = decoded.captures[: len(batch)]
        if files:
            pairs = zip(captures, files, strict=True)
            captures = [replace(capture, resolved=file) for capture, file in pairs]
        made = zip(batch, audio, captures, strict=True)
        return [Sample(clip=c, audio=a, capture=x) for c, a, x in made]

    def _decode(
        self,
        batch: list[ClipSpec],
        files: list[Path],
        on_step: Callable[[int, int], None],
    ) -> Decoded:
        # A short batch is filled up with its last clip: shapes, and so bits, stay the
        # same.
        size = self.generation.batch_size
        full = batch + [batch[-1]] * (size - len(batch))
        conditions = [self._condition(clip.prompt.text) for clip in full]
        frames = self.model.card.frames(self.generation.duration_seconds)
        with ExitStack() as stack:
            on_held = None
            if files:
                stack.enter_context(_room_for(files[0]))
                shapes = [
                    self.decoder.shapes(condition, self.capture, frames=frames)
                    for condition in conditions[: len(batch)]
                ]
                writer = ResolvedWriter(files, shapes, self.capture, clips=size)
                on_held = stack.enter_context(writer).write
            return self.decoder.decode(
                conditions,
                [clip.seed for clip in full],
                self.generation,
                frames=frames,
                capture=self.capture,
                on_step=on_step,
                on_held=on_held,
            )

    def _files(self, batch: list[ClipSpec]) -> list[Path]:
        """Where what is time-resolved of each clip goes; none if nothing is."""
        if not (self.capture.resolved_layers or self.capture.attention_layers):
            return []
        if self.scratch is None:
            msg = "`scratch` must be a directory where layers are kept step by step."
            raise ValueError(msg)
        with _room_for(self.scratch):
            self.scratch.mkdir(parents=True, exist_ok=True)
        unique = secrets.token_hex(4)
        return [self.scratch / f".{clip.key}.{unique}{PARTIAL}" for clip in batch]

    def _condition(self, text: str) -> TextCondition:
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


class _EarlyMean:
    """Mean activations of a micro-batch over its first steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.total: torch.Tensor | float = 0.0  # (layers, rows, d_model)

    def add(self, first_step: int, held: torch.Tensor, maps: AttentionMaps) -> None:
        counted = held[: max(0, self.steps - first_step), 0]
        self.total = self.total + counted.double().sum(0)

    def of_clip(self, place: int) -> np.ndarray:
        """The clip's two rows, `(layers, halves, d_model)`."""
        assert isinstance(self.total, torch.Tensor)
        clips = self.total.shape[1] // 2
        rows = self.total[:, [place, clips + place]] / self.steps
        return rows.float().cpu().numpy()


@contextmanager
def _memory(clips: int) -> Iterator[None]:
    """Say in one kind of error that there was no memory, whatever device said so."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_lack_of_memory(error):
            raise
        msg = (
            f"A micro-batch of {clips} clips does not fit into memory. Use a smaller "
            "--batch-size, a shorter --duration or a smaller --model."
        )
        raise OutOfMemory(msg) from error


def _is_lack_of_memory(error: BaseException | None) -> bool:
    """Is it, or was it while handling it: recording fails in words of its own."""
    if error is None:
        return False
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    said = any(words in str(error) for words in _NO_MEMORY)
    return said or _is_lack_of_memory(error.__context__)


@contextmanager
def _room_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(explain(path, error)) from error
