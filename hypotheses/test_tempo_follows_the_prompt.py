"""Claim: the tempo of the music follows the emotion of its prompt.

Null: the tempo does not depend on the emotion that was asked for.
Effect: mean tempo in BPM, octave-robust; over prompt means, first emotion minus
second. The direction is fixed beforehand.
Controls: emotions shuffled within templates.
Source: Next Steps, 'Minimum Viable Signal' (> 20 BPM); Critical Reality Check,
'Acoustic Features BARELY Differ'.
"""

import pytest

from harness.evidence import gap_evidence, silence


@pytest.mark.claim("tempo_gap")
def test_the_tempo_follows_the_prompt(contrast, tempo, clips, decide_claim):
    decide_claim(gap_evidence(tempo, clips, contrast))


@pytest.mark.control("tempo_gap")
def test_the_tempo_does_not_follow_shuffled_emotions(tempo, clips, decide_claim):
    shuffled = clips.shuffled()
    decide_claim(silence(gap_evidence(tempo, shuffled, shuffled.emotions[:2])))
