"""The store: clips written and read a second, and planning for a very large one.

Run with `uv run pytest benchmarks/test_store_speed.py`. Beside each figure stands a
check that the right thing was measured; nothing is asserted of time. NumPy's `savez` of
the same arrays, as safely written, is what writing and reading are compared with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from clips_for_benchmarks import GENERATION, captured, card_of, plan_of, prompts_of
from recording import record

from harness.captures import STATISTICS, WINDOWED, ClipCapture
from harness.plan import ENGINE, ClipSpec, Plan
from harness.store import Store

CLIPS = 10_000
MANY = 100_000
CARD = card_of("phantom:paper", layers=6, d_model=128, heads=4)  # the phantom's size


def plan_for(count: int) -> Plan:
    """A clip of each of about `count` prompts, and a few second ones."""
    return plan_of(CARD, prompts_of(("happy", "sad"), count // 2))


@pytest.fixture(scope="module")
def captures() -> list[ClipCapture]:
    """A few captures, to be written again and again."""
    rng = np.random.default_rng(0)

    def numbers(shape: tuple[int, ...]) -> np.ndarray:
        return rng.normal(0, 10, shape).astype(np.float32)

    return [captured(CARD, numbers) for _ in range(16)]


def test_clips_written_and_read_a_second(
    tmp_path: Path, captures: list[ClipCapture], benchmark: Any
) -> None:
    clips = plan_for(CLIPS).clips[:CLIPS]
    audio = np.random.default_rng(1).uniform(-1, 1, 1600).astype(np.float32)
    store = Store(tmp_path / "store", CARD)

    def write() -> None:
        for number, clip in enumerate(clips):
            store.put(
                clip,
                audio,
                captures[number % len(captures)],
                generation=GENERATION,
                provenance={},
            )

    benchmark.pedantic(write, rounds=1)
    written = CLIPS / benchmark.stats.stats.mean
    theirs = CLIPS / seconds(lambda: save_with_numpy(tmp_path / "npz", clips, captures))

    again = Store(tmp_path / "store", CARD)
    keys = [clip.key for clip in clips]
    verified = CLIPS / seconds(lambda: again.verify(keys))
    means: list[np.ndarray] = []
    read = CLIPS / seconds(lambda: means.append(again.captures(keys, "mean")))
    read_theirs = CLIPS / seconds(lambda: load_with_numpy(tmp_path / "npz", clips))

    expected = np.stack([c.mean[0] for c in captures])
    np.testing.assert_array_equal(means[0], expected[np.arange(CLIPS) % len(captures)])
    assert again.missing(clips) == []
    record(
        "store: clips written a second, over numpy.savez",
        written / theirs,
        ours=round(written),
        numpy=round(theirs),
        of="WAV, Parquet and record of the phantom's size, each synced to disk",
    )
    record(
        "store: clips read a second (one statistic), over numpy.load",
        read / read_theirs,
        ours=round(read),
        numpy=round(read_theirs),
        of="every byte read is checked against its checksum; numpy's CRC32 likewise",
    )
    record("store: clips checked a second", verified, of="every byte of every file")


def save_with_numpy(
    folder: Path, clips: Sequence[ClipSpec], captures: list[ClipCapture]
) -> None:
    folder.mkdir()
    for number, clip in enumerate(clips):
        capture = captures[number % len(captures)]
        arrays = {name: getattr(capture, name) for name in (*STATISTICS, *WINDOWED)}
        with (folder / f"{clip.key}.npz").open("wb") as stream:
            np.savez(stream, **arrays)
            stream.flush()
            os.fsync(stream.fileno())


def load_with_numpy(folder: Path, clips: Sequence[ClipSpec]) -> np.ndarray:
    means = []
    for clip in clips:
        with np.load(folder / f"{clip.key}.npz") as arrays:
            means.append(arrays["mean"])
    return np.stack(means)


def seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def test_opening_a_store_of_many_clips_and_planning_a_top_up(
    tmp_path: Path, benchmark: Any
) -> None:
    there, more = plan_for(MANY), prompts_of(("happy", "sad"), MANY // 2 + 200)
    Store(tmp_path, CARD)
    records = tmp_path / CARD.fingerprint / f"engine-{ENGINE}" / "records"
    records.mkdir(parents=True)
    for clip in there.clips:
        (records / f"{clip.key}.json").touch()

    def open_and_plan() -> list[ClipSpec]:
        return Store(tmp_path, CARD).missing(plan_of(CARD, more).clips)

    missing = benchmark.pedantic(open_and_plan, rounds=3, warmup_rounds=1)
    assert len(missing) == 400
    assert not {clip.key for clip in missing} & {clip.key for clip in there.clips}
    opening = seconds(lambda: Store(tmp_path, CARD).keys())
    record(
        "store: seconds to open 100,000 clips and plan 400 more",
        benchmark.stats.stats.median,
        opening_alone=round(opening, 3),
        of="listing, and the keys of 100,400 clips",
    )
