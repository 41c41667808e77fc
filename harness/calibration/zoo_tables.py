"""The zoo in tables, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from harness.calibration.findings import Found, claim_names, rates
from harness.calibration.tables import interval, percent, share, table
from harness.claims import load_claims

__all__ = ["zoo_markdown", "zoo_record"]

_A_FEW = 2  # members that are named one by one


def zoo_markdown(zoo: Sequence[Found]) -> str:
    """What was found, what is true, and how often the one is the other."""
    parts = [
        "# The zoo",
        "Week 1 on phantoms whose truth is known, again and again with other prompts "
        "and seeds. Rates are in percent, with their 95 % interval over repetitions.",
        "## Verdicts",
        _verdict_table(zoo),
        "\n".join(f"- `{found.truth.model}`: {found.truth.why}" for found in zoo),
        "## Sensitivity and specificity",
        "Sensitivity: an effect that is there was supported, in every member of the "
        "claim. Specificity: where nothing is, no member was called supported or weak. "
        "Of instrument checks and controls: all held.",
        _rates_table(zoo),
        "## Text or music?",
        "Of the claims that were supported, how many were said to be what they are.",
        _qualifiers_table(zoo),
        "## Claim by claim",
        "Found are statuses over all members of a claim; right and wrong are "
        "repetitions. The effect is the mean over repetitions, by member.",
        _claims_table(zoo),
    ]
    return "\n\n".join(parts) + "\n"


def zoo_record(zoo: Sequence[Found]) -> dict[str, Any]:
    """The same for programs."""
    claims = {
        r.claim: {
            "sensitivity": _rate(r.found, r.there),
            "specificity": _rate(r.silent, r.nothing),
        }
        for r in rates(zoo)
    }
    return {"models": {f.truth.model: _model(f) for f in zoo}, "claims": claims}


def _rate(hits: int, count: int) -> dict[str, Any]:
    return {"hits": hits, "count": count, "interval": interval(hits, count)}


def _model(found: Found) -> dict[str, Any]:
    return {
        "why": found.truth.why,
        "must_be": list(found.truth.right),
        "never": list(found.truth.never),
        "repetitions": len(found.last),
        "first_look": found.verdicts(at_first=True),
        "last_look": found.verdicts(),
        "right": _rate(found.right(), len(found.last)),
        "forbidden": _rate(found.forbidden(), len(found.last)),
        "claims": {claim: _claim(found, claim) for claim in claim_names()},
    }


def _claim(found: Found, claim: str) -> dict[str, Any]:
    return {
        "truth": found.truth.of(claim),
        "statuses": found.statuses(claim),
        "judged": found.judged(claim),
        "qualifier": found.truth.qualifiers.get(claim),
        "qualifiers": found.qualifiers(claim),
        "effects": found.effects(claim),
    }


def _verdict_table(zoo: Sequence[Found]) -> str:
    rows = []
    for found in zoo:
        count = len(found.last)
        never = " or ".join(found.truth.never)
        rows.append(
            [
                found.truth.model,
                count,
                " or ".join(found.truth.right),
                _counts(found.verdicts(at_first=True)),
                _counts(found.verdicts()),
                share(found.right(), count),
                f"{never}: {share(found.forbidden(), count)}" if never else "-",
            ]
        )
    headers = ["phantom", "repetitions", "must be", "first look", "last look"]
    return table([*headers, "right", "must never be"], rows)


def _rates_table(zoo: Sequence[Found]) -> str:
    rows = [
        [
            r.claim,
            percent(r.found, r.there),
            r.there,
            percent(r.silent, r.nothing),
            r.nothing,
        ]
        for r in rates(zoo)
    ]
    return table(["claim", "sensitivity", "of", "specificity", "of"], rows)


def _qualifiers_table(zoo: Sequence[Found]) -> str:
    rows = []
    for found in zoo:
        for claim, qualifier in found.truth.qualifiers.items():
            said = found.qualifiers(claim)
            right = percent(said[qualifier], said.total())
            rows.append([found.truth.model, claim, qualifier, _counts(said), right])
    return table(["phantom", "claim", "must be", "said", "right"], rows)


def _claims_table(zoo: Sequence[Found]) -> str:
    rows = []
    for found in zoo:
        for claim in claim_names():
            judged = found.judged(claim)
            rows.append(
                [
                    found.truth.model,
                    claim,
                    found.truth.of(claim),
                    _counts(found.statuses(claim)),
                    judged["right"],
                    judged["wrong"],
                    _mean_effects(found, claim),
                ]
            )
    headers = ["phantom", "claim", "truth", "found", "right", "wrong", "effect"]
    return table(headers, rows)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in counter.most_common()) or "-"


def _mean_effects(found: Found, claim: str) -> str:
    """Of many members the least and the greatest."""
    means = [f"{fmean(e):.4g}" for e in found.effects(claim).values()]
    if not means:
        return "-"
    if len(means) > _A_FEW:
        ordered = sorted(means, key=float)
        means = [f"{ordered[0]} to {ordered[-1]}"]
    return f"{', '.join(means)} {load_claims()[claim].unit}"
