"""What a reader of a record must be warned of: what it says, and what it should say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["KNOWN_SCHEMA", "contradiction", "warnings_of"]

KNOWN_SCHEMA = 1
_ALWAYS = ("design", "model", "environment")
_STATUSES = ("supported", "weak", "refuted", "inconclusive", "invalid")


def warnings_of(verdict: Mapping[str, Any]) -> tuple[str, ...]:
    """The record's own warnings, and a sentence for all that cannot be read of it."""
    own = verdict.get("warnings")
    lines = own if isinstance(own, list) else []
    told = [str(line).strip() for line in lines if line is not None]
    said = [*told, *_passed_over(verdict)]
    schema = verdict.get("schema")
    if schema != KNOWN_SCHEMA:
        said.insert(
            0,
            f"The record has schema {schema}, this page was made for schema "
            f"{KNOWN_SCHEMA}: fields may be missing or misread.",
        )
    return tuple(line for line in said if line)


def _passed_over(verdict: Mapping[str, Any]) -> list[str]:
    """What cannot be shown because it is not of the form that it must be."""
    said = []
    for key in ("path", "claims", "clips", "looks", "changed", "warnings"):
        value = verdict.get(key)
        if value is not None and not isinstance(value, list):
            said.append(f"`{key}` of the record must be a list and is left out.")
        elif key != "warnings" and value:
            odd = sum(not isinstance(entry, Mapping) for entry in value)
            if odd:
                said.append(
                    f"{odd} of {len(value)} entries of `{key}` in the record are not "
                    "objects and are left out."
                )
    for key in ("design", "model", "environment", "music", "leaf"):
        value = verdict.get(key)
        if value is not None and not isinstance(value, Mapping):
            said.append(f"`{key}` of the record must be an object and is left out.")
        elif value is None and key in _ALWAYS and verdict.get("state") == "complete":
            said.append(f"The record does not say its `{key}`.")
    return [*said, *_unknown_statuses(verdict)]


def contradiction(verdict: Mapping[str, Any]) -> str:
    """Say why a GO cannot be believed: its gate claims are missing or not supported.

    Returns
    -------
    str
        A sentence; empty where the record is of another verdict, or whole.
    """
    if verdict.get("verdict") != "GO":
        return ""
    gates = _gates(verdict)
    against = [gate for gate in gates if gate.get("status") != "supported"]
    if gates and not against:
        return ""
    found = (
        "it holds no gate claim"
        if not gates
        else f"{len(against)} of {len(gates)} gate claims are not supported: "
        + _named(against)
    )
    return (
        f"The record says GO, but {found}. It was changed or damaged: run the stage "
        "again, clips are reused."
    )


def _unknown_statuses(verdict: Mapping[str, Any]) -> list[str]:
    odd = [gate for gate in _gates(verdict) if gate.get("status") not in _STATUSES]
    if not odd:
        return []
    return [f"The record has no status that is known of the gate claims {_named(odd)}."]


def _gates(verdict: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    claims = verdict.get("claims")
    entries = claims if isinstance(claims, list) else []
    return [c for c in entries if isinstance(c, Mapping) and c.get("role") == "gate"]


def _named(gates: list[Mapping[str, Any]]) -> str:
    names = [f"`{g.get('id')}` ({g.get('status') or 'no status'})" for g in gates]
    return ", ".join(dict.fromkeys(names))
