"""The ratings of a store: append-only, one entry for each rater of each test.

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

__all__ = ["RATINGS_NAME", "OnRecordError", "add", "entry_of", "ratings_beside"]

RATINGS_NAME = "ratings.jsonl"


class OnRecordError(ListeningError):
    """The very same answers were added before: nothing is lost, nothing to be done."""


def ratings_beside(ledger: Path) -> Ledger:
    """The ratings that lie beside a ledger of looks."""
    return Ledger(ledger.with_name(RATINGS_NAME))


def add(ratings: Ledger, answers: Answers, sheet: Sheet) -> int:
    """Add what one rater answered; returns how many raters the test now has.

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
        there = [e for e in ratings.entries() if e["test"] == sheet.id]
        _refuse_twice(answers, there)
        ratings.append(entry_of(answers, sheet))
    return len(there) + 1


def _refuse_twice(answers: Answers, there: Sequence[Mapping[str, Any]]) -> None:
    same = next((e for e in there if e["rater"] == answers.rater), None)
    on_record = f"rater `{answers.rater}` is on record for test `{answers.test}`"
    if same is not None and same["checksum"] == answers.checksum:
        msg = f"{on_record} with these answers."
        raise OnRecordError(msg)
    if same is not None:
        msg = f"{on_record} with other answers, which stand. Two raters need two codes."
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
