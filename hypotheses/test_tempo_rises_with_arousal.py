"""Claim: the more arousing the emotion of the prompt, the faster the music.

Null: emotions are exchangeable among the prompts of a template.
Effect: correlation over prompts of the tempo in BPM with the arousal at which people
rate the emotion's name.
Controls: emotions shuffled within templates; reference clips of known tempo.
Source: Phase 0 Completion Plan, 'Technical Report Contents' (r = 0.67); ratings of
Warriner, Kuperman & Brysbaert (2013).
"""

import pytest

from harness.evidence.arousal import arousal_evidence
from harness.evidence.common import silence


@pytest.mark.claim("tempo_arousal")
def test_tempo_rises_with_arousal(tempo, clips, arousal, decide_claim):
    decide_claim(arousal_evidence(tempo, clips, arousal))


@pytest.mark.control("tempo_arousal")
def test_tempo_does_not_rise_with_shuffled_arousal(tempo, clips, arousal, decide_claim):
    decide_claim(silence(arousal_evidence(tempo, clips.shuffled(), arousal)))
