"""The claims under test, as `hypotheses/claims.toml` states them."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "CLAIMS_FILE",
    "Claim",
    "ClaimError",
    "Thresholds",
    "acoustic_rules",
    "arousal_ratings",
    "load_claims",
    "settings",
    "single_rules",
]

CLAIMS_FILE = Path(__file__).parents[1] / "hypotheses" / "claims.toml"
_LEVELS = ("none", "minimum", "strong")
ROLES = ("instrument", "gate", "panel", "descriptive")


class ClaimError(ValueError):
    """A claim is not stated as it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From no effect to a strong one, in the claim's unit; None where not stated."""

    none: float | None = None
    minimum: float | None = None
    strong: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim of the documents."""

    id: str
    statement: str
    source: str
    week: int
    role: str
    unit: str
    direction: str
    thresholds: Thresholds
    documented: str | None = None  # what the documents found
    documented_for: str | None = None  # the one member that this is about; None: all
    topic: str = "activations"  # or "music"
    controlled_by: str | None = None  # the claim whose control speaks for it
    faults: bool = False  # its control plants faults; of instrument checks all do
    leads_on: float | None = None  # what the tree wants before it goes straight on
    leads_on_p: float | None = None  # with a p below this
    contrasts: tuple[
        tuple[str, str], ...
    ] = ()  # (more, less), in the expected direction

    def documented_of(self, member: str | None) -> str | None:
        """What the documents found of this member; None where that is of another."""
        about = self.documented_for
        return self.documented if about is None or about == member else None

    def control(self) -> Claim:
        """The claim that this claim's measure can be trusted.

        An instrument check, or what is checked like one, has to find every planted
        fault; any other measure has to stay silent where the labels were shuffled.
        """
        checks = self.faults or self.role == "instrument"
        what = "Planted faults are found" if checks else "Silent on shuffled labels"
        minimum = 1.0 if checks else settings()["control_alpha"]
        return Claim(
            id=f"{self.id} control",
            statement=f"{what}: {self.statement[0].lower()}{self.statement[1:]}",
            source="Reality Check, 'Always Run Control Tests First'",
            week=self.week,
            role="instrument",
            unit="share of planted faults found"
            if checks
            else "p with shuffled labels",
            direction="above",
            thresholds=Thresholds(minimum=minimum),
        )


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(CLAIMS_FILE.read_text(encoding="utf-8"))


@cache
def load_claims() -> dict[str, Claim]:
    """All claims by id, in the order of the file.

    Raises
    ------
    ClaimError
        If an entry lacks a field, has an unknown role or direction, or its thresholds
        are not numbers in order.
    """
    by_id: dict[str, Claim] = {}
    for entry in _data()["claim"]:
        claim = _claim(entry)
        if claim.id in by_id:
            msg = f"Claim `{claim.id}`: must be stated once. Rename the duplicate."
            raise ClaimError(msg)
        by_id[claim.id] = claim
    return by_id


def settings() -> dict[str, float]:
    return dict(_data()["settings"])


def acoustic_rules() -> dict[str, dict[str, Any]]:
    """What each emotion should sound like: emotion -> rule -> bound."""
    return dict(_data()["acoustic_rules"])


def single_rules() -> dict[str, dict[str, Any]]:
    """Every bound of `acoustic_rules`, and those that are only reported one by one."""
    more = _data()["single_rules"]
    rules = acoustic_rules()
    return {e: {**rules.get(e, {}), **more.get(e, {})} for e in {**rules, **more}}


def arousal_ratings() -> dict[str, float]:
    """How arousing each emotion is, by its name."""
    return dict(_data()["arousal"])


def _claim(entry: dict[str, Any]) -> Claim:
    fields = dict(entry)
    name = fields.get("id", "?")
    levels = {k: fields.pop(k) for k in _LEVELS if k in fields}
    _check_levels(name, levels, direction=fields.get("direction"))
    contrasts = fields.pop("contrasts", [])
    if not all(isinstance(c, list) and len(c) == 2 for c in contrasts):
        msg = f"Claim `{name}`: contrasts must be pairs of emotions, got {contrasts}."
        raise ClaimError(msg)
    try:
        claim = Claim(
            **fields,
            thresholds=Thresholds(**levels),
            contrasts=tuple((a, b) for a, b in contrasts),
        )
    except TypeError as error:
        msg = f"Claim `{name}`: {error}. See the top of {CLAIMS_FILE.name}."
        raise ClaimError(msg) from error
    if claim.role not in ROLES or claim.direction not in ("above", "below"):
        msg = (
            f"Claim `{name}`: role must be one of {', '.join(ROLES)} and direction "
            f"above or below, got {claim.role} and {claim.direction}."
        )
        raise ClaimError(msg)
    named = [f"{a} against {b}" for a, b in claim.contrasts]
    if claim.documented_for is not None and (
        claim.documented is None or (named and claim.documented_for not in named)
    ):
        msg = (
            f"Claim `{name}`: documented_for must name the contrast that documented is "
            f"about, one of {named}, got {claim.documented_for}."
        )
        raise ClaimError(msg)
    if claim.thresholds.minimum is None and claim.role != "descriptive":
        msg = f"Claim `{name}`: minimum must be stated for the role {claim.role}."
        raise ClaimError(msg)
    return claim


def _check_levels(name: str, levels: dict[str, Any], *, direction: Any) -> None:
    given = [levels[k] for k in _LEVELS if k in levels]
    numbers = all(isinstance(v, int | float) and math.isfinite(v) for v in given)
    if not numbers or given != sorted(given, reverse=direction == "below"):
        msg = f"Claim `{name}`: thresholds must rise from none to strong, got {given}."
        raise ClaimError(msg)
