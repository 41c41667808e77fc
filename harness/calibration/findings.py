"""What came out for a phantom, held against what is true of it.

Conventions
-----------
Counts are of repetitions, which are independent of each other. `found` of `there` are
those in which an effect that is there was supported; `silent` of `nothing` those in
which nothing was called supported or weak where nothing is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.calibration.truth import Truth, claim_names, judge
from harness.verdict import Status

__all__ = ["Found", "Rates", "Verdicts", "claim_names", "rates"]

Verdicts = Sequence[Mapping[str, Any]]  # verdict.json of each repetition


def rates(zoo: Sequence[Found]) -> list[Rates]:
    """By claim, over all phantoms; the last one is of instrument checks and controls.

    One of these that fails where there is no fault to find is a false alarm.
    """
    found = [_rates_of(claim, zoo) for claim in claim_names()]
    every = [record for one in zoo for record in one.last]
    held = sum(_instrument_holds(record) for record in every)
    checks = Rates(
        claim="instrument and controls",
        found=0,
        there=0,
        silent=held,
        nothing=len(every),
    )
    return [*found, checks]


def _rates_of(claim: str, zoo: Sequence[Found]) -> Rates:
    there, nothing = Counter[str](), Counter[str]()
    for found in zoo:
        if found.truth.of(claim) == "effect":
            there += found.judged(claim)
        elif found.truth.of(claim) == "none":
            nothing += found.judged(claim)
    return Rates(
        claim=claim,
        found=there["right"],
        there=there.total(),
        silent=nothing.total() - nothing["wrong"],
        nothing=nothing.total(),
    )


def _instrument_holds(record: Mapping[str, Any]) -> bool:
    checks = [c for c in record["claims"] if c["role"] == "instrument"]
    return all(c["status"] == Status.SUPPORTED for c in checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Sensitivity and specificity of a claim, as counts."""

    claim: str
    found: int
    there: int
    silent: int
    nothing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came out for one phantom, by repetition."""

    truth: Truth
    first: Verdicts  # at the first look
    last: Verdicts  # at the last look that was taken

    def verdicts(self, *, at_first: bool = False) -> Counter[str]:
        records = self.first if at_first else self.last
        return Counter(str(record["verdict"]) for record in records)

    def right(self) -> int:
        """Repetitions with a right verdict."""
        return sum(self.verdicts()[verdict] for verdict in self.truth.right)

    def forbidden(self) -> int:
        """Repetitions with a verdict that must never be given."""
        return sum(self.verdicts()[verdict] for verdict in self.truth.never)

    def as_it_must_be(self) -> bool:
        """Are all right but the few that may be open, and none forbidden?"""
        least = int(self.truth.least * len(self.last))
        return self.right() >= least and not self.forbidden()

    def statuses(self, claim: str) -> Counter[str]:
        """Over repetitions and members."""
        return Counter(s for record in self.last for s in _statuses(record, claim))

    def judged(self, claim: str) -> Counter[str]:
        """How many repetitions were right, open and wrong about a claim."""
        by_repetition = [_statuses(record, claim) for record in self.last]
        return Counter(judge(self.truth, claim, s) for s in by_repetition if s)

    def qualifiers(self, claim: str) -> Counter[str]:
        """What a claim was said to be where it was supported."""
        return Counter(
            str(c["qualifier"])
            for record in self.last
            for c in record["claims"]
            if c["id"] == claim and c["status"] == Status.SUPPORTED
        )

    def effects(self, claim: str) -> dict[str, list[float]]:
        """By member, the effect in each repetition in which it was measured."""
        by_member: dict[str, list[float]] = {}
        for record in self.last:
            for c in record["claims"]:
                if c["id"] == claim and c["effect"] is not None:
                    by_member.setdefault(c["member"] or "", []).append(c["effect"])
        return by_member


def _statuses(record: Mapping[str, Any], claim: str) -> list[str]:
    return [c["status"] for c in record["claims"] if c["id"] == claim]
