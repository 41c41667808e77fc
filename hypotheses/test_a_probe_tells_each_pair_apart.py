"""Claim: a linear probe tells each two emotions apart, names the emotion among all, and
does so in some layers and parts of the clip.

Null: emotions are exchangeable among the prompts of a template.
Effect: balanced accuracy on held-out templates, in the layer (and part of the clip)
that the training templates choose; that of all emotions is put on the scale of two
classes, where chance is 50 %. p is that of refits, corrected for pairs, layers, parts.
Controls: emotions shuffled within templates, with the probe refitted: its accuracy
there is what selectivity is counted from (Hewitt & Liang 2019).
Source: Next Steps, 'Week 2' and 'Success Criteria'; Solution Strategy, 'Phase 3'.
"""

import pytest

from harness.evidence import (
    learning_evidence,
    multiclass_evidence,
    probe_time_evidence,
    qualified,
    silence,
)


@pytest.mark.claim("probe_pair")
def test_a_probe_tells_the_pair_apart(pair, probed, decide_claim):
    decide_claim(probed[frozenset(pair)])


@pytest.mark.claim("probe_by_layer")
def test_a_probe_reads_the_emotion_in_the_layer(layer, probed, decide_claim):
    decide_claim(probed[layer])


@pytest.mark.claim("probe_all")
def test_a_probe_names_the_emotion_among_all(activations, decide_claim):
    decide_claim(activations.qualified(multiclass_evidence))


@pytest.mark.claim("probe_learning")
def test_what_more_prompts_add(activations, clips, decide_claim):
    decide_claim(learning_evidence(activations.conditional, clips))


@pytest.mark.claim("probe_in_time")
def test_a_probe_reads_the_emotion_in_some_part(key_windows, clips, run, decide_claim):
    layers = key_windows.layers
    found = qualified(
        probe_time_evidence(key_windows.of("conditional"), clips, layers=layers),
        lambda: probe_time_evidence(key_windows.of("null"), clips, layers=layers),
        alpha=run.look.alpha,
    )
    decide_claim(found)


@pytest.mark.control("probe_all")
def test_a_probe_does_not_name_shuffled_emotions(activations, clips, decide_claim):
    found = multiclass_evidence(activations.conditional, clips.shuffled())
    decide_claim(silence(found))
