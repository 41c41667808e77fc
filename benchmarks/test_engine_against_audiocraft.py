"""Decoding with capture of every layer against audiocraft's own `LMModel.generate`.

Run with `uv run pytest benchmarks`. Each figure is a ratio of two times taken in one
run on the same weights; a correctness check stands beside it, and nothing is asserted
of time. Results are added to `reports/benchmarks.json`.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import torch
from audiocraft.modules.conditioners import ConditioningAttributes

from harness.models.checkpoint import describe, locate
from harness.models.musicgen import LoadedMusicGen, load
from harness.sampling.engine import Decoder
from harness.sampling.plan import Generation

RESULTS = Path("reports/benchmarks.json")
PROMPT = "joyful music for solo piano"
FRAMES = 200


@pytest.fixture(scope="module")
def model() -> LoadedMusicGen:
    torch.set_num_threads(1)
    checkpoint = locate("phantom:encodes")
    return load(checkpoint, describe(checkpoint), device="cpu", dtype=torch.float32)


@pytest.mark.parametrize("batch", [1, 8, 32])
def test_engine_with_capture_against_generate(
    batch: int, model: LoadedMusicGen, benchmark: Any
) -> None:
    conditions = [model.encode_text(PROMPT)] * batch
    generation = Generation(duration_seconds=FRAMES / 50, temperature=0.0)
    decoder = Decoder(model.language_model)

    def ours() -> torch.Tensor:
        return decoder.decode(
            conditions, list(range(batch)), generation, frames=FRAMES, windows=8
        ).codes

    def theirs() -> torch.Tensor:
        attributes = [ConditioningAttributes(text={"description": PROMPT})] * batch
        return model.language_model.generate(
            None, attributes, max_gen_len=FRAMES, use_sampling=False, cfg_coef=3.0
        )

    theirs()  # warm up
    started = perf_counter()
    expected = theirs()
    seconds = perf_counter() - started
    got = benchmark.pedantic(ours, rounds=3, warmup_rounds=1)
    assert torch.equal(got, expected)
    ratio = seconds / benchmark.stats.stats.median
    _record(f"engine with capture, batch {batch}: times faster than generate", ratio)


def _record(name: str, value: float) -> None:
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known["machine"] = f"{platform.machine()}, 1 thread, torch {torch.__version__}"
    known[name] = round(value, 2)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")
