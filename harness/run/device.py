"""The device that was asked for, and numbers that it can compute with."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DeviceError", "device_type_of", "dtype_of", "has_cuda"]

_NVIDIA_DRIVER = ("/proc/driver/nvidia/version", "/dev/dxg")


def device_type_of(device: str, *, may_be_elsewhere: bool) -> str:
    """`cpu` or `cuda`, of what was asked for: these, or `auto`.

    Raises
    ------
    DeviceError
        If CUDA was asked for, is not here, and may not be elsewhere.
    """
    if device == "cpu" or (device == "cuda" and may_be_elsewhere):
        return device
    if has_cuda():
        return "cuda"
    if device == "cuda":
        msg = "`--device cuda`: there is no CUDA here. Use --device cpu."
        raise DeviceError(msg)
    return "cpu"


def has_cuda() -> bool:
    """Whether CUDA works here; torch is imported only where there is a driver."""
    return any(Path(p).exists() for p in _NVIDIA_DRIVER) and _cuda_works()


def _cuda_works() -> bool:
    import torch

    return torch.cuda.is_available()


def dtype_of(dtype: str, device_type: str) -> str:
    """The kind of number, of what was asked for; `auto` is the best for the device.

    Raises
    ------
    DeviceError
        If the device cannot compute with it.
    """
    if dtype == "float16" and device_type == "cpu":
        msg = "`--dtype float16` needs CUDA. Use float32 or bfloat16 on the CPU."
        raise DeviceError(msg)
    if dtype != "auto":
        return dtype
    return "float16" if device_type == "cuda" else "float32"


class DeviceError(ValueError):
    """A device or kind of number that is not to be had here; the message says which."""
