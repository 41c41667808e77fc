"""What the evidence shows of one claim: the design's table of statuses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from harness.claims import Claim, load_claims
from harness.inference.looks import Look

__all__ = [
    "TEXT_BORNE",
    "BrokenInstrument",
    "Decision",
    "Evidence",
    "Status",
    "decide",
    "plain",
    "reaches",
    "short_of",
]


class Status(StrEnum):
    """What the evidence shows of a claim."""

    SUPPORTED = "supported"
    WEAK = "weak"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"


TEXT_BORNE = "text-borne"


class BrokenInstrument(Exception):
    """What was to be measured with cannot be trusted; says what and where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was measured for one claim.

    `p` is corrected within the claim's family. `upper` is the one-sided 95 % bound that
    equivalence is judged by; for a family of layers, the largest of theirs. `problem`
    says why the measurement is not to be believed at all; `awaits`, what has still to
    come before anything can be decided, which is nobody's fault. `null` is the value
    that the effect has on average where labels mean nothing.
    """

    effect: float | None
    null: float = 0.0
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
    awaits: str | None = None
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
    carried_from: int | None = None  # the earlier look that supported it, if it was one

    @property
    def name(self) -> str:
        """The claim and, in brackets, which member of its family."""
        return self.claim.id + (f" [{self.member}]" if self.member else "")

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Decision:
        """What `settle` needs of an entry of verdict.json."""
        claim_id = record["id"]
        claims = load_claims()
        claim = claims[claim_id] if claim_id in claims else _control(claim_id)
        detail = record.get("detail") or {}
        evidence = Evidence(
            effect=record["effect"],
            null=record.get("null") or 0.0,
            p=record.get("p"),
            interval=_whole(record.get("ci")),
            upper=detail.get("upper_bound"),
            n_prompts=record.get("n_prompts"),
            qualifier=record["qualifier"],
            detail=detail,
        )
        return cls(
            claim=claim,
            member=record["member"],
            status=Status(record["status"]),
            strength=record["strength"],
            because=record["because"],
            evidence=evidence,
            carried_from=record.get("look") if record.get("carried") else None,
        )

    def as_record(self) -> dict[str, Any]:
        """One entry of `claims` in verdict.json; NaN becomes null."""
        evidence = asdict(self.evidence)
        record = {
            "id": self.claim.id,
            "member": self.member,
            "statement": self.claim.statement,
            "role": self.claim.role,
            "week": self.claim.week,
            "topic": self.claim.topic,
            "status": str(self.status),
            "strength": self.strength,
            "because": self.because,
            "awaits": evidence["awaits"],
            "effect": evidence["effect"],
            "null": evidence["null"],
            "unit": self.claim.unit,
            "ci": evidence["interval"],
            "p": evidence["p"],
            "n_prompts": evidence["n_prompts"],
            "n_clips": evidence["n_clips"],
            "threshold": asdict(self.claim.thresholds),
            "source": self.claim.source,
            "documented": self.claim.documented_of(self.member),
            "as_documented": evidence["as_documented"],
            "qualifier": evidence["qualifier"],
            "detail": {**evidence["detail"], "upper_bound": evidence["upper"]},
        }
        cleaned: dict[str, Any] = plain(record)
        return cleaned


def _whole(bounds: Sequence[float | None] | None) -> tuple[float, float] | None:
    low, high = bounds or (None, None)
    return None if low is None or high is None else (low, high)


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
    if evidence.awaits is not None:
        status, strength, because = Status.INCONCLUSIVE, None, evidence.awaits
    elif claim.role == "instrument":
        status, strength, because = _instrument_status(claim, evidence)
    elif claim.role == "descriptive":
        status, strength, because = _description(claim, evidence)
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
    if not reaches(claim, evidence.effect, minimum):
        return Status.INVALID, None, f"Only {relation}."
    return Status.SUPPORTED, None, f"It is: {relation}."


def _description(claim: Claim, evidence: Evidence) -> _Ruling:
    """Of what is shown and decides nothing: measured, and where stated far enough."""
    if evidence.problem is not None:
        return Status.INVALID, None, evidence.problem
    if evidence.effect is None or not math.isfinite(evidence.effect):
        return Status.INVALID, None, "It could not be measured."
    shown, minimum = f"{evidence.effect:.4g} {claim.unit}", claim.thresholds.minimum
    if minimum is None or reaches(claim, evidence.effect, minimum):
        return Status.SUPPORTED, None, f"Described, not tested: {shown}."
    because = f"Described, not tested: {shown} is short of {minimum:.4g}."
    return Status.INCONCLUSIVE, None, because


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
        return Status.INCONCLUSIVE, None, look.because
    if _cannot_reach(evidence, look):
        because = (
            f"The smallest p that this design can give is {evidence.smallest_p:.2g}, "
            f"above the {look.alpha:g} of this look: more prompts are needed, with "
            "other words."
        )
        return Status.INVALID, None, because
    if p < look.alpha:
        return _significant(claim, effect, p, look)
    none = claim.thresholds.none
    if (
        none is not None
        and evidence.upper is not None
        and short_of(claim, evidence.upper, none)
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
    return evidence.smallest_p is not None and evidence.smallest_p >= look.alpha


def _significant(claim: Claim, effect: float, p: float, look: Look) -> _Ruling:
    levels = claim.thresholds
    shown = f"p = {p:.2g} < {look.alpha:g}"
    if levels.strong is not None and reaches(claim, effect, levels.strong):
        return (
            Status.SUPPORTED,
            "strong",
            f"{effect:.4g} reaches {levels.strong:.4g}, {shown}.",
        )
    assert levels.minimum is not None
    if reaches(claim, effect, levels.minimum):
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


def reaches(claim: Claim, value: float, bound: float) -> bool:
    """Is `value` at `bound` or beyond, in the direction of the claim?"""
    return value >= bound if claim.direction == "above" else value <= bound


def short_of(claim: Claim, value: float, bound: float) -> bool:
    """Does `value` fall short of `bound`, in the direction of the claim?"""
    return value < bound if claim.direction == "above" else value > bound
