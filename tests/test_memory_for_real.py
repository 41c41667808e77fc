"""Memory really runs out: a process that may not have more of it halves and goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from harness.captures import SITES
from harness.models.checkpoint import describe, locate
from harness.plan import CaptureSpec, Generation, Plan, make_plan
from harness.planfile import write_plan
from harness.prompts import Prompt
from harness.sampling.sizes import settled, sizes_of
from harness.store import Store

ROOT = Path(__file__).parents[1]
MODEL = "phantom:encodes"
# With so many windows the moments take most of the memory, three megabytes a clip, and
# they alone have no room in a micro-batch of this size.
CAPTURE = CaptureSpec(sites=SITES, windows=32)
SIZE, SECONDS, ROOM = 128, 1.0, 230_000_000

# What is freed goes back at once, so that what fits does not depend on what was before.
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}

PROGRAM = """
import resource, sys

# What is imported later would need room as well.
import pyarrow.parquet, soundfile

import harness.sampling.__main__ as module

load = module.load_sampler


def load_and_limit(*arguments):
    sampler = load(*arguments)
    with open("/proc/self/statm") as numbers:
        taken = int(numbers.read().split()[0]) * resource.getpagesize()
    limit = taken + int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return sampler


module.load_sampler = load_and_limit
# What just fits may not fit a second time: a run that is started again has more room.
module.repeat_check = lambda *_: {"clips": [], "differing": []}
sys.exit(module.main(sys.argv[2:]))
"""


def plan_of_size(size: int) -> Plan:
    prompts = [
        Prompt(text=f"{emotion} music", emotion=emotion, template="t1")
        for emotion in ("happy", "sad")
    ]
    return make_plan(
        prompts,
        seeds_per_prompt=1,
        seed=0,
        fingerprint=describe(locate(MODEL)).fingerprint,
        generation=Generation(duration_seconds=SECONDS, batch_size=size),
        capture=CAPTURE,
        adaptive=True,
    )


def drained(folder: Path, plan: Plan, *, room: int) -> subprocess.CompletedProcess[str]:
    """Drain `plan` in a process that may take `room` bytes once the model is loaded."""
    write_plan(folder / "plan.json", plan, model=MODEL)
    arguments = [f"--plan={folder / 'plan.json'}", f"--store={folder / 'store'}"]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(room), *arguments],
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_micro_batch_that_does_not_fit_is_halved_until_it_does(
    tmp_path: Path,
) -> None:
    plan = plan_of_size(SIZE)
    done = drained(tmp_path, plan, room=ROOM)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"memory ran out at micro-batches of {SIZE}; what was made" in done.stdout
    assert "has all 4 clips" in done.stdout
    store = Store(str(tmp_path / "store"), describe(locate(MODEL)))
    sizes = sizes_of(plan, store)
    assert sizes[0] == SIZE
    assert sizes[1] == SIZE // 2
    after = settled(plan, store)
    assert store.missing(after.clips) == []
    made = {store.record(key)["generation"]["batch_size"] for key in after.keys}
    assert made == {sizes[-1]}

    # One that asks for that size and has all the memory makes the same bytes.
    other = tmp_path / "other"
    other.mkdir()
    asked = replace(plan_of_size(sizes[-1]), adaptive=False)
    assert asked.keys == after.keys
    done = drained(other, asked, room=4_000_000_000)
    assert "memory ran out" not in done.stdout
    alone = Store(str(other / "store"), describe(locate(MODEL)))
    for key in after.keys:
        assert store.record(key)["files"] == alone.record(key)["files"]
