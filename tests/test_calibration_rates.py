"""Rates are held against what they may be, and luck is told from error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.calibration.rates import Rate, beyond, pooled


def test_the_test_of_a_rate_is_binomial() -> None:
    rate = Rate(at_most=0.05, hits=8, count=60)
    assert rate.p == pytest.approx(stats.binom.sf(7, 60, 0.05))
    assert Rate(at_least=0.9, hits=50, count=60).p == pytest.approx(
        stats.binom.cdf(50, 60, 0.9)
    )


def test_fewer_errors_than_allowed_are_no_finding() -> None:
    assert Rate(at_most=0.05, hits=0, count=1000).p == 1
    assert Rate(at_least=0.9, hits=1000, count=1000).p == 1


def test_nothing_is_held_against_a_rate_without_bound_or_data() -> None:
    assert Rate(hits=60, count=60).p == 1
    assert Rate(at_most=0.05).p == 1


def test_counting_counts() -> None:
    rate = Rate(at_most=0.5)
    for hit in (True, False, False):
        rate.add(hit)
    assert (rate.hits, rate.count) == (1, 3)
    assert str(rate) == "33.3 [0.8, 90.6]"
    assert pooled([rate, rate]).count == 6
    assert pooled([]).count == 0


def test_of_many_rates_only_what_luck_does_not_explain_is_beyond() -> None:
    rng = np.random.default_rng(0)
    fair = [
        Rate(at_most=0.05, hits=int(h), count=60) for h in rng.binomial(60, 0.05, 200)
    ]
    assert sum(rate.p < 0.05 for rate in fair) > 0
    assert beyond(fair) == []
    wrong = Rate(at_most=0.05, hits=14, count=60)
    assert beyond([*fair, wrong]) == [wrong]


def test_a_record_says_what_was_counted_of_what() -> None:
    rate = Rate(at_most=0.05, hits=3, count=60, about={"claim": "tempo_gap"})
    record = rate.as_record()
    assert record["claim"] == "tempo_gap"
    assert (record["hits"], record["count"], record["at_most"]) == (3, 60, 0.05)
    assert "at_least" not in record
    assert record["interval"] == pytest.approx([0.0104, 0.1392], abs=1e-4)
