"""A plan as a file, for workers that know nothing of pytest.

One JSON object: what model and engine it is for, how clips are sampled and captured,
and every clip with its key. Keys and seeds are worked out again when it is read, so a
plan that was edited, or was made for another engine, is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.files import parse_json, write_json
from harness.plan import (
    ENGINE,
    CaptureSpec,
    ClipSpec,
    Generation,
    Plan,
    PlanError,
    clip_seed,
)
from harness.prompts import Prompt

__all__ = ["SCHEMA", "PlanFile", "read_plan", "write_plan"]

SCHEMA = 1
_REMEDY = "Write it again with `pytest -m week1 --plan-only FILE`."


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A plan, and the name of the model that it is for."""

    model: str
    plan: Plan


def write_plan(path: Path, plan: Plan, *, model: str) -> None:
    """Write `plan` for the model that is called `model`.

    Raises
    ------
    FileError
        If `path` cannot be written.
    """
    uniform = plan.resized((plan.generation.batch_size,), lambda key: False)
    data = {
        "schema": SCHEMA,
        "engine": ENGINE,
        "model": {"name": model, "fingerprint": plan.fingerprint},
        "generation": asdict(plan.generation),
        "capture": asdict(plan.capture),
        "seeds_per_prompt": plan.seeds_per_prompt,
        "seed": plan.seed,
        "adaptive": plan.adaptive,
        "emotions": list(dict.fromkeys(c.prompt.emotion for c in plan.clips)),
        "clips": [
            {
                "key": clip.key,
                "prompt": clip.prompt.text,
                "emotion": clip.prompt.emotion,
                "template": clip.prompt.template,
                "replicate": clip.replicate,
                "seed": clip.seed,
            }
            for clip in uniform.clips
        ],
    }
    write_json(path, data)


def read_plan(path: Path) -> PlanFile:
    """Read what `write_plan` wrote.

    Raises
    ------
    PlanError
        If it is not a plan, is for another engine, is newer than this code, or names a
        clip twice or one whose key is not that of its content.
    """
    data = _read(path)
    try:
        found = PlanFile(model=str(data["model"]["name"]), plan=_plan(data))
        problem = _problem(found.plan, set(data["emotions"]))
    except KeyError as error:
        raise _not_a_plan(path, f"{error} is missing") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise _not_a_plan(path, " ".join(str(error).split())[:200]) from error
    if problem:
        msg = f"`{path}`: {problem}. {_REMEDY}"
        raise PlanError(msg)
    return found


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        msg = f"`--plan {path}` must be a file, there is none. {_REMEDY}"
        raise PlanError(msg)
    try:
        data = parse_json(path.read_bytes())
    except OSError as error:
        reason = error.strerror or error
        msg = f"`--plan {path}` cannot be read ({reason}). Ask for permission."
        raise PlanError(msg) from error
    if not isinstance(data, dict):
        raise _not_a_plan(path, "it is not a JSON object")
    schema = data.get("schema")
    if not isinstance(schema, int):
        raise _not_a_plan(path, "it has no schema number")
    if schema > SCHEMA:
        msg = (
            f"`{path}` has schema {schema}, but this Skeptic knows {SCHEMA} at most. "
            "Bring it up to date where the plan is drained."
        )
        raise PlanError(msg)
    if data.get("engine") != ENGINE:
        msg = (
            f"`{path}` is for engine {data.get('engine')}, but this is engine "
            f"{ENGINE}: clips of the two are never mixed. {_REMEDY}"
        )
        raise PlanError(msg)
    return data


def _not_a_plan(path: Path, found: str) -> PlanError:
    return PlanError(f"`{path}` is not a plan: {found}. {_REMEDY}")


def _plan(data: dict[str, Any]) -> Plan:
    lists = {"sites", "resolved_layers", "resolved_sites", "attention_layers"}
    capture: dict[str, Any] = {
        name: tuple(value) if name in lists else value
        for name, value in data["capture"].items()
    }
    return Plan(
        clips=tuple(_clips(data["clips"])),
        generation=Generation(**data["generation"]),
        seeds_per_prompt=int(data["seeds_per_prompt"]),
        fingerprint=str(data["model"]["fingerprint"]),
        seed=int(data["seed"]),
        capture=CaptureSpec(**capture),
        adaptive=bool(data["adaptive"]),
    )


def _clips(rows: Iterable[dict[str, Any]]) -> Iterable[ClipSpec]:
    for row in rows:
        prompt = Prompt(
            text=row["prompt"], emotion=row["emotion"], template=row["template"]
        )
        yield ClipSpec(
            key=row["key"], prompt=prompt, replicate=row["replicate"], seed=row["seed"]
        )


def _problem(plan: Plan, emotions: set[str]) -> str | None:
    """Why the clips are not those that the rest of the file asks for."""
    if not plan.clips:
        return "it must have clips, got none"
    seen: set[tuple[str, str, int]] = set()
    for clip in plan.clips:
        prompt = clip.prompt
        name = f"clip {clip.key} (`{prompt.text}`)"
        if prompt.emotion not in emotions:
            return f"{name} is of the unknown emotion `{prompt.emotion}`"
        content = (prompt.emotion, prompt.text, clip.replicate)
        if content in seen:
            return f"{name} must be in the plan once, got it twice"
        seen.add(content)
        if clip.seed != clip_seed(plan.seed, prompt, clip.replicate):
            return f"the seed of {name} is not that of its prompt: it was edited"
    sound = {c.key for c in plan.clips_of_size(plan.generation.batch_size)}
    for clip in plan.clips:
        if clip.key not in sound:
            text = clip.prompt.text
            return f"the key of clip {clip.key} (`{text}`) is not that of its content"
    return None
