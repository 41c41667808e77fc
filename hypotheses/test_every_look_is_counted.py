"""Claim: every look at the data is on record, as it was written.

Null: a line of the ledger was edited or removed, or is from the future.
Effect: 1 if all lines are as they were written; one that is not makes all others
worthless.
Controls: a planted edit, planted removals, half a line and a look from the future are
found, and a sound ledger is left in peace.
Source: Next Steps, 'Decision Tree' (rerun with more samples); five reruns until p < .05
find an emotion in one null model out of six.
"""

import pytest

from harness.verdict import Evidence


@pytest.mark.claim("looks_counted")
def test_every_look_is_as_it_was_written(ledger_problem, decide_claim):
    whole = float(ledger_problem is None)
    decide_claim(Evidence(effect=whole, problem=ledger_problem))


@pytest.mark.control("looks_counted")
def test_an_edit_a_removal_and_a_look_from_the_future_are_found(
    planted_problems, decide_claim
):
    right = [
        (problem is None) == (name == "sound")
        for name, problem in planted_problems.items()
    ]
    decide_claim(Evidence(effect=sum(right) / len(right)))
