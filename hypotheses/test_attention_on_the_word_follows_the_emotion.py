"""Claim: how much the model reads the emotion's word differs more between emotions than
between prompts.

Null: emotions are exchangeable among the prompts of a template.
Effect: of the logarithm of a head's attention on the emotion's word over that on the
other words: mean square between emotions over mean square between prompts, in the head
that other templates choose; p is corrected for all heads. The words are different ones,
so that what is found is text-borne.
Controls: emotions shuffled within templates.
Source: Solution Strategy, explanation 4 C (what the model attends to).
"""

import pytest

from harness.evidence import head_evidence, silence


@pytest.mark.claim("emotion_word_ratio")
def test_the_reading_of_the_word_follows_the_emotion(run, attention, decide_claim):
    evidence = head_evidence(
        attention.emotion_word,
        attention.table,
        of_words=True,
        alpha=run.look.alpha,
    )
    decide_claim(evidence)


@pytest.mark.control("emotion_word_ratio")
def test_the_reading_does_not_follow_shuffled_emotions(attention, decide_claim):
    shuffled = attention.table.shuffled()
    decide_claim(silence(head_evidence(attention.emotion_word, shuffled)))
