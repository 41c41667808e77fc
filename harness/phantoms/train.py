"""Make the shipped phantoms from nothing but a seed.

    uv run python -m harness.phantoms.train

Everything on the way is kept under `--work`, so that a run that was stopped goes on
where it was; finished parts are written to `--out` (default: the shipped ones, in
place). On two CPU cores a phantom takes under an hour; codec and text encoder are
shared.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
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
from harness.phantoms.language import encode_music, train_language_model
from harness.phantoms.music import EMOTIONS, perform
from harness.phantoms.text import train_text_encoder
from harness.phantoms.training import Schedule, save_atomically

__all__ = ["main"]

CLIP_SECONDS = 8.0
CODEC_CLIPS, LANGUAGE_CLIPS = 160, 320  # per emotion
CODEC_SCHEDULE = Schedule(steps=4000, batch=12, learning_rate=8e-4)
TEXT_SCHEDULE = Schedule(steps=1500, batch=64, learning_rate=2e-3)
# Short excerpts first: most of what there is to learn is in the first bars.
ENCODES_SCHEDULES = (
    (200, Schedule(steps=1400, batch=16, learning_rate=1e-3)),
    (400, Schedule(steps=1500, batch=10, learning_rate=7e-4)),
    (400, Schedule(steps=2500, batch=10, learning_rate=5e-4)),
)
DEAF_SCHEDULES = ((400, Schedule(steps=500, batch=10, learning_rate=5e-4)),)


def training_music(work: Path, *, seed: int, clips_per_emotion: int) -> np.ndarray:
    """Music of all emotions, `(emotions * clips, samples)` int16, emotion-major."""
    path = work / f"music-{seed}-{clips_per_emotion}.npy"
    if not path.exists():
        jobs = [(e, seed, i) for e in EMOTIONS for i in range(clips_per_emotion)]
        with ProcessPoolExecutor() as pool:
            clips = list(pool.map(_perform, jobs, chunksize=16))
        work.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial.npy")
        np.save(partial, np.stack(clips))
        partial.replace(path)
    return np.load(path, mmap_mode="r")


def _perform(job: tuple[str, int, int]) -> np.ndarray:
    emotion, seed, index = job
    audio = perform(emotion, seed=seed, index=index, seconds=CLIP_SECONDS)
    return np.round(audio * 32767).astype(np.int16)


def training_codes(work: Path, *, seed: int) -> Tensor:
    """The codes of the training music, made once."""
    path = work / "codes.pt"
    if not path.exists():
        codec = build_codec()
        codec.load_state_dict(torch.load(work / "codec.pt", weights_only=True)["model"])
        music = training_music(work, seed=seed, clips_per_emotion=LANGUAGE_CLIPS)
        save_atomically(encode_music(codec.eval(), music), path)
    codes: Tensor = torch.load(path, weights_only=True)
    return codes


def train_phantom(
    name: str,
    schedules: Iterable[tuple[int, Schedule]],
    *,
    work: Path,
    seed: int,
    start: Path | None = None,
) -> LMModel:
    """Train `name` in stages of (frames, schedule), each starting from the last."""
    codes = training_codes(work, seed=seed)
    for stage, (frames, schedule) in enumerate(schedules):
        checkpoint = work / f"{name}-{stage}.pt"
        model = train_language_model(
            codes,
            seed=seed,
            shuffled=name == "deaf",
            start=start,
            frames=frames,
            checkpoint=checkpoint,
            schedule=schedule,
        )
        start = checkpoint
    return model


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
    parser.add_argument("--work", type=Path, default=Path(".skeptic/training"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    work, out, seed = args.work, args.out, args.seed

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
    start = None
    for name, schedules in (("encodes", ENCODES_SCHEDULES), ("deaf", DEAF_SCHEDULES)):
        model = train_phantom(name, schedules, work=work, seed=seed, start=start)
        export(out / name, "state_dict.bin", model, LANGUAGE_MODEL)
        export(out / name, "compression_state_dict.bin", codec, CODEC)
        start = work / f"{name}-{len(schedules) - 1}.pt"


if __name__ == "__main__":
    main()
