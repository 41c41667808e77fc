"""Figures of the benchmarks, kept in `reports/benchmarks.json` with their machine.

Each figure is one that was seen, with what it was compared with; nothing is asserted of
it. A figure that is measured again takes the place of the one before.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from harness.files import read_json, write_json

__all__ = ["RESULTS", "machine", "record"]

RESULTS = Path("reports/benchmarks.json")


def record(name: str, value: float, **notes: Any) -> None:
    """Keep a figure; `notes` say what it is a figure of, and what else was seen."""
    known = read_json(RESULTS)
    figures = dict(known.get("figures", {})) if isinstance(known, dict) else {}
    figures[name] = {"value": float(f"{value:.4g}"), **notes, "machine": machine()}
    write_json(RESULTS, {"figures": figures})


def machine() -> dict[str, Any]:
    """What the figures were seen on; nothing that names it."""
    torch = sys.modules.get("torch")
    found = {"processor": _processor(), "cores": os.cpu_count()}
    if torch is not None:
        found |= {"torch": torch.__version__, "torch_threads": torch.get_num_threads()}
    if torch is not None and torch.cuda.is_initialized():
        found["device"] = torch.cuda.get_device_name()
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [ln.partition(":")[2].strip() for ln in lines if ln.startswith("model n")]
    return models[0] if models else platform.machine()
