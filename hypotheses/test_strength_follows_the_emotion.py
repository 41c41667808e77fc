"""Claim: the strength of the activations differs more between emotions than between
prompts.

Null: emotions are exchangeable among the prompts of a template.
Effect: of the logarithm of the mean magnitude over steps and dimensions: mean square
between emotions over mean square between prompts, in the layer that others choose;
p is corrected for all layers.
Controls: emotions shuffled within templates.
Source: Solution Strategy, explanation 4 D (not just direction, but strength).
"""

import pytest

from harness.evidence import silence, spread_evidence


@pytest.mark.claim("strength_ratio")
def test_the_strength_follows_the_emotion(over_time, decide_claim):
    decide_claim(over_time.qualified("strength", spread_evidence))


@pytest.mark.control("strength_ratio")
def test_the_strength_does_not_follow_shuffled_emotions(over_time, clips, decide_claim):
    found = spread_evidence(over_time.levels("strength"), clips.shuffled())
    decide_claim(silence(found))
