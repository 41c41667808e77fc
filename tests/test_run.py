"""Opening a run: what is under test, said in a few lines and known without a model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.models import phantoms
from harness.models.checkpoint import Checkpoint, locate
from harness.models.protocol import ModelCard
from harness.run import Request, Run, RunError, open_run

ROOT = Path(__file__).parents[1]

OPEN = """
import json, sys
from harness.run import Request, open_run

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
    assert run.header() == [
        f"model: phantom:encodes ({card.parameters / 1e6:.1f} M parameters, "
        f"6 layers x 128, fingerprint {card.fingerprint[:12]})",
        "design: happy, sad, calm, energetic; 10 clips each = 10 prompts x 1 seeds of "
        "8 s; prompts matched; seed 0",
        "look: look 1 of 4, alpha 0.005 of .05",
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
    assert line in opened(tmp_path, samples=samples).header()


def test_the_header_names_what_was_asked_for(tmp_path: Path) -> None:
    changes = {"samples": 50, "duration": 2.5, "emotions": ("sad", "happy")}
    header = opened(tmp_path, **changes, dtype="bfloat16", batch_size=3).header()
    assert (
        "design: sad, happy; 50 clips each = 25 prompts x 2 seeds of 2.5 s" in header[1]
    )
    assert header[3] == "engine: cpu bfloat16, micro-batches of 3, 128 steps a clip"


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
    design = run.design_record()
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
