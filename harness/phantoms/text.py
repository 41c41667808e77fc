"""Train the T5 encoder that all phantoms share, and the sentences it reads.

The encoder is small and frozen afterwards, as T5 is in MusicGen. It learns which of its
words mean the same emotion, from sentences made of the vocabulary in
`vocabulary.toml`; no sentence of the prompt banks is among them.

Conventions
-----------
One piece per known word, letters for all others, so that any text can be read; scores
are set, not learned, which keeps the tokenizer the same on every machine.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer

from harness.phantoms.music import EMOTIONS
from harness.phantoms.training import Schedule, run_steps

__all__ = ["Vocabulary", "build_tokenizer", "sentence", "train_text_encoder"]

_VOCABULARY = Path(__file__).with_name("vocabulary.toml")
_SENTENCE_WORDS = 14


class Vocabulary:
    """The words that mean an emotion, and those that mean none."""

    def __init__(self, path: Path = _VOCABULARY) -> None:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        self.emotion: dict[str, list[str]] = {e: data["emotion"][e] for e in EMOTIONS}
        self.context: list[str] = data["context"]["words"].split()

    def pieces(self) -> list[str]:
        phrases = [w for words in self.emotion.values() for w in words] + self.context
        words = {word for phrase in phrases for word in phrase.split()}
        return sorted(words | {word.capitalize() for word in words})


def build_tokenizer(vocabulary: Vocabulary) -> T5Tokenizer:
    """A T5 tokenizer with a piece for each word and one for each character."""
    characters = string.ascii_letters + string.digits + string.punctuation
    scored = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    scored += [(c, -8.0) for c in characters]
    scored += [(f"▁{word}", -2.0) for word in vocabulary.pieces() if len(word) > 1]
    return T5Tokenizer(vocab=scored, extra_ids=0, model_max_length=512)


def sentence(emotion: str, vocabulary: Vocabulary, rng: np.random.Generator) -> str:
    """One to three words of `emotion` among words that mean none, in any order."""
    words = list(rng.choice(vocabulary.context, size=rng.integers(1, _SENTENCE_WORDS)))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        word = str(rng.choice(vocabulary.emotion[emotion]))
        words.insert(int(rng.integers(len(words) + 1)), word)
    if rng.random() < 0.15:
        unknown = rng.choice(list(string.ascii_lowercase), size=rng.integers(3, 8))
        words.insert(int(rng.integers(len(words) + 1)), "".join(unknown))
    text = " ".join(words)
    if rng.random() < 0.2:
        text = text.capitalize()
    return text + ("." if rng.random() < 0.1 else "")


class _EmotionReader(nn.Module):
    """The encoder with a head that is thrown away after training."""

    def __init__(self, encoder: T5EncoderModel, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(width, len(EMOTIONS))

    def forward(self, batch: tuple[Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
        ids, mask, labels = batch
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[..., None].to(states.dtype)
        pooled = (states * weights).sum(1) / weights.sum(1)
        return {"emotion": nn.functional.cross_entropy(self.head(pooled), labels)}


def train_text_encoder(
    *, seed: int, checkpoint: Path, schedule: Schedule, directory: Path
) -> None:
    """Train, then write tokenizer and encoder to `directory` as Hugging Face files."""
    torch.manual_seed(seed)
    vocabulary = Vocabulary()
    tokenizer = build_tokenizer(vocabulary)
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=64,
        d_kv=16,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        is_encoder_decoder=False,
        use_cache=False,
        dropout_rate=0.1,
    )
    reader = _EmotionReader(T5EncoderModel(config), config.d_model).train()
    batches = _batches(vocabulary, tokenizer, seed=seed, batch=schedule.batch)
    run_steps(reader, reader, batches, checkpoint=checkpoint, schedule=schedule)
    reader.encoder.eval().save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def _batches(
    vocabulary: Vocabulary, tokenizer: T5Tokenizer, *, seed: int, batch: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    rng = np.random.default_rng((seed, 2))
    while True:
        labels = rng.integers(len(EMOTIONS), size=batch)
        texts = [sentence(EMOTIONS[k], vocabulary, rng) for k in labels]
        tokens = tokenizer(texts, return_tensors="pt", padding=True)
        yield tokens["input_ids"], tokens["attention_mask"], torch.from_numpy(labels)
