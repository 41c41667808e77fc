"""Claim: the music keeps this rule of its emotion: fast, loud, in major, bright.

Null: a clip keeps the rule as often as its prompts' labels, shuffled, would have it.
Effect: share of the emotion's clips that keep the rule.
Controls: emotions shuffled within templates. All rules are tested together.
Source: Phase 0 Completion Plan, 'Experiment 3'; Solution Strategy, 'Phase 2'; the rules
stand in claims.toml.
"""

import pytest

from harness.claims import single_rules
from harness.evidence.common import silence
from harness.evidence.rules import rule_evidences


@pytest.mark.claim("single_rule")
def test_clips_keep_the_rule(rule, rules, decide_claim):
    decide_claim(rules[rule])


@pytest.mark.control("single_rule")
def test_clips_do_not_keep_the_rule_of_shuffled_emotions(
    rule, audio, tempo, clips, decide_claim
):
    evidences = rule_evidences(audio.heard, clips.shuffled(), single_rules())
    decide_claim(silence(evidences[rule]))
