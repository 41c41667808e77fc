"""Distances in music against distances in activations: oracles, planted, and nulls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist, squareform
from tables_for_tests import table_of

from harness.claims import load_claims
from harness.design import ClipTable
from harness.evidence.common import silence
from harness.evidence.guided import guided_evidence
from harness.inference.looks import look_for
from harness.measures.gram import prompt_gram
from harness.measures.guided import (
    acoustic_distances,
    guided_correlations,
    guided_of_units,
    pairs_compared,
)
from harness.measures.similarity import SimilarityError
from harness.verdict import Evidence, Status, decide

LAYERS, D = 3, 40


def status_of(evidence: Evidence, claim: str = "acoustic_guided") -> Status:
    return decide(load_claims()[claim], evidence, look_for(10)).status


def planted(
    table: ClipTable, *, heard: float, by_emotion: float = 0.0, seed: int = 0
) -> tuple[Any, Any]:
    """Activations and music that share their templates; `heard` goes from one to other.

    The music's features make themselves felt in the last layer. `by_emotion` moves the
    features and, along other directions, the activations of an emotion.
    """
    rng = np.random.default_rng(seed)
    clips, templates = table.n_clips, int(table.units.max()) + 1
    template, emotion = table.units[table.prompt_of_clip], table.emotion_of_clip
    shared = 0.0 if table.template is None else 1.0
    music = rng.normal(size=(clips, 3))
    music += shared * rng.normal(size=(templates, 3))[template]
    music += by_emotion * rng.normal(size=(4, 3))[emotion]
    activations = rng.normal(size=(clips, LAYERS, D))
    activations += shared * rng.normal(size=(templates, LAYERS, D))[template]
    activations += by_emotion * rng.normal(size=(4, LAYERS, D))[emotion]
    activations[:, -1] += heard * music @ rng.normal(size=(3, D))
    return activations, music


# --- measures -----------------------------------------------------------------------


def test_distances_are_those_of_scipy() -> None:
    x = np.random.default_rng(0).normal(size=(7, 3)) * [1, 100, 0.01]
    z = (x - x.mean(0)) / x.std(0)
    expected = squareform(pdist(z)) / np.sqrt(3)
    np.testing.assert_allclose(acoustic_distances(x), expected)
    constant = np.column_stack([x, np.full(7, 5.0)])
    np.testing.assert_allclose(acoustic_distances(constant), expected)


def test_distances_go_by_what_was_measured_in_both() -> None:
    # Deviations of the first -1, 1, nan and of the second -1, 1, 0 (SD sqrt(2/3)).
    found = acoustic_distances([[0.0, 0.0], [2.0, 2.0], [np.nan, 1.0]])
    unit = np.sqrt(3 / 2)
    assert found[0, 1] == pytest.approx(np.sqrt((4 + 4 * 1.5) / 2))
    assert found[0, 2] == pytest.approx(unit)


def test_correlations_are_those_of_scipy_under_every_order() -> None:
    rng = np.random.default_rng(1)
    table = table_of(4)
    distances = acoustic_distances(rng.normal(size=(16, 3)))
    gram = prompt_gram(rng.normal(size=(16, LAYERS, D)), np.arange(16))
    compared = pairs_compared(distances, template=table.template)
    orders = np.stack([np.arange(16), np.arange(16).reshape(4, 4)[:, ::-1].ravel()])
    found = guided_correlations(gram, distances, orders, compared=compared)
    pairs = np.nonzero(np.triu(compared))
    assert len(pairs[0]) == 16 * 15 / 2 - 4 * 6
    for order, row in zip(orders, found, strict=True):
        moved = distances[np.ix_(order, order)][pairs]
        expected = [stats.spearmanr(moved, 1 - g[pairs]).statistic for g in gram]
        np.testing.assert_allclose(row, expected, rtol=1e-10)
    score = guided_of_units(
        gram, distances, compared=compared, unit_of_prompt=table.units
    )
    np.testing.assert_allclose(score(np.ones(4, bool)), found[0], rtol=1e-10)
    # Of some units: Pearson of what the ranks were among all.
    mask = np.array([True, False, True, True])
    inside = mask[table.units]
    kept = inside[pairs[0]] & inside[pairs[1]]
    x = stats.rankdata(distances[pairs])[kept]
    y = stats.rankdata(-gram[0][pairs])[kept]
    assert score(mask)[0] == pytest.approx(stats.pearsonr(x, y).statistic)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(SimilarityError, match="must vary"):
        acoustic_distances(np.ones((5, 2)))
    with pytest.raises(SimilarityError, match="not infinite"):
        acoustic_distances([[np.inf], [0.0]])
    with pytest.raises(SimilarityError, match="3 pairs"):
        pairs_compared(np.zeros((4, 4)), template=[0, 0, 0, 0])


# --- evidence -----------------------------------------------------------------------


@pytest.mark.parametrize("matched", [True, False])
@pytest.mark.parametrize("within", [True, False])
def test_music_that_is_in_the_activations_is_found(matched: bool, within: bool) -> None:
    table = table_of(10, matched=matched, count=1_000)
    activations, music = planted(table, heard=1.0)
    silent, _ = planted(table, heard=0.0, seed=5)
    found = guided_evidence(
        activations, music, table, null=silent, within_emotion=within, alpha=0.005
    )
    assert status_of(found) is Status.SUPPORTED
    assert found.detail["best layer"] == LAYERS - 1
    assert found.qualifier == "text-borne"
    assert found.effect is not None
    assert found.interval is not None
    assert found.interval[0] < found.effect < found.interval[1]
    far, near = "pairs whose music differs most", "pairs whose music differs least"
    assert found.detail[f"cosine of {far}"] < found.detail[f"cosine of {near}"] - 0.1
    both = guided_evidence(activations, music, table, null=activations, alpha=0.005)
    assert both.qualifier == "audio-borne"


@pytest.mark.parametrize("within", [True, False])
def test_the_music_of_other_prompts_is_not_found(within: bool) -> None:
    table = table_of(10, count=1_000)
    activations, music = planted(table, heard=1.0)
    found = guided_evidence(
        activations, music, table, within_emotion=within, dealt_out=True
    )
    control = load_claims()["acoustic_guided"].control()
    assert decide(control, silence(found), look_for(10)).status is Status.SUPPORTED


def test_what_only_the_emotion_has_in_common_is_not_found_within_one() -> None:
    table = table_of(20, count=1_000)
    activations, music = planted(table, heard=0.0, by_emotion=1.5)
    across = guided_evidence(activations, music, table)
    inside = guided_evidence(activations, music, table, within_emotion=True)
    assert across.p is not None
    assert across.p < 0.005
    assert inside.p is not None
    assert inside.p > 0.005


@pytest.mark.parametrize("within", [True, False])
def test_resemblance_of_templates_is_not_taken_for_music(within: bool) -> None:
    table = table_of(10, count=100)
    finds, naive = 0, 0
    for seed in range(60):
        own = replace(table, relabeling_seed=seed)
        strength = 1.0 if within else 0.0
        activations, music = planted(own, heard=0.0, by_emotion=strength, seed=seed)
        found = guided_evidence(activations, music, own, within_emotion=within)
        assert found.p is not None
        finds += found.p < 0.05
        naive += shuffled_freely(activations, music, own, seed) < 0.05
    assert finds <= 7
    assert naive > finds


def shuffled_freely(activations: Any, music: Any, table: ClipTable, seed: int) -> float:
    """A Mantel test as it is usually done, in the first layer."""
    rng = np.random.default_rng(seed)
    gram = prompt_gram(activations[:, :1], table.prompt_of_clip)
    distances = acoustic_distances(music)
    orders = np.stack([np.arange(40), *(rng.permutation(40) for _ in range(99))])
    compared = pairs_compared(distances)
    rho = guided_correlations(gram, distances, orders, compared=compared)
    return float((rho >= rho[0]).mean())


@pytest.mark.parametrize("matched", [True, False])
@pytest.mark.parametrize("within", [True, False])
def test_orders_keep_what_must_stay_together(matched: bool, within: bool) -> None:
    from harness.evidence.guided import _design

    table = table_of(12, matched=matched)
    design = _design(table, np.ones(48, bool), within)
    assert design is not None
    orders = design.orders(50, np.random.default_rng(0))
    assert (orders[0] == np.arange(48)).all()
    assert (np.sort(orders, axis=1) == np.arange(48)).all()
    assert (table.cohort[orders] == table.cohort).all()
    if within:
        assert (table.emotion[orders] == table.emotion).all()
    if matched and not within:
        assert (table.units[orders] == table.units).all()
    if matched and within:
        moved = table.units[orders].reshape(50, 12, 4)
        assert (moved == moved[..., :1]).all()


def test_prompts_that_were_not_heard_are_left_out_and_counted() -> None:
    table = table_of(10, count=1_000)
    activations, music = planted(table, heard=1.0)
    music[5] = np.nan
    music[::4, 0] = np.nan  # no pulse in one emotion: loudness and brightness are left
    found = guided_evidence(activations, music, table)
    assert (found.unmeasured, found.n_prompts) == (1, 39)
    assert status_of(found) is Status.SUPPORTED
    inside = guided_evidence(activations, music, table, within_emotion=True)
    assert inside.n_prompts == 36  # the template goes with it
    none = guided_evidence(activations, np.full_like(music, np.nan), table)
    assert status_of(none) is Status.INCONCLUSIVE


def test_too_few_templates_and_activations_that_are_no_numbers() -> None:
    few = table_of(3)
    activations, music = planted(few, heard=1.0)
    refused = guided_evidence(activations, music, few)
    assert status_of(refused) is Status.INVALID
    assert refused.problem is not None
    assert "4 templates" in refused.problem
    table = table_of(10, count=100)
    activations, music = planted(table, heard=1.0)
    activations[3, 1, 2] = np.nan
    with pytest.raises(SimilarityError, match="finite"):
        guided_evidence(activations, music, table)


def test_a_layer_that_is_constant_finds_nothing() -> None:
    table = table_of(10, count=200)
    activations, music = planted(table, heard=1.0)
    activations[:, 0] = 1.0
    found = guided_evidence(activations, music, table)
    assert found.detail["p by layer"][0] == 1.0
    assert found.detail["best layer"] == LAYERS - 1
