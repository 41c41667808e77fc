"""Every clip is made once, by whichever worker, whatever happened to the others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clips_for_tests import CARD, GENERATION, make_capture, plan_of
from samplers_for_tests import (
    FakeSampler,
    contents,
    loader,
    made,
    never_loaded,
    without_waiting,
)

from harness.plan import ClipSpec, Plan, make_plan
from harness.prompts import Prompt
from harness.sampling.workers import WorkerError, collect, drain
from harness.store import Store

PLAN = plan_of(6)  # 12 prompts, 22 clips, micro-batches of 2
SMALL = plan_of(2)  # 4 prompts, 8 clips

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a store that one worker filled and nothing happened to."""
    root = tmp_path_factory.mktemp("undisturbed")
    store = Store(root, CARD)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", without_waiting)
        collect(SMALL, store, loader(FakeSampler(root / "log")))
    return contents(store)


# --- one worker -------------------------------------------------------------------


def test_every_missing_clip_is_made_once(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    log = tmp_path / "log"
    assert collect(PLAN, store, loader(FakeSampler(log))) == len(PLAN.clips) == 22
    assert sorted(made(log)) == sorted(PLAN.keys)
    assert Store(tmp_path, CARD).missing(PLAN.clips) == []
    table = (store.directory / "audio" / "metadata.csv").read_text().splitlines()
    assert len(table) == 1 + 22


def test_nothing_is_loaded_when_nothing_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    collect(PLAN, Store(tmp_path, CARD), loader(FakeSampler(log)))
    store = Store(tmp_path, CARD)
    before = contents(store)
    assert collect(PLAN, store, never_loaded) == 0
    assert contents(store) == before


def test_a_larger_plan_makes_only_what_is_new(tmp_path: Path) -> None:
    log = tmp_path / "log"
    collect(SMALL, Store(tmp_path, CARD), loader(FakeSampler(log)))
    assert collect(PLAN, Store(tmp_path, CARD), loader(FakeSampler(log))) == 22 - 8
    assert sorted(made(log)) == sorted(PLAN.keys)


def test_a_damaged_clip_is_made_again(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    log = tmp_path / "log"
    store = Store(tmp_path, CARD)
    collect(SMALL, store, loader(FakeSampler(log)))
    key = SMALL.keys[5]
    store.audio_path(key).write_bytes(b"not audio")
    again = Store(tmp_path, CARD)
    assert collect(SMALL, again, loader(FakeSampler(log))) == 1
    assert made(log)[8:] == [key]
    assert len(again.damage_reports()) == 1
    after = contents(again)
    del after["damage.txt"]
    assert after == undisturbed


def test_progress_only_grows_and_ends_with_all_clips(tmp_path: Path) -> None:
    told: list[float] = []
    sampler = FakeSampler(tmp_path / "log")
    collect(PLAN, Store(tmp_path, CARD), loader(sampler), on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 22


def test_a_worker_that_fails_keeps_what_it_made_and_holds_nothing(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    log = tmp_path / "log"

    def fail(audio: npt.NDArray[np.float32], place: int, before: int) -> None:
        if before == 5:
            raise ArithmeticError

    store = Store(tmp_path, CARD)
    with pytest.raises(ArithmeticError):
        collect(SMALL, store, loader(FakeSampler(log, flaw=fail)))
    assert len(store.missing(SMALL.clips)) == 4  # two whole batches are there
    assert collect(SMALL, store, loader(FakeSampler(log))) == 4
    assert contents(store) == undisturbed


def test_a_disk_that_damages_everything_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, CARD)

    def damage_and_verify(keys: Sequence[str]) -> list[str]:
        store.audio_path(keys[3]).write_bytes(b"not audio")
        found = Store(tmp_path, CARD).verify(keys)
        store.refresh()
        return found

    monkeypatch.setattr(store, "verify", damage_and_verify)
    with pytest.raises(WorkerError, match=r"damages what is written .* another store"):
        collect(SMALL, store, loader(FakeSampler(tmp_path / "log")))


def test_clips_that_come_to_another_place_of_the_same_name_are_missed_at_once(
    tmp_path: Path,
) -> None:
    store, other = Store(tmp_path / "here", CARD), Store(tmp_path / "there", CARD)
    rounds = []

    def drain_elsewhere(plan: Plan, store: Store, *rest: Any, **more: Any) -> int:
        rounds.append(1)
        return drain(plan, other, *rest, **more)

    load = loader(FakeSampler(tmp_path / "log"))
    with pytest.raises(WorkerError, match=r"here` must be a place .* of 8 .* none is"):
        collect(SMALL, store, load, drain=drain_elsewhere)
    assert len(rounds) == 1
    assert not (store.directory / "audio" / "metadata.csv").exists()
    assert collect(SMALL, other, load, drain=drain_elsewhere) == 0


def test_clips_that_another_run_drops_meanwhile_are_made_again(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    dropped: list[str] = []

    def drain_and_drop(plan: Plan, store: Store, *rest: Any, **more: Any) -> int:
        count = drain(plan, store, *rest, **more)
        if not dropped:
            dropped.append(plan.keys[2])
            store.audio_path(dropped[0]).write_bytes(b"not audio")
            Store(tmp_path, CARD).verify(dropped)
        return count

    load = loader(FakeSampler(tmp_path / "log"))
    assert collect(SMALL, store, load, drain=drain_and_drop) == 8 + 1
    assert store.missing(SMALL.clips) == []


def test_texts_of_one_length_are_made_together(tmp_path: Path) -> None:
    long = "music with strings, and a slow beat that never ends"
    prompts = [
        Prompt(text=text, emotion=emotion, template=f"t{n}")
        for emotion in ("happy", "sad")
        for n, text in enumerate([emotion, f"{emotion} {long}", f"{emotion} tune"])
    ]
    plan = make_plan(
        prompts,
        seeds_per_prompt=2,
        seed=0,
        fingerprint=CARD.fingerprint,
        generation=replace(GENERATION, batch_size=4),
    )
    batches: list[list[str]] = []

    class Watched(FakeSampler):
        def generate(self, clips: Sequence[ClipSpec], **more: Any) -> Iterator[Any]:
            batches.append([clip.prompt.text for clip in clips])
            return super().generate(clips, **more)

    sampler = Watched(tmp_path / "log", generation=plan.generation)
    collect(plan, Store(tmp_path, CARD), loader(sampler))
    assert [[len(text.split()) for text in batch] for batch in batches] == [
        [1] * 4,
        [2] * 4,
        [11] * 4,
    ]


def test_what_is_being_written_of_a_clip_is_nobody_elses_to_remove(
    tmp_path: Path,
) -> None:
    store, other = Store(tmp_path, CARD), Store(tmp_path, CARD)
    free: list[bool] = []

    class Asking(FakeSampler):
        def generate(self, clips: Sequence[ClipSpec], **more: Any) -> Iterator[Any]:
            leases = [other.try_lease(clip.key) for clip in clips]
            free.extend(lease is not None for lease in leases)
            return super().generate(clips, **more)

    collect(SMALL, store, loader(Asking(tmp_path / "log")))
    assert free == [False] * 8
    assert all(other.try_lease(key) for key in SMALL.keys)


def test_a_clip_that_somebody_else_writes_is_waited_for(tmp_path: Path) -> None:
    store, other = Store(tmp_path, CARD), Store(tmp_path, CARD)
    lease = other.try_lease(SMALL.keys[0])
    assert lease is not None
    release = lease.release

    class Releasing(FakeSampler):
        def generate(self, clips: Sequence[ClipSpec], **more: Any) -> Iterator[Any]:
            if len(made(self.log)) >= 6:
                release()
            return super().generate(clips, **more)

    assert collect(SMALL, store, loader(Releasing(tmp_path / "log"))) == 8
    assert made(tmp_path / "log")[-1] == SMALL.keys[0]


# --- several workers --------------------------------------------------------------

Fork = Callable[..., list[int]]


@pytest.fixture(scope="module")
def fork() -> Iterator[Fork]:
    """A function that runs workers, all at once, and returns their exit codes.

    They are forked from a process that has imported this file and nothing else:
    importing is slow, and forking from pytest would copy the threads of torch.
    """
    folder = Path(__file__).parent
    command = [sys.executable, "-c", "import test_workers; test_workers.nurse()"]
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{folder.parent}"}
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        asked, answers = nursery.stdin, nursery.stdout

        def run(*jobs: tuple[str, Path, int]) -> list[int]:
            asked.write(json.dumps(jobs, default=str) + "\n")
            asked.flush()
            codes: list[int] = json.loads(answers.readline())
            return codes

        yield run
        asked.close()


def nurse() -> None:
    """Fork the workers that a line of standard input asks for; print how they ended."""
    os.fsync = without_waiting
    with tempfile.TemporaryDirectory() as folder:
        # Writing Parquet for the first time imports a lot: once is enough.
        root = Path(folder)
        collect(SMALL, Store(root, CARD), loader(FakeSampler(root / "log")))
    for line in sys.stdin:
        pids = []
        for job, root, number in json.loads(line):
            pid = os.fork()
            if pid == 0:
                JOBS[job](Path(root), number)
                os._exit(0)
            pids.append(pid)
        ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        print(json.dumps(ends), flush=True)


def work(root: Path, workers: int) -> None:
    """A worker that holds its first clips until the others have some as well."""
    work_once(root, lambda: len(list(root.glob("loaded-*"))) >= workers)


def work_beside(root: Path, clips: int) -> None:
    """A worker that holds its first clips until another has made `clips`."""
    work_once(root, lambda: len(made(root / "log")) >= clips)


def work_once(root: Path, others_are_ready: Callable[[], bool]) -> None:
    loaded = False

    def load() -> Any:
        nonlocal loaded
        assert not loaded
        loaded = True
        (root / f"loaded-{os.getpid()}").touch()
        patience = time.monotonic() + 120
        while not others_are_ready():
            assert time.monotonic() < patience, "the other worker does nothing"
            time.sleep(0.01)
        return FakeSampler(root / "log", seconds=0.01)

    count = collect(PLAN, Store(root, CARD), load)
    (root / f"made-{os.getpid()}").write_text(str(count))


def test_two_workers_at_once_make_every_clip_once(tmp_path: Path, fork: Fork) -> None:
    assert fork(("work", tmp_path, 2), ("work", tmp_path, 2)) == [0, 0]
    assert sorted(made(tmp_path / "log")) == sorted(PLAN.keys)
    counts = [int(path.read_text()) for path in tmp_path.glob("made-*")]
    assert len(counts) == 2
    assert min(counts) >= 2  # each held a batch while the other loaded
    assert sum(counts) == 22
    store = Store(tmp_path, CARD)
    assert store.missing(PLAN.clips) == []
    assert store.damage_reports() == []
    collect(PLAN, store, never_loaded)
    table = (store.directory / "audio" / "metadata.csv").read_text().splitlines()
    assert len(table) == 1 + 22


def test_what_a_worker_held_that_was_killed_is_taken_over_at_once(
    tmp_path: Path, fork: Fork
) -> None:
    in_its_second_batch = 3 * (2 + 3 * 3)
    jobs = (("work_until", tmp_path, in_its_second_batch), ("work_beside", tmp_path, 4))
    assert fork(*jobs) == [-signal.SIGKILL, 0]
    store = Store(tmp_path, CARD)
    assert store.missing(PLAN.clips) == []
    assert set(made(tmp_path / "log")) == set(PLAN.keys)
    # At most the batch that the killed worker was at was made twice.
    assert len(made(tmp_path / "log")) <= 22 + 2


# --- workers that are killed ------------------------------------------------------


def work_until(root: Path, last: int) -> None:
    """A worker that is killed as it is about to touch the disk for the `last` time.

    It touches the disk to write a file out and before and after renaming it.
    """
    touched = 0

    def touch() -> None:
        nonlocal touched
        touched += 1
        if touched == last:
            os.kill(os.getpid(), signal.SIGKILL)

    rename = Path.replace

    def watched_fsync(fd: Any) -> None:
        touch()

    def watched_replace(self: Path, target: Path) -> Path:
        touch()
        done = rename(self, target)
        touch()
        return done

    os.fsync = watched_fsync
    Path.replace = watched_replace  # type: ignore[method-assign,assignment]
    collect(SMALL, Store(root, CARD), loader(FakeSampler(root / "log")))
    (root / "touched").write_text(str(touched))


JOBS = {"work": work, "work_beside": work_beside, "work_until": work_until}

# Layout and card, four files for each of 8 clips, the metadata and what vouches for
# it, three touches each.
TOUCHES = 3 * (2 + 4 * 8 + 2)
KILLED_AT = sorted(
    int(n) for n in np.random.default_rng(5).choice(TOUCHES, 24, replace=False) + 1
)


def test_a_worker_that_is_not_killed_touches_the_disk_as_often_as_it_should(
    tmp_path: Path, fork: Fork, undisturbed: dict[str, bytes]
) -> None:
    assert fork(("work_until", tmp_path, TOUCHES + 1)) == [0]
    assert (tmp_path / "touched").read_text() == str(TOUCHES)
    assert contents(Store(tmp_path, CARD)) == undisturbed


@pytest.mark.parametrize("last", KILLED_AT)
def test_after_a_kill_no_clip_is_half_there_and_the_next_run_ends_the_same(
    tmp_path: Path, fork: Fork, undisturbed: dict[str, bytes], last: int
) -> None:
    assert fork(("work_until", tmp_path, last)) == [-signal.SIGKILL]
    store = Store(tmp_path, CARD)
    there = [clip for clip in SMALL.clips if store.has(clip.key)]
    for clip in there:
        np.testing.assert_array_equal(
            store.captures([clip.key], "mean")[0], make_capture(clip.seed).mean[0]
        )
        assert len(store.audio(clip.key)[0]) == 1600
    left = 8 - len(there)
    assert collect(SMALL, store, loader(FakeSampler(tmp_path / "log"))) == left
    assert contents(store) == undisturbed
    assert store.damage_reports() == []


def test_what_a_killed_worker_left_half_written_is_cleared_away(
    tmp_path: Path, fork: Fork
) -> None:
    in_the_third_clip = 3 * (2 + 3 * 2) + 1
    assert fork(("work_until", tmp_path, in_the_third_clip)) == [-signal.SIGKILL]
    store = Store(tmp_path, CARD)
    assert len(list(store.directory.rglob("*.partial"))) == 1
    collect(SMALL, store, loader(FakeSampler(tmp_path / "log")))
    assert list(store.directory.rglob("*.partial")) == []


def test_a_lease_ends_with_the_process_that_held_it(tmp_path: Path, fork: Fork) -> None:
    before_the_first_clip = 3 * 2 + 1
    assert fork(("work_until", tmp_path, before_the_first_clip)) == [-signal.SIGKILL]
    held = list(tmp_path.rglob("*.lock"))
    assert len(held) >= 2  # its locks are still lying about
    log = tmp_path / "log"
    assert collect(SMALL, Store(tmp_path, CARD), loader(FakeSampler(log))) == 8


# --- what a run with nothing to generate need not import --------------------------


def test_opening_a_run_and_collecting_imports_neither_torch_nor_audiocraft() -> None:
    program = (
        "import sys, harness.run, harness.sampling.workers, harness.store\n"
        "print(sorted({'torch', 'audiocraft', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
