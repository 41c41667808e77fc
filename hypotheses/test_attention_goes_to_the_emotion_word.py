"""Claim: the model reads the emotion's word more than the other words of the prompt.

Null: in every template, the emotion's word is any of its words.
Effect: a head's attention on the emotion's word over that on the other words (geometric
means, each word as much as its pieces on average), in the head that other templates
choose; p is corrected for all heads.
Controls: any word of each template, called the emotion's.
Source: Solution Strategy, explanation 4 C; Next Steps, 'Path A' (what the model attends
to).
"""

import pytest

from harness.evidence import any_words, silence, word_evidence


@pytest.mark.claim("emotion_word_read")
def test_the_emotion_word_is_read_more_than_others(run, attention, decide_claim):
    alpha = run.look.alpha
    decide_claim(word_evidence(attention.readings, attention.table, alpha=alpha))


@pytest.mark.control("emotion_word_read")
def test_any_other_word_is_not_read_more(attention, decide_claim):
    others = any_words(attention.readings, attention.table)
    decide_claim(silence(word_evidence(others, attention.table)))
