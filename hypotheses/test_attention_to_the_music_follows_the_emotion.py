"""Claim: how widely, and how far, the model looks back over the music differs more
between emotions than between prompts.

Null: emotions are exchangeable among the prompts of a template.
Effect: mean square between emotions over mean square between prompts, in the head that
other templates choose; p is corrected for all heads. How widely: the logarithm of a
head's entropy, a share of the largest that is possible. How far: the logarithm of its
mean distance in seconds.
Controls: emotions shuffled within templates; the null half, which never saw the words.
Source: Solution Strategy, explanation 4 C (what the model attends to).
"""

import pytest

from harness.evidence import head_evidence, silence


@pytest.mark.claim("attention_entropy_ratio")
def test_how_widely_is_looked_follows_the_emotion(run, attention, decide_claim):
    evidence = head_evidence(
        attention.entropy,
        attention.table,
        null=attention.null_entropy,
        alpha=run.look.alpha,
    )
    decide_claim(evidence)


@pytest.mark.control("attention_entropy_ratio")
def test_how_widely_does_not_follow_shuffled_emotions(attention, decide_claim):
    shuffled = attention.table.shuffled()
    decide_claim(silence(head_evidence(attention.entropy, shuffled)))


@pytest.mark.claim("attention_distance_ratio")
def test_how_far_is_looked_follows_the_emotion(run, attention, decide_claim):
    evidence = head_evidence(
        attention.distance,
        attention.table,
        null=attention.null_distance,
        alpha=run.look.alpha,
    )
    decide_claim(evidence)


@pytest.mark.control("attention_distance_ratio")
def test_how_far_does_not_follow_shuffled_emotions(attention, decide_claim):
    shuffled = attention.table.shuffled()
    decide_claim(silence(head_evidence(attention.distance, shuffled)))
