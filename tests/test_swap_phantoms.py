"""In models whose truth is known, music under other words tells music from words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.design import clip_table
from harness.evidence.swaps import swap_effects
from harness.request import Request
from harness.run import open_run
from harness.sampling.swap import swap_clips, words_swapped
from harness.sampling.workers import collect


@pytest.mark.parametrize(
    ("model", "music_is_heard"), [("phantom:encodes", True), ("phantom:echo", False)]
)
def test_music_is_heard_under_any_words_only_where_it_follows_them(
    tmp_path: Path, model: str, music_is_heard: bool
) -> None:
    run = open_run(Request(model=model, samples=3, duration=2.0, store=str(tmp_path)))
    clips = tuple(clip for row in swap_clips(run.plan) for clip in row)
    plan = replace(run.plan, clips=clips)
    collect(plan, run.store, run._load_sampler)
    swap = words_swapped(plan, run.store, run._load_sampler)
    assert swap is not None
    assert swap.deviation < 1e-5
    table = clip_table(plan, bank=run.bank)
    words, music = swap_effects(swap.means[..., 0, :], table)
    assert words.rung.p == pytest.approx(1 / 576)
    assert (music.rung.p < 0.005) == music_is_heard
    if music_is_heard:
        assert music.rung.effect > 0.45
