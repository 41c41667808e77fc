"""`reports/calibration/planted.md`: the error rates, read from the repetitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from harness.calibration.planted import PlantedCell
from harness.calibration.planted_rates import (
    FALSE_GO,
    USERS,
    claim_rates,
    effect_rates,
    few_rates,
    verdict_rates,
)
from harness.calibration.rates import Rate, beyond, pooled
from harness.calibration.tables import table
from harness.calibration.worlds import EVERYTHING, WORLDS
from harness.inference.looks import PLANNED
from harness.verdict import Status

__all__ = ["PlantedRates", "planted_markdown"]

_INTRODUCTION = """\
# Error rates on planted activations

Gaussian activations whose truth is known (`harness/inference/gaussian.py`), with music
to match (`harness/calibration/worlds.py`), go through the evidence, the statuses and
the decision tree that week 1 uses. ICC is the prompt's share of what is neither emotion
nor template, PR the participation ratio. Rates are in percent, with the 95 % interval
of Clopper and Pearson. Looks are at 10, 20, 50 and 100 clips per emotion with an alpha
of .005, .010, .015 and .020.
"""


class PlantedRates:
    """All rates of the planted cells, and those that are beyond their bound."""

    def __init__(
        self, cells: Sequence[PlantedCell], results: Mapping[str, Sequence[Any]]
    ) -> None:
        self.verdicts = verdict_rates(cells, results)
        self.claims = claim_rates(cells, results)
        self.few = few_rates(cells, results)
        self.effects = effect_rates(cells, results)
        self.repetitions = sum(len(results[cell.name]) for cell in cells)

    def beyond(self) -> list[Rate]:
        """Rates that luck does not explain, each table corrected for its size."""
        tables = (self.verdicts, self.claims, self.few, self.effects)
        return [rate for rates in tables for rate in beyond(rates)]

    def as_record(self) -> dict[str, Any]:
        """For `planted.json`."""
        return {
            "repetitions": self.repetitions,
            "verdicts": [rate.as_record() for rate in self.verdicts],
            "claims": [rate.as_record() for rate in self.claims],
            "few": [rate.as_record() for rate in self.few],
            "effects": [rate.as_record() for rate in self.effects],
            "beyond": [rate.as_record() for rate in self.beyond()],
        }


def planted_markdown(rates: PlantedRates) -> str:
    """The report, for people."""
    sections = [
        _INTRODUCTION,
        _judgement(rates),
        *_verdict_sections(rates.verdicts),
        *_claim_sections(rates.claims),
        *_few_section(rates.few),
        *_effect_sections(rates.effects),
    ]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _judgement(rates: PlantedRates) -> str:
    total = f"{rates.repetitions} data sets were drawn."
    found = rates.beyond()
    if not found:
        return f"{total} No rate is beyond its bound by more than luck explains."
    lines = [f"{total} Beyond their bound by more than luck explains are:", ""]
    lines += [f"- {_named(rate)}: {rate}" for rate in found]
    return "\n".join(lines)


def _named(rate: Rate) -> str:
    about = {k: v for k, v in rate.about.items() if k not in ("icc", "layers")}
    return ", ".join(str(value) for value in about.values())


# --- verdicts -------------------------------------------------------------------------


def _verdict_sections(rates: Sequence[Rate]) -> Iterator[str]:
    yield "## How often the verdict is GO"
    yield "\n".join(f"- {name}: {what}" for name, what in USERS.items())
    rows = []
    for planted in dict.fromkeys(rate.about["planted"] for rate in rates):
        own = _where(rates, planted=planted)
        guard = WORLDS[own[0].about["world"]].guard
        row = [planted, guard, pooled(_where(own, user="stops")).count]
        row += [pooled(_where(own, look=samples)) for samples in PLANNED]
        row += [pooled(_where(own, user=user)) for user in USERS]
        rows.append(row)
    looks = [f"at {samples}" for samples in PLANNED]
    yield table(["true is", "guard", "n", *looks, *USERS], rows)
    yield _worst_world(rates)
    yield "By cell, for the user with whom it is most often GO:"
    yield table(["cell", "n", "false GO"], _worst_users(rates))


def _worst_world(rates: Iterable[Rate]) -> str:
    null = [r for r in rates if "user" in r.about and r.about["world"] != EVERYTHING]
    by_world = {
        (world, user): pooled(_where(null, world=world, user=user))
        for world in WORLDS
        if world != EVERYTHING
        for user in USERS
    }
    (world, user), worst = max(by_world.items(), key=lambda item: item[1].observed)
    if worst.hits == 0:
        return f"No null led to GO: {pooled(_where(null, user='anew'))} % of all."
    return (
        f"The worst null is `{world}` with a user `{user}`: {worst.hits} of"
        f" {worst.count} GO, {worst} %. At most {100 * FALSE_GO:g} % are promised."
    )


def _worst_users(rates: Iterable[Rate]) -> Iterator[list[Any]]:
    by_cell: dict[str, list[Rate]] = {}
    for rate in rates:
        if "user" in rate.about and rate.about["world"] != EVERYTHING:
            by_cell.setdefault(rate.about["cell"], []).append(rate)
    for cell, own in by_cell.items():
        worst = max(own, key=lambda rate: rate.hits)
        yield [cell.removeprefix("verdicts: "), worst.count, worst]


def _where(rates: Iterable[Rate], **about: Any) -> list[Rate]:
    return [
        rate
        for rate in rates
        if all(rate.about.get(name) == value for name, value in about.items())
    ]


# --- claims ---------------------------------------------------------------------------


def _claim_sections(rates: Sequence[Rate]) -> Iterator[str]:
    names = list(dict.fromkeys(rate.about["claim"] for rate in rates))
    yield "## How often a claim that is not true is found"
    yield (
        "All cells together. p < .05 shows whether p-values are right; with few "
        "possible values they are rarer than 5 %, never more frequent. The looks see "
        "parts of the same data, and each has its own alpha; together they may err in "
        f"{100 * FALSE_GO:g} %. Of claims with a member for every layer or pair of "
        "emotions, one member is counted."
    )
    headers = [f"p < .05 at {samples}" for samples in PLANNED]
    headers += ["p < alpha, any look", "supported, any look"]
    rows = []
    for name in names:
        own = _where(rates, claim=name)
        row: list[Any] = [name]
        row += [pooled(_where(own, what="p < .05", look=n)) for n in PLANNED]
        row.append(pooled(_where(own, what="p < alpha", look="any")))
        row.append(pooled(_where(own, what="supported", look="any")))
        rows.append(row)
    yield table(["claim", *headers], rows)
    yield "The gates, p < alpha at any of the four looks:"
    yield table(*_by_parameter(rates))


def _by_parameter(rates: Sequence[Rate]) -> tuple[list[str], list[list[Any]]]:
    gates = ("tempo_gap", "acoustic_match", "layer_signal", "linear_probe")
    own = _where(rates, what="p < alpha", look="any")
    own = [rate for rate in own if rate.about["claim"].split(" [")[0] in gates]
    names = list(dict.fromkeys(rate.about["claim"] for rate in own))
    rows = []
    for parameter in ("icc", "participation_ratio", "layers"):
        for value in dict.fromkeys(rate.about[parameter] for rate in own):
            row: list[Any] = [f"{parameter.replace('_', ' ')} {value:g}"]
            for name in names:
                row.append(pooled(_where(own, claim=name, **{parameter: value})))
            rows.append(row)
    return ["where", *names], rows


def _few_section(rates: Sequence[Rate]) -> Iterator[str]:
    yield "## With fewer prompts than any look has"
    yield (
        "The first look's alpha with fewer prompts per emotion. A claim whose p cannot "
        "get there must be invalid, and none may be supported."
    )
    rows = []
    for prompts in dict.fromkeys(rate.about["prompts"] for rate in rates):
        own = _where(rates, prompts=prompts)
        for name in dict.fromkeys(rate.about["claim"] for rate in own):
            row: list[Any] = [prompts, name]
            for status in (Status.SUPPORTED, Status.INVALID):
                row.append(pooled(_where(own, claim=name, status=str(status))))
            rows.append(row)
    yield table(["prompts", "claim", "supported", "invalid"], rows)


# --- effects --------------------------------------------------------------------------

_LAYER = ("in a layer's interval", "below a layer's bound")


def _effect_sections(rates: Sequence[Rate]) -> Iterator[str]:
    yield "## How often a signal of known size is found"
    yield (
        "Share of data sets with p < alpha for `layer_signal`, 4 emotions, matched "
        "templates. A true signal of 2 % is the least that supports the claim, and the "
        "estimate is below it half of the time: it is found, and half of the time weak."
    )
    yield _effect_table(
        rates,
        [(f"at {n}", n, "found") for n in PLANNED]
        + [("any look", "any", "found")]
        + [(f"supported at {n}", n, "supported") for n in PLANNED[2:]],
    )
    yield "## How often intervals hold the truth, and how often they refute it"
    yield (
        "95 % intervals of the signal in the layer that other templates choose, and in "
        "one layer; the one-sided bound that refutes is that of one layer. `refuted` "
        "is right at 0, wrong at 1 % and above, where at most 5 % are promised."
    )
    yield _effect_table(
        rates,
        [(f"chosen layer, {n}", n, "in the interval") for n in PLANNED]
        + [(f"{what}, {n}", n, what) for what in _LAYER for n in PLANNED[::3]],
    )
    yield _effect_table(rates, [(f"refuted at {n}", n, "refuted") for n in PLANNED])


def _effect_table(
    rates: Sequence[Rate], columns: Sequence[tuple[str, int | str, str]]
) -> str:
    def cell(own: Sequence[Rate], look: int | str, what: str) -> Rate:
        return pooled(_where(own, look=look, what=what))

    rows = []
    for name in dict.fromkeys(rate.about["cell"] for rate in rates):
        own = _where(rates, cell=name)
        row: list[Any] = [name.removeprefix("effects: "), own[0].count]
        rows.append(row + [cell(own, look, what) for _, look, what in columns])
    return table(["cell", "n", *(header for header, _, _ in columns)], rows)
