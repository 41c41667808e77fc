"""Music under other words: what was forced is what was asked for, and made once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from replays_for_tests import (
    EMOTIONS,
    MODEL,
    damage,
    damage_found,
    plan_of,
    put_with_other_codes,
    sampler,
)
from samplers_for_tests import never_loaded

from harness.sampling import swap
from harness.sampling.swap import swap_clips, words_swapped
from harness.sampling.workers import collect
from harness.store import Store
from harness.store.audit import unreferenced

PLAN = plan_of(4)

pytestmark = pytest.mark.usefixtures("one_thread", "no_waiting_for_the_disk")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, MODEL.card)
    clips = tuple(clip for row in swap_clips(PLAN) for clip in row)
    collect(replace(PLAN, clips=clips), store, sampler)
    return store


def test_under_its_own_words_a_clip_gives_what_was_captured(store: Store) -> None:
    found = words_swapped(PLAN, store, sampler)
    assert found is not None
    layers, width = MODEL.card.layers, MODEL.card.d_model
    assert found.means.shape == (3, 3, 3, layers, 2, width)
    assert found.means.dtype == np.float32
    for template, row in enumerate(swap_clips(PLAN)):
        captured = store.captures([clip.key for clip in row], "mean")
        for k in range(3):
            own = found.means[template, k, k]
            np.testing.assert_allclose(own, captured[k], atol=1e-4)
            # The comparison can fail: another clip's music is something else.
            other = found.means[template, (k + 1) % 3, k]
            assert np.abs(other - captured[k]).max() > 1e-2
    assert found.deviation < 1e-5


def test_the_null_half_hears_the_music_and_never_the_words(store: Store) -> None:
    found = words_swapped(PLAN, store, sampler)
    assert found is not None
    conditional, null = found.means[..., 0, :], found.means[..., 1, :]
    np.testing.assert_allclose(null[:, :, 1:], null[:, :, :-1], atol=1e-5)
    for changed in (
        null[:, 1:] - null[:, :-1],
        conditional[:, 1:] - conditional[:, :-1],
        conditional[:, :, 1:] - conditional[:, :, :-1],
    ):
        assert np.abs(changed).max(axis=(-2, -1)).min() > 1e-3


@pytest.mark.parametrize("seconds", [0.2, 0.02])
def test_a_beginning_is_compared_with_what_was_captured_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr(swap, "_SECONDS", seconds)
    found = words_swapped(PLAN, store, sampler)
    assert found is not None
    assert found.deviation < 1e-5


def test_codes_that_are_not_the_clips_own_are_found_out(store: Store) -> None:
    clip = swap_clips(PLAN)[1][2]
    put_with_other_codes(store, clip)
    found = words_swapped(PLAN, Store(store.root, MODEL.card), sampler)
    assert found is not None
    assert found.deviation > 0.05


def test_it_is_made_once_and_then_read_without_a_model(store: Store) -> None:
    first = words_swapped(PLAN, store, sampler)
    again = words_swapped(PLAN, Store(store.root, MODEL.card), never_loaded)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(again.means, first.means)
    assert again.deviation == first.deviation


def test_a_larger_plan_has_the_same_beginning(store: Store) -> None:
    words_swapped(PLAN, store, sampler)
    assert words_swapped(plan_of(6), store, never_loaded) is not None


def test_a_damaged_file_is_reported_and_made_again(store: Store) -> None:
    first = words_swapped(PLAN, store, sampler)
    (file,) = (store.directory / "swaps").iterdir()
    damage(file)
    said = damage_found(store)
    assert len(said) == 1
    assert file.name in said[0]
    again = words_swapped(PLAN, store, sampler)
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(again.means, first.means)
    assert damage_found(store) == []


def test_it_goes_with_the_clips_whose_music_it_is(store: Store) -> None:
    words_swapped(PLAN, store, sampler)
    assert unreferenced(store) == []
    key = swap_clips(PLAN)[0][0].key
    store.disk.remove(store.record_name(key))
    (file,) = (store.directory / "swaps").iterdir()
    assert any(name.endswith(file.name) for name in unreferenced(store))


@pytest.mark.parametrize("templates", [1, 2, 3, 4])
def test_at_most_three_templates_are_played(templates: int) -> None:
    rows = swap_clips(plan_of(templates))
    assert len(rows) == min(templates, 3)
    for k, row in enumerate(rows):
        assert [c.prompt.emotion for c in row] == list(EMOTIONS)
        assert {c.prompt.template for c in row} == {f"t{k}"}
        assert not any(c.is_control for c in row)


def test_one_template_cannot_be_swapped(tmp_path: Path) -> None:
    store: Any = Store(tmp_path, MODEL.card)
    assert words_swapped(plan_of(1), store, never_loaded) is None
