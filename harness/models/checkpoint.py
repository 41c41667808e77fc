"""Find a checkpoint, check that it is a MusicGen, and say what it is.

Nothing here imports audiocraft, and nothing imports torch unless the checkpoint has to
be opened. Checkpoints are opened with `weights_only=True`: one that wants to run code
is refused.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.models import phantoms
from harness.models.protocol import ModelCard, ModelError

__all__ = [
    "Checkpoint",
    "describe",
    "file_identity",
    "fingerprint",
    "locate",
    "model_files",
]

LANGUAGE_MODEL, CODEC = "state_dict.bin", "compression_state_dict.bin"
KNOWN_MODELS = tuple(
    f"facebook/musicgen-{size}" for size in ("small", "medium", "large", "melody")
)
_NAMED_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER = ("tokenizer.json", "spiece.model")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model's files, and the name under which audiocraft loads them."""

    name: str
    pretrained: str
    language_model: Path
    codec: Path


def locate(name: str) -> Checkpoint:
    """Find the files of `phantom:NAME`, `OWNER/NAME` in the cache, or a directory.

    Raises
    ------
    ModelError
        If there is no such phantom, directory or cached repository, or a file is
        missing from it.
    """
    if name.startswith(phantoms.PREFIX):
        return _locate_phantom(name)
    directory = Path(name).expanduser()
    if name and directory.is_dir():
        return _in_directory(name, directory)
    if _HUB_NAME.fullmatch(name) and not directory.exists():
        return _in_hub_cache(name)
    msg = (
        f"`--model {name}` is not a model: must be a phantom ({_phantom_list()}), a "
        f"Hugging Face name ({', '.join(KNOWN_MODELS)}) or a directory with "
        f"{LANGUAGE_MODEL} and {CODEC}."
    )
    raise ModelError(msg)


def _phantom_list() -> str:
    return ", ".join(phantoms.PREFIX + name for name in phantoms.names())


def _locate_phantom(name: str) -> Checkpoint:
    short = name.removeprefix(phantoms.PREFIX)
    if short not in phantoms.names():
        msg = f"`--model {name}` is not a phantom: must be one of {_phantom_list()}."
        raise ModelError(msg)
    return _in_directory(name, phantoms.WEIGHTS / short)


def _in_directory(name: str, directory: Path) -> Checkpoint:
    for filename in (LANGUAGE_MODEL, CODEC):
        if not (directory / filename).is_file():
            msg = (
                f"`--model {name}` is missing {filename}: a MusicGen checkpoint has "
                f"{LANGUAGE_MODEL} and {CODEC}, as audiocraft exports them."
            )
            raise ModelError(msg)
    return Checkpoint(
        name=name,
        pretrained=str(directory),
        language_model=directory / LANGUAGE_MODEL,
        codec=directory / CODEC,
    )


def _in_hub_cache(name: str) -> Checkpoint:
    paths = {f: _cached_or_fetched(name, f) for f in (LANGUAGE_MODEL, CODEC)}
    return Checkpoint(
        name=name,
        pretrained=name,
        language_model=paths[LANGUAGE_MODEL],
        codec=paths[CODEC],
    )


def _cached_or_fetched(repository: str, filename: str) -> Path:
    """A file of a hub repository; from the network only where the user allows it."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    cache = os.environ.get("AUDIOCRAFT_CACHE_DIR")
    try:
        return Path(hf_hub_download(repository, filename, cache_dir=cache))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        msg = (
            f"`--model {repository}` needs {filename}, which is not in the Hugging "
            f"Face cache {cache or constants.HF_HUB_CACHE}. Fetch it with `hf download "
            f"{repository}`, or set HF_HUB_OFFLINE=0 to let this run fetch it."
        )
        raise ModelError(msg) from error


def model_files(checkpoint: Checkpoint, text_encoder: str, codec: str) -> list[Path]:
    """All files that decide what the model does, the named text encoder and codec too.

    Raises
    ------
    ModelError
        If the text encoder or the codec is not in the Hugging Face cache.
    """
    files = [checkpoint.language_model, checkpoint.codec]
    if text_encoder == phantoms.TEXT_ENCODER:
        directory = phantoms.WEIGHTS / "t5-tiny"
        files += [directory / "model.safetensors", directory / "tokenizer.json"]
    else:
        # Without its tokenizer transformers would read every text as unknown words.
        for choices in (_NAMED_WEIGHTS, _TOKENIZER):
            files.append(_named_file(checkpoint, text_encoder, "text encoder", choices))
    if codec:
        files.append(_named_file(checkpoint, codec, "codec", _NAMED_WEIGHTS))
    return files


def fingerprint(files: Iterable[Path]) -> str:
    """Hash of the contents of `files`, 32 hexadecimal digits."""
    digests = "\n".join(file_digest(file) for file in files)
    return hashlib.sha256(digests.encode()).hexdigest()[:32]


def file_identity(path: Path) -> str:
    """Changes when the file does: real path, size and time of modification."""
    stat = path.stat()
    return f"{path.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"


def file_digest(path: Path) -> str:
    """SHA-256 of a file; a blob of the hub cache is already named by it."""
    blob = path.resolve()
    if blob.parent.name == "blobs" and _DIGEST.fullmatch(blob.name):
        return blob.name
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _named_file(
    checkpoint: Checkpoint, name: str, what: str, choices: tuple[str, ...]
) -> Path:
    """One of `choices` of a repository that the checkpoint's configuration names."""
    from huggingface_hub import constants, try_to_load_from_cache

    for filename in choices:
        found = try_to_load_from_cache(name, filename)
        if isinstance(found, str):
            return Path(found)
    if not constants.HF_HUB_OFFLINE:
        return _cached_or_fetched(name, choices[0])
    msg = (
        f"`--model {checkpoint.name}` needs the {what} `{name}`, whose {choices[0]} is "
        f"not in the Hugging Face cache {constants.HF_HUB_CACHE}. Fetch it with "
        f"`hf download {name}`."
    )
    raise ModelError(msg)


def describe(checkpoint: Checkpoint) -> ModelCard:
    """Open both files without running anything in them and read what the model is.

    Raises
    ------
    ModelError
        If a file cannot be read as weights, or is not a MusicGen.
    """
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    package = _open(checkpoint, checkpoint.language_model)
    codec = _open(checkpoint, checkpoint.codec)
    try:
        config = _configuration(package)
        transformer = config["transformer_lm"]
        if config["lm_model"] != "transformer_lm":
            raise _not_a_musicgen(checkpoint, f"lm_model is {config['lm_model']}")
        delays = config["codebooks_pattern"]["delay"]["delays"]
        text_encoder = config["conditioners"]["description"]["t5"]["name"]
        named_codec = codec.get("pretrained", "")
        files = model_files(checkpoint, text_encoder, named_codec)
        sample_rate, frame_rate = _codec_rates(checkpoint, codec)
        return ModelCard(
            name=checkpoint.name,
            fingerprint=fingerprint(files),
            layers=transformer["num_layers"],
            d_model=transformer["dim"],
            heads=transformer["num_heads"],
            codebooks=transformer["n_q"],
            vocabulary=transformer["card"],
            delays=tuple(delays),
            frame_rate=frame_rate,
            sample_rate=sample_rate,
            max_duration_seconds=float(config["dataset"]["segment_duration"]),
            parameters=sum(t.numel() for t in package["best_state"].values()),
            text_encoder=text_encoder,
            codec=named_codec,
            **_sampling(config),
        )
    except KeyError as error:
        found = f"{error} was not found in {LANGUAGE_MODEL} or {CODEC}"
        raise _not_a_musicgen(checkpoint, found) from error
    except (TypeError, AttributeError, YAMLError, OmegaConfBaseException) as error:
        found = " ".join(str(error).split())[:200]
        raise _not_a_musicgen(checkpoint, found) from error


def _not_a_musicgen(checkpoint: Checkpoint, found: str) -> ModelError:
    msg = (
        f"`--model {checkpoint.name}` is not a MusicGen checkpoint: {found}. Give a "
        "checkpoint as audiocraft exports it."
    )
    return ModelError(msg)


def _open(checkpoint: Checkpoint, path: Path) -> dict[str, Any]:
    import torch

    try:
        package = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        msg = (
            f"`--model {checkpoint.name}`: {path.name} is not a file of weights only; "
            "it wants to run code when it is opened, or is damaged. It was not opened. "
            "Use a checkpoint that loads with `weights_only=True`."
        )
        raise ModelError(msg) from error
    except (RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        msg = (
            f"`--model {checkpoint.name}`: {path.name} cannot be read as a checkpoint "
            f"({reason}). It may be damaged or a Git LFS pointer: fetch it again."
        )
        raise ModelError(msg) from error
    if not isinstance(package, dict):
        msg = (
            f"`--model {checkpoint.name}`: {path.name} must hold a dictionary, got "
            f"{type(package).__name__}. Give a checkpoint as audiocraft exports it."
        )
        raise ModelError(msg)
    return package


def _sampling(config: Any) -> dict[str, Any]:
    """How to sample, where the configuration says it."""
    guidance = config.get("classifier_free_guidance") or {}
    sampling = (config.get("generate") or {}).get("lm") or {}
    named = {
        "cfg_coef": guidance.get("inference_coef"),
        "top_k": sampling.get("top_k"),
        "top_p": sampling.get("top_p"),
        "temperature": sampling.get("temp"),
    }
    return {name: value for name, value in named.items() if value is not None}


def _configuration(package: dict[str, Any]) -> Any:
    from omegaconf import OmegaConf

    return OmegaConf.to_container(OmegaConf.create(package["xp.cfg"]), resolve=False)


def _codec_rates(checkpoint: Checkpoint, package: dict[str, Any]) -> tuple[int, float]:
    """Sample rate in Hz and frames per second."""
    if "pretrained" in package:
        return _hub_codec_rates(checkpoint, package["pretrained"])
    config = _configuration(package)
    ratio = 1
    for stride in config["seanet"]["ratios"]:
        ratio *= stride
    sample_rate = config["sample_rate"]
    return int(sample_rate), float(sample_rate // ratio)


def _hub_codec_rates(checkpoint: Checkpoint, name: str) -> tuple[int, float]:
    """The codec is named, not shipped: a Hugging Face EnCodec."""
    import json
    import math

    path = _cached_or_fetched(name, "config.json")
    config = json.loads(path.read_text(encoding="utf-8"))
    sample_rate = int(config["sampling_rate"])
    return sample_rate, float(
        math.ceil(sample_rate / math.prod(config["upsampling_ratios"]))
    )
