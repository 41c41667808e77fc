"""Opening a run: what is under test, said in a few lines and known without a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from samplers_for_tests import FakeSampler, TightSampler, made

from harness.header import header_lines
from harness.models import phantoms
from harness.models.checkpoint import Checkpoint, locate
from harness.models.protocol import ModelCard
from harness.plan import Plan
from harness.request import Request
from harness.run import Run, RunError, open_run
from harness.sampling import ray_workers
from harness.sampling.workers import drain
from harness.store import Store

ROOT = Path(__file__).parents[1]

OPEN = """
import json, sys
from harness.plan import Plan
from harness.request import Request
from harness.run import open_run

run = open_run(Request(model=sys.argv[1], store=sys.argv[2], device="cpu"))
heavy = ("torch", "audiocraft", "transformers", "librosa", "sklearn", "matplotlib")
print(json.dumps([run.card.fingerprint, [m for m in heavy if m in sys.modules]]))
"""


def opened_afresh(model: str, store: Path) -> tuple[str, set[str]]:
    """Fingerprint, and what a fresh process imported to find it."""
    result = subprocess.run(
        [sys.executable, "-c", OPEN, model, str(store)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    found, heavy = json.loads(result.stdout)
    return found, set(heavy)


def opened(store: Path, **changes: Any) -> Run:
    return open_run(Request(**{"store": str(store), "device": "cpu", **changes}))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The phantom's files, copied, so that they may be changed."""
    directory = tmp_path / "model"
    directory.mkdir()
    for path in (phantoms.WEIGHTS / "encodes").glob("*.bin"):
        (directory / path.name).write_bytes(path.read_bytes())
    return directory


# --- what is known of a model -------------------------------------------------------


def test_a_model_that_was_seen_is_known_without_torch(
    tmp_path: Path, model: Path
) -> None:
    store = tmp_path / "store"
    first, heavy = opened_afresh(str(model), store)
    assert "torch" in heavy
    assert "audiocraft" not in heavy
    again, heavy = opened_afresh(str(model), store)
    assert again == first
    assert heavy == set()


@pytest.mark.parametrize("name", ["state_dict.bin", "compression_state_dict.bin"])
def test_a_changed_file_is_looked_into_again(
    tmp_path: Path, model: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    before = opened(store, model=str(model)).card
    opened_files: list[Checkpoint] = []

    def describe(checkpoint: Checkpoint) -> ModelCard:
        opened_files.append(checkpoint)
        return before

    monkeypatch.setattr("harness.models.known.describe", describe)
    assert opened(store, model=str(model)).card == before
    assert opened_files == []
    touch(model / name)
    opened(store, model=str(model))
    assert opened_files == [locate(str(model))]


def touch(path: Path) -> None:
    """Another file of the same size, written a moment later."""
    stat = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def test_models_of_one_store_are_kept_apart(tmp_path: Path, model: Path) -> None:
    copy, phantom = opened(tmp_path, model=str(model)), opened(tmp_path)
    assert copy.card.name == str(model)
    assert phantom.card.name == "phantom:encodes"
    known = json.loads((tmp_path / "cards.json").read_text())
    assert set(known) == {str(model), "phantom:encodes"}
    assert ModelCard.from_dict(known["phantom:encodes"]["card"]) == phantom.card
    # Same weights, same clips, whatever the name.
    assert copy.plan.keys == phantom.plan.keys


@pytest.mark.parametrize("content", ["", "{", "[]", '{"phantom:encodes": {}}'])
def test_a_damaged_list_of_models_is_made_again(tmp_path: Path, content: str) -> None:
    good = opened(tmp_path).card
    (tmp_path / "cards.json").write_text(content)
    assert opened(tmp_path).card == good
    assert json.loads((tmp_path / "cards.json").read_text())["phantom:encodes"]


# --- the header ---------------------------------------------------------------------


def test_the_header_says_what_is_under_test(tmp_path: Path) -> None:
    run = opened(tmp_path)
    card = run.card
    assert header_lines(run) == [
        f"model: phantom:encodes ({card.parameters / 1e6:.1f} M parameters, "
        f"6 layers x 128, fingerprint {card.fingerprint[:12]})",
        "design: happy, sad, calm, energetic; 10 clips each = 10 prompts x 1 seeds of "
        "8 s; prompts matched; seed 0",
        "look: look 1 of 4, alpha 0.005 of .05",
        "power: detects a layer signal of 8.3 % (80 % power; assumes ICC .3, "
        "participation ratio 23)",
        "engine: cpu float32, micro-batches of 8, 403 steps a clip",
        # Each of 4 emotions has 10 clips and 5 more for control.
        f"store: {tmp_path} (has 0 of 60 clips)",
    ]


@pytest.mark.parametrize(
    ("samples", "line"),
    [
        (2, "look: smoke run: fewer than 10 clips per emotion are never evidence"),
        (11, "look: unplanned look"),
        (20, "look: look 2 of 4, alpha 0.01 of .05"),
        (50, "look: look 3 of 4, alpha 0.015 of .05"),
        (100, "look: look 4 of 4, alpha 0.02 of .05"),
    ],
)
def test_the_header_says_which_look_it_is(
    tmp_path: Path, samples: int, line: str
) -> None:
    assert line in header_lines(opened(tmp_path, samples=samples))


def test_the_header_says_how_many_words_there_are_where_they_recur(
    tmp_path: Path,
) -> None:
    line = (
        "words: 10 per emotion; sentences of one word count as one prompt; power is "
        "said as if a word added nothing of its own"
    )
    assert line in header_lines(opened(tmp_path, samples=20))
    assert line not in header_lines(opened(tmp_path, samples=10))


@pytest.mark.parametrize(("samples", "here"), [(2, False), (11, False), (20, True)])
def test_the_header_promises_nothing_for_a_look_that_is_no_evidence(
    tmp_path: Path, samples: int, here: bool
) -> None:
    lines = header_lines(opened(tmp_path, samples=samples))
    (line,) = [line for line in lines if line.startswith("power")]
    assert line.startswith("power: detects") == here
    assert (line == "power: none, this look is never evidence") == (not here)


def test_the_header_names_what_was_asked_for(tmp_path: Path) -> None:
    changes = {"samples": 50, "duration": 2.5, "emotions": ("sad", "happy")}
    header = header_lines(opened(tmp_path, **changes, dtype="bfloat16", batch_size=3))
    assert (
        "design: sad, happy; 50 clips each = 25 prompts x 2 seeds of 2.5 s" in header[1]
    )
    assert "engine: cpu bfloat16, micro-batches of 3, 128 steps a clip" in header


# --- plan and records ---------------------------------------------------------------


def test_a_larger_look_has_all_clips_of_the_smaller(tmp_path: Path) -> None:
    keys = [set(opened(tmp_path, samples=n).plan.keys) for n in (2, 10, 20, 50, 100)]
    for smaller, larger in pairwise(keys):
        assert smaller < larger


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"duration": 7.0}, {"batch_size": 4}, {"dtype": "bfloat16"}],
)
def test_what_decides_a_clip_s_bytes_is_in_its_key(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    one, other = opened(tmp_path).plan.keys, opened(tmp_path, **change).plan.keys
    assert not set(one) & set(other)
    assert opened(tmp_path / "elsewhere").plan.keys == one


def test_records_name_model_and_design(tmp_path: Path) -> None:
    run = opened(tmp_path, samples=20, seed=3)
    assert run.model_record() == {
        "name": "phantom:encodes",
        "fingerprint": run.card.fingerprint,
        "layers": 6,
        "d_model": 128,
        "parameters": run.card.parameters,
    }
    design = run.design_record(run.planned)
    assert design["alpha_spent"] == 0.015
    assert (design["prompts_per_emotion"], design["seeds_per_prompt"]) == (20, 1)
    assert (design["bank"], design["seed"], design["look"]) == ("matched", 3, 2)


def test_the_command_for_more_clips_repeats_what_was_asked() -> None:
    plain = "uv run pytest -m week1 --samples 20"
    assert Request().command(samples=20) == plain
    asked = Request(model="my model", emotions=("sad", "calm"), duration=4.0, seed=2)
    assert asked.command(samples=50) == (
        "uv run pytest -m week1 --samples 50 --model 'my model' --duration 4.0 "
        "--emotions sad,calm --seed 2"
    )


def test_no_network_is_used_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    opened(tmp_path)
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    opened(tmp_path)
    assert os.environ["HF_HUB_OFFLINE"] == "0"


def test_what_is_refused_is_one_kind_of_error(tmp_path: Path) -> None:
    for change in ({"model": "phantom:none"}, {"prompts": "none"}, {"duration": 40.0}):
        with pytest.raises(RunError, match=r"must be (one of|at most)"):
            opened(tmp_path, **change)


# --- micro-batches ------------------------------------------------------------------


def test_the_size_of_micro_batches_is_what_fits_and_then_what_the_store_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.opening.free_bytes", lambda device_type: 1)
    little = opened(tmp_path)
    assert little.plan.generation.batch_size == 1
    assert little.plan.adaptive
    monkeypatch.undo()
    assert opened(tmp_path).plan.keys == little.plan.keys
    assert opened(tmp_path / "other").plan.generation.batch_size == 8
    fixed = opened(tmp_path, batch_size=3).plan
    assert fixed.generation.batch_size == 3
    assert not fixed.adaptive


def test_a_plan_for_cuda_is_made_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.device._NVIDIA_DRIVER", ())

    def planned(**changes: Any) -> Plan:
        request = Request(store=str(tmp_path), **{"device": "cuda", **changes})
        return open_run(request, generates=False).plan

    plan = planned()
    generation = plan.generation
    assert (generation.device_type, generation.dtype) == ("cuda", "float16")
    assert generation.batch_size == 32  # as many as are ever made at once
    assert plan.adaptive
    assert planned(batch_size=4).generation.batch_size == 4
    assert planned(device="auto").generation.device_type == "cpu"
    with pytest.raises(RunError, match="there is no CUDA here"):
        opened(tmp_path, device="cuda")


def test_a_store_in_the_memory_of_a_process_is_not_for_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # models are remembered here
    with pytest.raises(RunError, match=r"`--store memory://x` must be a place that"):
        open_run(Request(store="memory://x", device="cpu", engine="ray"))
    open_run(Request(store=f"memory://{tmp_path}", device="cpu"))


SHORT = {"samples": 1, "duration": 0.5, "emotions": ("happy", "sad")}


def sampler_for(run: Run, log: Path, *, holds: int = 8) -> TightSampler:
    """Clips do not have the model's shape; nobody looks at them here."""
    sampler = TightSampler(log, holds=holds)
    sampler.generation = run.plan.generation
    return sampler


def test_memory_that_ran_out_is_said_in_the_verdict_and_found_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, waiting = opened(tmp_path, **SHORT), opened(tmp_path, **SHORT)
    assert run.notes() == []
    sampler = sampler_for(run, tmp_path / "log", holds=4)
    monkeypatch.setattr("harness.run.run.load_sampler", lambda *_: sampler)
    said: list[str] = []
    assert run.collect(lambda done: None, said.append) == 4
    assert len(said) == 1
    assert run.notes() == [
        "As memory allowed, of 4 clips 0 in micro-batches of 8, 4 in micro-batches of "
        "4 were made."
    ]
    # The deciding process was opened before, and made nothing itself.
    waiting.settle()
    assert waiting.plan == run.plan
    assert waiting.missing() == 0
    assert waiting.notes() == run.notes()
    assert opened(tmp_path, **SHORT).plan == run.plan


def test_the_model_is_loaded_once_and_gone_when_all_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, loaded = opened(tmp_path, **SHORT), []

    def load(*_: Any) -> FakeSampler:
        sampler = sampler_for(run, tmp_path / "log")
        loaded.append(weakref.ref(sampler))
        return sampler

    monkeypatch.setattr("harness.run.run.load_sampler", load)
    freed: list[bool] = []
    monkeypatch.setattr(
        "harness.run.run.free_memory", lambda: freed.append(loaded[0]() is None)
    )
    run.collect(lambda done: None)
    assert len(made(tmp_path / "log")) == 4 + 4  # each again, to compare
    assert len(loaded) == 1
    assert freed == [True]
    again = opened(tmp_path, **SHORT)
    again.collect(lambda done: None)
    assert len(loaded) == 1


# --- what is kept -------------------------------------------------------------------


def test_what_is_kept_is_in_the_key_and_in_the_command(tmp_path: Path) -> None:
    changes = {"capture_sites": "all", "resolved_layers": "0,5"}
    run = opened(tmp_path, **changes)
    assert run.plan.capture.resolved_layers == (0, 5)
    assert not set(run.plan.keys) & set(opened(tmp_path).plan.keys)
    assert run.request.command(samples=20).endswith(
        "--capture-sites all --resolved-layers 0,5"
    )


def test_workers_of_ray_are_in_the_command() -> None:
    request = Request(engine="ray", workers=3)
    assert request.command(samples=20).endswith("--engine ray --workers 3")


def test_ray_generates_for_a_run_and_its_workers_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(tmp_path, **SHORT, engine="ray", workers=3)
    sampler = sampler_for(run, tmp_path / "log")
    monkeypatch.setattr("harness.run.run.load_sampler", lambda *_: sampler)
    asked: list[dict[str, Any]] = []

    def drain_with_ray(plan: Plan, store: Store, **options: Any) -> int:
        asked.append(options)
        if store.missing(plan.clips):
            drain(plan, store, lambda: sampler)  # type: ignore[arg-type,return-value]
        options["on_progress"](4.0, workers={"ray0": 3.0, "ray1": 1.0})
        return 4

    monkeypatch.setattr(ray_workers, "drain_with_ray", drain_with_ray)
    shown: list[Any] = []

    def show(done: float, *, workers: dict[str, float]) -> None:
        shown.append((done, workers))

    assert run.collect(show) == 4
    assert shown == [(4.0, {"ray0": 3.0, "ray1": 1.0})]
    assert (asked[0]["model"], asked[0]["workers"]) == ("phantom:encodes", 3)
    assert run.missing() == 0
