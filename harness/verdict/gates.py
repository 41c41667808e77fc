"""P-values across claims: instruments, then the music, then the activations, the panel.

A claim's own status is a matter of its own corrected p. The verdict asks more: what
comes later in the tree counts only where all before it held, and the two claims about
activations share their alpha by Holm's method. That costs power and no error: GO needs
every gate, so it is wrong no more often than the gate that should have stopped it.

A claim that is carried on from an earlier look passed its gate there, at that look's
alpha (`passed_gate`). It takes no part in the correction of a later look: what all
looks together spend on one claim is the plan's alpha, whichever look decides it.

References
----------
See `harness.inference.gatekeeping`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.claims import load_claims
from harness.inference.gatekeeping import Family, serial
from harness.inference.looks import Look
from harness.verdict.questions import questions
from harness.verdict.status import Decision, Status

__all__ = ["Key", "breaks", "gated_p", "key_of", "passed_gate", "unsound"]

Key = tuple[str, str | None]  # of a decision: its claim and its member


_CONTROL = " control"  # after the id of the claim
_ALL_HOLD = 0  # the stage whose members must all hold anyway: no correction


def key_of(decision: Decision) -> Key:
    """How a decision is found again."""
    return decision.claim.id, decision.member


def breaks(decision: Decision) -> bool:
    """Does it show that what decides the verdict cannot be trusted?

    The control of a claim that decides nothing speaks of that claim (`unsound`): of
    forty controls at .001 one finds something in 4 % of sound runs.
    """
    return _failed(decision) and not _of_aside(decision)


def unsound(decisions: Iterable[Decision]) -> dict[str, str]:
    """Claims beside the verdict whose control failed, and what it said.

    A control speaks for its claim and for those that name it (`controlled_by`).
    """
    failed = {
        decision.claim.id.removesuffix(_CONTROL): decision.because
        for decision in decisions
        if _failed(decision) and _of_aside(decision)
    }
    by_control = {claim.id: claim.controlled_by for claim in load_claims().values()}
    siblings = {
        name: failed[control]
        for name, control in by_control.items()
        if control in failed
    }
    return {**siblings, **failed}


def _failed(decision: Decision) -> bool:
    return decision.claim.role == "instrument" and decision.status is Status.INVALID


def _of_aside(decision: Decision) -> bool:
    controlled = load_claims().get(decision.claim.id.removesuffix(_CONTROL))
    return controlled is not None and controlled.role in ("panel", "descriptive")


def gated_p(decisions: Iterable[Decision], look: Look) -> dict[Key, float]:
    """P-values of gates and panel, corrected for the order in which they are asked.

    Only what was reached has one: nothing behind a gate that stayed shut, nothing at a
    look that is no evidence, and nothing where an instrument is broken.
    """
    decided = list(decisions)
    if any(map(breaks, decided)) or look.kind != "planned":
        return {}
    stages = [*_asked(decided), *_the_rest(decided)]
    gated = serial([family for _, family in stages], alpha=look.alpha)
    return {
        key_of(decision): float(p)
        for (members, _), found in zip(stages, gated, strict=True)
        if found is not None
        for decision, p in zip(members, found, strict=False)
        if decision.evidence.p is not None
    }


def passed_gate(record: Mapping[str, Any], alpha: float) -> bool:
    """Does a claim's record of a look hold with the claims beside it counted?

    Behind a gate that stayed shut there is no `p_gated`: there the claim's own p is
    multiplied by the number of claims of its stage, at least what Holm would do.
    """
    if record["p"] is None:
        return False
    if record["role"] != "gate":
        return bool(record["p"] < alpha)
    if record.get("p_gated") is not None:
        return bool(record["p_gated"] < alpha)
    stages = {claim: q.stage for q in questions() for claim in q.claims}
    stage = stages.get(record["id"])
    beside = 1 if stage == _ALL_HOLD else list(stages.values()).count(stage or 0)
    return bool(record["p"] * max(beside, 1) < alpha)


_Stage = tuple[list[Decision], Family]


def _asked(decisions: Sequence[Decision]) -> list[_Stage]:
    """The gates of the tree; a question without an answer keeps its gate shut."""
    answered = {d.claim.id for d in decisions}
    stages = []
    for stage in sorted({q.stage for q in questions()}):
        asked = [q for q in questions() if q.stage == stage]
        claims = {claim for q in asked for claim in q.claims}
        members = _tested(d for d in decisions if d.claim.id in claims)
        silent = [1.0] * sum(answered.isdisjoint(q.claims) for q in asked)
        family = _family(members, correct=stage != _ALL_HOLD, more=silent)
        stages.append((members, family))
    return stages


def _the_rest(decisions: Sequence[Decision]) -> list[_Stage]:
    """Gates that the tree does not know, then the panel."""
    asked = {claim for q in questions() for claim in q.claims}
    others = _tested(
        d for d in decisions if d.claim.role == "gate" and d.claim.id not in asked
    )
    broken = unsound(decisions)
    panel = _tested(
        d for d in decisions if d.claim.role == "panel" and d.claim.id not in broken
    )
    # Each family of the panel is corrected within itself, jointly or over layers.
    return [
        (others, _family(others, correct=True)),
        (panel, _family(panel, correct=False)),
    ]


def _tested(decisions: Iterable[Decision]) -> list[Decision]:
    return [d for d in decisions if d.carried_from is None]


def _family(
    members: Sequence[Decision], *, correct: bool, more: Sequence[float] = ()
) -> Family:
    p = [1.0 if d.evidence.p is None else d.evidence.p for d in members]
    return Family(p=[*p, *more], correct=correct)
