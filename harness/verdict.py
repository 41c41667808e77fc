"""Where numbers meet thresholds: claim and evidence to status, statuses to verdict.

The rules are the table and the tree of the design: a status says what the evidence
shows of one claim, the verdict what to do next. Nothing else in the project compares a
number with a threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from harness.claims import Claim, load_claims
from harness.inference.looks import Look

__all__ = [
    "EXIT_CODES",
    "BrokenInstrument",
    "Decision",
    "Evidence",
    "Outcome",
    "Status",
    "Verdict",
    "decide",
    "plain",
    "settle",
]


class Status(StrEnum):
    """What the evidence shows of a claim."""

    SUPPORTED = "supported"
    WEAK = "weak"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


class Verdict(StrEnum):
    """What to do next."""

    GO = "GO"
    EXTEND = "EXTEND"
    PIVOT = "PIVOT"
    FIX = "FIX"


EXIT_CODES = {Verdict.GO: 0, Verdict.PIVOT: 1, Verdict.EXTEND: 10, Verdict.FIX: 11}
TEXT_BORNE = "text-borne"


class BrokenInstrument(Exception):
    """What was to be measured with cannot be trusted; says what and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured for one claim.

    `p` is corrected within the claim's family. `upper` is the one-sided 95 % bound that
    equivalence is judged by; for a family of layers, the largest of theirs. `problem`
    says why the measurement is not to be believed at all.
    """

    effect: float | None
    p: float | None = None
    smallest_p: float | None = None
    interval: tuple[float, float] | None = None
    upper: float | None = None
    n_prompts: int | None = None
    n_clips: int | None = None
    as_documented: Mapping[str, Any] = field(default_factory=dict)
    qualifier: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    unmeasured: int = 0  # prompts without a value: the music, not the instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A claim, what was measured, and what that means."""

    claim: Claim
    member: str | None
    status: Status
    strength: str | None
    because: str
    evidence: Evidence

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Decision:
        """What `settle` needs of an entry of verdict.json."""
        claim_id = record["id"]
        claims = load_claims()
        claim = claims[claim_id] if claim_id in claims else _control(claim_id)
        evidence = Evidence(effect=record["effect"], qualifier=record["qualifier"])
        return cls(
            claim=claim,
            member=record["member"],
            status=Status(record["status"]),
            strength=record["strength"],
            because=record["because"],
            evidence=evidence,
        )

    def as_record(self) -> dict[str, Any]:
        """One entry of `claims` in verdict.json; NaN becomes null."""
        evidence = asdict(self.evidence)
        record = {
            "id": self.claim.id,
            "member": self.member,
            "statement": self.claim.statement,
            "role": self.claim.role,
            "status": str(self.status),
            "strength": self.strength,
            "because": self.because,
            "effect": evidence["effect"],
            "unit": self.claim.unit,
            "ci": evidence["interval"],
            "p": evidence["p"],
            "n_prompts": evidence["n_prompts"],
            "n_clips": evidence["n_clips"],
            "threshold": asdict(self.claim.thresholds),
            "source": self.claim.source,
            "documented": self.claim.documented,
            "as_documented": evidence["as_documented"],
            "qualifier": evidence["qualifier"],
            "detail": {**evidence["detail"], "upper_bound": evidence["upper"]},
        }
        cleaned: dict[str, Any] = plain(record)
        return cleaned


def _control(claim_id: str) -> Claim:
    return load_claims()[claim_id.removesuffix(" control")].control()


def plain(value: Any) -> Any:
    """Nested data as JSON can hold it: lists, Python numbers, None for NaN."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def decide(
    claim: Claim, evidence: Evidence, look: Look, *, member: str | None = None
) -> Decision:
    """The status of `claim` under the rules of the design's table of statuses."""
    if claim.role == "instrument":
        status, strength, because = _instrument_status(claim, evidence)
    else:
        status, strength, because = _status(claim, evidence, look)
    return Decision(
        claim=claim,
        member=member,
        status=status,
        strength=strength,
        because=because,
        evidence=evidence,
    )


_Ruling = tuple[Status, str | None, str]


def _instrument_status(claim: Claim, evidence: Evidence) -> _Ruling:
    minimum = claim.thresholds.minimum
    if evidence.problem is not None:
        return Status.INVALID, None, evidence.problem
    if evidence.effect is None or not math.isfinite(evidence.effect):
        return Status.INVALID, None, "It could not be measured."
    assert minimum is not None
    relation = f"{evidence.effect:.4g} of at least {minimum:.4g} {claim.unit}"
    if not _reaches(claim, evidence.effect, minimum):
        return Status.INVALID, None, f"Only {relation}."
    return Status.SUPPORTED, None, f"It is: {relation}."


def _status(claim: Claim, evidence: Evidence, look: Look) -> _Ruling:
    if evidence.problem is not None:
        return Status.INVALID, None, evidence.problem
    effect, p = evidence.effect, evidence.p
    if evidence.unmeasured and _cannot_reach(evidence, look):
        because = (
            f"In {evidence.unmeasured} prompts it could not be measured; what is left "
            "cannot decide."
        )
        return Status.INCONCLUSIVE, None, because
    if effect is None or p is None or not (math.isfinite(effect) and math.isfinite(p)):
        return Status.INVALID, None, "The effect could not be measured."
    if look.kind != "planned":
        return Status.INCONCLUSIVE, None, _no_evidence(look)
    if _cannot_reach(evidence, look):
        because = (
            f"The smallest p that this design can give is {evidence.smallest_p:.2g}, "
            f"above the {look.alpha:g} of this look: more prompts are needed."
        )
        return Status.INVALID, None, because
    if p < look.alpha:
        return _significant(claim, effect, p, look)
    none = claim.thresholds.none
    if (
        none is not None
        and evidence.upper is not None
        and _short_of(claim, evidence.upper, none)
    ):
        because = (
            f"The 95 % bound {evidence.upper:.4g} is short of {none:.4g}: no effect."
        )
        return Status.REFUTED, None, because
    because = (
        f"p = {p:.2g} is not below {look.alpha:g}, and no effect is not shown either."
    )
    return Status.INCONCLUSIVE, None, because


def _cannot_reach(evidence: Evidence, look: Look) -> bool:
    """Could no outcome at all have been significant?"""
    if evidence.effect is None:
        return True
    return evidence.smallest_p is not None and evidence.smallest_p > look.alpha


def _significant(claim: Claim, effect: float, p: float, look: Look) -> _Ruling:
    levels = claim.thresholds
    shown = f"p = {p:.2g} < {look.alpha:g}"
    if levels.strong is not None and _reaches(claim, effect, levels.strong):
        return (
            Status.SUPPORTED,
            "strong",
            f"{effect:.4g} reaches {levels.strong:.4g}, {shown}.",
        )
    assert levels.minimum is not None
    if _reaches(claim, effect, levels.minimum):
        return (
            Status.SUPPORTED,
            "minimum",
            f"{effect:.4g} reaches {levels.minimum:.4g}, {shown}.",
        )
    return (
        Status.WEAK,
        None,
        f"{shown}, but {effect:.4g} is short of {levels.minimum:.4g}.",
    )


def _no_evidence(look: Look) -> str:
    if look.kind == "smoke":
        return f"{look.samples} clips per emotion are a smoke run, never evidence."
    return f"{look.samples} clips per emotion are not a planned look (10, 20, 50, 100)."


def _reaches(claim: Claim, value: float, bound: float) -> bool:
    return value >= bound if claim.direction == "above" else value <= bound


def _short_of(claim: Claim, value: float, bound: float) -> bool:
    return value < bound if claim.direction == "above" else value > bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One question of the decision tree and its answer."""

    node: str
    answer: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the statuses add up to; `verdict` is None where something is undecided."""

    verdict: Verdict | None
    reason: str
    path: tuple[Node, ...]


# The tree of Next Steps, 'Decision Tree', in its order, with what it takes for granted
# (a sound instrument, music that follows the prompt) asked first, as Reality Check,
# 'Phase 0 Cannot Proceed Until', demands.
_QUESTIONS = (
    ("Does the music follow the prompt?", ("tempo_gap", "acoustic_match")),
    ("Do the activations carry the emotion?", ("layer_signal",)),
    ("Can a linear probe read it?", ("linear_probe",)),
)


def settle(
    decisions: Iterable[Decision],
    *,
    expected: Sequence[str],
    undecided: Sequence[str],
    look: Look,
) -> Outcome:
    """Follow the decision tree.

    Parameters
    ----------
    decisions
        All decisions of the run.
    expected
        Ids of the instrument and gate claims without which there is no verdict.
    undecided
        What was collected but gave no decision, for the reader.
    """
    decided = list(decisions)
    missing = [
        claim for claim in expected if claim not in {d.claim.id for d in decided}
    ]
    open_questions = sorted({*missing, *undecided})
    broken = [
        d
        for d in decided
        if d.status is Status.INVALID and d.claim.role == "instrument"
    ]
    if broken:
        return _fix(broken)
    if open_questions:
        names = ", ".join(open_questions[:5]) + (
            ", ..." if len(open_questions) > 5 else ""
        )
        reason = f"There is no verdict: not decided were {names}."
        return Outcome(verdict=None, reason=reason, path=())
    gates = [d for d in decided if d.claim.role == "gate"]
    invalid = [d for d in gates if d.status is Status.INVALID]
    if invalid:
        return _fix(invalid)
    return _follow(gates, look)


def _fix(broken: Sequence[Decision]) -> Outcome:
    # A control fails with what it controls; the cause is named first.
    broken = sorted(broken, key=lambda d: d.claim.id.endswith(" control"))
    reason = f"The instrument is broken: {_name(broken[0])}: {broken[0].because}"
    path = tuple(
        Node(
            node="Is the instrument sound?",
            answer="no",
            because=f"{_name(d)}: {d.because}",
        )
        for d in broken
    )
    return Outcome(verdict=Verdict.FIX, reason=reason, path=path)


def _follow(gates: Sequence[Decision], look: Look) -> Outcome:
    path = [
        Node(
            node="Is the instrument sound?", answer="yes", because="Every check passed."
        )
    ]
    asked = {claim for _, claims in _QUESTIONS for claim in claims}
    others = tuple({d.claim.id for d in gates} - asked)
    rest = (("Does everything else that decides hold?", others),) if others else ()
    for question, claims in (*_QUESTIONS, *rest):
        members = [d for d in gates if d.claim.id in claims]
        if not members:
            reason = f"There is no verdict: `{question}` was not answered."
            return Outcome(verdict=None, reason=reason, path=tuple(path))
        worst = max(members, key=_severity)
        because = f"{_name(worst)}: {worst.because}"
        path.append(Node(node=question, answer=str(worst.status), because=because))
        if worst.status is not Status.SUPPORTED:
            verdict, why = _short_of_go(worst, look)
            return Outcome(verdict=verdict, reason=f"{why} {because}", path=tuple(path))
        if any(d.evidence.qualifier == TEXT_BORNE for d in members):
            because = "It is found only where the prompt's words are visible."
            path.append(
                Node(node="Through the music?", answer=TEXT_BORNE, because=because)
            )
            verdict = Verdict.EXTEND if look.next_samples else Verdict.PIVOT
            return Outcome(verdict=verdict, reason=because, path=tuple(path))
    strengths = {d.strength for d in gates}
    degree = "strong" if strengths == {"strong"} else "at least minimum"
    reason = f"Music and activations carry the emotion ({degree} effect in every gate)."
    return Outcome(verdict=Verdict.GO, reason=reason, path=tuple(path))


_ORDER = (
    Status.SUPPORTED,
    Status.WEAK,
    Status.INCONCLUSIVE,
    Status.REFUTED,
    Status.INVALID,
)


def _severity(decision: Decision) -> int:
    return _ORDER.index(decision.status)


def _short_of_go(worst: Decision, look: Look) -> tuple[Verdict, str]:
    """EXTEND while more samples may still decide, else PIVOT."""
    if worst.status is Status.REFUTED:
        return Verdict.PIVOT, "There is no effect."
    none = worst.claim.thresholds.none
    effect = worst.evidence.effect
    trifling = (
        none is not None and effect is not None and _short_of(worst.claim, effect, none)
    )
    if worst.status is Status.WEAK and trifling:
        return Verdict.PIVOT, "The effect is real but trifling."
    if look.next_samples is None:
        return Verdict.PIVOT, "The last planned look is spent."
    return (
        Verdict.EXTEND,
        f"More samples may decide: {look.next_samples} per emotion are next.",
    )


def _name(decision: Decision) -> str:
    return decision.claim.id + (f" [{decision.member}]" if decision.member else "")
