"""Claim: in some layer, clips of one emotion are more alike than clips of different
emotions.

Null: emotions are exchangeable among the prompts of a template.
Effect: mean centred cosine within emotions minus between, over pairs of different
prompts and different templates, in the layer that other templates choose.
Controls: emotions shuffled within templates; the null half, which never saw the words;
the first step, which heard no music; music of one emotion under the words of another.
Source: Next Steps, 'Success Criteria' (> 2 %); Solution Strategy, 'Phase 1'.
"""

import pytest

from harness.evidence import signal_evidence, silence


@pytest.mark.claim("layer_signal")
def test_emotions_separate_in_some_layer(run, activations, clips, decide_claim):
    evidence = signal_evidence(
        activations.conditional,
        clips,
        null=activations.null,
        first_step=activations.first_step,
        swap=activations.swap,
        controls=activations.controls,
        alpha=run.look.alpha,
    )
    decide_claim(evidence)


@pytest.mark.claim("layer_signal_by_layer")
def test_emotions_separate_in_the_layer(layer, layer_signals, decide_claim):
    decide_claim(layer_signals[layer])


@pytest.mark.control("layer_signal")
def test_shuffled_emotions_do_not_separate(activations, clips, decide_claim):
    decide_claim(silence(signal_evidence(activations.conditional, clips.shuffled())))
