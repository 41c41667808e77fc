"""Claim: emotions grow apart while the music is made.

Null: emotions are exchangeable among the prompts of a template; or they are not, and
the signal is the same from start to end.
Effect: by how much the signal (centred cosine within emotions minus between) rises over
the clip, along the line through its eighths, in the layer that other templates choose.
Controls: emotions shuffled within templates; the null half, which never saw the words.
Source: Critical Reality Check, 'Temporal Dynamics' (0.956 early, 0.929 late).
"""

import pytest

from harness.evidence import growth_evidence, silence


@pytest.mark.claim("emotions_diverge")
def test_emotions_grow_apart(run, over_time, decide_claim):
    evidence = growth_evidence(
        over_time.signals, null=over_time.null_signals, alpha=run.look.alpha
    )
    decide_claim(evidence)


@pytest.mark.control("emotions_diverge")
def test_shuffled_emotions_do_not_grow_apart(over_time, decide_claim):
    decide_claim(silence(growth_evidence(over_time.signals.shuffled())))
