"""Generate what a plan asks for, without pytest.

`python -m harness.sampling --plan FILE`; `slurm.sbatch` beside this file runs many. Any
number may run at once, on any machines that see the store: each takes clips that no
other makes, and ends when none is missing.

Exit codes: 0 all clips are there, and a few came out the same when they were made
again; 1 something went wrong; 2 the command line makes no sense; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.files import FileError
from harness.models.protocol import ModelError
from harness.plan import Plan, PlanError
from harness.planfile import read_plan
from harness.progress import progress
from harness.sampling.devices import gpus, take_gpu
from harness.sampling.loading import card_for, load_sampler
from harness.sampling.repeat import repeat_check
from harness.sampling.sizes import first_size, settled
from harness.sampling.workers import WorkerError, collect, refuse_private
from harness.store import Store, StoreError

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Drain the plan that the command line names; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _drain(options)
    except (FileError, ModelError, PlanError, StoreError, WorkerError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        said = "Interrupted: what was made is kept. Run it again to go on."
        print(said, file=sys.stderr)
        return 130
    return 0


def _drain(options: argparse.Namespace) -> None:
    found = read_plan(Path(options.plan))
    plan, model = found.plan, options.model or found.model
    _check_device(plan, options.device)
    refuse_private(options.store)
    checkpoint, card = card_for(model, plan, options.store)
    store = Store(options.store, card)
    if plan.adaptive:
        first_size(plan, store, choose=lambda: plan.generation.batch_size)
    plan = settled(plan, store)
    missing = len(store.missing(plan.clips))
    print(f"plan: {options.plan}: {len(plan.clips)} clips, {missing} are missing")

    @cache
    def load() -> Sampler:
        return load_sampler(plan, store, checkpoint, card)

    if missing:
        with progress(missing) as display:
            collect(plan, store, load, on_progress=display, say=display.say)
    else:
        collect(plan, store, load, say=print)
    _check_repeats(repeat_check(settled(plan, store), store, load))
    print(f"complete: {options.store} has all {len(plan.clips)} clips")


def _check_repeats(found: dict[str, Any]) -> None:
    differing = found["differing"]
    if differing:
        msg = (
            f"All clips are there, but of {len(found['clips'])} that were made again "
            f"{len(differing)} must be the same and are not: {', '.join(differing)}. "
            "Give each kind of machine a --store of its own."
        )
        raise WorkerError(msg)


def _check_device(plan: Plan, device: str) -> None:
    """Take the device that was asked for, if the plan's clips are of its kind."""
    planned = plan.generation.device_type
    kind, numbered, index = device.partition(":")
    if kind not in ("auto", planned):
        msg = (
            f"`--device {device}` must be {planned}, of which the plan's clips are: "
            "another has other bytes. Leave it away, or write the plan again."
        )
        raise PlanError(msg)
    there = gpus() if planned == "cuda" else ()
    if planned == "cuda" and not there:
        msg = (
            "The plan is for cuda, which is not here. Write it again with --device cpu."
        )
        raise PlanError(msg)
    if not numbered:
        return
    if kind != "cuda" or index not in map(str, range(len(there))):
        known = ", ".join([planned, *(f"cuda:{n}" for n in range(len(there)))])
        msg = f"`--device {device}` must be one of {known}."
        raise PlanError(msg)
    take_gpu(int(index))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.sampling",
        description="Generate what a plan asks for; may run any number of times at "
        "once. `pytest -m week1 --plan-only FILE` writes a plan.",
    )
    add = parser.add_argument
    add("--plan", metavar="FILE", required=True, help="the plan to drain")
    add(
        "--store",
        metavar="DIR",
        default=os.environ.get("SKEPTIC_STORE", ".skeptic"),
        help="where clips are kept, a directory or a URL that all workers see "
        "(default: $SKEPTIC_STORE or .skeptic)",
    )
    add(
        "--model",
        metavar="NAME",
        help="where the plan's model is on this machine (default: as in the plan)",
    )
    add(
        "--device",
        metavar="NAME",
        default="auto",
        help="cpu, cuda or cuda:N; must be the plan's kind (default: %(default)s)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
