"""Claim: happy music is in major more often than sad music.

Null: the mode does not depend on the emotion that was asked for.
Effect: share of clips in major; over prompt means, first emotion minus
second. The direction is fixed beforehand; p is corrected for the whole acoustic panel.
Controls: emotions shuffled within templates.
Source: Critical Reality Check, 'Acoustic Reality Check' (major, minor).
"""

import pytest

from harness.evidence import gap_evidence, silence


@pytest.mark.claim("mode_gap")
def test_the_mode_follows_the_prompt(contrast, panel, decide_claim):
    decide_claim(panel["mode_gap", contrast])


@pytest.mark.control("mode_gap")
def test_the_mode_does_not_follow_shuffled_emotions(audio, clips, decide_claim):
    shuffled = clips.shuffled()
    decide_claim(silence(gap_evidence(audio.is_major, shuffled, shuffled.emotions[:2])))
