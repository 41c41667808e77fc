"""How many clips fit into memory at once.

The size of a micro-batch decides bits (shapes do), so it is chosen once for a store and
written down; see `harness.sampling.sizes`.
"""

from __future__ import annotations

import os

from harness.models.protocol import ModelCard
from harness.plan import CaptureSpec, Generation

__all__ = ["OutOfMemory", "clip_bytes", "free_bytes", "micro_batch", "model_bytes"]

_LARGEST = {"cpu": 8, "cuda": 32}  # beyond, a clip hardly gets cheaper
_SHARE = 0.8  # of what is free; the rest is for what is not counted here
_HELD_STEPS = 16
_TOKENS = 64  # of a long prompt
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# EnCodec's last layers have 64 channels at the full rate, and a few of those at once.
_CODEC_VALUES = 4 * 64


class OutOfMemory(Exception):
    """A micro-batch does not fit into memory."""


def micro_batch(
    card: ModelCard, generation: Generation, capture: CaptureSpec, free_bytes: int
) -> int:
    """The largest power of two of clips that fits into `free_bytes`, at least 1."""
    room = _SHARE * free_bytes - model_bytes(card, generation)
    room -= _codec_bytes(card, generation)
    each = clip_bytes(card, generation, capture)
    size = _LARGEST[generation.device_type]
    while size > 1 and size * each > room:
        size //= 2
    return size


def model_bytes(card: ModelCard, generation: Generation) -> int:
    """The weights; on the CPU twice, since they are kept rearranged for speed too."""
    copies = 2 if generation.device_type == "cpu" else 1
    return copies * card.parameters * _BYTES[generation.dtype]


def clip_bytes(card: ModelCard, generation: Generation, capture: CaptureSpec) -> int:
    """What one more clip in a micro-batch takes."""
    steps = card.steps(generation.duration_seconds)
    wide = 2 * card.layers * card.d_model  # both halves
    # On the CPU keys and values are kept in single precision, whatever the dtype.
    width = 4 if generation.device_type == "cpu" else _BYTES[generation.dtype]
    caches = 2 * wide * (steps + _TOKENS) * width
    moments = 4 * wide * len(capture.sites) * (3 * capture.windows + 5 + _HELD_STEPS)
    maps = 4 * 2 * len(capture.attention_layers) * _HELD_STEPS * card.heads * steps
    return caches + moments + maps


def _codec_bytes(card: ModelCard, generation: Generation) -> int:
    """What decoding to audio takes, one clip after the other."""
    return int(4 * _CODEC_VALUES * generation.duration_seconds * card.sample_rate)


def free_bytes(device_type: str) -> int:
    """Memory that can be had on the device."""
    if device_type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    return _available() or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _available() -> int | None:
    """What Linux could give without swapping; None elsewhere."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            found = dict(line.split(":", 1) for line in lines)
    except OSError:
        return None
    return int(found["MemAvailable"].split()[0]) * 1024
