"""Train the EnCodec that all phantoms share.

The losses are those of EnCodec (Defossez et al. 2022, arXiv:2210.13438, section 3.4)
without the discriminator: waveform, multi-scale log-mel and commitment, plus the
log-level of 20 ms frames, because loudness is one of the truths a phantom must keep,
and a penalty on peaks near full scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from audiocraft.models.builders import get_compression_model
from audiocraft.models.encodec import CompressionModel
from omegaconf import OmegaConf
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

from harness.phantoms.config import CODEC, SAMPLE_RATE
from harness.phantoms.training import Schedule, run_steps

__all__ = ["build_codec", "train_codec"]

_FRAME = 320
_HEADROOM = 0.9  # peaks beyond this are trained away


def build_codec() -> CompressionModel:
    """An untrained codec on the CPU."""
    return get_compression_model(OmegaConf.create(CODEC))


def train_codec(
    music: np.ndarray, *, seed: int, checkpoint: Path, schedule: Schedule
) -> CompressionModel:
    """Train on `music`, `(clips, samples)` int16, and return the codec in eval mode."""
    torch.manual_seed(seed)
    codec = build_codec()
    codec.train()
    loss = _ReconstructionLoss()

    def step(batch: Tensor) -> dict[str, Tensor]:
        out = codec(batch)
        terms = loss(out.x, batch)
        terms["commitment"] = out.penalty
        return terms

    run_steps(
        codec,
        step,
        _segments(music, seed=seed, batch=schedule.batch, seconds=1.0),
        checkpoint=checkpoint,
        schedule=schedule,
    )
    return codec.eval()


def _segments(
    music: np.ndarray, *, seed: int, batch: int, seconds: float
) -> Iterator[Tensor]:
    """Endless batches `(batch, 1, samples)` of excerpts at random places."""
    rng = np.random.default_rng((seed, 1))
    length = round(seconds * SAMPLE_RATE)
    while True:
        clips = rng.integers(len(music), size=batch)
        starts = rng.integers(music.shape[1] - length, size=batch)
        excerpts = np.stack(
            [
                music[clip, start : start + length]
                for clip, start in zip(clips, starts, strict=True)
            ]
        )
        yield torch.from_numpy(excerpts.astype(np.float32) / 32767)[:, None]


class _ReconstructionLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mels = nn.ModuleList(
            MelSpectrogram(
                SAMPLE_RATE, n_fft=size, hop_length=size // 4, n_mels=n_mels, power=1
            )
            for size, n_mels in ((256, 32), (512, 64), (2048, 160))
        )

    def forward(self, estimate: Tensor, target: Tensor) -> dict[str, Tensor]:
        spectral = torch.zeros(())
        for mel in self.mels:
            a, b = mel(estimate[:, 0]), mel(target[:, 0])
            log_difference = torch.log(a + 1e-3) - torch.log(b + 1e-3)
            spectral = spectral + log_difference.abs().mean()
            spectral = spectral + (a - b).abs().mean() / b.mean()
        level = (_frame_level(estimate) - _frame_level(target)).abs().mean()
        scale = target.abs().mean(dim=-1, keepdim=True) + 1e-3
        waveform = ((estimate - target) / scale).abs().mean()
        overload = (estimate.abs().amax(dim=-1) - _HEADROOM).relu().mean()
        return {
            "spectral": spectral,
            "level": 0.5 * level,
            "waveform": 0.5 * waveform,
            "overload": 2 * overload,
        }


def _frame_level(audio: Tensor) -> Tensor:
    """Log RMS of frames of 20 ms, `(batch, frames)`."""
    frames = audio[:, 0].unfold(-1, _FRAME, _FRAME)
    return torch.log(frames.square().mean(-1).sqrt() + 1e-3)
