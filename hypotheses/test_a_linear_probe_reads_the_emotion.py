"""Claim: a linear probe tells the emotions of prompts that it has not seen apart.

Null: emotions are exchangeable among the prompts of a template.
Effect: mean over pairs of emotions of the balanced accuracy on held-out templates, in
the layer that the training templates choose (two classes: chance is 50 %).
Controls: emotions shuffled within templates, with the probe refitted; the null half,
which never saw the words, also with tempo, loudness and brightness regressed out.
Source: Next Steps, 'Week 2' (> 70 % leads on, 60 to 70 % needs more, < 60 % pivots).
"""

import pytest

from harness.evidence import probe_evidence, silence


@pytest.mark.claim("linear_probe")
def test_a_linear_probe_reads_the_emotion(run, activations, audio, clips, decide_claim):
    evidence = probe_evidence(
        activations.conditional,
        clips,
        null=activations.null,
        acoustics=audio.tempo_loudness_brightness,
        text=activations.text,
        alpha=run.look.alpha,
    )
    decide_claim(evidence)


@pytest.mark.control("linear_probe")
def test_a_linear_probe_does_not_read_shuffled_emotions(
    activations, clips, decide_claim
):
    decide_claim(silence(probe_evidence(activations.conditional, clips.shuffled())))
