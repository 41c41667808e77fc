"""Claim: the loudness of the music follows the emotion of its prompt.

Null: the loudness does not depend on the emotion that was asked for.
Effect: mean RMS; over prompt means, first emotion minus
second. The direction is fixed beforehand; p is corrected for the whole acoustic panel.
Controls: emotions shuffled within templates.
Source: Critical Reality Check, 'Acoustic Reality Check' (0.0014 is none).
"""

import pytest

from harness.evidence import gap_evidence, silence


@pytest.mark.claim("loudness_gap")
def test_the_loudness_follows_the_prompt(contrast, panel, decide_claim):
    decide_claim(panel["loudness_gap", contrast])


@pytest.mark.control("loudness_gap")
def test_the_loudness_does_not_follow_shuffled_emotions(audio, clips, decide_claim):
    shuffled = clips.shuffled()
    decide_claim(silence(gap_evidence(audio.rms, shuffled, shuffled.emotions[:2])))
