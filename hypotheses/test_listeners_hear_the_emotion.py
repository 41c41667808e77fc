"""Claim: listeners who do not know the prompt name its emotion.

Null: emotions are exchangeable among the prompts of a template; what raters answer does
not depend on them.
Effect: share of answers that name the prompt's emotion, beyond chance, from as many
raters as were planned; raters and prompts both count as samples. Without ratings, or
with fewer, nothing is decided.
Controls: emotions shuffled within templates.
Source: Critical Reality Check, 'Immediate Actions' 2 (listen to the audio yourself) and
'Validate at Multiple Levels' (human perception).
"""

import pytest

from harness.evidence.common import silence
from harness.evidence.listeners import agreement_evidence, recognition_evidence


@pytest.mark.claim("emotion_heard")
def test_listeners_hear_the_emotion(heard, decide_claim):
    decide_claim(recognition_evidence(heard))


@pytest.mark.claim("listeners_agree")
def test_listeners_agree(heard, decide_claim):
    decide_claim(agreement_evidence(heard))


@pytest.mark.control("emotion_heard")
def test_listeners_do_not_hear_shuffled_emotions(heard, decide_claim):
    decide_claim(silence(recognition_evidence(heard.shuffled())))
