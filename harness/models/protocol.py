"""What the sampler needs of a model family.

Conventions
-----------
Codes are int64 `(clips, codebooks, frames)`; audio is float32 `(clips, samples)` in
[-1, 1] where the codec kept to it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Model", "ModelCard", "ModelError", "TextCondition"]


class ModelError(Exception):
    """A model cannot be used: what, where, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """The facts about a model that a plan and a report need; no weights."""

    name: str
    fingerprint: str  # of weights, configuration and text encoder
    layers: int
    d_model: int
    heads: int
    codebooks: int
    vocabulary: int  # codes per codebook
    delays: tuple[int, ...]  # steps by which each codebook lags
    frame_rate: float  # frames per second
    sample_rate: int  # Hz
    max_duration_seconds: float
    parameters: int  # of the language model
    text_encoder: str
    codec: str = ""  # the codec's name where the checkpoint names it and has none
    # How the checkpoint says it is sampled; audiocraft's defaults where it does not.
    cfg_coef: float = 3.0
    top_k: int = 250
    top_p: float = 0.0
    temperature: float = 1.0

    def frames(self, duration_seconds: float) -> int:
        """Frames in a clip of `duration_seconds`, as audiocraft counts them."""
        return int(duration_seconds * self.frame_rate)

    def steps(self, duration_seconds: float) -> int:
        """Decoding steps for a clip: its frames, and those that the delays add."""
        return self.frames(duration_seconds) + max(self.delays)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelCard:
        return cls(**{**data, "delays": tuple(data["delays"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCondition:
    """A prompt as the language model sees it, encoded alone and so without padding.

    `cross` is attended to, `(tokens, d_model)`; `prefix` is put before the music,
    `(2, tokens, d_model)` for conditional and null half. Either may be empty.
    """

    cross: Tensor
    prefix: Tensor


class Model(Protocol):
    """A loaded model."""

    card: ModelCard

    @property
    def language_model(self) -> nn.Module: ...

    def encode_text(self, prompt: str) -> TextCondition: ...

    def text_pieces(self, prompt: str) -> tuple[str, ...]: ...

    def decode_audio(self, codes: Tensor) -> Tensor: ...
