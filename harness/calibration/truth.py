"""What is true of each phantom, and whether what was found agrees with it.

Conventions
-----------
A finding is `right`, `wrong` or `open`: an effect that is there and was not (yet) shown
is open, as is nothing that was not (yet) shown to be nothing. What was found of a claim
with several members (layers, pairs of emotions) is wrong if it is wrong in one of them,
and right if it is right in all: members share their data, repetitions do not.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.claims import load_claims
from harness.verdict import Status, Verdict

__all__ = ["TRUTH_FILE", "Truth", "TruthError", "claim_names", "judge", "load_truths"]

TRUTH_FILE = Path(__file__).parents[1] / "phantoms" / "truth.toml"
SOUND = "sound"  # of instrument checks and controls
# What is right and what is open under each truth; everything else is wrong.
_STATUSES: dict[str, tuple[set[Status], set[Status]]] = {
    "effect": ({Status.SUPPORTED}, {Status.WEAK, Status.INCONCLUSIVE}),
    "small": ({Status.WEAK}, {Status.INCONCLUSIVE}),
    "none": ({Status.REFUTED}, {Status.INCONCLUSIVE}),
    "unknown": (set(), set(Status)),
    SOUND: ({Status.SUPPORTED}, set()),
}


class TruthError(ValueError):
    """The truth of a phantom is not stated as it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is true of one phantom."""

    model: str
    why: str
    right: tuple[Verdict, ...]
    never: tuple[Verdict, ...]
    least: float  # the share of repetitions with a right verdict
    claims: Mapping[str, str]
    qualifiers: Mapping[str, str]

    def of(self, claim: str) -> str:
        """What is true of a claim; controls and instrument checks must hold."""
        return self.claims.get(claim, SOUND)


def claim_names() -> list[str]:
    """The claims that have a truth: of week 1, and no instrument check."""
    asked = [c for c in load_claims().values() if c.week == 1]  # all that the zoo asks
    return [c.id for c in asked if c.role != "instrument"]


def load_truths(path: Path = TRUTH_FILE) -> dict[str, Truth]:
    """The truth of every phantom, by its name.

    Raises
    ------
    TruthError
        If a truth is not one of the words that there are for it, or a claim of week 1
        that is no instrument check has none.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    least = data.pop("least")
    truths = {model: _truth(model, entry, least) for model, entry in data.items()}
    for truth in truths.values():
        _check(truth)
    return truths


def judge(truth: Truth, claim: str, statuses: Iterable[str]) -> str:
    """`right`, `open` or `wrong`: what was found of a claim, by member."""
    right, not_yet = _STATUSES[truth.of(claim)]
    found = {Status(status) for status in statuses}
    if found - right - not_yet:
        return "wrong"
    return "right" if found <= right else "open"


def _truth(model: str, entry: Mapping[str, Any], least: float) -> Truth:
    return Truth(
        model=model,
        why=entry["why"],
        right=_verdicts(entry["right"]),
        never=_verdicts(entry["never"]),
        least=least,
        claims=entry["claims"],
        qualifiers=entry.get("qualifiers", {}),
    )


def _verdicts(names: Sequence[str]) -> tuple[Verdict, ...]:
    return tuple(Verdict(name) for name in names)


def _check(truth: Truth) -> None:
    known = claim_names()
    where = f"`[{truth.model}.claims]` of {TRUTH_FILE.name}"
    if sorted(truth.claims) != sorted(known):
        wrong = ", ".join(sorted({*truth.claims} ^ {*known}))
        msg = (
            f"{where} must have each claim of week 1 that is no instrument check, see "
            f"{wrong}."
        )
        raise TruthError(msg)
    for claim, word in truth.claims.items():
        if word not in _STATUSES:
            words = ", ".join(_STATUSES)
            msg = f"{where}: {claim} must be one of {words}, got {word}."
            raise TruthError(msg)
