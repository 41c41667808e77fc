"""Tempo against arousal: hand-worked, against scipy, planted and not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from tables_for_tests import EMOTIONS, table_of

from harness.claims import arousal_ratings, load_claims
from harness.evidence.arousal import arousal_evidence
from harness.evidence.common import silence
from harness.inference.looks import look_for
from harness.measures.arousal import arousal_correlations, fisher_z_of_units
from harness.measures.similarity import SimilarityError
from harness.verdict import Evidence, Status, decide

RATINGS = arousal_ratings()


def status_of(evidence: Evidence, claim: str = "tempo_arousal") -> Status:
    return decide(load_claims()[claim], evidence, look_for(10)).status


def tempo_of(table: object, *, rise: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    arousal = np.array([RATINGS[e] for e in table.emotions])  # type: ignore[attr-defined]
    clips = table.emotion_of_clip  # type: ignore[attr-defined]
    return 100 + rise * arousal[clips] + rng.normal(0, 15, clips.size)


def test_correlations_worked_by_hand() -> None:
    labels = [[0, 0, 1, 1], [1, 0, 1, 0]]
    r = arousal_correlations([1, 2, 3, 4], [2.0, 6.0], labels)
    # Deviations -1.5, -.5, .5, 1.5 with -2, -2, 2, 2; then with 2, -2, 2, -2.
    np.testing.assert_allclose(r, [8 / np.sqrt(5 * 16), -4 / np.sqrt(5 * 16)])


def test_correlations_are_those_of_scipy() -> None:
    rng = np.random.default_rng(1)
    values, ratings = rng.normal(size=12), rng.normal(size=3)
    labels = rng.permuted(np.tile(np.repeat([0, 1, 2], 4), (5, 1)), axis=1)
    expected = [stats.pearsonr(values, ratings[row]).statistic for row in labels]
    np.testing.assert_allclose(
        arousal_correlations(values, ratings, labels), expected, rtol=1e-12
    )
    whole = fisher_z_of_units(values, ratings[labels[0]], np.arange(12))
    assert whole(np.ones(12, bool)) == pytest.approx(np.arctanh(expected[0]))


def test_p_is_that_of_scipys_permutation_test() -> None:
    table = table_of(5, emotions=("happy", "sad"), matched=False, count=300)
    tempo = tempo_of(table, rise=5)
    arousal = np.array([RATINGS[e] for e in table.emotions])[table.emotion]
    oracle = stats.permutation_test(
        (arousal,),
        lambda x: stats.pearsonr(tempo, x).statistic,
        permutation_type="pairings",
        alternative="greater",
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    found = arousal_evidence(tempo, table, RATINGS)
    assert found.effect == pytest.approx(oracle.statistic)
    assert found.p == pytest.approx(oracle.pvalue, abs=0.01)
    assert found.smallest_p == pytest.approx(1 / 252)


def test_a_tempo_that_rises_with_arousal_is_found() -> None:
    table = table_of(10)
    found = arousal_evidence(tempo_of(table, rise=12), table, RATINGS)
    assert status_of(found) is Status.SUPPORTED
    assert found.effect is not None
    assert found.interval is not None
    assert 0.67 < found.effect < 1
    assert found.interval[0] < found.effect < found.interval[1] < 1
    assert found.detail["mean by emotion"]["calm"] < 130
    assert found.as_documented["r over clips"] == pytest.approx(found.effect)


def test_a_tempo_that_falls_is_refuted_and_shuffled_labels_are_silent() -> None:
    table = table_of(10)
    falls = arousal_evidence(tempo_of(table, rise=-12), table, RATINGS)
    assert status_of(falls) is Status.REFUTED
    found = silence(
        arousal_evidence(tempo_of(table, rise=12), table.shuffled(), RATINGS)
    )
    control = load_claims()["tempo_arousal"].control()
    assert decide(control, found, look_for(10)).status is Status.SUPPORTED


@pytest.mark.parametrize("matched", [True, False])
def test_p_is_uniform_where_tempo_goes_by_template_alone(matched: bool) -> None:
    table = table_of(10, matched=matched, count=200)
    ps, covered = [], 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        template = rng.normal(0, 20, 10) if matched else np.zeros(10)
        tempo = 100 + template[np.arange(40) // 4] + rng.normal(0, 15, 40)
        own = replace(table, relabeling_seed=seed)
        found = arousal_evidence(tempo, own, RATINGS)
        assert found.p is not None
        assert found.interval is not None
        ps.append(found.p)
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert np.mean(np.array(ps) < 0.05) == pytest.approx(0.05, abs=0.04)
    assert covered / 200 > 0.9


def test_clips_without_a_pulse_are_left_out_and_counted() -> None:
    table = table_of(10)
    tempo = tempo_of(table, rise=12)
    tempo[:3] = np.nan
    found = arousal_evidence(tempo, table, RATINGS)
    assert found.unmeasured == 3
    assert found.n_prompts == 37
    assert status_of(found) is Status.SUPPORTED


def test_music_without_any_pulse_is_inconclusive() -> None:
    table = table_of(10)
    found = arousal_evidence(np.full(40, np.nan), table, RATINGS)
    assert status_of(found) is Status.INCONCLUSIVE
    one = np.full(40, np.nan)
    one[0] = 120.0
    assert status_of(arousal_evidence(one, table, RATINGS)) is Status.INCONCLUSIVE


def test_emotions_that_nobody_rated_are_left_out_or_refused() -> None:
    table = table_of(10)
    tempo = tempo_of(table, rise=12)
    some = {e: RATINGS[e] for e in EMOTIONS[:3]}
    found = arousal_evidence(tempo, table, some)
    assert found.detail["emotions left out because unrated"] == ["energetic"]
    assert found.n_prompts == 30
    refused = arousal_evidence(tempo, table, {"happy": 6.0})
    assert status_of(refused) is Status.INVALID
    assert refused.problem is not None
    assert "claims.toml" in refused.problem


def test_one_tempo_for_all_is_refused() -> None:
    table = table_of(10)
    with pytest.raises(SimilarityError, match="must differ"):
        arousal_evidence(np.full(40, 120.0), table, RATINGS)
    with pytest.raises(SimilarityError, match="must be finite"):
        arousal_correlations([1.0, np.nan], [1.0, 2.0], [[0, 1]])
