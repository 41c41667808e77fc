"""Claim: in some part of the clip, clips of one emotion are more alike than clips of
different emotions.

Null: emotions are exchangeable among the prompts of a template.
Effect: mean centred cosine within emotions minus between, over pairs of different
prompts and different templates, in the eighth of the clip and the layer that other
templates choose; p is corrected for all parts and layers. The first part that shows it
is where the emotion emerges.
Controls: emotions shuffled within templates; the null half, which never saw the words.
Source: Solution Strategy, 'Phase 4' A (time steps that encode emotion).
"""

import pytest

from harness.evidence import emergence_evidence, silence


@pytest.mark.claim("emotion_emerges")
def test_the_emotion_shows_in_some_part_of_the_clip(run, over_time, decide_claim):
    evidence = emergence_evidence(
        over_time.signals, null=over_time.null_signals, alpha=run.look.alpha
    )
    decide_claim(evidence)


@pytest.mark.control("emotion_emerges")
def test_shuffled_emotions_show_in_no_part(over_time, decide_claim):
    decide_claim(silence(emergence_evidence(over_time.signals.shuffled())))
