"""A plan as a file says the same when it is read, or is refused in one line."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clips_for_tests import CARD, GENERATION, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import planfile
from harness.files import FileError
from harness.plan import ENGINE, CaptureSpec, Generation, Plan, PlanError, make_plan
from harness.planfile import read_plan, write_plan
from harness.prompts import Prompt

PLAN = plan_of(6)
Edit = Callable[[dict[str, Any]], object]


def written(path: Path, plan: Plan = PLAN) -> Path:
    write_plan(path, plan, model=CARD.name)
    return path


# --- reading what was written -----------------------------------------------------


@given(
    texts=st.lists(st.text(min_size=1), min_size=1, max_size=4, unique=True),
    seconds=st.floats(0.1, 30),
    size=st.integers(1, 64),
    seeds=st.integers(1, 3),
    layers=st.sets(st.integers(0, 5)),
    adaptive=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_plan_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    seconds: float,
    size: int,
    seeds: int,
    layers: set[int],
    adaptive: bool,
) -> None:
    plan = make_plan(
        [Prompt(text=t, emotion="sad", template=f"{n}") for n, t in enumerate(texts)],
        seeds_per_prompt=seeds,
        seed=7,
        fingerprint="f" * 32,
        generation=Generation(duration_seconds=seconds, batch_size=size),
        capture=CaptureSpec(resolved_layers=tuple(sorted(layers)), windows=4),
        adaptive=adaptive,
    )
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    write_plan(path, plan, model="my model")
    found = read_plan(path)
    assert found.model == "my model"
    assert found.plan == plan


def test_a_plan_of_several_sizes_is_written_in_the_one_that_is_used_now(
    tmp_path: Path,
) -> None:
    kept = set(PLAN.keys[:5])
    mixed = PLAN.resized((2, 1), kept.__contains__)
    found = read_plan(written(tmp_path / "plan.json", mixed))
    assert found.plan == PLAN.resized((1,), lambda key: False)


def test_a_plan_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match=r"plan.json` cannot be written"):
        written(tmp_path / "file" / "plan.json")


# --- refusing what was not --------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(PlanError, match=r"\S") as caught:
        read_plan(path)
    said = str(caught.value)
    assert "\n" not in said
    assert str(path) in said
    return said


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = refused(tmp_path / "gone.json")
    assert "must be a file, there is none" in said
    assert "--plan-only FILE" in said


def test_a_file_that_may_not_be_read_is_not_taken_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = written(tmp_path / "plan.json")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    said = refused(path)
    assert "cannot be read (Permission denied). Ask for permission." in said


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '"plan"', "{}", "\x00"])
def test_a_file_that_is_not_a_plan_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)
    assert "is not a plan: " in refused(path)


def edited(path: Path, edit: Edit, plan: Plan = PLAN) -> Path:
    data = json.loads(written(path, plan).read_text())
    edit(data)
    path.write_text(json.dumps(data))
    return path


def set_in(data: dict[str, Any], *place: Any, value: Any) -> None:
    for name in place[:-1]:
        data = data[name]
    data[place[-1]] = value


def changed(*place: Any, value: Any) -> Edit:
    return lambda data: set_in(data, *place, value=value)


def test_an_edit_that_changes_nothing_is_no_reason_to_refuse(tmp_path: Path) -> None:
    path = edited(tmp_path / "plan.json", lambda data: None)
    assert read_plan(path).plan == PLAN


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (changed("schema", value=planfile.SCHEMA + 1), "Bring it up to date"),
        (changed("engine", value=0), "is for engine 0, but this is engine"),
        (lambda data: data.pop("engine"), "is for engine None"),
        (lambda data: data.pop("schema"), "it has no schema number"),
        (lambda data: data.pop("clips"), "'clips' is missing"),
        (lambda data: data.pop("model"), "'model' is missing"),
        (lambda data: data["clips"][0].pop("seed"), "'seed' is missing"),
        (changed("clips", value=[]), "it must have clips, got none"),
        (changed("clips", value=7), "is not a plan"),
        (changed("clips", value=["a"]), "is not a plan"),
        (changed("capture", "windows", value="8"), "is not that of its content"),
        (changed("capture", "pictures", value=8), "is not a plan: .*pictures"),
        (changed("generation", "dtype", value="int8"), "is not that of its content"),
        (changed("model", "fingerprint", value="e" * 32), "not that of its content"),
        (changed("seed", value=1), "it was edited"),
        (changed("clips", 3, "prompt", value="loud"), r"`loud`\) is not that of its"),
        (changed("clips", 3, "seed", value=5), "the seed of .* it was edited"),
        (changed("clips", 3, "template", value="t9"), "the seed of .* it was edited"),
        (changed("clips", 3, "replicate", value=1), "it was edited"),
        (changed("clips", 3, "key", value="0" * 32), "not that of its content"),
        (changed("clips", 3, "emotion", value="angry"), "unknown emotion `angry`"),
        (lambda data: data["clips"].append(data["clips"][4]), "once, got it twice"),
        (changed("clips", 3, "key", value=["list"]), "is not a plan"),
    ],
)
def test_a_plan_that_was_edited_or_is_anothers_is_refused(
    tmp_path: Path, edit: Edit, said: str
) -> None:
    path = edited(tmp_path / "plan.json", edit)
    refused(path)
    with pytest.raises(PlanError, match=said):
        read_plan(path)


def test_a_plan_of_another_engine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "plan.json")
    monkeypatch.setattr(planfile, "ENGINE", ENGINE + 1)
    assert "clips of the two are never mixed" in refused(path)


def test_a_plan_for_another_device_has_other_keys(tmp_path: Path) -> None:
    generation = replace(GENERATION, device_type="cuda")
    path = written(tmp_path / "plan.json", plan_of(6, generation=generation))
    data = json.loads(path.read_text())
    data["generation"]["device_type"] = "cpu"
    path.write_text(json.dumps(data))
    assert "is not that of its content" in refused(path)
