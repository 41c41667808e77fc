"""Clips of another bank: made once, in the same store, under its own run's keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from samplers_for_tests import FakeSampler, made

from harness.prompts import PromptError
from harness.request import Request
from harness.run import Run, open_run

EMOTIONS = ("happy", "sad")


def opened(store: Path, **changes: Any) -> Run:
    request = {"emotions": EMOTIONS, "samples": 2, "duration": 0.1, "batch_size": 8}
    return open_run(Request(store=str(store), device="cpu", **{**request, **changes}))


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where samplers, which stand in for the model, write down what they make."""
    path = tmp_path / "log"

    def load(plan: Any, *_: Any) -> FakeSampler:
        return FakeSampler(path, generation=plan.generation)

    monkeypatch.setattr("harness.run.run.load_sampler", load)
    monkeypatch.setattr("harness.run.run.free_memory", lambda: None)
    return path


def quiet(done: float, **workers: object) -> None:
    """Nobody listens."""


def test_a_banks_clips_are_those_of_its_own_run(tmp_path: Path) -> None:
    run = opened(tmp_path / "store")
    plan = run.plan_of("extreme", emotions=EMOTIONS, prompts_per_emotion=2)
    own = opened(tmp_path / "store", prompts="extreme")
    assert len(plan.clips) == 4
    assert {c.key for c in own.plan.evidence_clips()} == set(plan.keys)
    assert not set(plan.keys) & set(run.plan.keys)
    whole = run.plan_of("extreme", emotions=("calm", *EMOTIONS), prompts_per_emotion=3)
    assert set(plan.keys) < set(whole.keys)


def test_they_are_made_once_and_what_is_there_is_kept(
    tmp_path: Path, log: Path
) -> None:
    run = opened(tmp_path / "store")
    few = run.plan_of("generic", emotions=EMOTIONS, prompts_per_emotion=1)
    more = run.plan_of("generic", emotions=EMOTIONS, prompts_per_emotion=3)
    run.fill(few, quiet)
    assert sorted(made(log)) == sorted(few.keys)
    told: list[float] = []
    listen: Callable[..., None] = told.append
    filled = run.fill(more, listen)
    assert sorted(made(log)) == sorted(more.keys)
    assert told[-1] == 4
    assert run.store.missing(filled.clips) == []
    assert "_sampler" not in vars(run)
    run.fill(more, quiet)
    assert len(made(log)) == 6


def test_an_emotion_that_the_bank_lacks_is_refused(tmp_path: Path) -> None:
    run = opened(tmp_path / "store")
    with pytest.raises(PromptError, match="proud"):
        run.plan_of("extreme", emotions=("proud", "sad"), prompts_per_emotion=2)
    with pytest.raises(PromptError, match="26 prompts per emotion"):
        run.plan_of("extreme", emotions=EMOTIONS, prompts_per_emotion=26)
