"""The shipped models whose truth is known: where they are, and their text encoder.

A phantom is an audiocraft checkpoint like any other. Its configuration names a text
encoder that is not on any hub, so audiocraft's `T5Conditioner` has to be told where it
is; that is all `register_text_encoder` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["PREFIX", "TEXT_ENCODER", "WEIGHTS", "names", "register_text_encoder"]

PREFIX = "phantom:"
WEIGHTS = Path(__file__).parents[1] / "phantoms" / "weights"
TEXT_ENCODER = "skeptic/t5-tiny"
_WIDTH = 64


def names() -> tuple[str, ...]:
    """The phantoms that are there, by name without the prefix."""
    return tuple(sorted(p.parent.name for p in WEIGHTS.glob("*/state_dict.bin")))


def register_text_encoder(directory: Path = WEIGHTS / "t5-tiny") -> None:
    """Let audiocraft's `T5Conditioner` find `TEXT_ENCODER` in `directory`.

    The conditioner accepts names from its own list only and asks Hugging Face for them;
    the name is added to the list and looked up in `directory` instead.
    """
    from audiocraft.modules import conditioners

    if TEXT_ENCODER not in conditioners.T5Conditioner.MODELS:
        conditioners.T5Conditioner.MODELS.append(TEXT_ENCODER)
    conditioners.T5Conditioner.MODELS_DIMS[TEXT_ENCODER] = _WIDTH
    for name in ("T5Tokenizer", "T5EncoderModel"):
        loader = getattr(conditioners, name)
        original = getattr(loader, "original", loader)
        setattr(conditioners, name, _Shipped(original, directory))


class _Shipped:
    """A Hugging Face class whose `from_pretrained` knows one name more."""

    def __init__(self, original: Any, directory: Path) -> None:
        self.original = original
        self.directory = directory

    def from_pretrained(self, name: str, *args: Any, **kwargs: Any) -> Any:
        source = str(self.directory) if name == TEXT_ENCODER else name
        return self.original.from_pretrained(source, *args, **kwargs)
