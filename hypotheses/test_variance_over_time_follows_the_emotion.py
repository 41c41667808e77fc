"""Claim: the activations' variance over time differs more between emotions than between
prompts.

Null: emotions are exchangeable among the prompts of a template.
Effect: of the logarithm of the variance over steps, mean over dimensions: mean square
between emotions over mean square between prompts, in the layer that others choose;
p is corrected for all layers.
Controls: emotions shuffled within templates.
Source: Solution Strategy, 'Phase 4' B (a ratio of 1.5).
"""

import pytest

from harness.evidence import silence, spread_evidence


@pytest.mark.claim("variance_ratio")
def test_the_variance_over_time_follows_the_emotion(over_time, decide_claim):
    decide_claim(over_time.qualified("variance", spread_evidence))


@pytest.mark.control("variance_ratio")
def test_the_variance_does_not_follow_shuffled_emotions(over_time, clips, decide_claim):
    found = spread_evidence(over_time.levels("variance"), clips.shuffled())
    decide_claim(silence(found))
