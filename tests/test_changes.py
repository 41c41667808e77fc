"""What a run says otherwise than the look before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.changes import changes_since
from harness.history import PastLook


def look(samples: int, *results: dict[str, str]) -> PastLook:
    entry = {"samples": samples, "look": 1, "seed": 0, "data": "d", "kind": "planned"}
    found: list[Mapping[str, Any]] = [
        {"verdict": None, "claims": claims(result)} for result in results
    ]
    return PastLook(entry=entry, results=found)


def claims(statuses: dict[str, str]) -> list[dict[str, Any]]:
    return [{"id": k, "member": None, "status": v} for k, v in statuses.items()]


def test_nothing_has_changed_where_nothing_was_before() -> None:
    assert changes_since([], claims({"signal": "supported"})) == []


def test_only_what_is_otherwise_is_told() -> None:
    past = [look(10, {"signal": "inconclusive", "probe": "supported"})]
    now = claims({"signal": "supported", "probe": "supported", "new": "weak"})
    assert changes_since(past, now) == [
        {
            "claim": "signal",
            "before": "inconclusive",
            "after": "supported",
            "samples": 10,
        }
    ]


def test_the_last_that_was_said_counts() -> None:
    past = [
        look(10, {"signal": "inconclusive"}, {"signal": "invalid"}),
        look(20, {"signal": "weak"}),
        look(50, {"probe": "weak"}),
    ]
    found = changes_since(past, claims({"signal": "supported"}))
    assert [(c["before"], c["samples"]) for c in found] == [("weak", 20)]


def test_members_of_a_family_are_told_apart() -> None:
    past = [look(10, {})]
    past[0].results.append(
        {
            "verdict": None,
            "claims": [
                {"id": "gap", "member": "a", "status": "weak"},
                {"id": "gap", "member": "b", "status": "weak"},
            ],
        }
    )
    now = [
        {"id": "gap", "member": "a", "status": "weak"},
        {"id": "gap", "member": "b", "status": "refuted"},
    ]
    assert [c["claim"] for c in changes_since(past, now)] == ["gap[b]"]
