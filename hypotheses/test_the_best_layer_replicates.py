"""Claim: the best layer of one half of the prompts shows the emotion in the other half.

Null: emotions are exchangeable among the prompts of a template.
Effect: signal (centred cosine within emotions minus between) of the layer that every
other template chooses, in the templates between; of both directions the smaller.
Controls: emotions shuffled within templates.
Source: Next Steps, 'Lessons Learned' (N = 1 is not evidence).
"""

import pytest

from harness.evidence import replication_evidence, silence


@pytest.mark.claim("replication")
def test_the_best_layer_replicates(activations, decide_claim):
    decide_claim(activations.qualified(replication_evidence))


@pytest.mark.control("replication")
def test_shuffled_emotions_do_not_replicate(activations, clips, decide_claim):
    found = replication_evidence(activations.conditional, clips.shuffled())
    decide_claim(silence(found))
