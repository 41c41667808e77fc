"""Listening tests made by hand: tones for clips, raters who are not people."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.listening.answers import COLUMNS, Answers, checksum_of
from harness.listening.making import Wish, sheet_of
from harness.listening.page import render_page
from harness.listening.sheet import Sheet, Trial, write_sheet
from harness.listening.sound import sounds_of_one_size
from harness.plan import ClipSpec
from harness.prompts import Prompt

__all__ = ["EMOTIONS", "clips_of", "right", "saved", "seal", "sheet_with", "write_page"]

EMOTIONS = ("happy", "sad", "calm", "energetic")
RATE = 16_000
SECONDS = 0.5

Listener = Callable[[Trial], dict[str, Any]]


def clips_of(per_emotion: int) -> tuple[ClipSpec, ...]:
    """Clips whose keys tell neither emotion nor template."""
    return tuple(
        ClipSpec(
            key=f"{(7919 * (4 * n + k + 1)) % 65_537:032x}",
            prompt=Prompt(text=f"{e} tune {n}", emotion=e, template=f"t{n:03d}"),
            replicate=0,
            seed=n,
        )
        for n in range(per_emotion)
        for k, e in enumerate(EMOTIONS)
    )


def sheet_with(per_emotion: int = 1, *, repeats: int = 1, **wish: Any) -> Sheet:
    clips = clips_of(per_emotion)
    return sheet_of(
        clips,
        clips[:repeats],
        replace(Wish(minimum_seconds=0.3), **wish),
        emotions=EMOTIONS,
        model="0123456789abcdef",
        samples=20,
        seconds=SECONDS,
    )


def write_page(sheet: Sheet, folder: Path) -> Path:
    """Page and key, as `make` writes them; a tone of its own for every clip."""
    time = np.arange(int(RATE * SECONDS)) / RATE
    audio = {
        key: (
            (0.1 * np.sin(2 * np.pi * (200 + 50 * k) * time)).astype(np.float32),
            RATE,
        )
        for k, key in enumerate(dict.fromkeys(t.key for t in sheet.trials))
    }
    uris = sounds_of_one_size(audio)
    sounds = {t.sound: uris[t.key] for t in sheet.trials}
    write_sheet(sheet, folder=folder)
    page = folder / f"{sheet.id}.html"
    page.write_text(render_page(sheet, sounds, seconds=SECONDS), encoding="utf-8")
    return page


def right(trial: Trial) -> dict[str, Any]:
    """What somebody answers who hears every emotion."""
    pleasant, lively = {
        "happy": (70, 60),
        "sad": (-60, -50),
        "calm": (50, -70),
        "energetic": (40, 90),
    }[trial.emotion]
    return {"emotion": trial.emotion, "valence": pleasant, "arousal": lively}


def saved(
    sheet: Sheet,
    folder: Path,
    *,
    rater: str = "r01",
    hears: Listener = right,
    seed: int = 0,
    **changes: Any,
) -> Path:
    """A file as the page saves it, sealed; `changes` are made before that."""
    order = np.random.default_rng([seed, *rater.encode()]).permutation(
        len(sheet.trials)
    )
    answers = [
        {
            "position": position,
            "trial": sheet.trials[k].id,
            **hears(sheet.trials[k]),
            "heard_ms": 900 + position,
            "plays": 1,
            "answer_ms": 4_000 + int(order[0]) + position,
        }
        for position, k in enumerate(order)
    ]
    data = {
        "format": "skeptic-listening-ratings",
        "version": 1,
        "test": sheet.id,
        "rater": rater,
        "started": 1_700_000_000_000,
        "finished": 1_700_000_600_000,
        "answers": answers,
        **changes,
    }
    path = folder / f"ratings-{data['test']}-{data['rater']}.json"
    return seal(path, data)


def seal(path: Path, data: dict[str, Any]) -> Path:
    """Write `data` with the checksum that belongs to it, where it has one."""
    try:
        answers = Answers(
            test=data["test"],
            rater=data["rater"],
            started=data["started"],
            finished=data["finished"],
            checksum="",
            trials=tuple({n: a[n] for n in COLUMNS} for a in data["answers"]),
        )
        data = {**data, "checksum": checksum_of(answers)}
    except (KeyError, TypeError):
        data = {**data, "checksum": "0" * 16}
    path.write_text(json.dumps(data), encoding="utf-8")
    return path
