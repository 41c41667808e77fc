"""What a run says otherwise than the look before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.history import PastLook, name_of

__all__ = ["changes_since"]


def changes_since(
    past: Sequence[PastLook], claims: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Claims whose status is not what it was when they were last decided.

    Parameters
    ----------
    past : sequence of PastLook
        Earlier looks at the same question, oldest first, and earlier runs of this one.
    claims : iterable of mapping
        What is decided now, as in verdict.json.

    Returns
    -------
    list of dict
        `claim` (with its member), `before` and `after` (statuses) and `samples`, the
        clips per emotion of the look that said so before.
    """
    before: dict[str, tuple[str, int]] = {}
    for look in past:
        for claim in look.claims:
            before[name_of(claim)] = claim["status"], look.entry["samples"]
    return [
        {
            "claim": name,
            "before": before[name][0],
            "after": str(claim["status"]),
            "samples": before[name][1],
        }
        for claim in claims
        if (name := name_of(claim)) in before and before[name][0] != claim["status"]
    ]
