"""MusicGen through audiocraft: small, medium, large, melody, and the phantoms."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from audiocraft.models import MusicGen
from audiocraft.models.lm import LMModel
from audiocraft.models.loaders import load_lm_model_ckpt
from audiocraft.modules.conditioners import ClassifierFreeGuidanceDropout
from torch import Tensor
from transformers.utils.logging import disable_progress_bar

from harness.models import phantoms
from harness.models.checkpoint import Checkpoint
from harness.models.protocol import ModelCard, ModelError, TextCondition

__all__ = ["LoadedMusicGen", "load", "restore_weights"]


class LoadedMusicGen:
    """A MusicGen on its device, in its dtype."""

    def __init__(self, card: ModelCard, model: MusicGen, dtype: torch.dtype) -> None:
        self.card = card
        self.musicgen = model
        self.dtype = dtype

    @property
    def language_model(self) -> LMModel:
        return self.musicgen.lm

    @property
    def device(self) -> torch.device:
        return torch.device(self.musicgen.device)

    @torch.no_grad()
    def encode_text(self, prompt: str) -> TextCondition:
        """Encode one prompt on its own, as audiocraft does for a batch of one."""
        lm = self.musicgen.lm
        attributes, _ = self.musicgen._prepare_tokens_and_attributes([prompt], None)
        null = ClassifierFreeGuidanceDropout(p=1.0)(attributes)
        tokenized = lm.condition_provider.tokenize(attributes + null)
        conditions = lm.condition_provider(tokenized)
        empty = torch.zeros(2, 0, lm.dim, device=self.device)
        streams = {"cross": empty, "prepend": empty}
        for name, (states, _mask) in conditions.items():
            method = lm.fuser.cond2fuse[name]
            if method not in streams:
                msg = (
                    f"`{self.card.name}` fuses `{name}` by `{method}`; only `cross` "
                    "and `prepend` are supported. Use another model."
                )
                raise ModelError(msg)
            # The fuser puts each further condition in front of the last when
            # prepending.
            parts = [streams[method], states]
            order = parts if method == "cross" else parts[::-1]
            streams[method] = torch.cat(order, dim=1)
        return TextCondition(
            cross=streams["cross"][0].to(self.dtype),
            prefix=streams["prepend"].to(self.dtype),
        )

    def text_pieces(self, prompt: str) -> tuple[str, ...]:
        """The tokenizer's pieces, one for each row of `encode_text(prompt).cross`.

        Empty where what is attended to is not the text alone, or nothing is.
        """
        lm = self.musicgen.lm
        methods = lm.fuser.cond2fuse.items()
        conditioners = [
            lm.condition_provider.conditioners[name]
            for name, method in methods
            if method == "cross"
        ]
        if len(conditioners) != 1 or not hasattr(conditioners[0], "t5_tokenizer"):
            return ()
        tokenizer: Any = conditioners[0].t5_tokenizer
        ids = tokenizer([prompt])["input_ids"][0]
        return tuple(tokenizer.convert_ids_to_tokens(ids))

    @torch.no_grad()
    def decode_audio(self, codes: Tensor) -> Tensor:
        """Codes `(clips, codebooks, frames)` to mono audio `(clips, samples)`."""
        audio: Tensor = self.musicgen.compression_model.decode(codes, None)
        return audio.float().mean(dim=1)


def load(
    checkpoint: Checkpoint, card: ModelCard, *, device: str, dtype: torch.dtype
) -> LoadedMusicGen:
    """Load with `MusicGen.get_pretrained`, then set the language model's dtype.

    Raises
    ------
    ModelError
        If the weights do not fit the configuration that comes with them.
    """
    phantoms.register_text_encoder()
    disable_progress_bar()  # one bar a second long for every text encoder
    try:
        with warnings.catch_warnings(), _without_stem_separator():
            # audiocraft 1.3.0 uses weight_norm as it was named before torch 2.
            warnings.simplefilter("ignore", FutureWarning)
            model = MusicGen.get_pretrained(checkpoint.pretrained, device=device)
    except (RuntimeError, OSError) as error:
        msg = f"`--model {checkpoint.name}` cannot be loaded: {_first_line(error)}"
        raise ModelError(msg) from error
    model.lm.to(dtype)
    if device != "cpu" and dtype != torch.float16:
        restore_weights(model.lm, checkpoint.pretrained)
    return LoadedMusicGen(card, model, dtype)


def restore_weights(lm: LMModel, pretrained: str) -> None:
    """The weights as they are in the checkpoint, in the dtype that `lm` has now.

    On any device but the CPU audiocraft rounds them to float16 while loading.
    """
    lm.load_state_dict(load_lm_model_ckpt(pretrained)["best_state"])


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


@contextmanager
def _without_stem_separator() -> Iterator[None]:
    """Let a melody model load without demucs.

    Its chroma conditioner loads a stem separator for melodies given as audio; a prompt
    in words never reaches it.
    """
    if "demucs" in sys.modules:
        yield
        return
    separator = types.SimpleNamespace(sources=["drums", "bass", "other", "vocals"])
    separator.to = lambda device: separator
    pretrained = types.ModuleType("demucs.pretrained")
    pretrained.get_model = lambda name: separator  # type: ignore[attr-defined]
    package = types.ModuleType("demucs")
    package.pretrained = pretrained  # type: ignore[attr-defined]
    sys.modules.update({"demucs": package, "demucs.pretrained": pretrained})
    try:
        yield
    finally:
        del sys.modules["demucs"], sys.modules["demucs.pretrained"]
