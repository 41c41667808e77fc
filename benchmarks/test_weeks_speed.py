"""All three weeks on clips that are there, at musicgen-small's shape.

Run with `uv run pytest benchmarks/test_weeks_speed.py`; making the clips takes some ten
minutes on two cores, and is not measured. The checkpoint is of random weights, 24
layers x 1024, with the phantom's codec and text encoder; clips last 2 s, for the size
of what is captured does not depend on it. 20 clips of 4 emotions are the data set of
week 2. Beside the figures stands a check that every claim was decided; nothing is
asserted of time.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import torch
from audiocraft.models.builders import get_lm_model
from models_for_benchmarks import SHAPES
from omegaconf import OmegaConf
from recording import record

from harness.models.phantoms import WEIGHTS, register_text_encoder
from harness.phantoms.config import LANGUAGE_MODEL
from harness.phantoms.train import export

WEEKS = "week1 or week2 or week3"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of musicgen-small's shape, with random weights."""
    directory = tmp_path_factory.mktemp("checkpoint")
    register_text_encoder()
    config = copy.deepcopy(LANGUAGE_MODEL)
    config["transformer_lm"].update(SHAPES["musicgen-small"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = get_lm_model(OmegaConf.create(config))
    export(directory, "state_dict.bin", model, config)
    codec = "compression_state_dict.bin"
    shutil.copy(WEIGHTS / "random" / codec, directory / codec)
    return directory


def asked(checkpoint: Path, place: Path) -> tuple[float, float, dict[str, Any]]:
    """All three weeks: seconds, gigabytes at the most, and the verdict."""
    command = [sys.executable, "-m", "pytest", "-m", WEEKS, "-q"]
    command += ["--model", str(checkpoint), "--duration", "2"]
    command += ["--store", str(place / "store"), "--report-dir", str(place / "report")]
    started = perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - started
    found = json.loads((place / "report" / "verdict.json").read_text(encoding="utf-8"))
    return seconds, usage.ru_maxrss * 1024 / 1e9, found


def test_all_weeks_on_clips_that_are_there(checkpoint: Path, tmp_path: Path) -> None:
    made, *_ = asked(checkpoint, tmp_path)
    seconds, peak, found = asked(checkpoint, tmp_path)
    assert found["state"] == "complete"
    slowest = sorted(
        found["environment"]["seconds_by_claim"].items(), key=lambda item: -item[1]
    )
    record(
        "all three weeks, seconds with clips there",
        seconds,
        with_clips_to_make=round(made),
        peak_gigabytes=round(peak, 2),
        claims=len(found["claims"]),
        slowest=dict(slowest[:5]),
        of="80 clips of 2 s, 24 layers x 1024, 20 prompts of 4 emotions",
    )
