"""Claim: prompts of one emotion form a cluster in the activations of some layer.

Null: emotions are exchangeable among the prompts of a template.
Effect: mean silhouette of the emotions between prompts' mean activations (Euclidean),
pairs of one template left out, in the layer that other templates choose. The picture
that UMAP draws of the documents' layer is described, and decides nothing.
Controls: emotions shuffled within templates; the silhouette of templates.
Source: Phase 0 Completion Plan, 'Experiment 2' (silhouette > 0.2).
"""

import pytest

from harness.evidence import (
    emotion_cluster_evidence,
    plane_evidence,
    silence,
    template_cluster_evidence,
)


@pytest.mark.claim("clusters")
def test_emotions_form_clusters(activations, decide_claim):
    decide_claim(activations.qualified(emotion_cluster_evidence))


@pytest.mark.claim("template_clusters")
def test_how_far_templates_form_clusters(activations, clips, decide_claim):
    decide_claim(template_cluster_evidence(activations.conditional, clips))


@pytest.mark.claim("clusters_in_plane")
def test_emotions_form_clusters_in_a_plane(activations, clips, decide_claim):
    decide_claim(plane_evidence(activations.conditional, clips))


@pytest.mark.control("clusters")
def test_shuffled_emotions_form_no_clusters(activations, clips, decide_claim):
    found = emotion_cluster_evidence(activations.conditional, clips.shuffled())
    decide_claim(silence(found))
