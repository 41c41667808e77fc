"""A claim as Allure shows it: labels, links, numbers and a card, from its record alone.

Conventions
-----------
Values are the plain dictionaries of Allure's result files. A number that changes from
run to run is a parameter with `excluded`, so that it does not cut the claim's history.

References
----------
Allure Report documentation, "How it works: Test result file".
"""

from __future__ import annotations

import hashlib
from typing import Any

from harness.report import numerals, wording
from harness.report.rows import ClaimRow
from harness.report.sources import citations

__all__ = [
    "CATEGORIES",
    "SOURCES_URL",
    "claim_fields",
    "history_of",
    "status_of",
    "title_of",
]

# Allure shows only links to the web. A name in `.invalid` is nobody's (RFC 2606); the
# site leads it to the page of sources that lies beside it.
SOURCES_URL = "https://sources.invalid/"

CATEGORIES = (  # name, how the message begins
    ("Refuted: shown to be absent", "REFUTED: "),
    ("Weak: there, but short of the minimum", "WEAK: "),
    ("Inconclusive: neither shown nor excluded", "INCONCLUSIVE: "),
    ("Invalid: the instrument or the design cannot tell", "INVALID: "),
    ("Verdict: the plan may not simply go on", "VERDICT "),
    ("Undecided: the test broke before it decided", ""),
)

_STATUSES = {  # what says nothing about the model is broken, not failed
    "supported": "passed",
    "weak": "failed",
    "refuted": "failed",
    "inconclusive": "failed",
    "described": "passed",  # it was to be found out, and was
}
_SEVERITIES = {"instrument": "blocker", "gate": "critical", "panel": "normal"}
_TOPICS = {"activations": "Activations", "music": "Music"}
_MESSAGE_LENGTH = 2000


def claim_fields(claim: ClaimRow) -> dict[str, Any]:
    """Return what a result file says of a claim, but for attachments.

    Parameters
    ----------
    claim
        As decided; a field that is missing is shown as not measured.
    """
    message = f"{claim.status.upper()}: {claim.because}"[:_MESSAGE_LENGTH]
    return {
        **history_of(wording.name_of(claim)),
        "name": title_of(claim),
        "status": status_of(claim),
        "statusDetails": {"message": message},
        "description": _card(claim),
        "labels": _labels(claim),
        "links": _links(claim),
        "parameters": [
            {"name": name, "value": value, "excluded": True}
            for name, value in _numbers(claim)
        ],
    }


def title_of(claim: ClaimRow) -> str:
    """Name a claim by what would be true, and which member of its family it is."""
    statement = claim.statement or claim.id
    return f"{statement} ({claim.member})" if claim.member else statement


def status_of(claim: ClaimRow) -> str:
    """Return Allure's word for a status; an unknown one is broken, never passed."""
    return _STATUSES.get(claim.status, "broken")


def history_of(name: str) -> dict[str, str]:
    """Return the identity that joins one run's result to the next one's.

    It is made of the claim's name, so a test that is moved keeps its history.
    """
    digest = hashlib.sha256(f"skeptic {name}".encode()).hexdigest()[:32]
    return {"testCaseId": digest, "historyId": digest}


def _labels(claim: ClaimRow) -> list[dict[str, str]]:
    feature = (
        "Controls"
        if claim.is_control
        else "Instrument"
        if claim.role == "instrument"
        else _TOPICS.get(claim.topic, claim.topic.capitalize() or "Other")
    )
    week = "Week unknown" if claim.week is None else f"Week {claim.week:.0f}"
    labels = [
        ("epic", week),
        ("feature", feature),
        ("story", claim.id),
        ("severity", _SEVERITIES.get(claim.role, "minor")),
        ("tag", claim.role),
        ("tag", wording.standing(claim)),
        ("tag", claim.qualifier),
        ("tag", "carried on" if claim.carried else ""),
    ]
    return [{"name": name, "value": value} for name, value in labels if value]


def _links(claim: ClaimRow) -> list[dict[str, str]]:
    return [
        {"type": "source", "name": c.text, "url": f"{SOURCES_URL}#{c.anchor}"}
        for c in citations(claim.source)
    ]


def _numbers(claim: ClaimRow) -> list[tuple[str, str]]:
    limits = ", ".join(f"{name} {value}" for name, value in wording.thresholds(claim))
    numbers = [
        ("effect", wording.effect(claim)),
        ("threshold", limits),
        ("interval", wording.interval(claim) if claim.ci else ""),
        ("p", "" if claim.p is None else numerals.p_value(claim.p)),
        ("p, gated", "" if claim.p_gated is None else numerals.p_value(claim.p_gated)),
        ("prompts", "" if claim.n_prompts is None else numerals.count(claim.n_prompts)),
        ("clips", "" if claim.n_clips is None else numerals.count(claim.n_clips)),
        ("look", "" if claim.look is None else numerals.count(claim.look)),
        ("qualifier", claim.qualifier),
    ]
    return [(name, value) for name, value in numbers if value]


def _card(claim: ClaimRow) -> str:
    """Write the claim's card in Markdown."""
    paragraphs = [f"**{wording.standing(claim).capitalize()}.** {claim.because}"]
    if claim.needs:
        paragraphs.append(claim.needs)
    if claim.qualifier in wording.QUALIFIERS:
        meaning = wording.QUALIFIERS[claim.qualifier]
        paragraphs.append(f"*{claim.qualifier}*: {meaning}.")
    found = wording.documented(claim)
    if found:
        paragraphs.append("\n".join(f"- {name}: {value}" for name, value in found))
    if claim.source:
        paragraphs.append(f"Source: {claim.source}")
    return "\n\n".join(paragraphs)
