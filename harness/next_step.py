"""What to type after a run, and what that will cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.files import read_json
from harness.inference.looks import Look
from harness.run import Run
from harness.verdict import Outcome, Verdict, clips_of
from harness.weeks import WEEKS, samples_for

__all__ = ["again", "known_pace", "next_step"]


def again(run: Run, *, week: int) -> str:
    """The command that asks the same once more."""
    return run.request.command(samples=run.request.samples, week=week)


def known_pace(run: Run, directory: Path) -> float | None:
    """Seconds per clip, as the last record in `directory` has it.

    A run that finds all of its clips in the store made none to measure. Of another
    model, duration or device it says nothing.
    """
    earlier = read_json(directory / "verdict.json")
    if not isinstance(earlier, dict):
        return None
    parts = [earlier.get(name) for name in ("model", "design", "environment")]
    model, design, environment = (p if isinstance(p, dict) else {} for p in parts)
    then = [model.get("fingerprint"), design.get("duration_s")]
    now = [run.card.fingerprint, run.request.duration]
    then.append(environment.get("device"))
    now.append(run.plan.generation.device_type)
    pace = environment.get("seconds_per_clip")
    return pace if then == now and isinstance(pace, int | float) else None


def next_step(run: Run, outcome: Outcome, look: Look, *, week: int) -> dict[str, Any]:
    """The fields of verdict.json that say how to go on.

    Parameters
    ----------
    run
        The run that ended.
    outcome
        What it came to.
    look
        The look that it was.
    week
        The last week that was asked.

    Returns
    -------
    dict
        `next_command`, None where a person must choose; `next_clips` that it has to
        make, of the same prompt bank, and `next_seconds` for these; None where unknown.
    """
    if outcome.verdict is None:
        return _fields(run, again(run, week=week), clips=run.missing())
    if outcome.verdict is Verdict.FIX:  # the repair decides which clips are made anew
        return _fields(run, again(run, week=week), clips=None)
    samples, week = _target(run, outcome, look, week)
    if samples is None:
        return _fields(run, None, clips=None)
    more = max(0, clips_of(samples) - clips_of(run.request.samples))
    command = run.request.command(samples=samples, week=week)
    return _fields(run, command, clips=more * len(run.request.emotions))


def _target(
    run: Run, outcome: Outcome, look: Look, week: int
) -> tuple[int | None, int]:
    """Clips per emotion and the week to ask; no clips where a person must act."""
    if outcome.verdict is Verdict.EXTEND:
        return look.next_samples, week
    leaf = outcome.leaf.name if outcome.verdict is Verdict.GO and outcome.leaf else ""
    if leaf == "dataset":
        return max(samples_for(2), run.request.samples), max(2, week)
    if leaf == "recheck":
        return look.next_samples, week
    if leaf == "deep_dive" and week < WEEKS[-1]:
        return run.request.samples, WEEKS[-1]
    return None, week


def _fields(run: Run, command: str | None, *, clips: int | None) -> dict[str, Any]:
    pace = run.seconds_per_clip
    seconds = None if clips is None or pace is None else round(clips * pace, 1)
    return {
        "next_command": command,
        "next_clips": clips,
        "next_seconds": seconds,
    }
