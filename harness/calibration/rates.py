"""Counts of errors, and whether any is too many.

Conventions
-----------
A rate is `hits` of `count`. It is held against the rate that it may have at most (an
error) or must have at least (power) by an exact binomial test, and the tests of one
table are corrected for their number (Bonferroni): what is then still significant is an
error rate that is wrong, not the luck of so many cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

from scipy import stats

from harness.calibration.tables import interval, percent

__all__ = ["Rate", "beyond", "pooled"]

_FAMILY_WISE = 0.05


@dataclass(slots=True, kw_only=True)
class Rate:
    """How often something happened, and how often it may."""

    at_most: float = float("nan")
    at_least: float = float("nan")
    hits: int = 0
    count: int = 0
    about: dict[str, Any] = field(default_factory=dict)

    def add(self, hit: bool) -> None:
        """Count one more."""
        self.hits += bool(hit)
        self.count += 1

    @property
    def observed(self) -> float:
        """Hits per count; 0 of 0 is 0."""
        return self.hits / max(1, self.count)

    @property
    def p(self) -> float:
        """How well luck explains that the rate is beyond its bound."""
        if self.count == 0:
            return 1.0
        upward, bound = isnan(self.at_least), self.at_most
        if not upward:
            bound = self.at_least
        if isnan(bound):
            return 1.0
        side = "greater" if upward else "less"
        test = stats.binomtest(self.hits, self.count, bound, alternative=side)
        return float(test.pvalue)

    @property
    def upper(self) -> float:
        """The upper end of the 95 % interval."""
        return interval(self.hits, self.count)[1]

    def __str__(self) -> str:
        return percent(self.hits, self.count)

    def as_record(self) -> dict[str, Any]:
        """For a report that programs read."""
        low, high = interval(self.hits, self.count)
        bounds = {"at_most": self.at_most, "at_least": self.at_least}
        return {
            **self.about,
            **{name: bound for name, bound in bounds.items() if not isnan(bound)},
            "hits": self.hits,
            "count": self.count,
            "interval": [low, high],
        }


def pooled(rates: Iterable[Rate]) -> Rate:
    """All of them as one, with the bound of the first."""
    every = list(rates)
    if not every:
        return Rate()
    return Rate(
        at_most=every[0].at_most,
        at_least=every[0].at_least,
        hits=sum(rate.hits for rate in every),
        count=sum(rate.count for rate in every),
    )


def beyond(rates: Sequence[Rate]) -> list[Rate]:
    """Those that luck does not explain, with all of them counted."""
    return [rate for rate in rates if rate.p < _FAMILY_WISE / len(rates)]
