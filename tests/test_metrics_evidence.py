"""From clips to evidence in other metrics: planted truth, and nothing where none is.

Conventions
-----------
Activations come from the Gaussian model of `harness.inference.gaussian`; there are 10
matched prompts of each emotion, so that the first look's alpha of .005 is in reach.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from rulings_for_tests import p_of, status_of
from tables_for_tests import table_of_draw

from harness.design import ClipTable
from harness.evidence.common import silence
from harness.evidence.metric_panel import (
    METRICS,
    OTHER_METRICS,
    MetricPanel,
    measure_metrics,
)
from harness.evidence.metrics import (
    metric_evidences,
    other_metrics_evidence,
    sensitivity_evidence,
)
from harness.inference import InferenceError
from harness.inference.gaussian import GaussianModel, draw
from harness.inference.looks import look_for
from harness.inference.maxt import max_t
from harness.measures.gram import SimilarityError, prompt_gram
from harness.measures.similarity import emotion_signals
from harness.verdict import Status

EMOTIONS = ("happy", "sad", "calm", "angry")
ALPHA = look_for(10).alpha
TRUTH = GaussianModel(
    emotions=4, prompts=10, seeds=1, layers=3, dimensions=48, signal=0.4
)
NULL = replace(TRUTH, signal=0.0)

Floats = npt.NDArray[np.float64]


def drawn(
    model: GaussianModel, seed: int = 1, *, count: int = 2_000
) -> tuple[Floats, ClipTable]:
    found = draw(model, rng=np.random.default_rng(seed))
    table = table_of_draw(found, emotions=EMOTIONS, count=count)
    return found.activations.astype(np.float64), table


@pytest.fixture(scope="module")
def planted() -> MetricPanel:
    return measure_metrics(*drawn(TRUTH))


@pytest.fixture(scope="module")
def nothing() -> MetricPanel:
    return measure_metrics(*drawn(NULL))


# --- planted truth ------------------------------------------------------------------


def test_a_planted_effect_is_found_by_every_metric(planted: MetricPanel) -> None:
    for name, evidence in metric_evidences(planted).items():
        assert p_of(evidence) < ALPHA, name
        assert status_of("other_metric", evidence) is Status.SUPPORTED
    together = other_metrics_evidence(planted)
    assert status_of("other_metrics", together) is Status.SUPPORTED
    assert together.interval is not None
    assert together.interval[0] > 0


def test_where_nothing_was_planted_no_metric_finds_it(nothing: MetricPanel) -> None:
    for evidence in metric_evidences(nothing).values():
        assert p_of(evidence) > ALPHA
    together = other_metrics_evidence(nothing)
    assert status_of("other_metrics", together) is Status.INCONCLUSIVE
    assert silence(together).effect == together.p


def test_free_prompts_are_relabeled_freely() -> None:
    panel = measure_metrics(*drawn(replace(TRUTH, matched=False, signal=0.4)))
    assert p_of(other_metrics_evidence(panel)) < ALPHA


def test_a_difference_of_spread_is_not_seen_by_metrics_of_the_mean() -> None:
    # Prompts of two emotions lie to both sides, further out for the second. The
    # dimensions are few, so that distances tell where a prompt lies.
    rng = np.random.default_rng(4)
    _, table = drawn(replace(NULL, emotions=2, prompts=40, matched=False))
    spread = np.where(table.emotion == 0, 0.4, 2.0)[:, None, None]
    panel = measure_metrics(spread * rng.normal(size=(80, 1, 8)), table)
    p = {name: p_of(found) for name, found in metric_evidences(panel).items()}
    for name in ("MMD", "Wasserstein", "distance correlation"):
        assert p[name] < ALPHA, name
    for name in ("Euclidean", "CKA", "CCA"):
        assert p[name] > 0.05, name
    assert p_of(other_metrics_evidence(panel)) == min(p.values())


def test_a_layer_that_carries_the_effect_is_named() -> None:
    activations, table = drawn(replace(NULL, layer_correlation=0.0))
    direction = np.random.default_rng(3).normal(size=(4, activations.shape[2]))
    activations[:, 1] += 0.15 * direction[table.emotion_of_clip]
    panel = measure_metrics(activations, table)
    for name in METRICS:
        assert panel.held_out[name].best == 1, name
        assert panel.beyond[name].argmax() == 1
    assert other_metrics_evidence(panel).detail["in layer"] == 1


# --- error rates --------------------------------------------------------------------


def test_the_panel_errs_no_more_often_than_alpha() -> None:
    model = replace(NULL, emotions=2, layers=2, dimensions=24)
    found = []
    for seed in range(100):
        panel = measure_metrics(*drawn(model, seed, count=100))
        found.append(p_of(other_metrics_evidence(panel)))
    rate = np.mean(np.array(found) <= 0.1)
    assert 0.02 <= rate <= 0.19  # 100 runs: .1 and three of its errors


def test_held_out_effects_are_nothing_on_average_where_there_is_nothing() -> None:
    model = replace(NULL, layer_correlation=0.0, icc=0.0, dimensions=24)
    effects = []
    for seed in range(30):
        panel = measure_metrics(*drawn(model, seed, count=100))
        effects.append([panel.held_out[name].effect for name in METRICS])
    error = np.std(effects, axis=0) / np.sqrt(30)
    assert (np.abs(np.mean(effects, axis=0)) < 3.5 * error).all()


# --- what is corrected for what -----------------------------------------------------


def test_cosine_alone_is_the_layers_signal() -> None:
    activations, table = drawn(replace(TRUTH, signal=0.02))
    panel = measure_metrics(activations, table)
    signals = emotion_signals(
        prompt_gram(activations, table.prompt_of_clip),
        table.relabelings.labels,
        template=table.template,
    )
    tested = max_t(signals, exact=table.relabelings.exact)
    assert panel.p_alone["cosine"] == pytest.approx(tested.p_any)
    np.testing.assert_allclose(panel.values["cosine"], signals[0])


def test_being_one_of_several_metrics_costs_something() -> None:
    panel = measure_metrics(*drawn(replace(TRUTH, signal=0.03)))
    found = metric_evidences(panel)
    for name, evidence in found.items():
        assert p_of(evidence) >= panel.p_alone[name]
    assert max(p_of(found[m]) - panel.p_alone[m] for m in OTHER_METRICS) > 0
    assert p_of(found["CKA"]) == p_of(found["Euclidean"])  # one test in two units


def test_no_p_is_zero_and_no_effect_is_decided_by_relabelings_alone(
    planted: MetricPanel,
) -> None:
    for evidence in metric_evidences(planted).values():
        assert p_of(evidence) >= 1 / 2_000
        assert evidence.smallest_p == 1 / 2_000


# --- sensitivity --------------------------------------------------------------------


def test_sensitivities_are_described_with_intervals(planted: MetricPanel) -> None:
    evidence = sensitivity_evidence(planted)
    metrics, differences = evidence.detail["metrics"], evidence.detail["differences"]
    assert list(metrics) == list(METRICS)
    for found in metrics.values():
        assert found["low"] < found["SD beyond shuffled labels"] < found["high"]
    assert len(differences) == 28
    same = differences["Euclidean - CKA"]
    assert same["difference"] == pytest.approx(0, abs=1e-9)
    assert same["high"] - same["low"] == pytest.approx(0, abs=1e-6)
    for name, row in metrics.items():
        best = int(row["layer"])
        assert row["SD beyond shuffled labels"] == pytest.approx(
            planted.beyond[name][best], abs=0.25
        )
    assert evidence.p is None


def test_where_cosine_is_blind_another_metric_is_more_sensitive() -> None:
    # Half of the dimensions are quiet, and are heard once the noise is whitened.
    rng = np.random.default_rng(5)
    _, table = drawn(NULL)
    vectors = rng.normal(size=(40, 2, 12)) * np.repeat([10.0, 0.1], 6)
    direction = rng.normal(size=(4, 1, 6))
    vectors[..., 6:] += 0.1 * direction[table.emotion_of_clip]
    panel = measure_metrics(vectors, table)
    evidence = sensitivity_evidence(panel)
    assert evidence.detail["most sensitive"] == "crossnobis"
    assert evidence.detail["chosen against cosine"] == "crossnobis"
    assert evidence.interval is not None
    assert evidence.interval[0] > 0
    assert panel.p_alone["cosine"] > 0.05
    assert p_of(other_metrics_evidence(panel)) < ALPHA


# --- what the documents would say, and what cannot be measured ----------------------


def test_documented_numbers_stand_beside(nothing: MetricPanel) -> None:
    said = metric_evidences(nothing)
    assert (
        said["Euclidean"].as_documented[
            "norm of the difference of means, smallest layer"
        ]
        > 0.1
    )
    assert said["CKA"].as_documented["CKA, not debiased, smallest layer"] > 0.5
    assert not said["MMD"].as_documented
    assert len(other_metrics_evidence(nothing).as_documented) == 4


def test_too_few_templates_are_refused() -> None:
    with pytest.raises(SimilarityError, match="Add prompts"):
        measure_metrics(*drawn(replace(TRUTH, emotions=2, prompts=4)))
    with pytest.raises(InferenceError, match="`units` must be at least 4"):
        measure_metrics(*drawn(replace(TRUTH, emotions=6, prompts=3)))


def test_clips_that_are_all_alike_are_refused() -> None:
    activations, table = drawn(NULL)
    with pytest.raises(SimilarityError, match="identical"):
        measure_metrics(np.ones_like(activations), table)


def test_a_dead_layer_costs_nothing_and_says_nothing() -> None:
    activations, table = drawn(TRUTH)
    activations[:, 0] = 3.0
    panel = measure_metrics(activations, table)
    for name in METRICS:
        assert panel.beyond[name][0] == 0, name
        assert panel.held_out[name].best > 0
    assert p_of(other_metrics_evidence(panel)) < ALPHA
