"""Claim: every decoding step is captured exactly once, in every layer.

Null: a step is missing, or came twice.
Effect: share of clips whose layers all saw the number of steps that duration, frame
rate and delay pattern imply.
Controls: a record with one step too few is found.
Source: Start Here, 'What Just Happened' (1 of 459 steps captured).
"""

import pytest

from harness.instrument import wrong_steps
from harness.verdict import Evidence


@pytest.mark.claim("every_step_captured")
def test_every_step_is_captured_once(run, records, decide_claim):
    wrong = wrong_steps(records, card=run.card, seconds=run.request.duration)
    expected = run.card.steps(run.request.duration)
    share = 1 - len(wrong) / len(records)
    decide_claim(
        Evidence(
            effect=share,
            n_clips=len(records),
            detail={"steps": expected, "wrong": wrong[:5]},
        )
    )


@pytest.mark.control("every_step_captured")
def test_a_missing_step_is_found(run, records, decide_claim):
    short = [{**r, "steps": [r["steps"][0] - 1, *r["steps"][1:]]} for r in records]
    found = wrong_steps(short, card=run.card, seconds=run.request.duration)
    decide_claim(Evidence(effect=len(found) / len(short), n_clips=len(short)))
