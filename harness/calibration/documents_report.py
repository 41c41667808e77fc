"""`reports/calibration/documents.md`: what the documents' own tests find in nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.calibration.documents import (
    CELLS,
    CHANCE,
    DIFFERS,
    LAYERS,
    PROBED_LAYERS,
    SAMPLES,
    DocumentsCell,
)
from harness.calibration.rates import Rate, beyond
from harness.calibration.tables import table
from harness.claims import load_claims
from harness.inference.looks import PLANNED, look_for

__all__ = ["DocumentsRates", "documents_markdown"]

# What was simulated before the project began, in percent at an ICC of 0, .1, .3, .5.
BEFORE: Mapping[str, tuple[float | None, ...]] = {
    "the same on centred cosines, one layer": (3.8, 47.7, 99.9, 100),
    f"the same on centred cosines, best of {LAYERS}": (39, 98.7, 100, 100),
    "the same on centred cosines, and a signal > 2 %": (20.5, 94.2, 100, 100),
    "labels dealt out to clips, max-T": (5.0, 67.5, 100, 100),
    "ours: labels dealt out to prompts, max-T": (5.0, 4.7, 4.6, 5.7),
    "best layer's accuracy on other prompts > 70 %": (None, None, 35, None),
    "tempo gap > 20 BPM": (None, None, 12, None),
    "tempo gap > 20 BPM, 25 % octave errors": (None, None, 32, None),
}
BEFORE_READ: Mapping[str, tuple[float | None, ...]] = {
    "5-fold accuracy over clips, one layer": (None, None, 95.7, None),
    "accuracy on other prompts, one layer": (None, None, 49.5, None),
    "dimensions that differ, N = 5": (87, None, None, None),
    "dimensions that differ, N = 20": (75, None, None, None),
    "dimensions that differ, N = 100": (48, None, None, None),
}
_INTRODUCTION = f"""\
# What the documents' own tests find where there is nothing

4 emotions x 5 prompts x 4 clips, {LAYERS} layers of 256 dimensions, participation ratio
23, mean raw cosine .95, neighbouring layers correlated .95; nothing depends on the
emotion. ICC is the prompt's share of the variance. Probes try {PROBED_LAYERS} layers,
the documents' with two emotions, the suite's with all four. The tempo varies by 30 BPM
from clip to clip. Reruns grow one data set of matched templates. Rates are in percent,
with the 95 % interval of Clopper and Pearson; all of them should be 5 or less.
"""
_READ = f"""\
Means in percent. Half of the clips would be read right by chance, and no dimension
differs by {DIFFERS:g} (of a standard deviation) in truth."""
_RERUN = "ours, at the four looks with their alphas"


class DocumentsRates:
    """How often each test says yes, by ICC, and what it reads on average."""

    def __init__(self, results: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
        self.counts = {cell.name: len(results[cell.name]) for cell in CELLS}
        self.rates = {
            test: [_rate(test, cell, results[cell.name]) for cell in CELLS]
            for test in _TESTS
        }
        self.readings = {
            name: [_mean(f[name] for f in results[cell.name]) for cell in CELLS]
            for name in _READINGS
        }

    def beyond(self) -> list[Rate]:
        """The suite's own tests that err more often than they may."""
        ours = [rate for rates in self.rates.values() for rate in rates]
        return beyond([rate for rate in ours if rate.about["ours"]])

    def as_record(self) -> dict[str, Any]:
        """For `documents.json`."""
        return {
            "rates": [r.as_record() for rates in self.rates.values() for r in rates],
            "readings": self.readings,
            "icc": [cell.icc for cell in CELLS],
        }


_Found = Mapping[str, float]


def _p_below(name: str, level: float = CHANCE) -> Any:
    return lambda found: found[name] < level


def _above(name: str, claim: str) -> Any:
    minimum = load_claims()[claim].thresholds.minimum
    return lambda found: found[name] > minimum


def _rerun(found: _Found) -> bool:
    return any(found[f"signal rerun at N = {n}"] < CHANCE for n in SAMPLES)


def _looks(found: _Found) -> bool:
    return any(found[f"signal rerun at N = {n}"] < look_for(n).alpha for n in PLANNED)


_TESTS = {
    "t-test over pairs of clips, one layer": _p_below("t-test over pairs, one layer"),
    f"the same, best of {LAYERS} layers": _p_below("t-test over pairs, best layer"),
    "the same, and a signal > 2 %": _p_below(
        "t-test over pairs, best layer with enough signal"
    ),
    "the same on centred cosines, one layer": _p_below(
        "centred t-test over pairs, one layer"
    ),
    f"the same on centred cosines, best of {LAYERS}": _p_below(
        "centred t-test over pairs, best layer"
    ),
    "the same on centred cosines, and a signal > 2 %": _p_below(
        "centred t-test over pairs, best layer with enough signal"
    ),
    "labels dealt out to clips, max-T": _p_below("labels dealt out to clips, max-T"),
    "ours: labels dealt out to prompts, max-T": _p_below("ours: signal"),
    "5-fold accuracy over clips > 70 %": _above(
        "5-fold accuracy over clips, one layer", "linear_probe"
    ),
    "best layer's accuracy on other prompts > 70 %": _above(
        "accuracy on other prompts, best layer", "linear_probe"
    ),
    "ours: probe refitted under relabelings": _p_below("ours: probe"),
    "tempo gap > 20 BPM": _above("tempo gap", "tempo_gap"),
    "tempo gap > 20 BPM, 25 % octave errors": _above(
        "tempo gap with octave errors", "tempo_gap"
    ),
    "ours: tempo gap, labels dealt out to prompts": _p_below("ours: tempo"),
    f"rerun at {', '.join(map(str, SAMPLES))} until p < .05": _rerun,
    _RERUN: _looks,
}
_READINGS = (
    "5-fold accuracy over clips, one layer",
    "accuracy on other prompts, one layer",
    "accuracy on other prompts, best layer",
    "ours: accuracy",
    *(f"dimensions that differ, N = {n}" for n in SAMPLES),
)


def _rate(test: str, cell: DocumentsCell, found: Iterable[_Found]) -> Rate:
    ours = test.startswith("ours")
    rate = Rate(about={"test": test, "icc": cell.icc, "ours": ours})
    if ours:
        rate.at_most = CHANCE
    for repetition in found:
        rate.add(_TESTS[test](repetition))
    return rate


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else float("nan")


def documents_markdown(rates: DocumentsRates) -> str:
    """The report, for people."""
    headers = [f"ICC {cell.icc:g}" for cell in CELLS]
    counts = ", ".join(str(count) for count in rates.counts.values())
    yes = [
        [test, *found, _before(BEFORE.get(test))] for test, found in rates.rates.items()
    ]
    read = [
        [name, *(f"{100 * v:.1f}" for v in values), _before(BEFORE_READ.get(name))]
        for name, values in rates.readings.items()
    ]
    sections = [
        f"{_INTRODUCTION}\nData sets by ICC: {counts}.",
        "## How often they say yes",
        table(["test", *headers, "simulated before"], yes),
        *_differences(rates),
        "## What they read",
        _READ,
        table(["reading", *headers, "simulated before"], read),
    ]
    return "\n\n".join(sections) + "\n"


def _before(known: Sequence[float | None] | None) -> str:
    if known is None:
        return ""
    return ", ".join("-" if rate is None else f"{rate:g}" for rate in known)


def _differences(rates: DocumentsRates) -> list[str]:
    """Where the table before the project is not what is found now."""
    both = [
        Rate(
            **{side: known / 100},
            hits=found.hits,
            count=found.count,
            about={"test": test, "icc": found.about["icc"], "known": known},
        )
        for test, before in BEFORE.items()
        for found, known in zip(rates.rates[test], before, strict=True)
        if known is not None
        for side in ("at_most", "at_least")
    ]
    other = beyond(both)
    if not other:
        return ["Where a rate was simulated before, it is found again."]
    lines = [
        f"- {r.about['test']}, ICC {r.about['icc']:g}: {r}, before {r.about['known']:g}"
        for r in other
    ]
    return ["Not what was simulated before:\n\n" + "\n".join(lines)]
