"""Make the shipped phantoms from nothing but a seed.

    uv run python -m harness.phantoms.train [NAME ...]

Everything on the way is kept under `--work`, so that a run that was stopped goes on
where it was; finished parts are written to `--out` (default: the shipped ones, in
place). On two CPU cores a phantom takes from 10 minutes to an hour; codec and text
encoder are shared.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from audiocraft.models.lm import LMModel
from omegaconf import OmegaConf
from torch import Tensor

from harness.models.phantoms import WEIGHTS, register_text_encoder
from harness.phantoms.codec import build_codec, train_codec
from harness.phantoms.config import CODEC, LANGUAGE_MODEL
from harness.phantoms.language import encode_music, new_language_model, train_stage
from harness.phantoms.music import EMOTIONS, perform
from harness.phantoms.recipes import RECIPES
from harness.phantoms.text import train_text_encoder
from harness.phantoms.training import Schedule, save_atomically

__all__ = ["main"]

CLIP_SECONDS = 8.0
CODEC_CLIPS, LANGUAGE_CLIPS = 160, 320  # per emotion
CODEC_SCHEDULE = Schedule(steps=4000, batch=12, learning_rate=8e-4)
TEXT_SCHEDULE = Schedule(steps=1500, batch=64, learning_rate=2e-3)


def training_music(
    work: Path, *, seed: int, clips_per_emotion: int, music: str = "emotions"
) -> np.ndarray:
    """Clips of all emotions, `(emotions * clips, samples)` int16, emotion-major."""
    kind = "" if music == "emotions" else f"-{music}"
    path = work / f"music-{seed}-{clips_per_emotion}{kind}.npy"
    if not path.exists():
        jobs = [(e, seed, i, music) for e in EMOTIONS for i in range(clips_per_emotion)]
        with ProcessPoolExecutor() as pool:
            clips = list(pool.map(_perform, jobs, chunksize=16))
        work.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, np.stack(clips))
        partial.replace(path)
    return np.load(path, mmap_mode="r")


def _perform(job: tuple[str, int, int, str]) -> np.ndarray:
    emotion, seed, index, music = job
    audio = perform(
        emotion,
        seed=seed,
        index=index,
        seconds=CLIP_SECONDS,
        only_level=music == "levels",
    )
    return np.round(audio * 32767).astype(np.int16)


def training_codes(work: Path, *, seed: int, music: str) -> Tensor:
    """The codes of the training music, made once."""
    path = work / ("codes.pt" if music == "emotions" else f"codes-{music}.pt")
    if not path.exists():
        codec = build_codec()
        codec.load_state_dict(torch.load(work / "codec.pt", weights_only=True)["model"])
        clips = training_music(
            work, seed=seed, clips_per_emotion=LANGUAGE_CLIPS, music=music
        )
        save_atomically(encode_music(codec.eval(), clips), path)
    codes: Tensor = torch.load(path, weights_only=True)
    return codes


def train_phantom(name: str, *, work: Path, seed: int) -> LMModel:
    """Train `name`, and before it what it starts from."""
    recipe = RECIPES[name]
    model = new_language_model(seed=seed)
    start = None if recipe.start is None else _stage(*recipe.start, work, seed)
    for stage in range(len(recipe.stages)):
        model = _train_stage(name, stage, start, work, seed)
        start = work / f"{name}-{stage}.pt"
    return model.eval()


def _stage(name: str, stages: int, work: Path, seed: int) -> Path:
    """The checkpoint of `name` after that many stages, trained if it is not there."""
    recipe = RECIPES[name]
    path = None if recipe.start is None else _stage(*recipe.start, work, seed)
    for stage in range(stages):
        _train_stage(name, stage, path, work, seed)
        path = work / f"{name}-{stage}.pt"
    assert path is not None
    return path


def _train_stage(
    name: str, stage: int, start: Path | None, work: Path, seed: int
) -> LMModel:
    recipe = RECIPES[name]
    return train_stage(
        training_codes(work, seed=seed, music=recipe.music),
        recipe,
        recipe.stages[stage],
        seed=seed,
        start=start,
        checkpoint=work / f"{name}-{stage}.pt",
    )


def export(directory: Path, filename: str, model: torch.nn.Module, config: Any) -> None:
    """Write an audiocraft checkpoint; float16, because it travels with the project."""
    state = {
        key: value.half() if value.dtype == torch.float32 else value
        for key, value in model.state_dict().items()
    }
    package = {
        "best_state": state,
        "xp.cfg": OmegaConf.to_yaml(OmegaConf.create(config)),
        "version": "1.3.0",
        "exported": True,
    }
    save_atomically(package, directory / filename)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.phantoms.train")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--work", type=Path, default=Path(".skeptic/training"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    work, out, seed = args.work, args.out, args.seed
    names = args.names or list(RECIPES)
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        parser.error(f"{unknown[0]}: must be one of {', '.join(RECIPES)}")

    music = training_music(work, seed=seed, clips_per_emotion=CODEC_CLIPS)
    codec = train_codec(
        music, seed=seed, checkpoint=work / "codec.pt", schedule=CODEC_SCHEDULE
    )
    train_text_encoder(
        seed=seed,
        checkpoint=work / "text.pt",
        schedule=TEXT_SCHEDULE,
        directory=out / "t5-tiny",
    )
    register_text_encoder(out / "t5-tiny")
    for name in names:
        model = train_phantom(name, work=work, seed=seed)
        export(out / name, "state_dict.bin", model, LANGUAGE_MODEL)
        export(out / name, "compression_state_dict.bin", codec, CODEC)


if __name__ == "__main__":
    main()
