"""A sampler is loaded so that the same clip has the same bytes, and writes aside."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from clips_for_tests import CARD, GENERATION, plan_of

from harness.models.checkpoint import Checkpoint
from harness.sampling.loading import load_sampler
from harness.store import Store

NO_CHECKPOINT = cast(Checkpoint, None)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What samplers are made with; no model is loaded, no setting of torch stays."""
    found: list[dict[str, Any]] = []
    models = SimpleNamespace(load=lambda *_, **how: how)
    samplers = SimpleNamespace(Sampler=lambda model, _, **more: found.append(more))
    monkeypatch.setitem(sys.modules, "harness.models.musicgen", models)
    monkeypatch.setitem(sys.modules, "harness.sampling.sampler", samplers)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    return found


def load(store: Store, device_type: str) -> None:
    plan = plan_of(1, generation=replace(GENERATION, device_type=device_type))
    load_sampler(plan, store, NO_CHECKPOINT, CARD)


def chosen() -> tuple[bool, bool, str | None]:
    cudnn = torch.backends.cudnn
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    return cudnn.deterministic, cudnn.benchmark, workspace


def test_on_cuda_only_kernels_are_used_that_repeat_themselves(
    tmp_path: Path, made: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, CARD)
    load(store, "cpu")
    assert chosen() == (False, True, None)
    load(store, "cuda")
    assert chosen() == (True, False, ":4096:8")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # as good, and asked for
    load(store, "cuda")
    assert chosen() == (True, False, ":16:8")


def test_what_is_time_resolved_is_written_where_the_store_clears_up(
    tmp_path: Path, made: list[dict[str, Any]]
) -> None:
    stores = [
        Store(tmp_path, CARD),
        Store(tmp_path, replace(CARD, fingerprint="e" * 32)),
    ]
    for store in stores:
        load(store, "cpu")
    places = [how["scratch"] for how in made]
    assert places == [store.aside for store in stores]
    assert len(set(places)) == 2  # models do not share one
    left = places[0] / ".a-clip.1.partial"
    left.touch()
    stores[1].clear_leftovers("a-clip")
    assert left.exists()
    stores[0].clear_leftovers("a-clip")
    assert not left.exists()
