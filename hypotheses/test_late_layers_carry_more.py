"""Claim: late layers carry the emotion more strongly than early ones.

Null: emotions are exchangeable among the prompts of a template; or they are not, and
the signal is the same at every depth.
Effect: signal (centred cosine within emotions minus between), mean over the late third
of the layers minus mean over the early third.
Controls: emotions shuffled within templates.
Source: Solution Strategy, 'Wrong Layer' (late layers); Plan, 'Experiment 1' (middle).
"""

import pytest

from harness.evidence import depth_evidence, silence, stability_evidence


@pytest.mark.claim("late_layers")
def test_late_layers_carry_more_than_early_ones(activations, clips, decide_claim):
    decide_claim(depth_evidence(activations.conditional, clips))


@pytest.mark.control("late_layers")
def test_shuffled_emotions_are_nowhere_deeper(activations, clips, decide_claim):
    decide_claim(silence(depth_evidence(activations.conditional, clips.shuffled())))


@pytest.mark.claim("layer_ranks")
def test_other_prompts_rank_the_layers_alike(activations, clips, decide_claim):
    decide_claim(stability_evidence(activations.conditional, clips))
