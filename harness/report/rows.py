"""What the pages show, as frozen values: a claim, a clip, a look, a whole record.

Conventions
-----------
A missing, null or non-finite number is `None`; a missing text is the empty string; a
missing list is empty. Effects, intervals and thresholds are in the claim's own unit,
times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = [
    "ChangeRow",
    "ClaimRow",
    "ClipRow",
    "LeafRow",
    "LookRow",
    "PathNode",
    "Record",
    "Rung",
]

_ROLES = ("instrument", "gate", "panel")  # what has another role never decides


@dataclass(frozen=True, slots=True, kw_only=True)
class PathNode:
    """One step of the decision tree: the question, its answer, and why."""

    node: str
    answer: str
    because: str
    source: str
    claims: tuple[str, ...]  # ids of those that answer it


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRow:
    """Where the decision tree leads, and what cannot be asked there yet."""

    text: str
    source: str
    blocked: tuple[tuple[str, str], ...]  # statement, what it needs


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A claim whose status is not what it was."""

    claim: str
    before: str
    after: str
    samples: float | None  # clips per emotion then


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """One claim, or one member of a family of claims, and what was found."""

    id: str
    member: str
    statement: str
    role: str
    week: float | None
    topic: str
    status: str
    strength: str
    effect: float | None
    unit: str
    ci: tuple[float, float] | None
    p: float | None
    n_prompts: float | None
    n_clips: float | None
    none: float | None
    minimum: float | None
    strong: float | None
    source: str
    documented: str
    as_documented: dict[str, Any]
    qualifier: str
    because: str
    p_gated: float | None  # with the claims before and beside it counted
    needs: str  # a sentence; empty where nothing more is needed, or nothing is known
    look: float | None  # that decided it
    carried: bool  # whether that was an earlier one
    seconds: float | None  # to make what it was the first to need, and to decide
    ladder: tuple[Rung, ...]
    power: tuple[tuple[float, float], ...]  # clips per emotion of a look, power there
    detail: dict[str, Any]

    @property
    def is_control(self) -> bool:
        """Is it the control of the claim whose id it begins with?"""
        return self.id.endswith(" control")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """Where an effect was looked for between text and music, and what was found."""

    name: str
    effect: float | None
    p: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookRow:
    """A look at the question of this run."""

    number: float | None
    samples: float | None
    kind: str
    time: str
    verdict: str
    same_data: bool
    gates: tuple[tuple[str, str], ...]
    claims: tuple[ClaimRow, ...]  # as they were then; none without the ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRow:
    """One generated clip and what was measured on it."""

    emotion: str
    prompt: str
    file: str
    tempo_bpm: float | None
    mode: str
    rms: float | None
    brightness_hz: float | None
    matches: bool | None
    checksum: str  # of the file, as the run wrote it
    note: str  # why there is no file; else empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A whole verdict record, with every field present."""

    state: str
    stage: str
    verdict: str | None
    reason: str
    next_command: str
    next_clips: float | None  # to be made by it
    next_seconds: float | None  # for those clips
    path: tuple[PathNode, ...]
    model: dict[str, Any]
    design: dict[str, Any]
    claims: tuple[ClaimRow, ...]
    clips: tuple[ClipRow, ...]  # to be listened to
    music: dict[str, Any]  # what was heard, clip by clip, and the bounds
    looks: tuple[LookRow, ...]
    leaf: LeafRow | None
    changes: tuple[ChangeRow, ...]
    warnings: tuple[str, ...]
    ledger_says: str  # what the ledger added, or why it could not
    environment: dict[str, Any]

    @property
    def instruments(self) -> tuple[ClaimRow, ...]:
        """Checks of the apparatus; one that fails makes the rest invalid."""
        return self._of_role("instrument")

    @property
    def gates(self) -> tuple[ClaimRow, ...]:
        """The claims on which the verdict rests."""
        return self._of_role("gate")

    @property
    def panel(self) -> tuple[ClaimRow, ...]:
        """Claims that are tested together and accompany the verdict."""
        return self._of_role("panel")

    @property
    def descriptive(self) -> tuple[ClaimRow, ...]:
        """Whatever never decides, and whatever has a role that is not known."""
        return tuple(claim for claim in self.claims if claim.role not in _ROLES)

    @property
    def failed_checks(self) -> tuple[ClaimRow, ...]:
        """Instrument checks that are anything but supported."""
        return tuple(c for c in self.instruments if c.status != "supported")

    @property
    def passed_checks(self) -> tuple[ClaimRow, ...]:
        """Instrument checks that are supported."""
        return tuple(c for c in self.instruments if c.status == "supported")

    @property
    def checks(self) -> tuple[ClaimRow, ...]:
        """Instrument checks that are no control of another claim."""
        return tuple(c for c in self.instruments if not c.is_control)

    @property
    def controls(self) -> tuple[ClaimRow, ...]:
        """Checks that a claim's measure is silent, or finds what was planted."""
        return tuple(c for c in self.instruments if c.is_control)

    def _of_role(self, role: str) -> tuple[ClaimRow, ...]:
        return tuple(claim for claim in self.claims if claim.role == role)
