"""Does a clip sound as an emotion should?

A rule is a table of bounds: `NAME_above` and `NAME_below` on a feature, exclusive, and
`mode` for the key. A clip follows a rule if it keeps every bound; a feature that could
not be measured keeps none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["RuleError", "follows", "share_kept"]


class RuleError(ValueError):
    """A rule asks for something that is not measured."""


def follows(features: Mapping[str, Any], rule: Mapping[str, Any]) -> bool:
    """Whether `features` keep every bound of `rule`.

    Raises
    ------
    RuleError
        If the rule names a feature or a relation that does not exist.
    """
    return all(_keeps(features, name, bound) for name, bound in rule.items())


def share_kept(features: Mapping[str, Any], rule: Mapping[str, Any]) -> float:
    """How many of the bounds of `rule` are kept, as a share.

    Raises
    ------
    RuleError
        As `follows`, or if the rule is empty.
    """
    if not rule:
        msg = "`rule` must have a bound, got none. Mend the rule."
        raise RuleError(msg)
    kept = [_keeps(features, name, bound) for name, bound in rule.items()]
    return sum(kept) / len(kept)


def _keeps(features: Mapping[str, Any], name: str, bound: Any) -> bool:
    feature, _, relation = name.rpartition("_")
    if name == "mode":
        return bool(features["mode"] == bound)
    if relation not in ("above", "below") or feature not in features:
        msg = f"`{name}` must be FEATURE_above, FEATURE_below or mode. Mend the rule."
        raise RuleError(msg)
    value = features[feature]
    if value is None or value != value:
        return False
    return bool(value > bound if relation == "above" else value < bound)
