"""Claim: the brightness of the music follows the emotion of its prompt.

Null: the brightness does not depend on the emotion that was asked for.
Effect: mean spectral centroid in Hz; over prompt means, first emotion minus
second. The direction is fixed beforehand; p is corrected for the whole acoustic panel.
Controls: emotions shuffled within templates.
Source: Critical Reality Check, 'Acoustic Reality Check' (1621 Hz).
"""

import pytest

from harness.evidence import gap_evidence, silence


@pytest.mark.claim("brightness_gap")
def test_the_brightness_follows_the_prompt(contrast, panel, decide_claim):
    decide_claim(panel["brightness_gap", contrast])


@pytest.mark.control("brightness_gap")
def test_the_brightness_does_not_follow_shuffled_emotions(audio, clips, decide_claim):
    shuffled = clips.shuffled()
    decide_claim(
        silence(gap_evidence(audio.brightness_hz, shuffled, shuffled.emotions[:2]))
    )
