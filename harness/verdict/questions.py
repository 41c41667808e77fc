"""The documents' decision tree, as `hypotheses/tree.toml` states it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "IN_ACTIVATIONS",
    "TREE_FILE",
    "Blocked",
    "Leaf",
    "Question",
    "RedLine",
    "Tier",
    "blocked",
    "leaf",
    "questions",
    "red_lines",
    "tiers",
]

TREE_FILE = Path(__file__).parents[2] / "hypotheses" / "tree.toml"
IN_ACTIVATIONS = ("layer_signal", "linear_probe")  # where words leave traces, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A node of the decision tree and the gate claims that answer it."""

    text: str
    claims: tuple[str, ...]
    stage: int  # questions of one stage share their correction
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A claim that cannot be asked yet, and what it waits for."""

    id: str
    statement: str
    needs: str
    week: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Where the tree leads."""

    name: str
    text: str
    source: str
    blocked: tuple[Blocked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """A tier of success and the level of the thresholds that reaches it."""

    name: str
    level: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedLine:
    """What the documents stop at: claims that are refuted."""

    text: str
    claims: tuple[str, ...]
    source: str


@cache
def questions() -> tuple[Question, ...]:
    """In the order in which they are asked."""
    return tuple(
        Question(**{**entry, "claims": tuple(entry["claims"])})
        for entry in _data()["question"]
    )


@cache
def blocked() -> dict[str, Blocked]:
    """By id."""
    return {entry["id"]: Blocked(**entry) for entry in _data()["blocked"]}


def leaf(name: str) -> Leaf:
    """One of the leaves, by its name in the file."""
    entry = _data()["leaf"][name]
    waits = tuple(blocked()[claim] for claim in entry.get("blocked", ()))
    return Leaf(name=name, text=entry["text"], source=entry["source"], blocked=waits)


def tiers() -> tuple[Tier, ...]:
    """The first that is reached counts."""
    return tuple(Tier(**entry) for entry in _data()["tier"])


def red_lines() -> tuple[RedLine, ...]:
    return tuple(
        RedLine(**{**entry, "claims": tuple(entry["claims"])})
        for entry in _data()["red_line"]
    )


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(TREE_FILE.read_text(encoding="utf-8"))
