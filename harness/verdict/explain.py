"""The path that a run took through the documents' tree, in words, from verdict.json."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.verdict.questions import questions, red_lines, tiers
from harness.verdict.status import Status

__all__ = ["crossed_lines", "explain", "tier_of"]

_Claims = Sequence[Mapping[str, Any]]
_SCHEMA = 1


def explain(record: Mapping[str, Any]) -> list[str]:
    """Lines of text: every node with its numbers and source, the leaf, tier, red lines.

    Parameters
    ----------
    record
        What verdict.json holds.

    Raises
    ------
    ValueError
        If it is of another schema.
    """
    if record.get("schema") != _SCHEMA:
        msg = (
            f"`schema` must be {_SCHEMA}, got {record.get('schema')}: this verdict was "
            "written by another version. Run the stage again: clips are reused."
        )
        raise ValueError(msg)
    claims = record.get("claims") or []
    return [
        f"{record.get('verdict') or 'no verdict'}: {record.get('reason')}",
        *_path(record, claims),
        *_leaf(record),
        *_standing(claims),
    ]


def _path(record: Mapping[str, Any], claims: _Claims) -> Iterator[str]:
    answers = {question.text: question.claims for question in questions()}
    for number, node in enumerate(record.get("path") or [], start=1):
        yield f"{number}. {node['node']} {node['answer']}"
        members = [c for c in claims if c["id"] in answers.get(node["node"], ())]
        for said in [_because(c) for c in members] or [node["because"]]:
            yield f"   {said}"
        if node.get("source"):
            yield f"   source: {node['source']}"


def _because(claim: Mapping[str, Any]) -> str:
    member = f" [{claim['member']}]" if claim.get("member") else ""
    return f"{claim['id']}{member}: {claim['because']}"


def _leaf(record: Mapping[str, Any]) -> Iterator[str]:
    leaf = record.get("leaf")
    if not leaf:
        return
    yield f"=> {leaf['text']}"
    yield f"   source: {leaf['source']}"
    for waits in leaf["blocked"]:
        yield f"   {waits['statement']}? blocked: needs {waits['needs']}"
        yield f"   source: {waits['source']}"


def _standing(claims: _Claims) -> Iterator[str]:
    reached = tier_of(claims)
    if reached is not None:
        yield f"tier: {reached[0]} ({reached[1]})"
    for text, source, crossed in crossed_lines(claims):
        answer = {True: "crossed", False: "not crossed", None: "not decided"}[crossed]
        yield f"red line: {text}: {answer} ({source})"


def tier_of(claims: Iterable[Mapping[str, Any]]) -> tuple[str, str] | None:
    """Name and source of the tier that all gates reach; None between tiers."""
    gates = [c for c in claims if c.get("role") == "gate"]
    for tier in tiers():
        if tier.level == "none":
            reached = any(c.get("status") == Status.REFUTED for c in gates)
        else:
            levels = ["strong"] if tier.level == "strong" else ["strong", "minimum"]
            held = [c for c in gates if c.get("status") == Status.SUPPORTED]
            reached = len(held) == len(gates) > 0 and all(
                c.get("strength") in levels for c in held
            )
        if reached:
            return tier.name, tier.source
    return None


def crossed_lines(
    claims: Iterable[Mapping[str, Any]],
) -> Iterator[tuple[str, str, bool | None]]:
    """Text and source of each red line; is it crossed (None: not decided)?"""
    decided = list(claims)
    for line in red_lines():
        found = [c.get("status") for c in decided if c.get("id") in line.claims]
        valid = [status for status in found if status != Status.INVALID]
        crossed = all(status == Status.REFUTED for status in valid) if valid else None
        yield line.text, line.source, crossed
