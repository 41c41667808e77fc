"""Claim: some metric other than cosine separates the emotions.

Null: emotions are exchangeable among the prompts of a template.
Effect: how far the metric lies beyond shuffled emotions, in their standard deviations,
in the layer (and metric) that other templates choose. Metrics are taken between prompt
means: squared Euclidean distance and crossnobis (cross-validated), CKA with the emotion
(debiased), CCA of 5 principal components, MMD (unbiased), sliced Wasserstein distance,
distance correlation with the emotion (bias-corrected). All are tested together.
Controls: emotions shuffled within templates.
Source: Solution Strategy, 'Wrong Similarity Metric' and 'Phase 3'; Critical Reality
Check, 'Medium-Term' 5; Next Steps, 'Week 3'.
"""

import pytest

from harness.evidence.common import silence
from harness.evidence.metric_panel import OTHER_METRICS
from harness.evidence.metrics import (
    other_metrics_evidence,
    sensitivity_evidence,
)


@pytest.mark.claim("other_metrics")
def test_some_other_metric_separates_the_emotions(other_metrics, decide_claim):
    decide_claim(other_metrics["other_metrics"])


@pytest.mark.claim("other_metric")
@pytest.mark.parametrize("metric", OTHER_METRICS)
def test_the_metric_separates_the_emotions(metric, other_metrics, decide_claim):
    decide_claim(other_metrics[metric])


@pytest.mark.claim("metric_sensitivity")
def test_how_sensitive_each_metric_is(metric_panel, decide_claim):
    decide_claim(sensitivity_evidence(metric_panel))


@pytest.mark.control("other_metrics")
def test_no_other_metric_separates_shuffled_emotions(
    shuffled_metric_panel, decide_claim
):
    decide_claim(silence(other_metrics_evidence(shuffled_metric_panel)))
