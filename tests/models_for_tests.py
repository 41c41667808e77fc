"""Small MusicGens with random weights, for tests of everything that needs a model.

They have the shape of the phantoms, with every size made smaller, and the shipped text
encoder. Nothing in them is left at a value that would hide a mistake: norms are not
identities, attention is not uniform, and every code sounds different.

Conventions
-----------
The same arguments give the same weights; the global generator is left as it was. Audio
is 16 kHz mono, 50 frames a second.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from audiocraft.models import MusicGen
from audiocraft.models.builders import get_compression_model, get_lm_model
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from omegaconf import OmegaConf
from torch import Tensor, nn

from harness.models.musicgen import LoadedMusicGen
from harness.models.phantoms import register_text_encoder
from harness.models.protocol import ModelCard
from harness.phantoms.config import CODEC, LANGUAGE_MODEL, SAMPLE_RATE

__all__ = ["loaded", "phantom_shaped_musicgen", "tiny_musicgen"]

FRAME_RATE = 50.0


def tiny_musicgen(
    *,
    layers: int = 2,
    dim: int = 32,
    heads: int = 2,
    seed: int = 0,
    prefix: bool = False,
) -> MusicGen:
    """A MusicGen of `layers` x `dim` in eval mode on the CPU.

    With `prefix` the description is put before the music, as in musicgen-melody,
    instead of being attended to.
    """
    config = copy.deepcopy(LANGUAGE_MODEL)
    config["transformer_lm"].update(num_layers=layers, dim=dim, num_heads=heads)
    if prefix:
        config["fuser"].update(cross=[], prepend=["description"])
    return _musicgen(config, seed=seed)


def phantom_shaped_musicgen(*, seed: int = 0) -> MusicGen:
    """A MusicGen whose language model has the shape of the shipped phantoms."""
    return _musicgen(copy.deepcopy(LANGUAGE_MODEL), seed=seed)


def loaded(model: MusicGen, *, name: str = "tiny") -> LoadedMusicGen:
    """`model` as `harness.models.musicgen.load` would give it."""
    shape = model.lm.cfg.transformer_lm
    card = ModelCard(
        name=name,
        fingerprint=f"{name}-fingerprint",
        layers=shape.num_layers,
        d_model=shape.dim,
        heads=shape.num_heads,
        codebooks=shape.n_q,
        vocabulary=shape.card,
        delays=tuple(model.lm.cfg.codebooks_pattern.delay.delays),
        frame_rate=FRAME_RATE,
        sample_rate=SAMPLE_RATE,
        max_duration_seconds=30.0,
        parameters=sum(p.numel() for p in model.lm.parameters()),
        text_encoder=model.lm.cfg.conditioners.description.t5.name,
    )
    return LoadedMusicGen(card, model, torch.float32)


def _musicgen(config: dict[str, Any], *, seed: int) -> MusicGen:
    register_text_encoder()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MusicGen("tiny", _codec(), _language_model(config))


def _language_model(config: dict[str, Any]) -> LMModel:
    model = get_lm_model(OmegaConf.create(config))
    for name, weight in model.named_parameters():
        if "norm" in name:
            _disturb(weight)
        elif "in_proj_weight" in name:
            weight.data.mul_(2.0)
    model.cfg = OmegaConf.create(config)
    return model.eval()


@torch.no_grad()
def _disturb(weight: Tensor) -> None:
    weight.add_(0.3 * torch.randn_like(weight))


@torch.no_grad()
def _codec() -> CompressionModel:
    config = copy.deepcopy(CODEC)
    config["seanet"].update(n_filters=2, dimension=16)
    config["rvq"].update(kmeans_init=False)
    codec = get_compression_model(OmegaConf.create(config))
    for name, buffer in codec.quantizer.state_dict().items():
        if name.endswith("embed"):
            buffer.copy_(torch.randn_like(buffer))
    _set_level(codec, 0.1)
    codec.cfg = OmegaConf.create(config)
    return codec.eval()


def _set_level(codec: CompressionModel, rms: float) -> None:
    """Scale the last layer so that random codes sound at about `rms`, around zero."""
    codes = torch.randint(codec.cardinality, (4, codec.num_codebooks, 50))
    layers = [m for m in codec.decoder.modules() if isinstance(m, nn.Conv1d)]
    last: Any = layers[-1]
    last.bias.zero_()
    audio = codec.eval().decode(codes, None)
    last.weight_g.mul_(rms / audio.std())  # of a weight-normed layer only this counts
    last.bias.sub_(codec.decode(codes, None).mean())
