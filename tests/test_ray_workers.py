"""Ray's actors drain a plan as any worker does, and may be killed while they do."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from clips_for_tests import CARD, GENERATION, plan_of
from samplers_for_tests import FakeSampler, TightSampler, contents, loader, made

from harness.plan import Plan
from harness.sampling import ray_workers
from harness.sampling.ray_workers import drain_with_ray
from harness.sampling.repeat import repeat_check
from harness.sampling.sizes import settled, sizes_of
from harness.sampling.workers import WorkerError, collect
from harness.store import Store

# pytester, in other files, makes Python forget what is imported while it runs, and
# Ray's messages do not survive that this is imported twice.
import_module("msgpack")

ROOT = Path(__file__).parents[1]
PLAN = plan_of(6)  # 22 clips, micro-batches of 2


@pytest.fixture(autouse=True, scope="module")
def actors_find_these_tests() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        path = f"{Path(__file__).parent}{os.pathsep}{ROOT}"
        patched.setenv("PYTHONPATH", path)
        patched.setenv("CUDA_VISIBLE_DEVICES", "")
        patched.delenv("RAY_ADDRESS", raising=False)
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One cluster for all that do no harm to it: to start one takes seconds."""
    with ray_workers.cluster(ray_workers.import_ray(), workers=1):
        yield


def slow_sampler(log: Path, plan: Plan, store: Store) -> Any:
    """Writes down its process, so that somebody may kill it."""
    (log.parent / f"worker-{os.getpid()}").touch()
    return FakeSampler(log, seconds=0.2)


def tight_sampler(log: Path, plan: Plan, store: Store) -> Any:
    return TightSampler(log, holds=1, batch_size=2)


def failing_sampler(plan: Plan, store: Store) -> Any:
    msg = "The model is not on this machine."
    raise WorkerError(msg)


def family() -> set[int]:
    """This process, and all that it has started."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(status.parent.name)] = int(
                status.read_text().rpartition(")")[2].split()[1]
            )
    found, before = {os.getpid()}, 0
    while len(found) > before:
        before = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


def listening() -> set[str]:
    """Addresses, as /proc/net has them, on which this family listens."""
    sockets = set()
    for pid in family():
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                sockets.add(os.readlink(link))
    tables = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6")]
    lines = [line.split() for table in tables for line in table.splitlines()[1:]]
    waiting = [words for words in lines if words[3] == "0A"]
    return {words[1] for words in waiting if f"socket:[{words[9]}]" in sockets}


class Killer:
    """Hears of progress, and kills a worker once some clips are there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.killed: list[int] = []
        self.told: list[Mapping[str, float]] = []
        self.addresses: set[str] = set()

    def __call__(self, done: float, *, workers: Mapping[str, float]) -> None:
        self.told.append(dict(workers))
        assert done == sum(workers.values())
        if not self.killed and len(made(self.folder / "log")) >= 4:
            self.addresses = listening()
            pid = int(next(self.folder.glob("worker-*")).name.split("-")[1])
            os.kill(pid, signal.SIGKILL)
            self.killed.append(pid)


def test_a_plan_is_drained_though_an_actor_is_killed_half_way(tmp_path: Path) -> None:
    alone = Store(tmp_path / "alone", CARD)
    collect(PLAN, alone, loader(FakeSampler(tmp_path / "other")))
    repeat_check(PLAN, alone, loader(FakeSampler(tmp_path / "other")))

    store, killer = Store(tmp_path / "store", CARD), Killer(tmp_path)
    make = partial(slow_sampler, tmp_path / "log")
    count = drain_with_ray(
        PLAN, store, model="none", workers=2, on_progress=killer, make=make
    )
    assert count == 22
    assert len(killer.killed) == 1
    assert len(list(tmp_path.glob("worker-*"))) >= 2
    assert store.missing(PLAN.clips) == []
    # At most the micro-batch that was lost, and the check, are made a second time.
    assert set(made(tmp_path / "log")) == set(PLAN.keys)
    assert len(made(tmp_path / "log")) <= 22 + 2 + 2
    assert set(killer.told[-1]) == {"ray0", "ray1"}
    assert collect(PLAN, store, loader(FakeSampler(tmp_path / "more"))) == 0
    assert contents(store) == contents(alone)
    assert store.damage_reports() == []
    # Nobody else can reach it.
    assert len(killer.addresses) >= 4
    loopback = re.compile(r"(0{16}FFFF0000)?0100007F:")
    assert [a for a in killer.addresses if not loopback.match(a)] == []


def test_a_cluster_that_does_not_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "nowhere")
    with pytest.raises(WorkerError, match=r"RAY_ADDRESS=nowhere .* Is it up\?") as no:
        drain_with_ray(PLAN, Store(tmp_path, CARD), model="none")
    assert "\n" not in str(no.value)


def test_ray_that_is_not_installed_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(WorkerError, match=r"Install `skeptic\[ray\]`"):
        drain_with_ray(PLAN, Store(tmp_path, CARD), model="none")


def test_nothing_is_started_where_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path, CARD)
    collect(PLAN, store, loader(FakeSampler(tmp_path / "log")))
    monkeypatch.setitem(sys.modules, "ray", None)
    assert drain_with_ray(PLAN, store, model="none") == 0


def test_actors_that_run_out_of_memory_go_on_and_say_so(
    tmp_path: Path, cluster: None
) -> None:
    store, plan = Store(tmp_path / "store", CARD), replace(PLAN, adaptive=True)
    said: list[str] = []
    make = partial(tight_sampler, tmp_path / "log")
    drain_with_ray(plan, store, model="none", workers=1, say=said.append, make=make)
    assert sizes_of(plan, store) == (2, 1)
    assert store.missing(settled(plan, store).clips) == []
    assert [line.split(";")[0] for line in said] == [
        "ray0: memory ran out at micro-batches of 2"
    ]


def test_what_an_actor_raises_is_raised_as_it_was(
    tmp_path: Path, cluster: None
) -> None:
    store = Store(tmp_path / "store", CARD)
    with pytest.raises(WorkerError, match=r"^The model is not on this machine\.$"):
        drain_with_ray(PLAN, store, model="none", workers=1, make=failing_sampler)


def test_a_plan_for_gpus_needs_a_cluster_that_has_some(
    tmp_path: Path, cluster: None
) -> None:
    plan = plan_of(2, generation=replace(GENERATION, device_type="cuda"))
    with pytest.raises(WorkerError, match=r"must find a GPU .* Use --device cpu"):
        drain_with_ray(plan, Store(tmp_path, CARD), model="none", workers=1)
