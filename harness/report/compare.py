"""Two runs on one page: what was the same, what differed, and which claims changed.

Conventions
-----------
The first run is A, the second B. A difference of effects is B minus A, in the claim's
unit. No test is made of a difference: two looks share clips, and two models differ in
more than one way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.report import numerals, wording
from harness.report.page import render_template
from harness.report.past import ledger_of, with_ledger
from harness.report.reading import RecordFile
from harness.report.record import ClaimRow, Record, read_record

__all__ = ["Pair", "Side", "differences", "pairs_of", "render_comparison"]

_ROLES = ("gate", "panel", "descriptive", "instrument")
_CHANGES = ("changed", "only in one", "the same")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs."""

    letter: str
    record: Record
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A claim in both runs, or in one of them."""

    first: ClaimRow | None
    second: ClaimRow | None

    @property
    def either(self) -> ClaimRow:
        """The claim as one of the runs states it."""
        claim = self.second or self.first
        assert claim is not None
        return claim

    @property
    def change(self) -> str:
        """Of the status: "changed", "only in one" or "the same"."""
        if self.first is None or self.second is None:
            return "only in one"
        same = _standing(self.first) == _standing(self.second)
        return "the same" if same else "changed"

    @property
    def difference(self) -> float | None:
        """Effect of B minus that of A; None where they cannot be compared."""
        first, second = self.first, self.second
        if first is None or second is None or first.unit != second.unit:
            return None
        if first.effect is None or second.effect is None:
            return None
        return second.effect - first.effect

    @property
    def is_apart(self) -> bool:
        """Do the two intervals have nothing in common?"""
        first = self.first.ci if self.first else None
        second = self.second.ci if self.second else None
        if first is None or second is None or self.difference is None:
            return False
        return first[1] < second[0] or second[1] < first[0]

    @property
    def size(self) -> float:
        """How large the difference is beside the wider interval; 0 where unknown."""
        widths = [
            claim.ci[1] - claim.ci[0]
            for claim in (self.first, self.second)
            if claim is not None and claim.ci is not None
        ]
        if self.difference is None or not widths or max(widths) <= 0:
            return 0.0
        size = abs(self.difference) / max(widths)
        return size if math.isfinite(size) else 0.0


def render_comparison(first: RecordFile, second: RecordFile) -> str:
    """Render the page that shows two records side by side."""
    a, b = _side("A", first), _side("B", second)
    pairs = pairs_of(a.record, b.record)
    same, other = differences(a.record, b.record)
    return render_template(
        "compare.html.j2",
        sides=(a, b),
        headlines=[wording.headline(side.record) for side in (a, b)],
        differ=other,
        same=same,
        groups=_groups(pairs),
        checks=[pair for pair in pairs if pair.either.role == "instrument"],
        difference_of=difference_of,
        cautions=_cautions(a.record, b.record),
    )


def pairs_of(first: Record, second: Record) -> tuple[Pair, ...]:
    """Every claim of either run: what changed most comes first."""
    left, right = _by_name(first), _by_name(second)
    pairs = [
        Pair(first=left.get(name), second=right.get(name))
        for name in dict.fromkeys([*left, *right])
    ]
    return tuple(sorted(pairs, key=_order))


def differences(
    first: Record, second: Record
) -> tuple[list[tuple[str, str]], list[tuple[str, str, str]]]:
    """What is the same in model, design and machine, and what differs.

    Returns
    -------
    list of (name, value) and list of (name, value in A, value in B)
    """
    left, right = _circumstances(first), _circumstances(second)
    same, other = [], []
    for name in dict.fromkeys([*left, *right]):
        values = left.get(name), right.get(name)
        shown = [numerals.fact(value) for value in values]
        if values[0] == values[1]:
            same.append((name, shown[0]))
        else:
            other.append((name, shown[0], shown[1]))
    return same, other


def difference_of(pair: Pair) -> str:
    """Write the difference of the effects with its unit, or a dash."""
    if pair.difference is None:
        return numerals.DASH
    sign = "+" if pair.difference > 0 else ""
    said = sign + wording.in_unit(pair.difference, pair.either)
    unit = wording.unit_label(pair.either.unit)
    if not unit.startswith("%"):
        return said
    return said.removesuffix(unit) + "percentage points" + unit.removeprefix("%")


def _side(letter: str, found: RecordFile) -> Side:
    ledger = ledger_of(found.verdict, directory=found.path.parent)
    record = read_record(with_ledger(found.verdict, ledger))
    place = f"{found.path.resolve().parent.name}/{found.path.name}"
    return Side(letter=letter, record=record, place=place)


def _standing(claim: ClaimRow) -> str:
    return wording.standing(claim)


def _by_name(record: Record) -> dict[tuple[str, str, int], ClaimRow]:
    """By id and member; what is there twice is kept twice."""
    found: dict[tuple[str, str, int], ClaimRow] = {}
    for claim in record.claims:
        number = 0
        while (claim.id, claim.member, number) in found:
            number += 1
        found[claim.id, claim.member, number] = claim
    return found


def _order(pair: Pair) -> tuple[int, int, float]:
    role = pair.either.role if pair.either.role in _ROLES else "descriptive"
    return _CHANGES.index(pair.change), _ROLES.index(role), -pair.size


def _groups(pairs: tuple[Pair, ...]) -> list[dict[str, Any]]:
    """What is shown in tables of its own; checks and controls only if they changed."""
    said = {
        "changed": ("Another status", "What the two runs do not agree on."),
        "only in one": ("In one run only", "Asked by one of the two."),
        "the same": ("The same status", "The largest difference first."),
    }
    groups = []
    for change in _CHANGES:
        chosen = [
            p
            for p in pairs
            if p.change == change
            and (change == "changed" or p.either.role != "instrument")
        ]
        title, note = said[change]
        groups.append({"title": title, "note": note, "pairs": chosen})
    return groups


def _circumstances(record: Record) -> dict[str, Any]:
    unlike = ("started", "seconds", "seconds_by_claim", "clips_made")
    design = record.design | {"seed": str(record.design.get("seed", ""))}
    environment = {k: v for k, v in record.environment.items() if k not in unlike}
    return {
        "stage": wording.stage_name(record.stage),
        **{f"model {numerals.label(k)}": v for k, v in record.model.items()},
        **{numerals.label(k): v for k, v in {**design, **environment}.items()},
    }


def _cautions(first: Record, second: Record) -> list[str]:
    """What a reader must keep in mind before reading anything into a difference."""
    said = ["No test was made of any difference: it is shown as it was found."]
    if _question(first) == _question(second) and None not in _question(first):
        said.append(
            "Both runs ask the same of the same model with the same seed: clips of the "
            "one are among those of the other, so that agreement is no replication."
        )
    if first.stage != second.stage:
        said.append("The two runs are of different weeks and ask different claims.")
    for side, record in (("A", first), ("B", second)):
        if record.verdict is None:
            said.append(f"{side} has no verdict: {wording.why(record)}")
    return said


def _question(record: Record) -> tuple[object, ...]:
    design: Mapping[str, Any] = record.design
    names = ("bank_digest", "seed", "duration_s")
    return (record.model.get("fingerprint"), *(design.get(name) for name in names))
