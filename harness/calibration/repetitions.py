"""Week 1 again and again: the same program that a user runs, each time from scratch.

A repetition is `pytest -m week1 --seed N` in a store of its own, since a store counts
the looks that are taken in it. One process runs many of them, so that what takes long
to import is imported once.

Conventions
-----------
What a repetition came to is kept under `PLACE/MODEL/NUMBER/look-SAMPLES.json`, one file
for each look, and is not done again as long as the model and the sources that judge it
are the same. Its clips are kept under `store/`, so that judging it anew needs no
generation. Looks after the first are taken only where the one before says EXTEND.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from harness.files import read_json, write_json
from harness.models.phantoms import PREFIX, WEIGHTS
from harness.plan import ENGINE

__all__ = ["Repetition", "RepetitionError", "repeat", "suite_digest", "verdicts_of"]

_ROOT = Path(__file__).parents[2]
_JUDGES = ("fixtures", "harness", "hypotheses")
_DECIDE_NOTHING = ("calibration", "phantoms", "report")
_EXTEND = "EXTEND"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class RepetitionError(Exception):
    """A repetition did not come to a verdict: which, and where to read why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """One model, tried once: by its first look and, where these say EXTEND, others."""

    model: str  # a phantom, without the prefix
    number: int  # the seed of its design
    place: Path  # of all repetitions
    looks: tuple[int, ...] = (10,)  # clips per emotion
    duration: float = 8.0  # of a clip in s
    keep: bool = True  # the clips

    @property
    def directory(self) -> Path:
        return self.place / self.model / str(self.number)

    @property
    def store(self) -> Path:
        return self.directory / "store"

    def __str__(self) -> str:
        return f"{self.model} {self.number}"

    def look_file(self, samples: int) -> Path:
        return self.directory / f"look-{samples}.json"


def repeat(
    repetitions: Iterable[Repetition],
    *,
    processes: int = 1,
    minutes: float | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Run what is not there yet, in `processes` processes of one thread each.

    After `minutes` no more are begun; the first of each model is run in any case.

    Raises
    ------
    RepetitionError
        At the end, if one or more came to no verdict.
    """
    suite = suite_digest()
    missing = [r for r in repetitions if _to_be_run(r, suite)]
    failed: list[RepetitionError] = []
    started = time.monotonic()
    with _one_thread_each(), _pool(min(processes, len(missing)) or 1) as pool:
        running = {pool.submit(_run, r, suite): r for r in missing}
        for done, future in enumerate(as_completed(running), start=1):
            if minutes is not None and time.monotonic() > started + 60 * minutes:
                _leave_for_another_time(running)
            if future.cancelled():
                continue
            error = future.exception()
            if error is not None and not isinstance(error, RepetitionError):
                raise error
            failed += [error] if error else []
            said = str(error) if error else future.result()
            say(f"{done} of {len(missing)}: {said}")
    if failed:
        msg = f"{len(failed)} of {len(missing)} came to no verdict. {failed[0]}"
        raise RepetitionError(msg)


def _leave_for_another_time(running: Mapping[Future[str], Repetition]) -> None:
    tried = set()
    for future, repetition in running.items():
        if repetition.model in tried:
            future.cancel()  # those that run already go on
        tried.add(repetition.model)


def verdicts_of(repetition: Repetition, suite: str) -> list[dict[str, Any]]:
    """The verdict of each look that was taken, as far as `suite` is what judged it."""
    stamp = {**_stamp(repetition), "suite": suite}
    taken = []
    for samples in repetition.looks:
        look = read_json(repetition.look_file(samples))
        if not isinstance(look, dict) or look.get("stamp") != stamp:
            break
        taken.append(look["verdict"])
        if look["verdict"]["verdict"] != _EXTEND:
            break
    return taken


def suite_digest() -> str:
    """Digest of everything that has a part in a verdict, except the model."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in _JUDGES:
        for path in sorted((_ROOT / folder).rglob("*")):
            parts = path.relative_to(_ROOT / folder).parts
            if parts[0] not in _DECIDE_NOTHING and path.suffix in (".py", ".toml"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _to_be_run(repetition: Repetition, suite: str) -> bool:
    taken = verdicts_of(repetition, suite)
    all_taken = len(taken) == len(repetition.looks)
    return not (all_taken or (taken and taken[-1]["verdict"] != _EXTEND))


def _stamp(repetition: Repetition) -> dict[str, Any]:
    """What the clips of a repetition depend on, besides its number."""
    return {
        "weights": _weights_digest(repetition.model),
        "engine": ENGINE,
        "duration": repetition.duration,
    }


def _weights_digest(model: str) -> str:
    files = [p for f in (model, "t5-tiny") for p in sorted((WEIGHTS / f).iterdir())]
    return _digest_of(tuple((p, p.stat().st_size, p.stat().st_mtime_ns) for p in files))


@cache
def _digest_of(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Of files that are read again only if they have changed."""
    digest = hashlib.blake2b(digest_size=8)
    for path, _, _ in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()


# --- in a worker --------------------------------------------------------------------


def _pool(processes: int) -> ProcessPoolExecutor:
    # A forked process would have the parent's threads, locks and imported plugins.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, mp_context=context)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started here find these settings before they import numpy or torch."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _run(repetition: Repetition, suite: str) -> str:
    """Take the looks that are missing; says in a few words what came out."""
    _clear_what_is_outdated(repetition, suite)
    said = []
    started, cpu = time.monotonic(), time.process_time()
    taken = verdicts_of(repetition, suite)
    for index in range(len(taken), len(repetition.looks)):
        if taken and taken[-1]["verdict"] != _EXTEND:
            break
        taken.append(_look(repetition, index, suite))
        said.append(f"{taken[-1]['verdict']} at {repetition.looks[index]}")
    if not repetition.keep:
        _remove_clips(repetition)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    return f"{repetition}: {', '.join(said)} ({seconds:.0f} s, {cpu:.0f} s CPU)"


def _clear_what_is_outdated(repetition: Repetition, suite: str) -> None:
    """Clips of other weights go; of looks that others judged, the ledger goes too."""
    stamp = repetition.directory / "stamp.json"
    if read_json(stamp) != _stamp(repetition):
        shutil.rmtree(repetition.directory, ignore_errors=True)
        write_json(stamp, _stamp(repetition))
    if not verdicts_of(repetition, suite):
        old = [*repetition.directory.glob("look-*"), *repetition.store.glob("ledger.*")]
        for path in old:
            path.unlink()


def _look(repetition: Repetition, index: int, suite: str) -> dict[str, Any]:
    """Take a look as a user does; what is not supported is tried again with more."""
    samples = repetition.looks[index]
    report = repetition.directory / "report"
    output = repetition.directory / f"output-{samples}.txt"
    arguments = [
        *("-c", str(_ROOT / "pytest.ini"), "-m", "week1"),
        *("--model", f"{PREFIX}{repetition.model}", "--seed", str(repetition.number)),
        *("--samples", str(samples), "--duration", str(repetition.duration)),
        *("--store", str(repetition.store), "--report-dir", str(report)),
        *("-o", f"cache_dir={repetition.directory / 'cache'}", "--device", "cpu"),
        *(("--lf",) if index else ()),
    ]
    _pytest([*arguments, str(_ROOT / "hypotheses")], output)
    verdict = read_json(report / "verdict.json")
    if not isinstance(verdict, dict) or verdict.get("state") != "complete":
        msg = f"{repetition}: no verdict at {samples}; see {output}."
        raise RepetitionError(msg)
    stamp = {**_stamp(repetition), "suite": suite}
    write_json(repetition.look_file(samples), {"stamp": stamp, "verdict": verdict})
    shutil.rmtree(report)
    return verdict


def _pytest(arguments: Sequence[str], output: Path) -> None:
    """Run pytest in this process; all it prints, on whatever way, goes to a file."""
    import pytest

    with (
        output.open("w", encoding="utf-8") as stream,
        _both_outputs_to(stream.fileno()),
    ):
        pytest.main(list(arguments))


@contextmanager
def _both_outputs_to(file: int) -> Iterator[None]:
    kept = [os.dup(1), os.dup(2)]
    for number in (1, 2):
        os.dup2(file, number)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)


def _remove_clips(repetition: Repetition) -> None:
    """Keep the ledger and what is known of the model."""
    for folder in repetition.store.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
