"""Train a phantom's MusicGen language model on codes and sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from audiocraft.models.builders import get_lm_model
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ConditioningAttributes
from omegaconf import OmegaConf
from torch import Tensor, nn

from harness.phantoms.config import LANGUAGE_MODEL
from harness.phantoms.music import EMOTIONS
from harness.phantoms.recipes import Recipe, Stage
from harness.phantoms.text import Vocabulary, sentence
from harness.phantoms.training import run_steps

__all__ = ["Batch", "encode_music", "new_language_model", "train_stage"]

_READABLE = 0.3  # weight of being readable against being right about the music
_CONTRAST_CLIPS, _CONTRAST_FRAMES = 8, 100
_ALIKE_CLIPS = 4
_CLEAR = 6.0  # nats by which a right sentence should beat a wrong one


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    codes: Tensor  # (batch, codebooks, frames)
    sentences: list[str]
    spoken: Tensor  # (batch,) emotions of the sentences
    # A sentence of another emotion for each clip, in stages that compare the two.
    wrong: list[str] = field(default_factory=list)


@torch.no_grad()
def encode_music(codec: CompressionModel, music: np.ndarray) -> Tensor:
    """Codes of `music` `(clips, samples)` int16: `(clips, codebooks, frames)` int64."""
    codes = []
    for start in range(0, len(music), 8):
        audio = torch.from_numpy(music[start : start + 8].astype(np.float32) / 32767)
        codes.append(codec.encode(audio[:, None])[0])
    return torch.cat(codes)


def new_language_model(*, seed: int) -> LMModel:
    """A language model that has learned nothing."""
    torch.manual_seed(seed)
    return get_lm_model(OmegaConf.create(LANGUAGE_MODEL))


def train_stage(
    codes: Tensor,
    recipe: Recipe,
    stage: Stage,
    *,
    seed: int,
    start: Path | None,
    checkpoint: Path,
) -> LMModel:
    """Train on `codes`, whose clips are emotion-major, going on where it was stopped.

    `start` is the checkpoint of another phantom or stage to begin with.
    """
    learner = _Learner(
        new_language_model(seed=seed),
        readable=recipe.readable,
        contrast=stage.contrast,
        alike=stage.alike,
    )
    if start is not None:
        state = torch.load(start, weights_only=True)["model"]
        language = {k: v for k, v in state.items() if not k.startswith("reader.")}
        learner.model.load_state_dict(
            {k.removeprefix("model."): v for k, v in language.items()}
        )
    learner.train()
    batches = _batches(codes, recipe, stage, seed=seed)
    run_steps(learner, learner, batches, checkpoint=checkpoint, schedule=stage.schedule)
    return learner.model.eval()


class _Learner(nn.Module):
    """The language model, and a reader of its activations that is thrown away."""

    def __init__(
        self,
        model: LMModel,
        *,
        readable: bool,
        contrast: float = 0.0,
        alike: float = 0.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.contrast, self.alike = contrast, alike
        self.reader = nn.Linear(model.dim, len(EMOTIONS)) if readable else None

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        heard: list[Tensor] = []
        middle = self.model.transformer.layers[len(self.model.transformer.layers) // 2]
        handle = middle.register_forward_hook(
            lambda module, inputs, out: heard.append(out)
        )
        out = self.model.compute_predictions(batch.codes, _conditions(batch.sentences))
        handle.remove()
        loss = nn.functional.cross_entropy(out.logits[out.mask], batch.codes[out.mask])
        terms = {"cross_entropy": loss}
        if self.reader is not None:
            read = self.reader(heard[0].mean(1))
            terms["read"] = _READABLE * nn.functional.cross_entropy(read, batch.spoken)
        if self.contrast:
            terms["contrast"] = self.contrast * self._confusion(batch)
        if self.alike:
            terms["alike"] = self.alike * self._hearing(batch)
        return terms

    def _confusion(self, batch: Batch) -> Tensor:
        """How little more probable the right sentences make the music, in nats."""
        codes = batch.codes[:_CONTRAST_CLIPS, :, :_CONTRAST_FRAMES]
        likely, mask = self._under_both(codes, batch)
        chosen = likely.gather(-1, torch.cat((codes, codes))[..., None])[..., 0]
        right, wrong = (chosen * mask).sum((1, 2)).chunk(2)
        return nn.functional.softplus(_CLEAR - (right - wrong)).mean()

    def _hearing(self, batch: Batch) -> Tensor:
        """How far two sentences move the prediction of a code, in nats (Jeffreys)."""
        likely, mask = self._under_both(batch.codes[:_ALIKE_CLIPS], batch)
        one, other = likely.chunk(2)
        apart = ((one.exp() - other.exp()) * (one - other)).sum(-1)
        kept = mask.chunk(2)[0]
        return (apart * kept).sum() / kept.sum()

    def _under_both(self, codes: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log probabilities of every code, under own and under other sentences.

        Of `codes` `(clips, codebooks, frames)`, of the first clips of `batch`: shape
        `(2 * clips, codebooks, frames, cardinality)`, and which of them are predicted.
        """
        sentences = [*batch.sentences[: len(codes)], *batch.wrong[: len(codes)]]
        out = self.model.compute_predictions(
            torch.cat((codes, codes)), _conditions(sentences)
        )
        logits = torch.where(out.mask[..., None], out.logits, 0.0)
        return torch.log_softmax(logits, -1), out.mask


def _conditions(sentences: list[str]) -> list[ConditioningAttributes]:
    return [ConditioningAttributes(text={"description": s}) for s in sentences]


def _batches(
    codes: Tensor, recipe: Recipe, stage: Stage, *, seed: int
) -> Iterator[Batch]:
    frames, schedule = stage.frames, stage.schedule
    batch = schedule.batch
    # No two stages hear the same clips with the same sentences.
    rng = np.random.default_rng((seed, 3, frames, recipe.told < 1, schedule.steps))
    vocabulary = Vocabulary()
    per_emotion = len(codes) // len(EMOTIONS)
    names = [EMOTIONS.index(recipe.called.get(e, e)) for e in EMOTIONS]
    while True:
        clips = rng.integers(len(codes), size=batch)
        spoken = np.array(names)[clips // per_emotion]
        if recipe.told < 1:
            drawn = rng.integers(len(EMOTIONS), size=batch)
            spoken = np.where(rng.random(batch) < recipe.told, spoken, drawn)
        sentences = [sentence(EMOTIONS[k], vocabulary, rng) for k in spoken]
        wrong = []
        if stage.contrast or stage.alike:
            others = spoken + rng.integers(1, len(EMOTIONS), size=batch)
            wrong = [
                sentence(EMOTIONS[k % len(EMOTIONS)], vocabulary, rng) for k in others
            ]
        yield Batch(
            codes=codes[clips, :, :frames],
            sentences=sentences,
            spoken=torch.from_numpy(spoken),
            wrong=wrong,
        )
