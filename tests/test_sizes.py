"""When memory runs out micro-batches become smaller, and what was made is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clips_for_tests import CARD, GENERATION, plan_of
from samplers_for_tests import (
    FakeSampler,
    TightSampler,
    loader,
    made,
    never_loaded,
)

from harness.plan import Plan
from harness.sampling.repeat import repeat_check
from harness.sampling.sizes import first_size, halved, settled, sizes_of
from harness.sampling.workers import WorkerError, collect
from harness.store import Store

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def adaptive_plan(prompts_per_emotion: int, *, batch_size: int = 4) -> Plan:
    plan = plan_of(
        prompts_per_emotion, generation=replace(GENERATION, batch_size=batch_size)
    )
    return replace(plan, adaptive=True)


def sizes_made(store: Store, plan: Plan) -> list[int]:
    """The micro-batch size of each clip of the plan."""
    records = (store.record(key) for key in settled(plan, store).keys)
    return [record["generation"]["batch_size"] for record in records]


def test_when_memory_runs_out_the_size_is_halved_until_it_fits(tmp_path: Path) -> None:
    store, plan = Store(tmp_path, CARD), adaptive_plan(2)
    sampler = TightSampler(tmp_path / "log", holds=1)
    said: list[str] = []
    assert collect(plan, store, loader(sampler), say=said.append) == 8
    assert sizes_of(plan, store) == (4, 2, 1)
    assert sizes_made(store, plan) == [1] * 8
    assert [line.split(";")[0] for line in said] == [
        "memory ran out at micro-batches of 4",
        "memory ran out at micro-batches of 2",
    ]
    assert said[-1].endswith("the rest comes in micro-batches of 1")


def test_what_was_made_before_memory_ran_out_is_kept(tmp_path: Path) -> None:
    store, plan = Store(tmp_path, CARD), adaptive_plan(2)
    sampler = TightSampler(tmp_path / "log", holds=2, free=4)
    assert collect(plan, store, loader(sampler)) == 8
    assert sorted(sizes_made(store, plan)) == [2, 2, 2, 2, 4, 4, 4, 4]
    first = {clip.key for clip in plan.clips[:4]}
    assert first <= set(settled(plan, store).keys)
    assert collect(plan, Store(tmp_path, CARD), never_loaded) == 0
    assert store.damage_reports() == []


def test_a_clip_of_another_size_has_the_same_seed_and_another_key(
    tmp_path: Path,
) -> None:
    store, plan = Store(tmp_path, CARD), adaptive_plan(2)
    collect(plan, store, loader(TightSampler(tmp_path / "log", holds=2)))
    after = settled(plan, store)
    assert [clip.seed for clip in after.clips] == [clip.seed for clip in plan.clips]
    assert not set(after.keys) & set(plan.keys)
    again = plan_of(2, generation=replace(GENERATION, batch_size=2))
    assert after.keys == again.keys


def test_a_larger_plan_goes_on_in_the_smaller_size(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    sampler = TightSampler(tmp_path / "log", holds=2, free=4)
    collect(adaptive_plan(2), store, loader(sampler))
    roomy = FakeSampler(tmp_path / "log", generation=sampler.generation)
    said: list[str] = []
    larger = adaptive_plan(6)
    assert collect(larger, store, loader(roomy), say=said.append) == 22 - 8
    assert said == []
    assert sorted(sizes_made(store, larger)) == [2] * 18 + [4] * 4


def test_a_damaged_clip_of_the_larger_size_comes_in_the_smaller(
    tmp_path: Path,
) -> None:
    plan = adaptive_plan(2)
    sampler = TightSampler(tmp_path / "log", holds=2, free=4)
    collect(plan, Store(tmp_path, CARD), loader(sampler))
    Store(tmp_path, CARD).audio_path(plan.keys[0]).write_bytes(b"not audio")
    store = Store(tmp_path, CARD)
    said: list[str] = []
    assert collect(plan, store, loader(sampler), say=said.append) == 1
    assert said == ["1 clips are damaged and are generated again"]
    assert sorted(sizes_made(store, plan)) == [2] * 5 + [4] * 3


def test_a_failed_micro_batch_is_forgotten_before_the_next(tmp_path: Path) -> None:
    sampler = TightSampler(tmp_path / "log", holds=1)
    collect(adaptive_plan(2), Store(tmp_path, CARD), loader(sampler))
    assert len(sampler.failed) == 2
    assert sampler.kept
    assert not any(sampler.kept)


def test_a_size_that_was_asked_for_is_not_halved(tmp_path: Path) -> None:
    store, plan = Store(tmp_path, CARD), replace(adaptive_plan(2), adaptive=False)
    sampler = TightSampler(tmp_path / "log", holds=2)
    with pytest.raises(WorkerError, match=r"^`--batch-size 4` must fit .* `--batch-s"):
        collect(plan, store, loader(sampler))
    assert sizes_of(plan, store) == (4,)
    assert len(store.missing(plan.clips)) == 8


def test_memory_that_does_not_hold_one_clip_is_an_error_with_what_to_do(
    tmp_path: Path,
) -> None:
    store, plan = Store(tmp_path, CARD), adaptive_plan(2)
    sampler = TightSampler(tmp_path / "log", holds=0)
    with pytest.raises(WorkerError, match=r"not hold a single clip.*smaller --model"):
        collect(plan, store, loader(sampler))
    assert sizes_of(plan, store) == (4, 2, 1)


def test_workers_that_run_out_of_memory_together_halve_once(tmp_path: Path) -> None:
    store, plan = Store(tmp_path, CARD), adaptive_plan(2)
    assert halved(plan, store) == 2
    assert halved(plan, Store(tmp_path, CARD)) == 2  # it failed at 4 as well
    assert sizes_of(plan, store) == (4, 2)
    assert halved(settled(plan, store), store) == 1


def test_the_first_to_choose_a_size_chooses_for_all(tmp_path: Path) -> None:
    store, plan = Store(tmp_path, CARD), replace(plan_of(1), adaptive=True)
    assert first_size(plan, store, choose=lambda: 8) == 8
    assert first_size(plan, Store(tmp_path, CARD), choose=lambda: 4) == 8
    longer = plan_of(1, generation=replace(GENERATION, duration_seconds=4.0))
    assert first_size(longer, store, choose=lambda: 4) == 4
    assert plan.generation.batch_size != 8
    halved(settled(plan, store), store)
    assert first_size(plan, store, choose=lambda: 32) == 4


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("{")])
def test_sizes_of_which_there_are_clips_are_found_again(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    plan = adaptive_plan(2)
    sampler = TightSampler(tmp_path / "log", holds=2, free=4)
    store = Store(tmp_path, CARD)
    first_size(plan, store, choose=lambda: 4)
    collect(plan, store, loader(sampler))
    (check,) = (store.directory / "checks").glob("batch-*")
    damage(check)
    again = Store(tmp_path, CARD)
    assert len(again.missing(settled(plan, again).clips)) == 4  # none knows of 2
    assert first_size(plan, again, choose=lambda: 8) == 8  # memory is freer now
    assert sizes_of(plan, again) == (4, 2, 8)
    assert collect(plan, again, never_loaded) == 0
    damage(check)
    assert first_size(plan, again, choose=lambda: 4) == 4
    assert sizes_of(plan, again) == (2, 4)
    assert halved(settled(plan, again), again) == 2
    assert sizes_of(plan, again) == (4, 2)


def test_no_size_is_found_where_there_is_nothing_of_this_kind(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    other = plan_of(2, generation=replace(GENERATION, temperature=0.5))
    collect(other, store, loader(FakeSampler(tmp_path / "log")))
    plan = adaptive_plan(2)
    assert first_size(plan, store, choose=lambda: 8) == 8
    assert sizes_of(plan, store) == (8,)


def test_the_repeat_check_takes_clips_of_the_newest_size(tmp_path: Path) -> None:
    store, plan = Store(tmp_path, CARD), adaptive_plan(2)
    sampler = TightSampler(tmp_path / "log", holds=2, free=4)
    collect(plan, store, loader(sampler))
    plan = settled(plan, store)
    again = FakeSampler(tmp_path / "again")
    found = repeat_check(plan, store, loader(again))
    sizes = {store.record(k)["generation"]["batch_size"] for k in found["clips"]}
    assert sizes == {2}
    assert len(found["clips"]) == 2
    # None of the smaller size yet: those of the larger are made again.
    other = Store(tmp_path / "other", CARD)
    plan = adaptive_plan(2)
    collect(plan, other, loader(TightSampler(tmp_path / "more", holds=4)))
    halved(plan, other)
    found = repeat_check(settled(plan, other), other, loader(again))
    assert len(found["clips"]) == 4
    assert found["differing"] == []


def test_memory_that_runs_out_while_a_clip_is_written_counts_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, plan = Store(tmp_path, CARD), adaptive_plan(2)
    put = store.put
    failed: list[int] = []

    def fail_once(*clip: Any, **more: Any) -> None:
        if len(made(tmp_path / "log")) == 8 and not failed:
            failed.append(1)
            raise MemoryError
        put(*clip, **more)

    monkeypatch.setattr(store, "put", fail_once)
    sampler = FakeSampler(tmp_path / "log", generation=plan.generation)
    assert collect(plan, store, loader(sampler)) == 8
    assert sorted(sizes_made(store, plan)) == [2] * 4 + [4] * 4
