"""Where in the model the emotion is: depth, ranks, replication, data set.

Activations are those of the Gaussian model, 10 matched prompts of three emotions, so
that the first look's alpha of .005 is within reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rulings_for_tests import status_of
from tables_for_tests import shuffled, table_of

from harness.design import ClipTable
from harness.evidence import (
    dataset_evidence,
    depth_evidence,
    replication_evidence,
    stability_evidence,
)
from harness.evidence.dataset import key_layers
from harness.measures.similarity import SimilarityError
from harness.verdict import Evidence, Status

EMOTIONS = ("happy", "sad", "calm")
LAYERS, D = 6, 24
Measure = Callable[[Any, ClipTable], Evidence]
TESTED: dict[str, Measure] = {
    "late_layers": depth_evidence,
    "replication": replication_evidence,
}


def planted(
    strength: list[float], *, seed: int = 0, prompts: int = 10
) -> tuple[np.ndarray, ClipTable]:
    """Emotions that differ by `strength` in each layer; noise has norm 1."""
    table = table_of(prompts, emotions=EMOTIONS, count=500)
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(table.n_prompts, len(strength), D)) / np.sqrt(D)
    noise += rng.normal(size=(prompts, len(strength), D))[table.template] / np.sqrt(
        2 * D
    )
    place = np.random.default_rng(99).normal(size=(len(EMOTIONS), D)) / np.sqrt(D)
    emotion = place[table.emotion][:, None] * np.asarray(strength)[None, :, None]
    return noise + emotion, table


LATE = [0.0, 0.0, 0.5, 1.0, 2.0, 2.0]
EVERYWHERE = [1.5] * LAYERS
NOWHERE = [0.0] * LAYERS


@pytest.mark.parametrize(
    ("claim", "strength"),
    [("late_layers", LATE), ("replication", LATE)],
)
def test_what_is_planted_is_found(claim: str, strength: list[float]) -> None:
    found = TESTED[claim](*planted(strength))
    assert status_of(claim, found) is Status.SUPPORTED
    assert found.interval is not None
    assert found.interval[0] < (found.effect or 0) < found.interval[1]


@pytest.mark.parametrize("claim", TESTED)
def test_nothing_is_found_where_nothing_is(claim: str) -> None:
    values, table = planted(NOWHERE)
    p = [TESTED[claim](values, shuffled(table, seed)).p for seed in range(40)]
    # Of 40 at alpha .1, 10 or more come by chance in 6 of 1,000 cases.
    assert sum(found is not None and found < 0.1 for found in p) < 10


def test_the_same_signal_at_every_depth_is_no_depth() -> None:
    p = [depth_evidence(*planted(EVERYWHERE, seed=seed)).p for seed in range(40)]
    assert sum(found is not None and found < 0.1 for found in p) < 10


def test_thirds_of_six_layers_are_pairs() -> None:
    found = depth_evidence(*planted(LATE))
    assert found.detail["largest"] == "late"
    early, _, late = found.detail["signal of each"]
    assert found.effect == pytest.approx(late - early)


def test_two_layers_have_no_thirds() -> None:
    values, table = planted(LATE)
    for measure in (depth_evidence, stability_evidence):
        with pytest.raises(SimilarityError, match="3 layers or more"):
            measure(values[:, :2], table)


def test_layers_that_differ_plainly_keep_their_ranks() -> None:
    plain, _ = planted([0.0, 0.5, 1.0, 1.5, 2.0, 3.0]), None
    found = stability_evidence(*plain)
    assert (found.effect or 0) > 0.7
    assert list(found.detail["layers, best first"][:2]) == [5, 4]
    flat = [stability_evidence(*planted(NOWHERE, seed=s)).effect for s in range(10)]
    assert abs(float(np.mean([f or 0.0 for f in flat]))) < 0.2


def test_similarities_of_emotions_add_up_to_the_signal() -> None:
    values, table = planted(EVERYWHERE)
    found = stability_evidence(values, table)
    cells = np.asarray(found.detail["similarity of emotions, best layer"])
    within = float(np.mean(np.diag(cells)))
    between = float(np.mean(cells[~np.eye(len(cells), dtype=bool)]))
    assert within - between == pytest.approx(max(found.detail["signal"]))


def test_replication_judges_the_layer_that_the_other_half_chose() -> None:
    found = replication_evidence(*planted(LATE))
    effects = found.detail["effect in the other half"]
    assert found.effect == min(effects)
    assert found.p == max(found.detail["p in the other half"])
    assert all(layer in (4, 5) for layer in found.detail["best layer of each half"])


def test_an_effect_in_one_half_only_does_not_replicate() -> None:
    values, table = planted(LATE)
    assert table.template is not None
    nothing, _ = planted(NOWHERE)
    half = np.where((table.units % 2 == 1)[:, None, None], values, nothing)
    assert status_of("replication", replication_evidence(half, table)) not in (
        Status.SUPPORTED,
        Status.WEAK,
    )


def flags(table: ClipTable) -> tuple[np.ndarray, np.ndarray]:
    return np.ones(table.n_clips, np.bool_), np.ones(table.n_clips, np.bool_)


@pytest.mark.parametrize(
    ("prompts", "seeds", "effect", "status"),
    [
        (20, 1, 20, Status.SUPPORTED),
        (10, 1, 10, Status.INCONCLUSIVE),
        (10, 2, 10, Status.INCONCLUSIVE),  # 20 clips, but of 10 prompts
        (25, 2, 25, Status.SUPPORTED),
    ],
)
def test_a_data_set_counts_clips_and_prompts(
    prompts: int, seeds: int, effect: int, status: Status
) -> None:
    table = table_of(prompts, seeds=seeds)
    whole, listed = flags(table)
    found = dataset_evidence(table, whole=whole, listed=listed, layers=48)
    assert found.effect == effect
    assert status_of("data_set", found) is status


def test_one_clip_that_is_damaged_or_not_listed_is_missed() -> None:
    table = table_of(20)
    for which in range(2):
        given = flags(table)
        given[which][3] = False
        found = dataset_evidence(table, whole=given[0], listed=given[1], layers=6)
        assert found.effect == 19
        assert status_of("data_set", found) is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("layers", "named"), [(48, [0, 12, 24, 36, 47]), (6, [0, 2, 3, 4, 5]), (1, [0])]
)
def test_the_layers_that_the_documents_name(layers: int, named: list[int]) -> None:
    assert key_layers(layers) == named
