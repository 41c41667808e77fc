"""Claim: conditional and null half are kept apart.

Null: the halves are averaged or swapped somewhere.
Effect: share of clips whose null half, before any music, is to the last bit that of
every other clip, while the conditional half differs from it and depends on the prompt
alone.
Controls: two clips whose halves are swapped are found.
Source: Start Here, 'Quick Reference' (the 2 in [459, 2, 1, 2048]).
"""

import pytest

from harness.instrument import halves_mixed
from harness.verdict import Evidence


@pytest.mark.claim("halves_apart")
def test_the_null_half_starts_the_same_for_every_prompt(
    records, first_steps, decide_claim
):
    mixed = halves_mixed(first_steps, prompts=[r["prompt"] for r in records])
    decide_claim(Evidence(effect=1 - mixed.mean(), n_clips=len(records)))


@pytest.mark.control("halves_apart")
def test_swapped_halves_are_found(records, first_steps, decide_claim):
    swapped = first_steps.copy()
    swapped[1] = swapped[1, :, ::-1]
    mixed = halves_mixed(swapped, prompts=[r["prompt"] for r in records])
    decide_claim(Evidence(effect=float(mixed[1]), n_clips=len(records)))
