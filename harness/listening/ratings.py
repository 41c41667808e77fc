"""The ratings of a store: append-only, one entry for each rater of each test.

What was refused has an entry as well, so that the report can say so.

They lie beside the ledger of looks and are kept as it is (`harness.ledger`): an edit, a
removal or half a line is found. An entry says of each clip what it was and what was
answered, so that nothing else is needed to decide the claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.ledger import Ledger
from harness.listening.answers import Answers
from harness.listening.sheet import ListeningError, Sheet

__all__ = [
    "RATINGS_NAME",
    "OnRecordError",
    "add",
    "entry_of",
    "ratings_in",
    "refuse",
    "refused_files",
]

RATINGS_NAME = "ratings.jsonl"
_REMEDY = (
    "ratings cannot be counted. Restore the file, or move it and its .seal away and "
    "collect the raters' JSON files again."
)


class OnRecordError(ListeningError):
    """The very same answers were added before: nothing is lost, nothing to be done."""


def ratings_in(folder: Path) -> Ledger:
    """The ratings of a store, in the folder that the ledger of looks lies in."""
    return Ledger(folder / RATINGS_NAME, remedy=_REMEDY)


def add(ratings: Ledger, answers: Answers, sheet: Sheet, *, file: str) -> int:
    """Add what one rater answered; returns how many raters the test now has.

    Parameters
    ----------
    ratings : Ledger
        Where to.
    answers : Answers
        What the rater sent.
    sheet : Sheet
        The test.
    file : str
        Name of the file that the answers came in.

    Raises
    ------
    OnRecordError
        If these answers of this rater are on record.
    ListeningError
        If the answers are not to this test, or the rater is on record with others, or
        sent those of another.
    LedgerError
        If the ratings on record are broken, or cannot be written.
    """
    answers.check(sheet)
    with ratings.locked():
        there = [
            e
            for e in ratings.entries()
            if e["event"] == "ratings" and e["test"] == sheet.id
        ]
        _refuse_twice(answers, there)
        ratings.append({**entry_of(answers, sheet), "file": file})
    return len(there) + 1


def refuse(ratings: Ledger, *, file: str, because: str) -> None:
    """Put on record that a file was refused; once, however often it is given.

    Raises
    ------
    LedgerError
        If the ratings on record are broken, or cannot be written.
    """
    with ratings.locked():
        if (file, because) not in refused_files(ratings.entries()):
            ratings.append({"event": "refused", "file": file, "because": because})


def refused_files(entries: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Files that were refused and why; not those that were added later."""
    refused: dict[tuple[str, str], None] = {}
    for entry in entries:
        if entry["event"] == "refused":
            refused[entry["file"], entry["because"]] = None
        else:
            refused = {r: None for r in refused if r[0] != entry.get("file")}
    return list(refused)


def _refuse_twice(answers: Answers, there: Sequence[Mapping[str, Any]]) -> None:
    same = next((e for e in there if e["rater"] == answers.rater), None)
    on_record = f"rater `{answers.rater}` is on record for test `{answers.test}`"
    if same is not None and same["checksum"] == answers.checksum:
        msg = f"{on_record} with these answers."
        raise OnRecordError(msg)
    if same is not None:
        msg = (
            f"{on_record} with other answers, which stand. If this is somebody else, "
            "give the file alone, with a code of its own: --as CODE."
        )
        raise ListeningError(msg)
    copied = next((e for e in there if e["answers"] == _unnamed(answers)), None)
    if copied is not None:
        msg = (
            f"rater `{answers.rater}` sent the very answers of `{copied['rater']}`, to "
            "the millisecond: one of them did not listen."
        )
        raise ListeningError(msg)


def _unnamed(answers: Answers) -> list[dict[str, Any]]:
    return [dict(trial) for trial in answers.trials]


def entry_of(answers: Answers, sheet: Sheet) -> dict[str, Any]:
    """What goes on record: the answers, and what each of them was about."""
    return {
        "event": "ratings",
        "test": sheet.id,
        "raters_planned": sheet.raters,
        "model": sheet.model,
        "samples": sheet.samples,
        "emotions": list(sheet.emotions),
        "clips": {
            t.id: {"key": t.key, "emotion": t.emotion, "again": t.again}
            for t in sheet.trials
        },
        "rater": answers.rater,
        "started": answers.started,
        "finished": answers.finished,
        "checksum": answers.checksum,
        "answers": _unnamed(answers),
    }
