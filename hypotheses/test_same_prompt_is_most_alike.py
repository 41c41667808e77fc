"""Claim: two clips of one prompt are more alike than clips of different emotions.

Null: which prompt a clip came from does not matter.
Effect: centred cosine of two clips of one prompt with different seeds, minus that of
clips of different emotions: the baseline that everything else is compared with.
Controls: second clips dealt out to the prompts at random (this is also the null).
Source: Critical Reality Check, 'The Difference is TINY' (0.9508 against 0.9461).
"""

import pytest

from harness.evidence import control_evidence, silence


@pytest.mark.claim("control_similarity")
def test_the_same_prompt_is_more_alike_than_different_emotions(
    activations, clips, decide_claim
):
    decide_claim(control_evidence(activations.controls, clips.sentences))


@pytest.mark.control("control_similarity")
def test_mismatched_pairs_are_not_more_alike(activations, clips, decide_claim):
    mismatched = clips.sentences.mismatched()
    decide_claim(silence(control_evidence(activations.controls, mismatched)))
