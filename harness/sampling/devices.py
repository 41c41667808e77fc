"""Which GPUs there are, and which of them a worker takes; without importing torch."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

__all__ = ["VISIBLE", "gpus", "take_gpu"]

VISIBLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = Path("/proc/driver/nvidia/gpus")
_LIST = ("nvidia-smi", "-L")


def gpus() -> tuple[str, ...]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    given = os.environ.get(VISIBLE)
    if given is not None:
        return tuple(name.strip() for name in given.split(",") if name.strip())
    count = len(list(_DRIVER.iterdir())) if _DRIVER.is_dir() else _listed()
    return tuple(str(index) for index in range(count))


def _listed() -> int:
    """GPUs that the driver's tool lists: on WSL there is no other way to know."""
    try:
        answer = subprocess.run(
            _LIST, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in answer.stdout.splitlines())


def take_gpu(index: int) -> str | None:
    """Let this process see one GPU only: that of worker `index`, going round.

    Must be called before CUDA is used. Returns the GPU, or None where there is none.
    """
    there = gpus()
    if not there:
        return None
    mine = there[index % len(there)]
    os.environ[VISIBLE] = mine
    return mine
