"""`python -m harness.sampling` drains a plan, and says in a line why it does not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clips_for_tests import CARD, GENERATION, plan_of
from samplers_for_tests import FakeSampler, TightSampler, contents, made

from harness.plan import Plan
from harness.planfile import write_plan
from harness.sampling import __main__ as module
from harness.sampling import loading
from harness.sampling.__main__ import main
from harness.sampling.devices import VISIBLE, gpus, take_gpu
from harness.sampling.workers import collect
from harness.store import Store

PLAN = plan_of(2)  # 8 clips


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model is on this machine, and its sampler is a fake that writes this log."""
    path = tmp_path / "log"
    monkeypatch.setattr(loading, "locate", lambda model: model)
    monkeypatch.setattr(loading, "known_card", lambda path, checkpoint: CARD)
    monkeypatch.setattr(module, "load_sampler", lambda *_: FakeSampler(path))
    monkeypatch.delenv("SKEPTIC_STORE", raising=False)
    monkeypatch.delenv(VISIBLE, raising=False)
    return path


def drained(tmp_path: Path, plan: Plan = PLAN, *more: str) -> int:
    path = tmp_path / "plan.json"
    write_plan(path, plan, model=CARD.name)
    return main([f"--plan={path}", f"--store={tmp_path / 'store'}", *more])


def test_a_plan_is_drained_and_can_be_drained_again(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert drained(tmp_path) == 0
    assert sorted(set(made(log))) == sorted(PLAN.keys)
    assert len(made(log)) == 8 + GENERATION.batch_size  # some a second time, to compare
    first, *_, told, last = capsys.readouterr().out.splitlines()
    assert first == f"plan: {tmp_path / 'plan.json'}: 8 clips, 8 are missing"
    assert told.startswith("generated 8 of 8 clips in ")
    assert last == f"complete: {tmp_path / 'store'} has all 8 clips"
    before = len(made(log))
    assert drained(tmp_path) == 0
    assert len(made(log)) == before
    assert "0 are missing" in capsys.readouterr().out


def test_what_it_makes_is_what_a_run_makes(tmp_path: Path, log: Path) -> None:
    drained(tmp_path)
    alone = Store(tmp_path / "alone", CARD)
    collect(PLAN, alone, lambda: FakeSampler(tmp_path / "other"))  # type: ignore[arg-type,return-value]
    there = contents(Store(tmp_path / "store", CARD))
    check = {name for name in there if "/repeat-" in name}
    assert len(check) == 1
    assert {k: v for k, v in there.items() if k not in check} == contents(alone)


def test_a_damaged_clip_is_found_and_made_again(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drained(tmp_path)
    before = len(made(log))
    Store(tmp_path / "store", CARD).audio_path(PLAN.keys[3]).write_bytes(b"no")
    assert drained(tmp_path) == 0
    assert made(log)[before:] == [PLAN.keys[3]]
    assert "1 clips are damaged" in capsys.readouterr().out


def test_memory_that_runs_out_is_told(
    tmp_path: Path,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tight = TightSampler(log, holds=1, batch_size=2)
    monkeypatch.setattr(module, "load_sampler", lambda *_: tight)
    assert drained(tmp_path, replace(PLAN, adaptive=True)) == 0
    said = capsys.readouterr().out
    assert "memory ran out at micro-batches of 2" in said
    assert "complete" in said
    assert drained(tmp_path, PLAN) == 1
    assert "`--batch-size 2` must fit into memory" in capsys.readouterr().err


def test_clips_that_come_out_different_are_named_and_nothing_is_complete(
    tmp_path: Path,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def drift(audio: npt.NDArray[np.float32], place: int, before: int) -> None:
        audio[7] += 0.01 * (before + 1)

    unsteady = FakeSampler(log, flaw=drift)
    monkeypatch.setattr(module, "load_sampler", lambda *_: unsteady)
    assert drained(tmp_path) == 1
    said = capsys.readouterr()
    assert "complete" not in said.out
    line = r"ERROR: All clips are there, but of 2 .* are not: (\w+), (\w+)\. Give .*\n"
    found = re.fullmatch(line, said.err)
    assert found is not None
    assert list(found.groups()) == made(log)[-2:]
    assert drained(tmp_path) == 1  # nor the next time, when nothing is made
    assert len(made(log)) == 8 + 2


def test_an_interrupted_worker_says_so_in_a_line_and_goes_on_next_time(
    tmp_path: Path,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(audio: npt.NDArray[np.float32], place: int, before: int) -> None:
        if before == 5:
            raise KeyboardInterrupt

    stopped = FakeSampler(log, flaw=interrupt)
    with monkeypatch.context() as patched:
        patched.setattr(module, "load_sampler", lambda *_: stopped)
        assert drained(tmp_path) == 130
    said = capsys.readouterr()
    assert said.err == "Interrupted: what was made is kept. Run it again to go on.\n"
    assert "complete" not in said.out
    assert drained(tmp_path) == 0
    assert "8 clips, 4 are missing" in capsys.readouterr().out


def test_sizes_that_were_forgotten_are_found_again(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adaptive = replace(PLAN, adaptive=True)
    assert drained(tmp_path, adaptive) == 0
    (check,) = (Store(tmp_path / "store", CARD).directory / "checks").glob("batch-*")
    check.unlink()
    larger = replace(GENERATION, batch_size=8)
    capsys.readouterr()
    plan = replace(plan_of(2, generation=larger), adaptive=True)
    assert drained(tmp_path, plan) == 0
    assert "8 clips, 0 are missing" in capsys.readouterr().out


# --- what is refused --------------------------------------------------------------


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Drain a plan that is refused, and give what was said: one line."""

    def ask(plan: Plan = PLAN, *more: str) -> str:
        assert drained(tmp_path, plan, *more) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert re.fullmatch(r"ERROR: [^\n]+\n", said.err)
        assert made(log) == []
        return said.err

    return ask


def test_a_plan_of_another_model_is_refused(refused: Refused) -> None:
    said = refused(replace(PLAN, fingerprint="e" * 32))
    assert "with fingerprint eeeeeeeeeeee, but here it is 0123456789ab" in said
    assert "these are other weights" in said


def test_a_plan_for_cuda_is_refused_where_there_is_none(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "gpus", lambda: ())
    generation = replace(GENERATION, device_type="cuda")
    assert "cuda, which is not here" in refused(plan_of(2, generation=generation))


def test_a_device_of_another_kind_than_the_plans_is_refused(refused: Refused) -> None:
    assert "`--device cuda` must be cpu" in refused(PLAN, "--device=cuda")
    assert "`--device tpu` must be cpu" in refused(PLAN, "--device=tpu")


def test_a_store_that_cannot_be_written_is_refused(
    tmp_path: Path, refused: Refused
) -> None:
    (tmp_path / "store").write_text("a file")
    assert "cannot be " in refused()


def test_a_store_whose_scheme_is_unknown_is_refused(
    tmp_path: Path, refused: Refused
) -> None:
    assert "nowhere" in refused(PLAN, "--store=nowhere://bucket")


def test_a_store_that_ends_with_the_process_is_refused(refused: Refused) -> None:
    said = refused(PLAN, "--store=memory://plan")
    assert "`--store memory://plan` must be a place that all workers see" in said


def test_a_file_that_is_no_plan_is_refused(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    for content in ("{}", json.dumps({"schema": 99})):
        path.write_text(content)
        assert main([f"--plan={path}"]) == 1
        assert re.fullmatch(r"ERROR: `[^\n]+\n", capsys.readouterr().err)


def test_a_command_without_a_plan_shows_what_can_be_given(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "--plan FILE" in capsys.readouterr().err


# --- devices ----------------------------------------------------------------------


def test_a_numbered_gpu_is_the_only_one_that_is_seen(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = replace(GENERATION, device_type="cuda")
    plan = plan_of(2, generation=generation)
    seen: list[tuple[str, ...]] = []

    def load(*_: Any) -> FakeSampler:
        seen.append(gpus())
        return FakeSampler(log, generation=generation)

    monkeypatch.setattr(module, "load_sampler", load)
    monkeypatch.setenv(VISIBLE, "2,3")  # those that the queue has given
    assert drained(tmp_path, plan, "--device=cuda:1") == 0
    assert seen == [("3",)]


@pytest.mark.parametrize("device", ["cuda:2", "cuda:x", "cuda:", "cuda:-1", "auto:0"])
def test_a_gpu_that_is_not_there_is_refused(
    refused: Refused, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setenv(VISIBLE, "0,1")
    plan = plan_of(2, generation=replace(GENERATION, device_type="cuda"))
    said = refused(plan, f"--device={device}")
    assert f"`--device {device}` must be one of cuda, cuda:0, cuda:1." in said


def test_a_cpu_has_no_number(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "0,1")
    assert "`--device cpu:0` must be one of cpu." in refused(PLAN, "--device=cpu:0")
    assert gpus() == ("0", "1")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("0,1,2", ["0", "1", "2", "0"]), ("GPU-ab, 5", ["GPU-ab", "5", "GPU-ab", "5"])],
)
def test_workers_take_the_gpus_that_may_be_used_in_turn(
    monkeypatch: pytest.MonkeyPatch, given: str, expected: list[str]
) -> None:
    taken = []
    for index in range(4):
        monkeypatch.setenv(VISIBLE, given)  # every process begins with all
        taken.append(take_gpu(index))
        assert gpus() == (taken[-1],)
    assert taken == expected


def test_gpus_are_counted_without_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.sampling import devices

    monkeypatch.delenv(VISIBLE, raising=False)
    for bus in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "gpus" / bus).mkdir(parents=True)
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "gpus")
    assert gpus() == ("0", "1")
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)'\n")
    tool.chmod(0o755)
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "none")
    monkeypatch.setattr(devices, "_LIST", (str(tool), "-L"))
    assert gpus() == ("0",)


def test_a_machine_without_a_gpu_has_none_to_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.sampling import devices

    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "none")
    monkeypatch.setattr(devices, "_LIST", (str(tmp_path / "none"), "-L"))
    assert take_gpu(0) is None
    monkeypatch.setenv(VISIBLE, "")  # the user hides them
    assert take_gpu(1) is None
    assert gpus() == ()
