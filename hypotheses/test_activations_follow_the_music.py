"""Claim: activations differ more where the music differs more.

Null: the music of a template's prompts could be that of any of them; within one
emotion, that of a template could be that of any template.
Effect: rank correlation, over pairs of prompts of different templates, of the distance
in tempo, loudness and brightness with the distance in the activations, in the layer
that other templates choose.
Controls: music dealt out to other prompts; the null half, which never saw the words.
Source: Critical Reality Check, 'Medium-Term (Week 2-3)' 6, acoustic-guided analysis.
"""

import pytest

from harness.evidence.common import silence
from harness.evidence.guided import guided_evidence


@pytest.mark.claim("acoustic_guided")
def test_activations_follow_the_music(run, activations, music, clips, decide_claim):
    evidence = guided_evidence(
        activations.conditional,
        music,
        clips,
        null=activations.null,
        alpha=run.look.alpha,
    )
    decide_claim(evidence)


@pytest.mark.claim("acoustic_guided_within")
def test_activations_follow_the_music_within_an_emotion(
    run, activations, music, clips, decide_claim
):
    evidence = guided_evidence(
        activations.conditional,
        music,
        clips,
        null=activations.null,
        within_emotion=True,
        alpha=run.look.alpha,
    )
    decide_claim(evidence)


@pytest.mark.control("acoustic_guided")
def test_activations_do_not_follow_the_music_of_other_prompts(
    activations, music, clips, decide_claim
):
    found = guided_evidence(activations.conditional, music, clips, dealt_out=True)
    decide_claim(silence(found))


@pytest.mark.control("acoustic_guided_within")
def test_activations_within_an_emotion_do_not_follow_the_music_of_others(
    activations, music, clips, decide_claim
):
    evidence = guided_evidence(
        activations.conditional, music, clips, within_emotion=True, dealt_out=True
    )
    decide_claim(silence(evidence))
