"""Small projects whose claims are decided on evidence that is typed in, run by pytest.

The plugin, the record and the ledger are the real ones; the model is made up, and its
clips are always there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness.record
from harness.claims import load_claims
from harness.run import open_run

__all__ = [
    "CONFTEST",
    "INCONCLUSIVE",
    "INVALID",
    "REFUTED",
    "SUPPORTED",
    "TEXT_BORNE",
    "WEAK",
    "WORKERS",
    "Go",
    "go",
    "leave_stale_go",
    "verdict_of",
]

ROOT = Path(__file__).parents[1]

CONFTEST = """
import os

import harness.plugin
from harness.inference.looks import design_for, look_for
from harness.models.protocol import ModelCard
from harness.prompts import load_bank
from harness.run import Run
from harness.plan import Generation, make_plan
from harness.store import Store

pytest_plugins = ["harness.plugin"]

CARD = ModelCard(
    name="made up", fingerprint="0123456789abcdef", layers=2, d_model=4, heads=2,
    codebooks=4, vocabulary=8, delays=(0, 1, 2, 3), frame_rate=50.0,
    sample_rate=16000, max_duration_seconds=30.0, parameters=1_500_000,
    text_encoder="none",
)


class FullStore(Store):
    def missing(self, clips):
        return []

    def record(self, key):
        bytes_of_clip = os.environ.get("BYTES", "") + key
        files = {f"audio/{key}.wav": bytes_of_clip}
        return {"prompt": key, "seed": 0, "files": files}


def open_run(request, *, generates=True):
    assert not generates or request.device != "cuda"
    bank, counts = load_bank("matched"), design_for(request.samples)
    seed = request.seed
    prompts = bank.select(request.emotions, counts.prompts_per_emotion, seed=seed)
    generation = Generation(duration_seconds=request.duration)
    plan = make_plan(
        prompts, seeds_per_prompt=counts.seeds_per_prompt, seed=seed,
        fingerprint=CARD.fingerprint, generation=generation,
    )
    return Run(
        request, checkpoint=None, card=CARD, bank=bank, prompts=prompts, plan=plan,
        store=FullStore(request.store, CARD), planned=look_for(request.samples),
    )


harness.plugin.open_run = open_run
"""

CLAIM_FILE_HEAD = """
import json
import os
import pathlib

import pytest

from harness.claims import load_claims
from harness.verdict import BrokenInstrument, Evidence


def given(name, **changes):
    levels = load_claims()[name].thresholds
    best = levels.minimum if levels.strong is None else levels.strong
    fields = {"effect": best, "p": 0.001, "upper": best, "qualifier": "audio-borne"}
    return Evidence(**{**fields, **changes})


@pytest.fixture(scope="session")
def broken_microphone():
    raise BrokenInstrument("The microphone is off.")
"""

WORKERS = ("-p", "xdist", "-n", "2")
PARAMETERS = {"tempo_gap": "contrast, ", "layer_signal_by_layer": "layer, "}
SUPPORTED = 'decide_claim(given("{name}"))'
WEAK = 'decide_claim(given("{name}", effect=0.015))'
REFUTED = 'decide_claim(given("{name}", effect=0.0, p=0.9, upper=0.0))'
INCONCLUSIVE = 'decide_claim(given("{name}", p=0.2))'
TEXT_BORNE = 'decide_claim(given("{name}", qualifier="text-borne"))'
INVALID = 'decide_claim(given("{name}", effect=float("nan")))'

Go = Callable[..., pytest.RunResult]


def claim_file(bodies: dict[str, str], more: str) -> str:
    """One test per claim that decides in favour of it, but for those in `bodies`."""
    tests = [CLAIM_FILE_HEAD]
    for claim in load_claims().values():
        if claim.role == "panel" and claim.id != "layer_signal_by_layer":
            continue
        body = bodies.get(claim.id, SUPPORTED).format(name=claim.id)
        tests.append(
            f'@pytest.mark.claim("{claim.id}")\n'
            f"def test_{claim.id}({PARAMETERS.get(claim.id, '')}decide_claim):\n"
            f"    {body}\n"
        )
    tests.append(
        '@pytest.mark.control("layer_signal")\n'
        "def test_shuffled_labels_are_silent(decide_claim):\n"
        "    decide_claim(Evidence(effect=0.4))\n"
    )
    return "\n\n".join([*tests, more])


@pytest.fixture
def go(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Go:
    """Write the project and run pytest in it; `bodies` by claim, `more` tests."""
    # The project's conftest.py puts its own in place; here it is put back.
    monkeypatch.setattr("harness.plugin.open_run", open_run)
    monkeypatch.setattr(harness.record.VerdictRecord, "_write_reports", no_reports)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # Others' plugins are loaded anew in every run, a second or two each time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("SKEPTIC_STORE", raising=False)
    # A claim file that is written again within a second is another one.
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\ntestpaths = hypotheses\naddopts = --strict-markers\n")

    def run(
        *arguments: str, bodies: dict[str, str] | None = None, more: str = ""
    ) -> pytest.RunResult:
        directory = pytester.path / "hypotheses"
        directory.mkdir(exist_ok=True)
        text = claim_file(bodies or {}, more)
        (directory / "test_claims_here.py").write_text(text, encoding="utf-8")
        return pytester.runpytest_inprocess(*arguments, no_reraise_ctrlc=True)

    return run


def no_reports(record: harness.record.VerdictRecord, verdict: dict[str, Any]) -> None:
    """Figures take a second each and have tests of their own."""


def verdict_of(pytester: pytest.Pytester) -> dict[str, Any]:
    path = pytester.path / "reports" / "latest" / "verdict.json"
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def leave_stale_go(pytester: pytest.Pytester) -> Path:
    """Write the reports of an earlier run that said GO; returns their directory."""
    directory = pytester.path / "reports" / "latest"
    directory.mkdir(parents=True)
    (directory / "verdict.json").write_text('{"state": "complete", "verdict": "GO"}')
    (directory / "report.html").write_text("GO")
    (directory / "report.md").write_text("GO")
    return directory
