"""Variance that the emotion explains, and each rule: hand-worked, planted and not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.formula.api as smf
from rulings_for_tests import status_of
from statsmodels.stats.anova import anova_lm
from tables_for_tests import table_of

from harness.claims import single_rules
from harness.design import ClipTable
from harness.evidence.features import feature_evidences
from harness.evidence.rules import rule_evidences
from harness.measures.feature_separation import explained_variance
from harness.measures.similarity import SimilarityError
from harness.verdict import Status


def features_of(
    table: ClipTable, *, gap: float, seed: int = 0
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(3, table.n_clips))
    return {
        "tempo": noise[0] + gap * table.emotion_of_clip,
        "loudness": 1e4 * noise[1],
        "mode": 1e-4 * noise[2],
    }


def test_epsilon_squared_worked_by_hand() -> None:
    # Means 1 and 5 about 3: squares between 3 * (4 + 4), within 2 + 2.
    values = np.array([[0.0], [1.0], [2.0], [4.0], [5.0], [6.0]])
    found = explained_variance(values, [[0, 0, 0, 1, 1, 1]])
    between, within = 24.0, 4.0
    assert found[0, 0] == pytest.approx(1 - (within / 4) / ((between + within) / 5))


@pytest.mark.parametrize("matched", [True, False])
def test_epsilon_squared_is_that_of_statsmodels(matched: bool) -> None:
    table = table_of(6)
    rng = np.random.default_rng(2)
    values = rng.normal(size=24) + table.emotion + rng.normal(size=6)[table.template]
    data = {"y": values, "emotion": table.emotion, "template": table.template}
    formula = "y ~ C(emotion)" + (" + C(template)" if matched else "")
    anova = anova_lm(smf.ols(formula, data).fit())
    squares, freedom = anova["sum_sq"], anova["df"]
    total = squares["C(emotion)"] + squares["Residual"]
    free = freedom["C(emotion)"] + freedom["Residual"]
    expected = 1 - (squares["Residual"] / freedom["Residual"]) / (total / free)
    found = explained_variance(
        values[:, None],
        table.emotion[None],
        template=table.template if matched else None,
    )
    assert found[0, 0] == pytest.approx(expected)


def test_a_feature_that_separates_is_found_among_those_that_do_not() -> None:
    table = table_of(10)
    found = feature_evidences(features_of(table, gap=1.0), table)
    assert status_of("feature_separation", found["tempo"]) is Status.SUPPORTED
    for name in ("loudness", "mode"):
        assert status_of("feature_separation", found[name]) is Status.INCONCLUSIVE
    tempo = found["tempo"]
    assert tempo.detail["mean by emotion"]["happy"] == pytest.approx(0, abs=1)
    assert tempo.detail["tested together"] == 3


def test_the_interval_covers_what_was_planted() -> None:
    table = table_of(10, count=50)
    covered, effects = 0, []
    for seed in range(60):
        found = feature_evidences(features_of(table, gap=1.0, seed=seed), table)
        tempo = found["tempo"]
        assert tempo.interval is not None
        # Mean squares of 10 prompts at 0, 1, 2 and 3, and of noise that is 1.
        covered += tempo.interval[0] < 1 - 1 / (1 + 50 / 30) < tempo.interval[1]
        effects.append(tempo.effect)
    assert np.mean(np.array(effects, float)) == pytest.approx(0.625, abs=0.03)
    assert covered >= 50


def test_units_do_not_matter() -> None:
    table = table_of(10)
    features = features_of(table, gap=0.5)
    scaled = {name: 1000 * v - 7 for name, v in features.items()}
    found, again = (feature_evidences(f, table) for f in (features, scaled))
    for name in features:
        assert found[name].p == again[name].p
        assert found[name].effect == pytest.approx(again[name].effect)


def test_any_false_find_at_all_is_as_rare_as_alpha() -> None:
    table = table_of(10, count=100)
    finds, effects = 0, []
    for seed in range(120):
        own = replace(table, relabeling_seed=seed)
        found = feature_evidences(features_of(table, gap=0.0, seed=seed), own)
        finds += min(e.p for e in found.values() if e.p is not None) < 0.05
        effects += [e.effect for e in found.values()]
    assert finds <= 12
    assert np.mean(np.array(effects, float)) == pytest.approx(0, abs=0.02)


def test_what_was_not_measured_is_counted_and_costs_the_others_nothing() -> None:
    table = table_of(10)
    features = features_of(table, gap=1.0)
    features["mode"][:] = np.nan
    features["tempo"][:5] = np.nan
    found = feature_evidences(features, table)
    assert status_of("feature_separation", found["mode"]) is Status.INCONCLUSIVE
    assert found["tempo"].unmeasured == 5
    assert status_of("feature_separation", found["tempo"]) is Status.SUPPORTED
    features["loudness"][:] = 3.0
    constant = feature_evidences(features, table)["loudness"]
    assert status_of("feature_separation", constant) is Status.INCONCLUSIVE


def test_values_that_are_infinite_are_refused() -> None:
    with pytest.raises(SimilarityError, match="not infinite"):
        explained_variance([[np.inf], [1.0]], [[0, 1]])


# --- rules --------------------------------------------------------------------------


def heard_of(
    table: ClipTable, *, follows: bool, seed: int = 0
) -> list[dict[str, object]]:
    rng = np.random.default_rng(seed)
    fast = np.isin(table.emotion_of_clip, [0, 3])
    if not follows:
        fast = rng.permutation(fast)
    return [
        {
            "tempo_bpm": float(rng.normal(140 if quick else 70, 4)),
            "rms": 0.1 if quick else 0.03,
            "mode": "major" if quick else "minor",
            "brightness_hz": float(rng.normal(2000 if quick else 600, 50)),
        }
        for quick in fast
    ]


def test_each_rule_is_decided_by_itself() -> None:
    table = table_of(10)
    heard = heard_of(table, follows=True)
    found = rule_evidences(heard, table, single_rules())
    assert found["happy", "brightness_hz_above"].detail["bound"] == pytest.approx(
        1300, abs=300
    )
    assert len(found) == 3 + 1 + 2 + 2 + 2 + 2
    for evidence in found.values():
        assert status_of("single_rule", evidence) is Status.SUPPORTED
    quick = found["happy", "tempo_bpm_above"]
    assert quick.effect == 1.0
    assert quick.null == pytest.approx(0.5, abs=0.02)
    assert quick.as_documented == {"clips that keep it": "10 of 10"}
    # Ten of ten is not all there are: Wilson's bound.
    assert quick.interval is not None
    assert quick.interval[0] == pytest.approx(0.72, abs=0.01)


def test_rules_that_any_music_keeps_show_nothing() -> None:
    table = table_of(10)
    heard = [{**h, "mode": "minor"} for h in heard_of(table, follows=False)]
    found = rule_evidences(heard, table, single_rules())
    assert found["sad", "mode"].p == 1.0
    assert status_of("single_rule", found["sad", "mode"]) is Status.INCONCLUSIVE
    assert status_of("single_rule", found["happy", "mode"]) is Status.REFUTED
    assert all(e.p is not None and e.p > 0.005 for e in found.values())


def test_rules_are_silent_where_labels_mean_nothing() -> None:
    table = table_of(10, count=100)
    finds = 0
    for seed in range(60):
        own = replace(table, relabeling_seed=seed)
        heard = heard_of(table, follows=False, seed=seed)
        ps = [e.p for e in rule_evidences(heard, own, single_rules()).values()]
        finds += min(p for p in ps if p is not None) < 0.05
    assert finds <= 7


def test_what_could_not_be_measured_keeps_no_rule_and_is_counted() -> None:
    table = table_of(10)
    heard = [{**h, "tempo_bpm": None} for h in heard_of(table, follows=True)]
    found = rule_evidences(heard, table, single_rules())["happy", "tempo_bpm_above"]
    assert found.effect == 0.0
    assert found.detail["clips in which it could not be measured"] == 10


def test_emotions_without_rules_have_none() -> None:
    table = table_of(10, emotions=("proud", "tender"))
    assert rule_evidences([{}] * 20, table, single_rules()) == {}
