"""Models as they lie in a Hugging Face cache, made with small random weights.

The repositories have the layout and the configuration fields of the released ones.

Conventions
-----------
Audio is 32 kHz, 50 frames a second, as in the released checkpoints.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from audiocraft.models.builders import get_compression_model, get_lm_model
from omegaconf import OmegaConf
from transformers import EncodecConfig, EncodecModel, T5Config, T5EncoderModel

from harness.models import phantoms
from harness.models.checkpoint import describe, locate
from harness.models.musicgen import LoadedMusicGen, _without_stem_separator, load
from harness.models.protocol import ModelCard
from harness.phantoms.config import CODEC, LANGUAGE_MODEL

__all__ = [
    "Files",
    "HUB_CODEC",
    "MELODY",
    "NAMED_CODEC",
    "SMALL",
    "TEXT_ENCODER",
    "copied",
    "described",
    "hub_codec",
    "load_named",
    "make_home",
    "put",
    "replace_in_hub",
    "text_encoder",
    "use_hub",
]

SMALL, MELODY = "facebook/musicgen-small", "facebook/musicgen-melody"
NAMED_CODEC = "facebook/musicgen-style"  # one whose codec is a name, not a file
HUB_CODEC, TEXT_ENCODER = "facebook/encodec_32khz", "t5-base"
COMMIT = "4c8334b02c6ec4e8664a91979669a501ec497792"

Files = dict[str, bytes]


def described(name: str) -> ModelCard:
    return describe(locate(name))


def load_named(name: str) -> LoadedMusicGen:
    checkpoint = locate(name)
    card = describe(checkpoint)
    return load(checkpoint, card, device="cpu", dtype=torch.float32)


def copied(name: str, directory: Path) -> Path:
    """The checkpoint's two files in a plain directory."""
    checkpoint = locate(name)
    directory.mkdir()
    shutil.copy(checkpoint.language_model, directory / "state_dict.bin")
    shutil.copy(checkpoint.codec, directory / "compression_state_dict.bin")
    return directory


def use_hub(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if HF_HOME had been set before Python started."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(hub))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.delenv("AUDIOCRAFT_CACHE_DIR", raising=False)


def make_home(home: Path, work: Path) -> Path:
    """Put three MusicGens, their text encoder and a codec into `home/hub`."""
    hub = home / "hub"
    put(hub, TEXT_ENCODER, text_encoder(work / "t5"))
    put(hub, HUB_CODEC, hub_codec(work / "encodec"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_hub(hub, monkeypatch)
        codec = built(get_compression_model, codec_config(), seed=1)
        compression = exported(codec, codec_config())
        for name, config, codec_file in (
            (SMALL, small_config(), compression),
            (MELODY, melody_config(), compression),
            (NAMED_CODEC, small_config(), saved({"pretrained": HUB_CODEC})),
        ):
            model = built(get_lm_model, config, seed=2)
            files = {
                "state_dict.bin": exported(model, config),
                "compression_state_dict.bin": codec_file,
            }
            put(hub, name, files)
    return home


def put(hub: Path, repository: str, files: Files) -> Path:
    """Add a repository to a cache, and return its snapshot."""
    home = hub / f"models--{repository.replace('/', '--')}"
    snapshot = home / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    for name, content in files.items():
        (home / "blobs" / blob_name(name, content)).write_bytes(content)
        blob = Path("..", "..", "blobs", blob_name(name, content))
        (snapshot / name).symlink_to(blob)
    return snapshot


def replace_in_hub(hub: Path, repository: str, files: Files) -> None:
    """Put other files of a repository in place of those there."""
    shutil.rmtree(hub / f"models--{repository.replace('/', '--')}")
    put(hub, repository, files)


def blob_name(name: str, content: bytes) -> str:
    """Large files are named by their SHA-256, the others as git names them."""
    if name.endswith((".bin", ".safetensors")):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def text_encoder(directory: Path, *, seed: int = 0) -> Files:
    """A T5 as wide as audiocraft takes the base model to be, and a real tokenizer."""
    shipped = phantoms.WEIGHTS / "t5-tiny"
    vocabulary = json.loads((shipped / "config.json").read_text())["vocab_size"]
    config = T5Config(
        d_model=768, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=vocabulary
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        T5EncoderModel(config).save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(shipped / name, directory)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def hub_codec(directory: Path, *, seed: int = 0) -> Files:
    """An EnCodec in the format of transformers, 4 codebooks of 2048."""
    config = EncodecConfig(
        target_bandwidths=[2.2],
        sampling_rate=32_000,
        audio_channels=1,
        num_filters=2,
        num_residual_layers=1,
        upsampling_ratios=[8, 5, 4, 4],
        codebook_size=2048,
        codebook_dim=8,
        hidden_size=8,
        num_lstm_layers=1,
        use_causal_conv=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = EncodecModel(config)
        for name, buffer in model.named_buffers():
            if name.endswith("codebook.embed"):  # zeros before training
                buffer.copy_(torch.randn_like(buffer))
        model.save_pretrained(directory)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def codec_config() -> dict[str, Any]:
    config = copy.deepcopy(CODEC)
    config["sample_rate"] = 32_000
    config["encodec"]["sample_rate"] = "${sample_rate}"
    config["seanet"].update(n_filters=2, dimension=16, ratios=[8, 5, 4, 4])
    config["rvq"].update(bins=2048, kmeans_init=False)
    return config


def small_config() -> dict[str, Any]:
    """Of musicgen-small: text by cross-attention, T5 base, 4 codebooks of 2048."""
    config = copy.deepcopy(LANGUAGE_MODEL)
    config["sample_rate"] = 32_000
    config["classifier_free_guidance"]["inference_coef"] = 3.0
    config["transformer_lm"].update(dim=32, num_heads=2, num_layers=3, card=2048)
    config["conditioners"]["description"]["t5"].update(
        name=TEXT_ENCODER, word_dropout=0.2
    )
    config["conditioners"]["args"] = {
        "merge_text_conditions_p": 0.25,
        "drop_desc_p": 0.5,
    }
    config["generate"] = {"lm": {"use_sampling": True, "top_k": 250, "top_p": 0.0}}
    return config


def melody_config() -> dict[str, Any]:
    """Of musicgen-melody: chroma, then text, put before the music."""
    config = small_config()
    config["fuser"].update(cross=[], prepend=["self_wav", "description"])
    config["conditioners"]["self_wav"] = {
        "model": "chroma_stem",
        "chroma_stem": {
            "sample_rate": "${sample_rate}",
            "n_chroma": 12,
            "radix2_exp": 14,
            "argmax": True,
            "cache_path": "/cache/of/the/training/cluster",
            "match_len_on_eval": False,
            "eval_wavs": None,
            "n_eval_wavs": 100,
        },
    }
    return config


def built(build: Any, config: dict[str, Any], *, seed: int) -> torch.nn.Module:
    """A model with random weights, the norms included."""
    with torch.random.fork_rng(devices=[]), _without_stem_separator():
        torch.manual_seed(seed)
        model: torch.nn.Module = build(OmegaConf.create(config))
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.data.add_(0.3 * torch.randn_like(weight))
    return model


def exported(model: torch.nn.Module, config: dict[str, Any]) -> bytes:
    """What `audiocraft.utils.export` writes."""
    return saved(
        {
            "best_state": model.state_dict(),
            "xp.cfg": OmegaConf.to_yaml(OmegaConf.create(config)),
            "version": "1.3.0",
            "exported": True,
        }
    )


def saved(package: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(package, buffer)
    return buffer.getvalue()
