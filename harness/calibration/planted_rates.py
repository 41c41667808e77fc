"""From repetitions of planted cells to rates: of claims, verdicts and effects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.calibration.planted import PlantedCell
from harness.calibration.rates import Rate
from harness.calibration.worlds import WORLDS
from harness.inference.looks import CUMULATIVE_ALPHA, PLANNED, look_for
from harness.verdict import Status, Verdict

__all__ = ["USERS", "claim_rates", "effect_rates", "few_rates", "verdict_rates"]

FALSE_GO = CUMULATIVE_ALPHA[-1]
CLAIM_LEVEL = 0.05  # where the calibration of p is read off with more resolution
POWER = 0.9  # at the second-last look, for an effect of the claim's minimum

USERS = {
    "stops": "stops at GO, PIVOT or FIX, and goes on at EXTEND",
    "anew": "looks four times whatever is said, everything anew",
    "carrying": "looks four times with --lf: what held once is not tested again",
}


def verdict_rates(
    cells: Iterable[PlantedCell], results: Mapping[str, Sequence[Any]]
) -> list[Rate]:
    """How often each user gets to GO in each cell, and GO at each look alone."""
    rates = []
    for cell in cells:
        if cell.kind != "verdicts":
            continue
        found = results[cell.name]
        right = WORLDS[cell.world].through_music and WORLDS[cell.world].music
        for user in USERS:
            rate = _verdict_rate(cell, right, user=user)
            for repetition in found:
                rate.add(_reaches_go(repetition, user))
            rates.append(rate)
        for index, samples in enumerate(PLANNED):
            rate = _verdict_rate(cell, right, look=samples)
            for repetition in found:
                rate.add(repetition["anew"][index] == Verdict.GO)
            rates.append(rate)
    return rates


def _verdict_rate(cell: PlantedCell, right: bool, **about: Any) -> Rate:
    what = {"world": cell.world, "planted": cell.planted}
    rate = Rate(about={**_about(cell), **what, **about})
    if not right:
        rate.at_most = FALSE_GO
    return rate


def _reaches_go(repetition: Mapping[str, Any], user: str) -> bool:
    if user != "stops":
        return Verdict.GO in repetition[user]
    first = next((v for v in repetition["anew"] if v != Verdict.EXTEND), None)
    return first == Verdict.GO


def claim_rates(
    cells: Iterable[PlantedCell], results: Mapping[str, Sequence[Any]]
) -> list[Rate]:
    """Of claims that are not true: p below .05, below alpha, and "supported".

    `look` is the number of samples, or "any" for all four together, each at its alpha.
    """
    rates: dict[tuple[Any, ...], Rate] = {}
    for cell in cells:
        if cell.kind not in ("claims", "verdicts"):
            continue
        for repetition in results[cell.name]:
            for name, seen in _by_claim(repetition["looks"]).items():
                if _is_null(name, cell):
                    _count_claim(rates, cell, name, seen)
    return list(rates.values())


def _count_claim(
    rates: dict[tuple[Any, ...], Rate],
    cell: PlantedCell,
    name: str,
    seen: Mapping[int, Sequence[Any]],
) -> None:
    def count(look: int | str, what: str, at_most: float, hit: bool) -> None:
        key = (cell.name, name, look, what)
        if key not in rates:
            about = {**_about(cell), "claim": name, "look": look, "what": what}
            rates[key] = Rate(at_most=at_most, about=about)
        rates[key].add(hit)

    below, supported = [], []
    for samples, (p, status) in seen.items():
        alpha = look_for(samples).alpha
        below.append(p is not None and p < alpha)
        count(samples, "p < .05", CLAIM_LEVEL, p is not None and p < CLAIM_LEVEL)
        count(samples, "p < alpha", alpha, below[-1])
        if status:
            supported.append(status == Status.SUPPORTED)
            count(samples, "supported", alpha, supported[-1])
    if len(seen) == len(PLANNED):
        count("any", "p < alpha", FALSE_GO, any(below))
        if supported:
            count("any", "supported", FALSE_GO, any(supported))


def few_rates(
    cells: Iterable[PlantedCell], results: Mapping[str, Sequence[Any]]
) -> list[Rate]:
    """With fewer prompts than any look has: each status, where no claim is true."""
    rates: list[Rate] = []
    for cell in cells:
        if cell.kind != "few":
            continue
        by_status: defaultdict[tuple[str, Status], Rate] = defaultdict(Rate)
        for repetition in results[cell.name]:
            for name, seen in _by_claim(repetition["looks"]).items():
                (_, found) = seen[PLANNED[0]]
                if found and _is_null(name, cell):
                    for status in Status:
                        by_status[name, status].add(found == status)
        for (name, status), rate in by_status.items():
            rate.about = {
                **_about(cell),
                "prompts": cell.prompts,
                "claim": name,
                "status": str(status),
            }
            if status is Status.SUPPORTED:
                rate.at_most = look_for(PLANNED[0]).alpha
            rates.append(rate)
    return rates


def effect_rates(
    cells: Iterable[PlantedCell], results: Mapping[str, Sequence[Any]]
) -> list[Rate]:
    """Of a signal of known size: found, supported, refuted, and within its interval."""
    rates: list[Rate] = []
    for cell in cells:
        if cell.kind != "effects":
            continue
        found = results[cell.name]
        for samples in PLANNED:
            seen = [repetition["looks"][str(samples)] for repetition in found]
            rates += _effect_rates(cell, samples, seen)
        any_look = Rate(about={**_effect(cell, "any"), "what": "found"})
        for repetition in found:
            looks = repetition["looks"].items()
            any_look.add(any(s["p"] < look_for(int(n)).alpha for n, s in looks))
        if cell.effect == 0:
            any_look.at_most = FALSE_GO
        rates.append(any_look)
    return rates


def _effect_rates(
    cell: PlantedCell, samples: int, seen: Sequence[Mapping[str, Any]]
) -> Iterator[Rate]:
    alpha = look_for(samples).alpha
    hits = {
        "found": [s["p"] < alpha for s in seen],
        "supported": [s["status"] == Status.SUPPORTED for s in seen],
        "refuted": [s["status"] == Status.REFUTED for s in seen],
        "in the interval": [_within(cell.effect, s["interval"]) for s in seen],
        "in a layer's interval": [_within(cell.effect, s["layer"][1:3]) for s in seen],
        "below a layer's bound": [cell.effect <= s["layer"][3] for s in seen],
    }
    for what, each in hits.items():
        rate = Rate(about={**_effect(cell, samples), "what": what})
        if what == "refuted" and cell.effect > 0:
            rate.at_most = CLAIM_LEVEL
        if what == "found" and cell.effect == 0:
            rate.at_most = alpha
        for hit in each:
            rate.add(hit)
        yield rate


def _within(truth: float, bounds: Sequence[float]) -> bool:
    return bounds[0] <= truth <= bounds[1]


def _about(cell: PlantedCell) -> dict[str, Any]:
    return {
        "cell": cell.name,
        "icc": cell.icc,
        "participation_ratio": cell.participation_ratio,
        "layers": cell.layers,
    }


def _effect(cell: PlantedCell, look: int | str) -> dict[str, Any]:
    return {**_about(cell), "effect": cell.effect, "look": look}


def _by_claim(looks: Mapping[str, Any]) -> dict[str, dict[int, Sequence[Any]]]:
    """Claim -> samples -> p and status, from samples -> claim -> p and status."""
    claims: defaultdict[str, dict[int, Sequence[Any]]] = defaultdict(dict)
    for samples, records in looks.items():
        for name, record in records.items():
            claims[name][int(samples)] = record
    return claims


def _is_null(name: str, cell: PlantedCell) -> bool:
    """Is there nothing for this claim to find?"""
    world, claim = WORLDS[cell.world], name.split(" [")[0]
    if claim.endswith("_gap") or "acoustic" in claim:
        return not world.music
    if (
        claim == "control_similarity"
    ):  # two clips of a prompt share what is the prompt's
        return cell.icc == 0 and not world.words
    return not (world.through_music if "null half" in claim else world.words)
