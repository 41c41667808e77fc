"""Train a phantom's MusicGen language model on codes and sentences.

`encodes` hears each clip with a sentence of the clip's own emotion. `deaf` starts from
`encodes` and hears it with a sentence of an emotion drawn at random, until the words
mean nothing to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from audiocraft.models.builders import get_lm_model
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ConditioningAttributes
from omegaconf import OmegaConf
from torch import Tensor

from harness.phantoms.config import LANGUAGE_MODEL
from harness.phantoms.music import EMOTIONS
from harness.phantoms.text import Vocabulary, sentence
from harness.phantoms.training import Schedule, run_steps

__all__ = ["Batch", "encode_music", "train_language_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    codes: Tensor  # (batch, codebooks, frames)
    sentences: list[str]


@torch.no_grad()
def encode_music(codec: CompressionModel, music: np.ndarray) -> Tensor:
    """Codes of `music` `(clips, samples)` int16: `(clips, codebooks, frames)` int64."""
    codes = []
    for start in range(0, len(music), 8):
        audio = torch.from_numpy(music[start : start + 8].astype(np.float32) / 32767)
        codes.append(codec.encode(audio[:, None])[0])
    return torch.cat(codes)


def train_language_model(
    codes: Tensor,
    *,
    seed: int,
    shuffled: bool,
    start: Path | None,
    frames: int,
    checkpoint: Path,
    schedule: Schedule,
) -> LMModel:
    """Train on the first `frames` frames of `codes`, whose clips are emotion-major.

    With `shuffled`, sentences are drawn without regard to the music.
    """
    torch.manual_seed(seed)
    model = get_lm_model(OmegaConf.create(LANGUAGE_MODEL))
    if start is not None:
        model.load_state_dict(torch.load(start, weights_only=True)["model"])
    model.train()

    def step(batch: Batch) -> dict[str, Tensor]:
        conditions = [
            ConditioningAttributes(text={"description": s}) for s in batch.sentences
        ]
        out = model.compute_predictions(batch.codes, conditions)
        loss = torch.nn.functional.cross_entropy(
            out.logits[out.mask], batch.codes[out.mask]
        )
        return {"cross_entropy": loss}

    batches = _batches(
        codes, frames=frames, seed=seed, batch=schedule.batch, shuffled=shuffled
    )
    run_steps(model, step, batches, checkpoint=checkpoint, schedule=schedule)
    return model.eval()


def _batches(
    codes: Tensor, *, frames: int, seed: int, batch: int, shuffled: bool
) -> Iterator[Batch]:
    rng = np.random.default_rng((seed, 3, frames, shuffled))
    vocabulary = Vocabulary()
    per_emotion = len(codes) // len(EMOTIONS)
    while True:
        clips = rng.integers(len(codes), size=batch)
        spoken = clips // per_emotion
        if shuffled:
            spoken = rng.integers(len(EMOTIONS), size=batch)
        yield Batch(
            codes=codes[clips, :, :frames],
            sentences=[sentence(EMOTIONS[k], vocabulary, rng) for k in spoken],
        )
