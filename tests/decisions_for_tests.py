"""Decisions made by hand, for what is done with them.

A supported or weak gate has p = .001, any other p = .4. Unless said otherwise the look
is the first planned one (10 clips, alpha .005).
"""

from __future__ import annotations

from typing import Any

from harness.claims import load_claims
from harness.inference.looks import Look, look_for
from harness.verdict import Decision, Evidence, Outcome, Status, settle

__all__ = [
    "EXPECTED",
    "FIRST",
    "GATES",
    "HEARD",
    "INSTRUMENTS",
    "LAST",
    "Decisions",
    "Key",
    "all_in_favour",
    "gate",
    "ruled",
    "settled",
]

FIRST, LAST = look_for(10), look_for(100)

GATES = {
    ("tempo_gap", "happy against sad"): 25.0,
    ("tempo_gap", "energetic against calm"): 25.0,
    ("acoustic_match", None): 0.85,
    ("layer_signal", None): 0.03,
    ("linear_probe", None): 0.72,
}
INSTRUMENTS = tuple(
    claim.id for claim in load_claims().values() if claim.role == "instrument"
)
EXPECTED = (*INSTRUMENTS, *dict.fromkeys(name for name, _ in GATES))

Key = tuple[str, str | None]  # claim and member
Decisions = dict[Key, Decision]


def ruled(
    name: str,
    ruling: Status = Status.SUPPORTED,
    *,
    member: str | None = None,
    strength: str | None = None,
    effect: float | None = None,
    p: float | None = None,
    interval: tuple[float, float] | None = None,
    qualifier: str | None = None,
) -> Decision:
    supported = ruling is Status.SUPPORTED
    usual = 0.001 if ruling in (Status.SUPPORTED, Status.WEAK) else 0.4
    return Decision(
        claim=load_claims()[name],
        member=member,
        status=ruling,
        strength=(strength or "minimum") if supported else None,
        because=f"{name} is {ruling}.",
        evidence=Evidence(
            effect=effect,
            p=usual if p is None else p,
            interval=interval,
            qualifier=qualifier,
        ),
    )


HEARD = dict.fromkeys(("layer_signal", "linear_probe"), "audio-borne")


def gate(key: Key, *args: Any, **changes: Any) -> Decision:
    name, member = key
    usual = {"effect": GATES[key], "qualifier": HEARD.get(name)}
    return ruled(name, *args, member=member, **{**usual, **changes})


def all_in_favour() -> Decisions:
    decisions: Decisions = {(name, None): ruled(name) for name in INSTRUMENTS}
    return {**decisions, **{key: gate(key) for key in GATES}}


def settled(decisions: Decisions, *, look: Look = FIRST, week: int = 1) -> Outcome:
    return settle(
        decisions.values(), expected=EXPECTED, undecided=(), look=look, week=week
    )
