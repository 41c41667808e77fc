"""Claim: the emotion is stronger at the start of the clip than at its end.

Null: emotions are exchangeable among the prompts of a template; or they are not, and
the signal is the same at both ends.
Effect: the signal (centred cosine within emotions minus between) of the first eighth of
the clip minus that of the last, in the layer that other templates choose.
Controls: emotions shuffled within templates; the null half, which never saw the words.
Source: Solution Strategy, explanation 4 A (first and last 10 %).
"""

import pytest

from harness.evidence import early_evidence, silence


@pytest.mark.claim("emotion_at_the_start")
def test_the_emotion_is_stronger_at_the_start(run, over_time, decide_claim):
    evidence = early_evidence(
        over_time.signals, null=over_time.null_signals, alpha=run.look.alpha
    )
    decide_claim(evidence)


@pytest.mark.control("emotion_at_the_start")
def test_shuffled_emotions_are_not_stronger_at_the_start(over_time, decide_claim):
    decide_claim(silence(early_evidence(over_time.signals.shuffled())))
