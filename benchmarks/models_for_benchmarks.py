"""What is measured: the shipped phantom, and MusicGens of released shapes.

Released weights are not needed: speed does not depend on their values, so they are
random. Text encoder and codec are the phantom's.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from audiocraft.models import MusicGen
from audiocraft.models.builders import get_lm_model
from omegaconf import OmegaConf

from harness.models.checkpoint import describe, locate
from harness.models.musicgen import LoadedMusicGen, load
from harness.phantoms.config import LANGUAGE_MODEL

__all__ = ["SHAPES", "released_shape", "shipped_phantom"]

# Layers, dimensions and heads: Copet et al. 2023, arXiv:2306.05284, and the
# configurations that come with the checkpoints.
SHAPES = {
    "musicgen-small": {"num_layers": 24, "dim": 1024, "num_heads": 16},
    "musicgen-large": {"num_layers": 48, "dim": 2048, "num_heads": 32},
}


def shipped_phantom() -> LoadedMusicGen:
    checkpoint = locate("phantom:encodes")
    return load(checkpoint, describe(checkpoint), device="cpu", dtype=torch.float32)


def released_shape(
    name: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> LoadedMusicGen:
    """A MusicGen of that shape, 4 codebooks of 2048 codes, with random weights."""
    phantom = shipped_phantom()
    config = copy.deepcopy(LANGUAGE_MODEL)
    config["transformer_lm"].update(card=2048, **SHAPES[name])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        language_model = get_lm_model(OmegaConf.create(config)).eval()
    language_model.to(device=device, dtype=dtype)
    language_model.condition_provider.to(dtype=torch.float32)
    language_model.cfg = OmegaConf.create(config)
    model = MusicGen(
        name, phantom.musicgen.compression_model, language_model, max_duration=30
    )
    shape = SHAPES[name]
    card = replace(
        phantom.card,
        name=name,
        layers=shape["num_layers"],
        d_model=shape["dim"],
        heads=shape["num_heads"],
        vocabulary=2048,
        parameters=sum(p.numel() for p in language_model.parameters()),
    )
    return LoadedMusicGen(card, model, dtype)
