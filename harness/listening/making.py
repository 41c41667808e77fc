"""From a run's record and its store to the page and its key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.design import ClipTable, clip_table
from harness.evidence.listeners import smallest_p
from harness.files import write_bytes
from harness.inference.jackknife import FEWEST_UNITS
from harness.listening.choice import chosen_clips, heard_again
from harness.listening.heard import table_of_clips
from harness.listening.page import minutes_of, render_page
from harness.listening.sheet import (
    FEWEST_RATERS,
    ListeningError,
    Sheet,
    Trial,
    write_sheet,
)
from harness.listening.sound import sounds_of_one_size
from harness.plan import ClipSpec
from harness.request import Request
from harness.run import Run, open_run

__all__ = ["Made", "Wish", "make", "request_of", "sheet_of"]

_HEARD_SHARE = 0.9  # of a short clip: players do not report its very end


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the test should be like.

    By default, where raters and templates each differ by 9 points (standard deviation),
    `emotion_heard` is supported at 20 clips per emotion in about half of all cases in
    which listeners are 15 points of answers above chance, and in four of five at 22
    (simulated). With 6 raters and 7 clips it is one of seven, and two of five.
    """

    clips: int = 10  # of each emotion: a quarter of an hour with four
    repeats: int = 4
    raters: int = 8
    minimum_seconds: float = 5.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What was written."""

    sheet: Sheet
    page: Path
    key: Path
    seconds: float  # of a clip

    def said(self, *, collect: str) -> str:
        """For people; `collect` is the command that adds what raters send back."""
        first = sum(not trial.again for trial in self.sheet.trials)
        again = len(self.sheet.trials) - first
        return (
            f"test {self.sheet.id}: {first} clips, {again} of them twice, about "
            f"{minutes_of(self.sheet, seconds=self.seconds)} minutes, for "
            f"{self.sheet.raters} raters\n"
            f"page: {self.page} ({self.page.stat().st_size / 1e6:.1f} MB): send this "
            "file to each of them\n"
            f"key: {self.key}: keep this one, and show it to no rater\n"
            f"then: {collect}"
        )


def make(
    record: Mapping[str, Any],
    wish: Wish,
    *,
    store: str,
    folder: Path,
    named: Mapping[str, str],
) -> Made:
    """Choose clips of the run that `record` is of, and write page and key.

    Parameters
    ----------
    record : mapping
        A parsed `verdict.json`.
    wish : Wish
        What the test should be like.
    store : str
        Where the run's clips are.
    folder : Path
        Where page and key go.
    named : mapping of str to str
        `model` and `prompts`, where they are not those that the record names.

    Raises
    ------
    ListeningError
        If the run's clips are not there or too few, or the wish makes no sense.
    RunError, StoreError, FileError
        If model, prompts or store cannot be opened, or nothing can be written.
    """
    _check(wish)
    run = open_run(request_of(record, store=store, named=named), generates=False)
    _check_same(run, record)
    table = _there(run)
    rng = np.random.default_rng([wish.seed, *b"listening"])
    clips = chosen_clips(table, per_emotion=wish.clips, rng=rng)
    again = heard_again(clips, count=wish.repeats, rng=rng)
    _check_power(table, clips, alpha=record["design"].get("alpha"))
    audio = {spec.key: run.store.audio(spec.key) for spec in clips}
    seconds = min(len(samples) / rate for samples, rate in audio.values())
    sheet = sheet_of(
        clips,
        again,
        wish,
        emotions=table.emotions,
        model=run.card.fingerprint,
        samples=run.request.samples,
        seconds=seconds,
    )
    uris = sounds_of_one_size(audio)
    sounds = {trial.sound: uris[trial.key] for trial in sheet.trials}
    page = folder / f"{sheet.id}.html"
    key = write_sheet(sheet, folder=folder)
    html = render_page(sheet, sounds, seconds=seconds)
    write_bytes(page, html.encode())
    return Made(sheet=sheet, page=page, key=key, seconds=seconds)


def sheet_of(
    clips: Sequence[ClipSpec],
    again: Sequence[ClipSpec],
    wish: Wish,
    *,
    emotions: Sequence[str],
    model: str,
    samples: int,
    seconds: float,
) -> Sheet:
    """The test with these clips, and those of them that are heard `again`."""
    trials = [
        Trial(
            id=_opaque(wish.seed, spec.key, "again" if twice else "first"),
            sound=_opaque(wish.seed, spec.key, "sound"),
            key=spec.key,
            emotion=spec.prompt.emotion,
            again=twice,
        )
        for specs, twice in ((clips, False), (again, True))
        for spec in specs
    ]
    shortest = min(wish.minimum_seconds, _HEARD_SHARE * seconds)
    return Sheet(
        trials=tuple(sorted(trials, key=lambda trial: trial.id)),
        emotions=tuple(emotions),
        model=model,
        samples=samples,
        raters=wish.raters,
        minimum_ms=int(1000 * shortest),
        seed=wish.seed,
    )


def _opaque(*parts: object) -> str:
    """A name that tells nothing: digests are in no order of what they are of."""
    text = "\0".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _check(wish: Wish) -> None:
    if wish.raters < FEWEST_RATERS:
        msg = (
            f"`--raters` must be at least {FEWEST_RATERS}, got {wish.raters}: what one "
            "or two raters hear says nothing about listeners."
        )
        raise ListeningError(msg)
    if not 0 < wish.minimum_seconds < float("inf"):
        msg = f"`--listen` must be seconds above 0, got {wish.minimum_seconds:g}."
        raise ListeningError(msg)
    if wish.seed < 0:
        msg = f"`--seed` must be a whole number, 0 or more, got {wish.seed}."
        raise ListeningError(msg)


def request_of(
    record: Mapping[str, Any],
    *,
    store: str,
    named: Mapping[str, str] | None = None,
) -> Request:
    """What the run was asked for, as its record has it.

    Raises
    ------
    ListeningError
        If the record does not say so.
    """
    named = named or {}
    try:
        design, environment = record["design"], record["environment"]
        return Request(
            model=named.get("model", record["model"]["name"]),
            samples=int(design["clips_per_emotion"]),
            duration=float(design["duration_s"]),
            emotions=tuple(design["emotions"]),
            prompts=named.get("prompts", design["bank"]),
            seed=int(design["seed"]),
            device=environment["device"],
            dtype=environment["dtype"],
            store=store,
        )
    except (KeyError, TypeError, ValueError) as error:
        msg = (
            "`verdict.json` does not say which clips it is about: it is of an older "
            f"version, or was edited ({error!r}). Run `uv run pytest -m week2` again."
        )
        raise ListeningError(msg) from error


def _check_same(run: Run, record: Mapping[str, Any]) -> None:
    for name, here, there, option in (
        ("model", run.card.fingerprint, record["model"].get("fingerprint"), "--model"),
        ("bank", run.bank.digest, record["design"].get("bank_digest"), "--prompts"),
    ):
        if here != there:
            msg = (
                f"the {name} that `verdict.json` names is not the one found here "
                f"({str(there)[:12]} there, {here[:12]} here). Give it with {option}."
            )
            raise ListeningError(msg)


def _check_power(
    table: ClipTable, clips: Sequence[ClipSpec], *, alpha: float | None
) -> None:
    """Refuse a test that could not decide the claim if all raters were always right."""
    heard = table_of_clips(table, {spec.key for spec in clips}, table.emotions)
    if heard.n_units < FEWEST_UNITS:
        msg = (
            f"the clips are of {heard.n_units} prompts that share no word, and must be "
            f"of {FEWEST_UNITS} or more: from fewer nothing can be concluded. Ask for "
            "more --clips, or take a run with more."
        )
        raise ListeningError(msg)
    smallest = smallest_p(heard)
    if alpha and smallest >= alpha:
        msg = (
            f"`--clips {len(clips) // len(table.emotions)}` is too few to decide "
            f"anything: the smallest p would be {smallest:.2g}, and must be below the "
            f"{alpha:g} of this look. Ask for more clips."
        )
        raise ListeningError(msg)


def _there(run: Run) -> ClipTable:
    """The clips of the run that are in its store."""
    run.settle()
    there = [spec for spec in run.plan.evidence_clips() if run.store.has(spec.key)]
    emotions = {spec.prompt.emotion for spec in there}
    silent = [e for e in run.request.emotions if e not in emotions]
    if silent:
        msg = (
            f"`--store {run.request.store}` has no clip of {', '.join(silent)} of the "
            "run that `verdict.json` is of. Give the run's own --store."
        )
        raise ListeningError(msg)
    return clip_table(replace(run.plan, clips=tuple(there)), bank=run.bank)
