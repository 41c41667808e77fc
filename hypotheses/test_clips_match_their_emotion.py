"""Claim: the music sounds as the emotion of its prompt says.

Null: a clip meets the rules of its own emotion as often as its prompts' labels,
shuffled, would have it.
Effect: share of prompts whose clips meet every rule of their emotion.
Controls: emotions shuffled within templates.
Source: Critical Reality Check, 'Phase 0 Cannot Proceed Until' (> 80 %); the rules per
emotion stand in claims.toml.
"""

import pytest

from harness.evidence import match_evidence, silence


@pytest.mark.claim("acoustic_match")
def test_clips_match_their_emotion(matches, decide_claim):
    decide_claim(match_evidence(matches.met, matches.table))


@pytest.mark.control("acoustic_match")
def test_clips_do_not_match_shuffled_emotions(matches, decide_claim):
    decide_claim(silence(match_evidence(matches.met, matches.table.shuffled())))
