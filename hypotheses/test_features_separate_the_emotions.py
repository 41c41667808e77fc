"""Claim: this feature of the music separates the emotions.

Null: emotions are exchangeable among the prompts of a template.
Effect: share of the feature's variance over prompts that the emotion explains, beyond
what chance would (epsilon squared); tempo and brightness in octaves.
Controls: emotions shuffled within templates. All features are tested together.
Source: Critical Reality Check, 'Acoustic Reality Check' (2 of 4 features).
"""

import pytest

from harness.evidence.common import silence
from harness.evidence.features import feature_evidences

FEATURES = (
    "tempo",
    "pulse",
    "RMS",
    "loudness",
    "brightness",
    "mode",
    "key clarity",
)


@pytest.mark.claim("feature_separation")
@pytest.mark.parametrize("feature", FEATURES)
def test_the_feature_separates_the_emotions(feature, separations, decide_claim):
    decide_claim(separations[feature])


@pytest.mark.control("feature_separation")
@pytest.mark.parametrize("feature", FEATURES)
def test_the_feature_does_not_separate_shuffled_emotions(
    feature, features, clips, decide_claim
):
    decide_claim(silence(feature_evidences(features, clips.shuffled())[feature]))
