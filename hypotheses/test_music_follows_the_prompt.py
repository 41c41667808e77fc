"""Claim: the music follows the emotion of its prompt in tempo, brightness, loudness,
mode.

Null: the feature does not depend on the emotion that was asked for.
Effect: mean over prompts of the first emotion minus mean over prompts of the second;
the direction is fixed beforehand.
Controls: emotions shuffled within templates.
Source: Critical Reality Check, 'Acoustic Features BARELY Differ'; Next Steps, 'Minimum
Viable Signal' (tempo differs > 20 BPM).
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


@pytest.mark.claim("brightness_gap")
def test_the_brightness_follows_the_prompt(contrast, audio, clips, decide_claim):
    decide_claim(gap_evidence(audio.brightness_hz, clips, contrast))


@pytest.mark.claim("loudness_gap")
def test_the_loudness_follows_the_prompt(contrast, audio, clips, decide_claim):
    decide_claim(gap_evidence(audio.rms, clips, contrast))


@pytest.mark.claim("mode_gap")
def test_the_mode_follows_the_prompt(contrast, audio, clips, decide_claim):
    decide_claim(gap_evidence(audio.is_major, clips, contrast))


@pytest.mark.control("loudness_gap")
def test_the_loudness_does_not_follow_shuffled_emotions(audio, clips, decide_claim):
    shuffled = clips.shuffled()
    decide_claim(silence(gap_evidence(audio.rms, shuffled, shuffled.emotions[:2])))
