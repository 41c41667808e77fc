"""Earlier looks as the ledger has them, added to a record before it is read.

A record lists the looks that were known when it was written. The ledger also has what
was found of each claim at each of them, and looks that were taken since.

Conventions
-----------
A ledger that is missing, broken or of another version takes nothing away: the record's
own list of looks stands, and a sentence says what is wrong with the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.history import PastLook, Question, looks_record, past_looks
from harness.ledger import Ledger, LedgerError

__all__ = ["ledger_of", "with_ledger"]

_STANDS = "Earlier looks are those that the record itself lists."


def ledger_of(verdict: Mapping[str, Any], *, directory: Path) -> Path | None:
    """Where the ledger of the record in `directory` is; None if it names none."""
    place = verdict.get("ledger")
    return directory / place if isinstance(place, str) and place else None


def with_ledger(verdict: Mapping[str, Any], ledger: Path | None) -> dict[str, Any]:
    """Add what the ledger knows of the looks at the record's question.

    Parameters
    ----------
    verdict
        The record as parsed from `verdict.json`; any field may be missing or null.
    ledger
        The file, which need not be there.

    Returns
    -------
    dict
        The record; its `looks` have `claims`, `ledger_says` tells what was read, and
        `warnings` what is wrong with it.
    """
    if ledger is None:
        return {**verdict, "ledger_says": f"The record names no ledger. {_STANDS}"}
    if not ledger.is_file():
        said = f"There is no ledger at `{ledger}`. {_STANDS}"
        if _list(verdict.get("looks")):  # it was there when the record was written
            return _warned(verdict, said)
        return {**verdict, "ledger_says": said}
    try:
        entries = Ledger(ledger).entries()
        past = past_looks(entries, _question(verdict))
        looks = [_look(verdict, look) for look in past]
    except LedgerError as error:
        return _warned(verdict, f"{error} {_STANDS}")
    except (KeyError, TypeError, ValueError):  # sealed, but by another program
        said = f"`{ledger}` has entries, or the record a design, of an unknown form."
        return _warned(verdict, f"{said} {_STANDS}")
    if not looks:
        said = f"The ledger has {len(entries)} lines, none about this question. "
        return {**verdict, "ledger_says": said + _STANDS}
    lines = f"{len(entries)} line{'' if len(entries) == 1 else 's'}"
    return {
        **verdict,
        "looks": looks,
        "ledger_says": f"The ledger has {lines}, each as it was written.",
        "warnings": [*_list(verdict.get("warnings")), *_since(verdict, past)],
    }


def _question(verdict: Mapping[str, Any]) -> Question:
    design = verdict["design"]
    return Question(
        model=verdict["model"]["fingerprint"],
        emotions=tuple(design["emotions"]),
        bank=design["bank_digest"],
        seconds=design["duration_s"],
    )


def _look(verdict: Mapping[str, Any], look: PastLook) -> dict[str, Any]:
    """As the record has it, if it has it, with what was found of each claim."""
    known = _known(verdict, look)
    (found,) = looks_record([look], data=None)
    return {**found, **(known or {}), "claims": look.claims}


def _known(verdict: Mapping[str, Any], look: PastLook) -> Mapping[str, Any] | None:
    same = ("samples", "seed", "time")
    for entry in _list(verdict.get("looks")):
        if isinstance(entry, Mapping) and all(
            entry.get(name) == look.entry[name] for name in same
        ):
            return entry
    return None


def _since(verdict: Mapping[str, Any], past: list[PastLook]) -> list[str]:
    """Looks that the record could not know: it is not the last word."""
    return [
        f"Since this record was written another look was taken: {look.sentence()}."
        for look in past
        if _known(verdict, look) is None
    ]


def _warned(verdict: Mapping[str, Any], said: str) -> dict[str, Any]:
    warnings = [*_list(verdict.get("warnings")), said]
    return {**verdict, "warnings": warnings, "ledger_says": said}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
