"""Decode audiocraft's `LMModel` weights, capturing every layer at every step.

The arithmetic is that of audiocraft in streaming mode, done with key/value caches of
fixed size, cross-attention keys and values computed once per prompt, and text that is
never padded. Nothing that a step does depends on the clock, on the number of clips that
are still to be made, or on other clips of the micro-batch.

Conventions
-----------
A micro-batch of `clips` makes `2 * clips` rows: conditional rows first, null rows
second, as in audiocraft. Step s feeds sequence position s and predicts position s + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.transformer import create_sin_embedding
from torch import Tensor
from torch.nn import functional as F

from harness.captures import ClipCapture, ClipTokens, resolved_shapes
from harness.models.protocol import TextCondition
from harness.plan import CAPTURE, CaptureSpec, Generation
from harness.sampling.capture import ActivationCapture
from harness.sampling.codes import guided, sample, uniforms
from harness.sampling.cursor import Cursor
from harness.sampling.graphs import DeviceSteps
from harness.sampling.layers import Layer, check_supported
from harness.sampling.linear import linear_map
from harness.sampling.maps import AttentionMaps

__all__ = ["Decoded", "Decoder", "text_bucket"]

# Text is padded (and masked) to multiples of this: shapes decide bits.
_TEXT_BUCKET = 32
OnHeld = Callable[[int, Tensor, AttentionMaps], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What one micro-batch gave."""

    codes: Tensor  # int64 (clips, codebooks, frames)
    captures: list[ClipCapture]


def text_bucket(condition: TextCondition) -> tuple[int, int]:
    """The padded shape that a prompt needs; only equals may share a micro-batch."""
    tokens = condition.cross.shape[0]
    return -(-tokens // _TEXT_BUCKET) * _TEXT_BUCKET, condition.prefix.shape[1]


class Decoder:
    """Samples codes for micro-batches of prompts.

    `on_device` (on CUDA) steps find their place on the device, so that their kernels
    can be recorded and replayed.

    Raises
    ------
    ModelError
        If the language model is built in a way that is not decoded here.
    """

    def __init__(self, model: LMModel) -> None:
        check_supported(model)
        self.model = model
        weights = [linear.weight for linear in model.linears]
        biases = [linear.bias for linear in model.linears]
        self.device, self.dtype = weights[0].device, weights[0].dtype
        self.layers = [Layer(x, i) for i, x in enumerate(model.transformer.layers)]
        self.heads = linear_map(
            torch.cat(weights), None if biases[0] is None else torch.cat(biases)
        )
        # One table for all codebooks, and where each begins in it.
        tables = [table.weight.detach() for table in model.emb]
        self.embeddings = torch.cat(tables)
        starts = torch.arange(len(tables), device=self.device) * len(tables[0])
        self.starts = starts[None]
        self.on_device = self.device.type == "cuda"
        self._batch: _MicroBatch | None = None

    def shapes(
        self, condition: TextCondition, spec: CaptureSpec, *, frames: int
    ) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what is time-resolved of a clip of this prompt."""
        steps = self.steps(frames)
        return {
            **resolved_shapes(
                spec,
                steps=steps,
                d_model=self.model.dim,
                heads=self.layers[0].heads,
                positions=condition.prefix.shape[1] + steps,
                tokens=len(condition.cross),
            )
        }

    def steps(self, frames: int) -> int:
        """Decoding steps for `frames`, as the delay pattern implies."""
        pattern = self.model.pattern_provider.get_pattern(frames)
        return len(pattern.layout) - 1

    def positions(self, count: int) -> Tensor:
        """Sinusoidal positions `(count, d_model)`."""
        transformer = self.model.transformer
        embedding = create_sin_embedding(
            torch.arange(count, device=self.device).view(1, -1, 1),
            self.model.dim,
            max_period=transformer.max_period,
            dtype=self.dtype,
        )
        return transformer.positional_scale * embedding[0]

    @torch.no_grad()
    def decode(
        self,
        conditions: Sequence[TextCondition],
        seeds: Sequence[int],
        generation: Generation,
        *,
        frames: int,
        capture: CaptureSpec = CAPTURE,
        forced_codes: Tensor | None = None,
        on_step: Callable[[int, int], None] | None = None,
        on_held: OnHeld | None = None,
    ) -> Decoded:
        """Sample `frames` frames for each prompt.

        With `forced_codes` `(clips, codebooks, frames)` nothing is sampled; the model
        is fed these codes instead. `on_held(first_step, held, maps)` is handed every
        step of the activations once, a few at a time.
        """
        longest = max(text_bucket(c)[0] for c in conditions)
        shape = _Shape(
            clips=len(seeds),
            frames=frames,
            tokens=longest,
            prefix=conditions[0].prefix.shape[1],
            generation=generation,
            capture=capture,
        )
        if self._batch is None or self._batch.shape != shape:
            self._batch = None  # makes room for the next
            self._batch = _MicroBatch(self, shape)
        batch = self._batch
        try:
            batch.start(conditions, seeds, forced_codes, on_held)
            for step in range(batch.steps):
                batch.take_step(step)
                batch.capture.close_step()
                if on_step is not None:
                    on_step(step + 1, batch.steps)
            return _decoded(batch.codes(), batch.capture.clips(), conditions)
        except BaseException:
            self._batch = None  # whoever goes on with less needs its memory
            raise


def _decoded(
    codes: Tensor, captures: list[ClipCapture], conditions: Sequence[TextCondition]
) -> Decoded:
    """Each capture with its own codes and text."""
    host = codes.cpu().numpy()
    return Decoded(
        codes=codes,
        captures=[
            replace(x, tokens=ClipTokens(codes=c, text=_mean_text(condition)))
            for x, c, condition in zip(captures, host, conditions, strict=True)
        ],
    )


def _mean_text(condition: TextCondition) -> np.ndarray:
    """Mean over tokens of what is attended to, or else of what is put in front."""
    read = condition.cross if len(condition.cross) else condition.prefix[0]
    mean: np.ndarray = read.float().mean(0).cpu().numpy()
    return mean


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What decides all shapes of a micro-batch, and so what can be used again."""

    clips: int
    frames: int
    tokens: int
    prefix: int
    generation: Generation
    capture: CaptureSpec


class _MicroBatch:
    """The state of micro-batches of one shape; its tensors stay where they are."""

    def __init__(self, decoder: Decoder, shape: _Shape) -> None:
        self.decoder, self.shape = decoder, shape
        self.device = decoder.device
        self.offset = shape.prefix
        pattern = decoder.model.pattern_provider.get_pattern(shape.frames)
        self.pattern = pattern
        self.steps = len(pattern.layout) - 1
        self.sequence, self.mask = self._sequence(None)
        codebooks = decoder.model.num_codebooks
        self.draws = torch.zeros(
            shape.clips, self.steps, codebooks, dtype=torch.float64, device=self.device
        )
        length = self.offset + self.steps
        self.positions = decoder.positions(length)
        self.memories = [
            layer.room(clips=shape.clips, tokens=shape.tokens, positions=length)
            for layer in decoder.layers
        ]
        self.capture = ActivationCapture(
            sites=shape.capture.sites,
            layers=len(decoder.layers),
            rows=2 * shape.clips,
            width=decoder.model.dim,
            steps=self.steps,
            windows=shape.capture.windows,
            device=self.device,
        )
        self.maps = AttentionMaps(
            layers=shape.capture.attention_layers,
            held_steps=self.capture.held_steps,
            clips=shape.clips,
            heads=decoder.layers[0].heads,
            positions=length,
            tokens=shape.tokens,
            device=self.device,
        )
        self.take_step: Callable[[int], None] = self._take_step
        if decoder.on_device:
            self.take_step = DeviceSteps(self)

    def start(
        self,
        conditions: Sequence[TextCondition],
        seeds: Sequence[int],
        forced_codes: Tensor | None,
        on_held: OnHeld | None,
    ) -> None:
        """Begin with other clips."""
        sequence, _ = self._sequence(forced_codes)
        self.sequence.copy_(sequence)
        _, steps, codebooks = self.draws.shape
        draws = uniforms(seeds, steps=steps, codebooks=codebooks)
        self.draws.copy_(torch.from_numpy(draws))
        self.capture.restart()
        if on_held is not None:
            self.capture.on_held = lambda first, held: on_held(first, held, self.maps)
        self.maps.restart()
        text, mask = self._text(conditions)
        for layer, memory in zip(self.decoder.layers, self.memories, strict=True):
            layer.read(text, mask, memory)
            if self.decoder.on_device:
                # Masked positions are read: what is no number there would spread.
                memory.past.zero_()
        if self.offset:
            prefix = torch.stack([c.prefix for c in conditions], dim=1).flatten(0, 1)
            self._prefill(prefix)

    def _take_step(self, step: int) -> None:
        self.run(Cursor(step, offset=self.offset, slot=self.capture.slot))

    def run(self, cursor: Cursor) -> None:
        """One step of all clips: from the codes fed to the codes that follow."""
        generation = self.shape.generation
        logits = self._logits(cursor.read(self.sequence, 2), cursor)
        drawn = sample(
            guided(logits, generation.cfg_coef), cursor.read(self.draws, 1), generation
        )
        special = self.decoder.model.special_token_id
        drawn = torch.where(cursor.read(self.mask, 1, ahead=1), drawn, special)
        following = cursor.read(self.sequence, 2, ahead=1)
        # -1 is what is yet unknown; what is known was forced.
        following = torch.where(following == -1, drawn, following)
        cursor.write(self.sequence, 2, following, ahead=1)

    def _logits(self, tokens: Tensor, cursor: Cursor) -> Tensor:
        """Codes `(clips, codebooks)` to logits `(rows, codebooks, vocabulary)`."""
        decoder = self.decoder
        embedded = F.embedding(tokens + decoder.starts, decoder.embeddings).sum(1)
        embedded = embedded + cursor.read_position(self.positions, 0)
        hidden = torch.cat([embedded, embedded])[:, None]
        for layer, memory in zip(decoder.layers, self.memories, strict=True):
            hidden = layer(hidden, memory, cursor, self.capture, self.maps)
        out = hidden[:, 0]
        if decoder.model.out_norm is not None:
            out = decoder.model.out_norm(out)
        return decoder.heads(out).view(len(out), tokens.shape[1], -1)

    def codes(self) -> Tensor:
        """What was decoded, `(clips, codebooks, frames)`."""
        codes, _, _ = self.pattern.revert_pattern_sequence(
            self.sequence, special_token=-1
        )
        return codes[..., : self.shape.frames]

    def _sequence(self, forced_codes: Tensor | None) -> tuple[Tensor, Tensor]:
        """The interleaved codes, -1 where they are yet unknown, and their mask."""
        model, codes = self.decoder.model, forced_codes
        if codes is None:
            shape = (self.shape.clips, model.num_codebooks, self.shape.frames)
            codes = torch.full(shape, -1)
        sequence, _, mask = self.pattern.build_pattern_sequence(
            codes.to(self.device), model.special_token_id
        )
        return sequence, mask

    def _text(self, conditions: Sequence[TextCondition]) -> tuple[Tensor, Tensor]:
        """Text `(clips, tokens, d_model)`, padded, and the mask that hides padding."""
        decoder, tokens = self.decoder, self.shape.tokens
        text = torch.zeros(
            len(conditions),
            tokens,
            decoder.model.dim,
            device=self.device,
            dtype=decoder.dtype,
        )
        mask = text.new_full((len(conditions), 1, 1, tokens), -torch.inf)
        for row, condition in enumerate(conditions):
            text[row, : len(condition.cross)] = condition.cross
            mask[row, ..., : len(condition.cross)] = 0
        return text, mask

    def _prefill(self, prefix: Tensor) -> None:
        """Run what comes before the music through all layers, into their memories."""
        hidden = prefix + self.positions[: self.offset]
        layers = zip(self.decoder.layers, self.memories, strict=True)
        for layer, memory in layers:
            hidden = layer.prefill(hidden, memory)
