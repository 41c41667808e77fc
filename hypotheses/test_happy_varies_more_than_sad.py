"""Claim: activations vary more over time in happy music than in sad music.

Null: the variance over time does not depend on which of the two was asked for.
Effect: variance over steps, mean over dimensions: geometric mean of happy prompts over
that of sad ones, in the layer that other templates choose. The direction is fixed
beforehand; p is corrected for all layers.
Controls: emotions shuffled within templates.
Source: Solution Strategy, 'Phase 4' B (happy_var > 1.5 sad_var).
"""

import pytest

from harness.evidence import ratio_evidence, silence


@pytest.mark.claim("happy_varies_more")
def test_happy_varies_more_than_sad(contrast, over_time, decide_claim):
    decide_claim(
        over_time.qualified(
            "variance", lambda levels, clips: ratio_evidence(levels, clips, contrast)
        )
    )


@pytest.mark.control("happy_varies_more")
def test_no_emotion_varies_more_once_shuffled(over_time, clips, decide_claim):
    levels, shuffled = over_time.levels("variance"), clips.shuffled()
    found = ratio_evidence(levels, shuffled, shuffled.emotions[:2])
    decide_claim(silence(found))
