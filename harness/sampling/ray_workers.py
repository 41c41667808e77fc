"""The same plan drained by Ray: one actor per GPU, or per CPU slot, on many machines.

An actor does what any worker does, and so may die at any time: Ray starts it and its
task again, and the store decides what is still missing. The store must be a place that
all machines see.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.models.protocol import ModelCard
from harness.plan import Plan
from harness.sampling.loading import card_for, load_sampler
from harness.sampling.repeat import repeat_check
from harness.sampling.workers import WorkerError, drain
from harness.store import Store

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = ["Make", "RayWorker", "cluster", "drain_with_ray", "import_ray"]

Make = Callable[[Plan, Store], "Sampler"]
_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 1.0  # for an actor that is asked how far it is
_RESTARTS = 20  # of an actor; what kills it every time kills it for good
_OBJECT_STORE_BYTES = 100_000_000  # only names and numbers are sent


class RayWorker:
    """One worker; answers how far it is while it works."""

    def __init__(self, plan: Plan, root: str, card: ModelCard, make: Make) -> None:
        self._plan = plan
        self._store = Store(root, card)
        self._make = make
        self._sampler: Sampler | None = None
        self._done = 0.0
        self._notes: list[str] = []

    def drain(self) -> int:
        """Work until nothing is missing; returns how many clips were made here."""
        made = drain(
            self._plan,
            self._store,
            self._load,
            on_progress=self._count,
            say=self._notes.append,
        )
        repeat_check(self._plan, self._store, self._load)
        return made

    def told(self) -> tuple[int, float, tuple[str, ...]]:
        """Process, clips done, and what there was to say."""
        return os.getpid(), self._done, tuple(self._notes)

    def _load(self) -> Sampler:
        if self._sampler is None:
            self._sampler = self._make(self._plan, self._store)
        return self._sampler

    def _count(self, done: float) -> None:
        self._done = done


def drain_with_ray(
    plan: Plan,
    store: Store,
    *,
    model: str,
    workers: int | None = None,
    on_progress: Callable[..., None] = lambda done, workers: None,
    say: Callable[[str], None] = lambda sentence: None,
    make: Make | None = None,
) -> int:
    """Have actors generate until nothing is missing; returns how many clips were made.

    `on_progress` hears how many clips are done and, as `workers`, by whom. `make` gives
    an actor its sampler; by default it loads `model`.

    Raises
    ------
    WorkerError
        If Ray is not installed, has no place for an actor, or all actors died.
    """
    missing = len(store.missing(plan.clips))
    if not missing:
        return 0
    ray = import_ray()
    make = make or partial(_load, model)
    with cluster(ray, workers):
        options, count = _places(ray, plan, workers)
        # One thread works, the other answers.
        worker = ray.remote(max_concurrency=2, **options)(RayWorker)
        actors = {
            f"ray{number}": worker.remote(plan, _absolute(store.root), store.card, make)
            for number in range(count)
        }
        _watch(ray, actors, on_progress=on_progress, say=say)
    store.refresh()
    return missing


def import_ray() -> Any:
    """Ray, told to count nobody and to open no port to others.

    Raises
    ------
    WorkerError
        If it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if "RAY_ADDRESS" not in os.environ:
        # All ports on the loopback; `_node_ip_address="127.0.0.1"` is replaced by Ray.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    # Actors without a GPU see those that this process sees.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        msg = (
            "`--engine ray` must have Ray, which is not installed. Install "
            "`skeptic[ray]`, or leave the option away."
        )
        raise WorkerError(msg) from error
    return ray


@contextmanager
def cluster(ray: Any, workers: int | None) -> Iterator[None]:
    """Join the cluster of `RAY_ADDRESS`, or start one that only this machine sees.

    One that this process has joined already is used, and left as it is.
    """
    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS")
    common = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address:
            ray.init(address, **common)
        else:
            ray.init(
                "local",
                num_cpus=max(workers or 1, os.cpu_count() or 1),
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                **common,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"of RAY_ADDRESS={address}" if address else "on this machine"
        reason = " ".join(str(error).split())[:200]
        msg = f"`--engine ray` cannot use the cluster {where} ({reason}). Is it up?"
        raise WorkerError(msg) from error
    try:
        yield
    finally:
        ray.shutdown()


def _places(ray: Any, plan: Plan, workers: int | None) -> tuple[dict[str, Any], int]:
    """What each actor takes of the cluster, and how many there are."""
    on_gpu = plan.generation.device_type == "cuda"
    slots = int(ray.cluster_resources().get("GPU" if on_gpu else "CPU", 0))
    if not slots:
        msg = (
            "`--engine ray` must find a GPU in the cluster, there is none. Use "
            "--device cpu, or a cluster with GPUs."
        )
        raise WorkerError(msg)
    options = {
        "num_cpus": 1,
        "num_gpus": 1 if on_gpu else 0,
        "max_restarts": _RESTARTS,
        "max_task_retries": _RESTARTS,
    }
    return options, min(slots, workers or slots)


def _watch(
    ray: Any,
    actors: Mapping[str, Any],
    *,
    on_progress: Callable[..., None],
    say: Callable[[str], None],
) -> None:
    """Set the actors to work, tell how far they are, and wait until all are done."""
    tasks = {actor.drain.remote(): name for name, actor in actors.items()}
    counts = {name: _Count() for name in actors}
    died: list[str] = []
    while tasks:
        finished, _ = ray.wait([*tasks], num_returns=1, timeout=_POLL_SECONDS)
        for task in finished:
            name = tasks.pop(task)
            reason = _end(ray, task)
            if reason is not None:
                died.append(reason)
                say(f"{name} died for good: {reason}")
        for name, actor in actors.items():
            for note in counts[name].update(_ask(ray, actor)):
                say(f"{name}: {note}")
        done = {name: count.total for name, count in counts.items()}
        on_progress(sum(done.values()), workers=done)
    if len(died) == len(actors):
        msg = f"All workers of `--engine ray` died, the last of: {died[-1]}."
        raise WorkerError(msg)


def _end(ray: Any, task: Any) -> str | None:
    """Why a worker died, or None if it finished.

    Raises
    ------
    Exception
        What the worker raised.
    """
    try:
        ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayActorError as error:
        return " ".join(str(error).split())[:200]
    return None


def _ask(ray: Any, actor: Any) -> tuple[int, float, Sequence[str]] | None:
    """What the actor tells; None while it starts, or is dead."""
    try:
        answer = actor.told.options(max_task_retries=0).remote()
        told: tuple[int, float, Sequence[str]] = ray.get(
            answer, timeout=_PATIENCE_SECONDS
        )
    except (ray.exceptions.GetTimeoutError, ray.exceptions.RayActorError):
        return None
    return told


class _Count:
    """Clips of one worker, over all processes that it had."""

    def __init__(self) -> None:
        self._process = 0
        self._before = 0
        self._latest = 0.0
        self._notes = 0

    @property
    def total(self) -> float:
        return self._before + self._latest

    def update(self, told: tuple[int, float, Sequence[str]] | None) -> Sequence[str]:
        """Take in what was told; returns the notes that are new."""
        if told is None:
            return ()
        process, done, notes = told
        if process != self._process:
            self._before += int(self._latest)
            self._process, self._notes = process, 0
        self._latest = done
        new = notes[self._notes :]
        self._notes = len(notes)
        return new


def _absolute(root: str | Path) -> str:
    """Actors have working directories of their own."""
    return str(root) if "://" in str(root) else str(Path(root).absolute())


def _load(model: str, plan: Plan, store: Store) -> Sampler:
    checkpoint, card = card_for(model, plan, str(store.root))
    return load_sampler(plan, store, checkpoint, card)
