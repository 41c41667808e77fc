"""The decision tree: what the statuses add up to, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, TypedDict

from harness.claims import settings
from harness.inference.looks import PLANNED, Look
from harness.verdict.gates import Key, breaks, gated_p, key_of, unsound
from harness.verdict.prospects import Chances, Need, chances, need_of, power_by_look
from harness.verdict.questions import (
    IN_ACTIVATIONS,
    Leaf,
    Question,
    leaf,
    questions,
)
from harness.verdict.status import TEXT_BORNE, Decision, Status, short_of

# Clips per emotion: Plan, 'Week 2' (20); Next Steps, 'Decision Tree' (50, to recheck).
_DATASET, _RECHECK = PLANNED[1], PLANNED[2]
_SOUND = "Is the instrument sound?"

__all__ = ["EXIT_CODES", "Node", "Outcome", "Verdict", "settle"]


class Verdict(StrEnum):
    """What to do next."""

    GO = "GO"
    EXTEND = "EXTEND"
    PIVOT = "PIVOT"
    FIX = "FIX"


EXIT_CODES = {Verdict.GO: 0, Verdict.PIVOT: 1, Verdict.EXTEND: 10, Verdict.FIX: 11}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One question of the decision tree and its answer."""

    node: str
    answer: str
    because: str
    source: str = ""  # in the documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the statuses add up to; `verdict` is None where something is undecided."""

    verdict: Verdict | None
    reason: str
    path: tuple[Node, ...]
    leaf: Leaf | None = None  # where the path ends
    p_gated: Mapping[Key, float] = field(default_factory=dict)
    needs: Mapping[Key, Need] = field(default_factory=dict)
    power: Mapping[Key, list[dict[str, float]]] = field(default_factory=dict)
    unsound: Mapping[str, str] = field(default_factory=dict)  # see `gates.unsound`

    def annotated(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """An entry of `claims` in verdict.json with what the other claims make of it:
        `p_gated` where it was reached, `needs` where it is undecided, of a gate the
        `power` of each planned look, and INVALID where its own control found something.
        """
        key = record["id"], record["member"]
        need = self.needs.get(key)
        broken = self.unsound.get(record["id"])
        invalid = record.get("status") == Status.INVALID  # says why itself
        void = {} if broken is None or invalid else _void(broken)
        return {
            **record,
            **void,
            "p_gated": self.p_gated.get(key, record.get("p_gated")),
            "needs": None if need is None else asdict(need),
            "power": self.power.get(key, []),
        }


def settle(
    decisions: Iterable[Decision],
    *,
    expected: Sequence[str],
    undecided: Sequence[str],
    look: Look,
    week: int = 1,
    emotions: int | None = None,
    seconds_per_clip: float | None = None,
) -> Outcome:
    """Follow the decision tree to its leaf.

    Parameters
    ----------
    decisions
        All decisions of the run, and those carried from earlier looks.
    expected
        Ids of the instrument and gate claims without which there is no verdict.
    undecided
        What was collected but gave no decision, for the reader.
    look
        The look that the decisions are from.
    week
        The last week of the plan that was asked.
    emotions, seconds_per_clip
        For how long it takes to make the clips that an undecided claim needs.
    """
    decided = list(decisions)
    p_gated = gated_p(decided, look)
    outcome = _settled(decided, expected, undecided, look, p_gated)
    clips: _Clips = {"emotions": emotions, "seconds_per_clip": seconds_per_clip}
    return replace(
        outcome,
        leaf=_leaf(outcome.verdict, decided, look, week),
        p_gated=p_gated,
        needs=_needs(decided, look, clips),
        power={
            key_of(d): power_by_look(d, look) for d in decided if d.claim.role == "gate"
        },
        unsound=unsound(decided),
    )


def _void(broken: str) -> dict[str, Any]:
    because = f"Its control failed: {broken}"
    return {"status": str(Status.INVALID), "strength": None, "because": because}


def _leaf(
    verdict: Verdict | None, decided: Sequence[Decision], look: Look, week: int
) -> Leaf | None:
    """Where the documents' tree leads from here."""
    if verdict is None:
        return None
    if verdict is Verdict.GO:
        return leaf(_go_on(decided, look, week))
    names = {
        Verdict.FIX: "instrument",
        Verdict.EXTEND: "more",
        Verdict.PIVOT: "why_not" if look.next_samples is None else "models",
    }
    return leaf(names[verdict])


def _go_on(decided: Sequence[Decision], look: Look, week: int) -> str:
    gates = [d for d in decided if d.claim.role == "gate"]
    # What is carried on was seen in the clips of an earlier look only.
    carried = [PLANNED[d.carried_from - 1] for d in gates if d.carried_from]
    samples = min(look.samples, *carried) if carried else look.samples
    if week == 1 or samples < _DATASET:
        return "dataset"
    if all(_leads_on(d) for d in gates):
        return "sae"
    return "recheck" if samples < _RECHECK else "deep_dive"


def _leads_on(decision: Decision) -> bool:
    """Is it as large, and as sure, as the documents want before they go straight on?"""
    claim, effect, p = decision.claim, decision.evidence.effect, decision.evidence.p
    if claim.leads_on_p is not None and (p is None or p >= claim.leads_on_p):
        return False
    return claim.leads_on is None or (
        effect is not None and not short_of(claim, effect, claim.leads_on)
    )


class _Clips(TypedDict):
    emotions: int | None
    seconds_per_clip: float | None


def _needs(decisions: Iterable[Decision], look: Look, clips: _Clips) -> dict[Key, Need]:
    gates = [d for d in decisions if d.claim.role == "gate"]
    needs = {key_of(d): need_of(d, look, **clips) for d in gates}
    return {key: need for key, need in needs.items() if need is not None}


def _settled(
    decided: Sequence[Decision],
    expected: Sequence[str],
    undecided: Sequence[str],
    look: Look,
    p_gated: Mapping[Key, float],
) -> Outcome:
    missing = set(expected) - {d.claim.id for d in decided}
    open_questions = sorted({*missing, *undecided})
    broken = [d for d in decided if breaks(d)]
    if broken:
        return _fix(broken)
    if open_questions:
        names = ", ".join(open_questions[:5])
        names += ", ..." if len(open_questions) > 5 else ""
        return _no_verdict(f"not decided were {names}.")
    sound = _sound(decided)
    gates = [d for d in decided if d.claim.role == "gate"]
    invalid = [d for d in gates if d.status is Status.INVALID]
    if invalid:
        return _fix(invalid)
    return _follow(gates, look, p_gated, sound=sound)


def _sound(decided: Sequence[Decision]) -> Node:
    """The first step of a path on which no check has broken anything."""
    checks = [d for d in decided if d.claim.role == "instrument"]
    passed = sum(d.status is Status.SUPPORTED for d in checks)
    return Node(
        node=_SOUND,
        answer="yes",
        because=f"{passed} of {len(checks)} checks and controls passed.",
        source=leaf("instrument").source,
    )


def _no_verdict(why: str, path: Sequence[Node] = ()) -> Outcome:
    reason = f"There is no verdict: {why}"
    return Outcome(verdict=None, reason=reason, path=tuple(path))


def _fix(broken: Sequence[Decision]) -> Outcome:
    # A control fails with what it controls; the cause is named first.
    broken = sorted(broken, key=lambda d: d.claim.id.endswith(" control"))
    reason = f"The instrument is broken: {_because(broken[0])}"
    source = leaf("instrument").source
    path = tuple(
        Node(node=_SOUND, answer="no", because=_because(d), source=source)
        for d in broken
    )
    return Outcome(verdict=Verdict.FIX, reason=reason, path=path)


def _follow(
    gates: Sequence[Decision], look: Look, p_gated: Mapping[Key, float], *, sound: Node
) -> Outcome:
    path = [sound]
    for question in _asked(gates):
        members = [d for d in gates if d.claim.id in question.claims]
        if not members:
            return _no_verdict(f"`{question.text}` was not answered.", path)
        worst = max(members, key=lambda d: (_severity(d), -_hope(d, look)))
        if worst.status is not Status.SUPPORTED:
            path.append(_node(question, worst))
            return _stopped(worst, worst.evidence.p, path, look, _because(worst))
        held = [d for d in members if not _passes(d, look, p_gated)]
        if held:
            p, because = p_gated.get(key_of(held[0])), _by_holm(held[0], look, p_gated)
            answer = str(Status.INCONCLUSIVE)
            node = Node(
                node=question.text,
                answer=answer,
                because=because,
                source=question.source,
            )
            path.append(node)
            return _stopped(held[0], p, path, look, because)
        path.append(_node(question, worst))
        if any(d.evidence.qualifier == TEXT_BORNE for d in members):
            return _text_borne(path, look)
        unasked = [d for d in members if _unasked(d)]
        if unasked:
            why = f"where {unasked[0].name} came from, words or music, was not asked."
            return _no_verdict(why, path)
    strengths = {d.strength for d in gates}
    degree = "strong" if strengths == {"strong"} else "at least minimum"
    reason = f"Music and activations carry the emotion ({degree} effect in every gate)."
    return Outcome(verdict=Verdict.GO, reason=reason, path=tuple(path))


def _asked(gates: Sequence[Decision]) -> list[Question]:
    """The questions of the tree, and one for gates that it does not know."""
    asked = list(questions())
    known = {claim for question in asked for claim in question.claims}
    others = tuple({d.claim.id for d in gates} - known)
    if others:
        text = "Does everything else that decides hold?"
        asked.append(Question(text=text, claims=others, stage=len(asked), source=""))
    return asked


def _node(question: Question, decision: Decision) -> Node:
    return Node(
        node=question.text,
        answer=str(decision.status),
        because=_because(decision),
        source=question.source,
    )


def _passes(decision: Decision, look: Look, p_gated: Mapping[Key, float]) -> bool:
    """Is it still below alpha with the other claims counted?"""
    if decision.carried_from is not None or look.kind != "planned":
        return True  # at any other look nothing is supported that was not carried
    return p_gated.get(key_of(decision), 1.0) < look.alpha


def _by_holm(decision: Decision, look: Look, p_gated: Mapping[Key, float]) -> str:
    """Why a claim that holds alone does not hold with those tested beside it."""
    p = p_gated.get(key_of(decision), 1.0)
    return (
        f"{_because(decision)} Alone it holds; with Holm's correction for the claims "
        f"tested beside it p = {p:.2g} is not below {look.alpha:g}."
    )


def _stopped(
    decision: Decision, p: float | None, path: Sequence[Node], look: Look, because: str
) -> Outcome:
    verdict, why = _short_of_go(decision, p, look)
    return Outcome(verdict=verdict, reason=f"{why} {because}", path=tuple(path))


def _text_borne(path: Sequence[Node], look: Look) -> Outcome:
    because = "It is not shown without the prompt's words."
    last = Node(node="Through the music?", answer=TEXT_BORNE, because=because)
    verdict = Verdict.EXTEND if look.next_samples else Verdict.PIVOT
    return Outcome(verdict=verdict, reason=because, path=(*path, last))


_ORDER = (
    Status.SUPPORTED,
    Status.WEAK,
    Status.INCONCLUSIVE,
    Status.REFUTED,
    Status.INVALID,
)


def _severity(decision: Decision) -> int:
    return _ORDER.index(decision.status)


def _hope(decision: Decision, look: Look) -> float:
    """The chance that a later look decides it: of equals, the least hopeful stops."""
    ahead = None
    if decision.status in (Status.INCONCLUSIVE, Status.WEAK):
        ahead = chances(decision, look, p=decision.evidence.p)
    return 1.0 if ahead is None else ahead.minimum


def _short_of_go(
    decision: Decision, p: float | None, look: Look
) -> tuple[Verdict, str]:
    """EXTEND while more samples may still decide, else PIVOT."""
    if decision.status is Status.REFUTED:
        return Verdict.PIVOT, "There is no effect."
    none, effect = decision.claim.thresholds.none, decision.evidence.effect
    trifling = (
        none is not None
        and effect is not None
        and short_of(decision.claim, effect, none)
    )
    if decision.status is Status.WEAK and trifling:
        return Verdict.PIVOT, "The effect is real but trifling."
    if look.next_samples is None:
        return Verdict.PIVOT, "The last planned look is spent."
    ahead = chances(decision, look, p=p)
    if ahead is not None and ahead.minimum < settings()["futility"]:
        return Verdict.PIVOT, (
            f"More samples are unlikely to decide ({_odds(ahead)}): redesign with "
            "extreme prompts, longer clips or another model."
        )
    odds = "" if ahead is None else f" ({_odds(ahead)})"
    return Verdict.EXTEND, (
        f"More samples may decide: {look.next_samples} per emotion are next{odds}."
    )


def _odds(ahead: Chances) -> str:
    return (
        f"by {ahead.samples} per emotion the chance is {100 * ahead.trend:.0f} % if "
        f"the trend goes on, {100 * ahead.minimum:.0f} % if the effect is the claim's "
        "minimum from here on"
    )


def _unasked(decision: Decision) -> bool:
    """Is it found in activations, and did nobody look without the words?"""
    return decision.claim.id in IN_ACTIVATIONS and decision.evidence.qualifier is None


def _because(decision: Decision) -> str:
    earlier = decision.carried_from
    at = "" if earlier is None else f" (at look {earlier})"
    return f"{decision.name}{at}: {decision.because}"
