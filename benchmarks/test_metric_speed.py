"""Other metrics than cosine: beside rsatoolbox and hyppo, and all of them together.

Run with `uv run pytest benchmarks/test_metric_speed.py`. The first two compare one
layer of 4 emotions in 20 matched templates and 512 dimensions, with fewer relabelings
for the library, whose seconds are multiplied by those that are missing. The last is the
whole panel at the first look of the largest model. Everything runs on one core, in
seconds of the processor; beside each figure stands a check that both computed the same,
and nothing is asserted of time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from recording import record
from test_inference_speed import one_core, seconds

from harness.design import ClipTable
from harness.evidence.metric_panel import METRICS, measure_metrics
from harness.inference.relabel import relabelings
from harness.measures.metrics.crossnobis import crossnobis_pairs
from harness.measures.metrics.dependence import distance_correlation_pairs
from harness.measures.metrics.means import mean_gram, projection
from harness.measures.similarity import emotion_signals

EMOTIONS, TEMPLATES, DIMENSIONS = 4, 20, 512
RELABELINGS, THEIRS = 10_000, 20
EMOTION = np.repeat(np.arange(EMOTIONS), TEMPLATES)
TEMPLATE = np.tile(np.arange(TEMPLATES), EMOTIONS)
PROMPTS = np.arange(EMOTION.size)

Floats = np.ndarray
_CAST = "ignore:invalid value encountered in cast"


@pytest.fixture(scope="module")
def vectors() -> Floats:
    """Of one layer, shape (prompts, dimensions)."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(EMOTION.size, DIMENSIONS)) * rng.gamma(2, size=DIMENSIONS)


@pytest.fixture(scope="module")
def labels() -> Floats:
    return relabelings(
        EMOTION, template=TEMPLATE, count=RELABELINGS, rng=np.random.default_rng(1)
    ).labels


def compare(
    name: str,
    ours: Callable[[], Floats],
    theirs: Callable[[], Floats],
    of: str,
) -> None:
    """Both give the statistic of relabelings: ours of all, theirs of the first."""
    with one_core():
        np.testing.assert_allclose(ours()[:THEIRS], theirs(), rtol=1e-6, atol=1e-9)
        own, library = seconds(ours), seconds(theirs, times=1)
    scaled = library * RELABELINGS / THEIRS
    record(
        f"metrics: times {name}",
        scaled / own,
        our_processor_seconds=round(own, 3),
        library_processor_seconds=round(scaled, 1),
        of=of,
    )


@pytest.mark.filterwarnings(_CAST)
def test_crossnobis_against_rsatoolbox(vectors: Floats, labels: Floats) -> None:
    data = pytest.importorskip("rsatoolbox.data")
    rdm = pytest.importorskip("rsatoolbox.rdm")
    noise = pytest.importorskip("rsatoolbox.data.noise")

    def ours() -> Floats:
        pairs = crossnobis_pairs(vectors[:, None], PROMPTS, template=TEMPLATE)
        return emotion_signals(pairs, labels, template=TEMPLATE)[:, 0]

    residuals = projection(EMOTION.size, TEMPLATE) @ vectors
    freedom = EMOTION.size - TEMPLATES
    precision = noise.prec_from_residuals(residuals, freedom, "shrinkage_diag")
    folds = [f"t{k}" for k in TEMPLATE]

    def theirs() -> Floats:
        found = []
        for row in labels[:THEIRS]:
            dataset = data.Dataset(
                vectors, obs_descriptors={"emotion": row, "template": folds}
            )
            distances = rdm.calc_rdm(
                dataset,
                method="crossnobis",
                descriptor="emotion",
                cv_descriptor="template",
                noise=precision,
            )
            found.append(distances.dissimilarities.mean())
        return np.array(found)

    of = (
        f"80 prompts of 512 dimensions, {THEIRS} of 10,000 relabelings, scaled up;"
        " noise is estimated by us in that time and for rsatoolbox before; one core"
    )
    compare("rsatoolbox's crossnobis", ours, theirs, of)


def test_distance_correlation_against_hyppo(vectors: Floats, labels: Floats) -> None:
    independence = pytest.importorskip("hyppo.independence")
    dcorr = independence.Dcorr()
    dcorr.statistic(vectors, np.eye(EMOTIONS)[EMOTION])  # compiled now

    def ours() -> Floats:
        gram = mean_gram(vectors[:, None], PROMPTS)
        return emotion_signals(distance_correlation_pairs(gram, EMOTION), labels)[:, 0]

    def theirs() -> Floats:
        emotions = np.eye(EMOTIONS)[labels[:THEIRS]]
        return np.array([dcorr.statistic(vectors, of_row) for of_row in emotions])

    of = f"80 prompts of 512 dimensions, {THEIRS} of 10,000 relabelings, scaled up"
    compare("hyppo's distance correlation", ours, theirs, f"{of}; one core")


def test_all_metrics_of_the_largest_model() -> None:
    templates, layers, dimensions = 10, 48, 2048
    emotion = np.repeat(np.arange(EMOTIONS), templates)
    rng = np.random.default_rng(0)
    shape = (emotion.size, layers, dimensions)
    activations = rng.standard_normal(shape, np.float32)
    activations[:, 30] += rng.normal(size=(EMOTIONS, dimensions))[emotion]
    table = ClipTable(
        specs=(None,) * emotion.size,  # type: ignore[arg-type]
        controls=(),
        emotions=("angry", "calm", "happy", "sad"),
        emotion=emotion,
        template=np.tile(np.arange(templates), EMOTIONS),
        cohort=np.zeros(emotion.size, np.intp),
        prompt_of_clip=np.arange(emotion.size),
        prompt_of_control=np.arange(emotion.size),
    )
    with one_core():
        taken = seconds(lambda: measure_metrics(activations, table), times=1)
        panel = measure_metrics(activations, table)
    assert {panel.held_out[name].best for name in METRICS} == {30}
    assert panel.joint.step_down.max() < 0.005
    record(
        "metrics: processor seconds from activations to p of all metrics",
        taken,
        of="8 metrics, 40 clips, 48 layers of 2048 dimensions, 10,000 relabelings;"
        " one core",
    )
