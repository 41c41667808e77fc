"""The same clip is made a second time, and every difference is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from clips_for_tests import CARD, GENERATION, plan_of
from samplers_for_tests import (
    FakeSample,
    FakeSampler,
    loader,
    made,
    never_loaded,
)

from harness.plan import ClipSpec
from harness.sampling.repeat import repeat_check
from harness.sampling.workers import collect
from harness.store import Store

PLAN = plan_of(6)  # 12 prompts, 22 clips, micro-batches of 2

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def collected(root: Path) -> Store:
    collect(PLAN, Store(root, CARD), loader(FakeSampler(root / "log")))
    return Store(root, CARD)


def test_a_sampler_that_repeats_itself_passes(tmp_path: Path) -> None:
    store = collected(tmp_path)
    log = tmp_path / "again"
    found = repeat_check(PLAN, store, loader(FakeSampler(log)))
    assert found["differing"] == []
    assert found["clips"] == made(log)
    assert len(made(log)) == GENERATION.batch_size
    assert set(made(log)) <= set(PLAN.keys)


def test_the_check_has_other_neighbours_and_places_than_the_first_time(
    tmp_path: Path,
) -> None:
    store = collected(tmp_path)
    repeat_check(PLAN, store, loader(FakeSampler(tmp_path / "again")))
    places = [PLAN.keys.index(key) for key in made(tmp_path / "again")]
    assert places == sorted(places, reverse=True)
    assert np.diff(places).max() < -1


def noisy(audio: npt.NDArray[np.float32], place: int, before: int) -> None:
    audio[7] += 0.01 * (before + 1)


def placed(audio: npt.NDArray[np.float32], place: int, before: int) -> None:
    audio *= 1 - 0.01 * place


@pytest.mark.parametrize("flaw", [noisy, placed])
def test_a_sampler_that_does_not_repeat_itself_is_found(
    tmp_path: Path, flaw: Callable[[npt.NDArray[np.float32], int, int], None]
) -> None:
    sampler = FakeSampler(tmp_path / "log", flaw=flaw)
    store = Store(tmp_path, CARD)
    collect(PLAN, store, loader(sampler))
    found = repeat_check(PLAN, store, loader(sampler))
    assert set(found["differing"]) == set(found["clips"])
    assert len(found["clips"]) == 2


def test_a_capture_that_differs_in_its_last_bit_is_found(tmp_path: Path) -> None:
    store = collected(tmp_path)

    class Nearly(FakeSampler):
        def _sample(self, clip: ClipSpec, place: int) -> FakeSample:
            sample = super()._sample(clip, place)
            if place == 1:
                variance = sample.capture.variance.copy()
                variance[0, 1, 0] = np.nextafter(variance[0, 1, 0], np.float32(0))
                capture = replace(sample.capture, variance=variance)
                sample = replace(sample, capture=capture)
            return sample

    found = repeat_check(PLAN, store, loader(Nearly(tmp_path / "again")))
    assert found["differing"] == found["clips"][1:]


def test_clips_that_somebody_else_is_at_are_left_to_him(tmp_path: Path) -> None:
    store, other = collected(tmp_path), Store(tmp_path, CARD)
    leases = [other.try_lease(key) for key in PLAN.keys[:-1]]
    found = repeat_check(PLAN, store, loader(FakeSampler(tmp_path / "again")))
    assert found == {"clips": [PLAN.keys[-1]], "differing": []}
    assert all(leases)


def test_the_check_holds_what_it_makes_and_lets_it_go(tmp_path: Path) -> None:
    store, other = collected(tmp_path), Store(tmp_path, CARD)
    held: list[bool] = []

    class Asking(FakeSampler):
        def _sample(self, clip: ClipSpec, place: int) -> FakeSample:
            held.append(other.try_lease(clip.key) is None)
            return super()._sample(clip, place)

    repeat_check(PLAN, store, loader(Asking(tmp_path / "again")))
    assert held == [True, True]
    assert all(other.try_lease(key) for key in PLAN.keys)


def test_the_check_is_made_once_for_each_kind_of_generation(tmp_path: Path) -> None:
    store = collected(tmp_path)
    found = repeat_check(PLAN, store, loader(FakeSampler(tmp_path / "again")))
    assert repeat_check(PLAN, Store(tmp_path, CARD), never_loaded) == found
    other = plan_of(2, generation=replace(GENERATION, temperature=0.9))
    collect(other, store, loader(FakeSampler(tmp_path / "log")))
    repeat_check(other, store, loader(FakeSampler(tmp_path / "again")))
    assert len(made(tmp_path / "again")) == 4
