"""A verdict record as the pages read it: every field present, nothing assumed.

`verdict.json` may come from a run that was killed, from an older version, or from a
claim that measured nothing. Here it is turned, once, into frozen values on which the
page, the Markdown file and the terminal summary rely.

Conventions
-----------
A missing, null or non-finite number is `None`; a missing text is the empty string; a
missing list is empty. Effects, intervals and thresholds are in the claim's own unit.
A verdict is read only from a record whose state is `complete`: whatever a running or
incomplete record says, its verdict is `None`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from harness.report.misread import KNOWN_SCHEMA, contradiction, warnings_of
from harness.report.rows import (
    ChangeRow,
    ClaimRow,
    ClipRow,
    LeafRow,
    LookRow,
    PathNode,
    Record,
    Rung,
)
from harness.verdict import need_sentence

__all__ = [
    "KNOWN_SCHEMA",
    "LARGE_FAMILY",
    "VERDICTS",
    "ChangeRow",
    "ClaimRow",
    "ClipRow",
    "LookRow",
    "PathNode",
    "Record",
    "Rung",
    "finite",
    "grouped",
    "layer_claim",
    "read_record",
]

LARGE_FAMILY = 8  # a family with more members than this is summed up
VERDICTS = ("GO", "EXTEND", "PIVOT", "FIX")

_STATES = ("running", "complete", "incomplete")


def read_record(verdict: Mapping[str, Any]) -> Record:
    """Read a parsed `verdict.json`, filling in what it does not say.

    Parameters
    ----------
    verdict
        The record as parsed from JSON. Any field may be missing or null.

    Returns
    -------
    Record
        Its `verdict` is None unless the state is `complete`, the word is known and the
        claims do not contradict it. Nothing that follows from a verdict is read then.
    """
    state = verdict.get("state")
    state = state if state in _STATES else "incomplete"
    word = verdict.get("verdict")
    decided = word if state == "complete" and word in VERDICTS else None
    against = contradiction(verdict) if decided else ""
    path = tuple(_node(entry) for entry in _mappings(verdict.get("path")))
    environment = _mapping(verdict.get("environment"))
    seconds = _mapping(environment.get("seconds_by_claim"))
    if against:
        decided = None
    if decided is None:  # a stale last node must not announce what was not decided
        path = tuple(node for node in path if node.answer not in VERDICTS)
    return Record(
        state=state,
        stage=_text(verdict.get("stage")),
        verdict=decided,
        reason=against or _text(verdict.get("reason")),
        next_command="" if against else _text(verdict.get("next_command")),
        next_clips=None if against else finite(verdict.get("next_clips")),
        next_seconds=None if against else finite(verdict.get("next_seconds")),
        path=path,
        model=_mapping(verdict.get("model")),
        design=_mapping(verdict.get("design")),
        claims=tuple(
            _claim(entry, seconds) for entry in _mappings(verdict.get("claims"))
        ),
        clips=tuple(_clip(entry) for entry in _mappings(verdict.get("clips"))),
        music=_mapping(verdict.get("music")),
        looks=tuple(_look(entry) for entry in _mappings(verdict.get("looks"))),
        leaf=None if against else _leaf(_mapping(verdict.get("leaf"))),
        changes=tuple(_change(entry) for entry in _mappings(verdict.get("changed"))),
        warnings=(*warnings_of(verdict), *([against] if against else [])),
        ledger_says=_text(verdict.get("ledger_says")),
        environment=environment,
    )


def grouped(claims: tuple[ClaimRow, ...]) -> tuple[tuple[ClaimRow, ...], ...]:
    """Gather the members of each claim, in the order in which the claims appear."""
    families: dict[str, list[ClaimRow]] = {}
    for claim in claims:
        families.setdefault(claim.id, []).append(claim)
    return tuple(tuple(members) for members in families.values())


def layer_claim(record: Record) -> ClaimRow | None:
    """Find the gate claim whose detail holds the layer curve, if there is one."""
    for claim in record.gates:
        if claim.id == "layer_signal":
            return claim
    return None


def finite(value: object) -> float | None:
    """Return `value` as a float, or None where it is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, value)) if isinstance(value, list) else ()


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {}
    return {str(key): entry for key, entry in value.items()}


def _mappings(value: object) -> list[dict[str, Any]]:
    entries = value if isinstance(value, list) else []
    return [_mapping(entry) for entry in entries if isinstance(entry, Mapping)]


def _node(entry: Mapping[str, Any]) -> PathNode:
    return PathNode(
        node=_text(entry.get("node")),
        answer=_text(entry.get("answer")),
        because=_text(entry.get("because")),
        source=_text(entry.get("source")),
        claims=_texts(entry.get("claims")),
    )


def _leaf(entry: Mapping[str, Any]) -> LeafRow | None:
    text = _text(entry.get("text"))
    waits = [
        (_text(b.get("statement")), _text(b.get("needs")))
        for b in _mappings(entry.get("blocked"))
    ]
    source = _text(entry.get("source"))
    return LeafRow(text=text, source=source, blocked=tuple(waits)) if text else None


def _change(entry: Mapping[str, Any]) -> ChangeRow:
    return ChangeRow(
        claim=_text(entry.get("claim")),
        before=_text(entry.get("before")),
        after=_text(entry.get("after")),
        samples=finite(entry.get("samples")),
    )


def _look(entry: Mapping[str, Any]) -> LookRow:
    gates = _mapping(entry.get("gates"))
    return LookRow(
        number=finite(entry.get("number")),
        samples=finite(entry.get("samples")),
        kind=_text(entry.get("kind")),
        time=_text(entry.get("time")),
        verdict=_text(entry.get("verdict")),
        same_data=entry.get("same_data") is True,
        gates=tuple((name, _text(status)) for name, status in gates.items()),
        claims=tuple(_claim(c, {}) for c in _mappings(entry.get("claims"))),
    )


def _needs(value: object) -> str:
    """What the claim needs, in words; nothing where the record is not whole."""
    need = _mapping(value)
    names = ("prompts", "seeds", "samples", "look", "more_clips", "seconds")
    numbers = {name: finite(need.get(name)) for name in names}
    known = [numbers[name] is not None for name in names[:4]]
    if not need or any(known) != all(known):
        return ""
    return need_sentence(numbers)


def _rungs(detail: Mapping[str, Any]) -> tuple[Rung, ...]:
    return tuple(
        Rung(
            name=_text(entry.get("rung")) or "unnamed",
            effect=finite(entry.get("effect")),
            p=finite(entry.get("p")),
        )
        for entry in _mappings(detail.get("ladder"))
    )


def _power(entry: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    found = []
    for point in _mappings(entry.get("power")):
        samples, power = finite(point.get("samples")), finite(point.get("power"))
        if samples is not None and power is not None:
            found.append((samples, power))
    return tuple(found)


def _claim(entry: Mapping[str, Any], seconds: Mapping[str, Any]) -> ClaimRow:
    limits = _mapping(entry.get("threshold"))
    detail = _mapping(entry.get("detail"))
    return ClaimRow(
        id=_text(entry.get("id")) or "unnamed",
        member=_text(entry.get("member")),
        statement=_text(entry.get("statement")),
        role=_text(entry.get("role")),
        week=finite(entry.get("week")),
        topic=_text(entry.get("topic")) or "activations",
        status=_status(entry),
        strength=_text(entry.get("strength")),
        effect=finite(entry.get("effect")),
        unit=_text(entry.get("unit")),
        ci=_interval(entry.get("ci")),
        p=finite(entry.get("p")),
        n_prompts=finite(entry.get("n_prompts")),
        n_clips=finite(entry.get("n_clips")),
        none=finite(limits.get("none")),
        minimum=finite(limits.get("minimum")),
        strong=finite(limits.get("strong")),
        source=_text(entry.get("source")),
        documented=_text(entry.get("documented")),
        as_documented=_mapping(entry.get("as_documented")),
        qualifier=_text(entry.get("qualifier")),
        because=_text(entry.get("because")),
        p_gated=finite(entry.get("p_gated")),
        needs=_needs(entry.get("needs")),
        look=finite(entry.get("look")),
        carried=entry.get("carried") is True,
        seconds=finite(seconds.get(_name(entry))),
        ladder=_rungs(detail),
        power=_power(entry),
        detail={k: v for k, v in detail.items() if k != "ladder"},
    )


def _status(entry: Mapping[str, Any]) -> str:
    """As it is to be shown: what is described was neither supported nor left open."""
    status = _text(entry.get("status")) or "undecided"
    found = status != "invalid" and not entry.get("awaits")
    return "described" if found and entry.get("role") == "descriptive" else status


def _name(entry: Mapping[str, Any]) -> str:
    member = _text(entry.get("member"))
    return _text(entry.get("id")) + (f"[{member}]" if member else "")


def _interval(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    low, high = finite(value[0]), finite(value[1])
    return None if low is None or high is None else (low, high)


def _clip(entry: Mapping[str, Any]) -> ClipRow:
    matches = entry.get("matches")
    return ClipRow(
        emotion=_text(entry.get("emotion")),
        prompt=_text(entry.get("prompt")),
        file=_text(entry.get("file")),
        tempo_bpm=finite(entry.get("tempo_bpm")),
        mode=_text(entry.get("mode")),
        rms=finite(entry.get("rms")),
        brightness_hz=finite(entry.get("brightness_hz")),
        matches=matches if isinstance(matches, bool) else None,
        checksum=_text(entry.get("checksum")),
        note=_text(entry.get("note")),
    )
