"""Specific against generic prompts: oracles, planted differences, and none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tables_for_tests import table_of

from harness.claims import load_claims
from harness.evidence.banks import (
    Banks,
    _signal_differences,
    bank_gaps,
    bank_signal,
    paired_banks,
)
from harness.evidence.common import silence
from harness.evidence.contrasts import contrast_evidences
from harness.inference import InferenceError
from harness.inference.looks import look_for
from harness.measures.gram import prompt_gram
from harness.measures.similarity import emotion_signal
from harness.verdict import Evidence, Status, decide

PAIR = ("happy", "sad")
CONTRASTS = {"tempo": [PAIR, ("energetic", "calm")], "energy": [PAIR]}
LAYERS, D = 3, 30


def status_of(evidence: Evidence, claim: str) -> Status:
    return decide(load_claims()[claim], evidence, look_for(10)).status


def banks_of(prompts: int = 10, *, count: int = 2_000, seed: int = 1) -> Banks:
    table = replace(table_of(prompts, matched=False, count=count), relabeling_seed=seed)
    return paired_banks(table, table)


def features_of(banks: Banks, *, specific: float, generic: float, seed: int = 0) -> Any:
    """Happy and energetic above sad and calm, by so much in either bank."""
    rng = np.random.default_rng(seed)
    emotion = banks.emotion[banks.prompt_of_clip]
    side = banks.is_specific[banks.prompt_of_clip]
    high = np.isin(emotion, [0, 3])
    gap = np.where(side, specific, generic) * high
    noise = rng.normal(0, [[10.0], [1.0]], (2, emotion.size))
    return {"tempo": 100 + gap + noise[0], "energy": noise[1]}


def activations_of(
    banks: Banks, *, specific: float, generic: float, seed: int = 0
) -> Any:
    rng = np.random.default_rng(seed)
    emotion = banks.emotion[banks.prompt_of_clip]
    side = banks.is_specific[banks.prompt_of_clip]
    found = rng.normal(size=(emotion.size, LAYERS, D))
    found += np.where(side, 1.0, 0.0)[:, None, None] * rng.normal(size=(LAYERS, D))
    directions = rng.normal(size=(4, D))[emotion]
    found[:, 1] += np.where(side, specific, generic)[:, None] * directions
    return found


# --- gaps ---------------------------------------------------------------------------


def test_p_is_that_of_scipys_permutation_test() -> None:
    banks = banks_of(4, count=20_000)
    found = bank_gaps(
        features_of(banks, specific=8, generic=0),
        banks,
        {"tempo": [PAIR], "energy": []},
    )["tempo", PAIR]
    tempo = features_of(banks, specific=8, generic=0)["tempo"]
    cell = {
        (e, s): tempo[(banks.emotion == e) & (banks.is_specific == s)]
        for e in (0, 1)
        for s in (True, False)
    }

    def gap(specific: Any, generic: Any) -> Any:
        return specific.mean() - generic.mean()

    own = gap(cell[0, True], cell[0, False]) - gap(cell[1, True], cell[1, False])
    assert found.effect == pytest.approx(own)
    # All 70 x 70 ways, as the sum of two exact distributions.
    sums = []
    for emotion in (0, 1):
        result = stats.permutation_test(
            (cell[emotion, True], cell[emotion, False]), gap, n_resamples=np.inf
        )
        sums.append(result.null_distribution)
    null = sums[0][:, None] - sums[1][None]
    assert found.p == pytest.approx(np.mean(null >= own - 1e-9), abs=0.01)
    assert found.smallest_p == pytest.approx(1 / 70**4, abs=1 / 20_000)


def test_larger_gaps_are_found_and_the_sizes_of_both_are_told() -> None:
    banks = banks_of()
    found = bank_gaps(features_of(banks, specific=50, generic=10), banks, CONTRASTS)
    for pair in CONTRASTS["tempo"]:
        evidence = found["tempo", pair]
        assert status_of(evidence, "specific_tempo") is Status.SUPPORTED
        assert evidence.interval is not None
        assert evidence.interval[0] < 40 < evidence.interval[1]
        told = evidence.detail
        assert told["gap in the specific bank"] == pytest.approx(50, abs=12)
        assert told["gap in the generic bank"] == pytest.approx(10, abs=12)
    assert status_of(found["energy", PAIR], "specific_energy") is Status.INCONCLUSIVE
    smaller = bank_gaps(features_of(banks, specific=0, generic=50), banks, CONTRASTS)
    assert status_of(smaller["tempo", PAIR], "specific_tempo") is Status.REFUTED


def test_any_false_find_at_all_is_as_rare_as_alpha() -> None:
    finds, covered = 0, 0
    for seed in range(80):
        banks = banks_of(count=100, seed=seed)
        features = features_of(banks, specific=20, generic=20, seed=seed)
        found = bank_gaps(features, banks, CONTRASTS)
        finds += min(e.p for e in found.values() if e.p is not None) < 0.05
        interval = found["tempo", PAIR].interval
        assert interval is not None
        covered += interval[0] < 0 < interval[1]
    assert finds <= 9
    assert covered >= 70


def test_prompts_that_could_not_be_measured_are_left_out_and_counted() -> None:
    banks = banks_of()
    features = features_of(banks, specific=50, generic=10)
    features["tempo"][[0, 4]] = np.nan
    found = bank_gaps(features, banks, CONTRASTS)["tempo", PAIR]
    assert (found.unmeasured, found.n_prompts) == (2, 38)
    assert status_of(found, "specific_tempo") is Status.SUPPORTED
    features["tempo"][banks.emotion == 1] = np.nan
    nothing = bank_gaps(features, banks, CONTRASTS)["tempo", PAIR]
    assert status_of(nothing, "specific_tempo") is Status.INCONCLUSIVE


def test_shuffled_banks_are_silent() -> None:
    banks = banks_of()
    features = features_of(banks, specific=50, generic=0)
    control = load_claims()["specific_tempo"].control()
    found = silence(bank_gaps(features, banks.shuffled(), CONTRASTS)["tempo", PAIR])
    assert decide(control, found, look_for(10)).status is Status.SUPPORTED
    activations = activations_of(banks, specific=1.5, generic=0)
    signal = silence(bank_signal(activations, banks.shuffled()))
    assert decide(control, signal, look_for(10)).status is Status.SUPPORTED


def test_banks_of_other_emotions_or_sizes_are_refused() -> None:
    table = table_of(10, matched=False)
    for other in (table_of(8, matched=False), table_of(10, emotions=PAIR)):
        with pytest.raises(InferenceError, match="as many prompts"):
            paired_banks(table, other)


# --- signals ------------------------------------------------------------------------


def test_differences_are_those_of_the_signals_in_every_relabeling() -> None:
    banks = banks_of(4, count=20)
    gram = prompt_gram(
        activations_of(banks, specific=1, generic=0), banks.prompt_of_clip
    )
    found = _signal_differences(gram, banks)
    for labels, row in zip(banks.relabelings.labels, found, strict=True):
        signals = []
        for side in (0, 1):
            own = np.flatnonzero(labels == side)
            signals.append(emotion_signal(gram[:, own][:, :, own], banks.emotion[own]))
        np.testing.assert_allclose(row, signals[0] - signals[1], atol=1e-12)


def test_a_larger_signal_is_found_in_its_layer() -> None:
    banks = banks_of()
    activations = activations_of(banks, specific=1.5, generic=0.2)
    found = bank_signal(activations, banks)
    assert status_of(found, "specific_signal") is Status.SUPPORTED
    assert found.detail["best layer"] == 1
    own = found.detail["signal of the specific bank"][1]
    assert own > 0.3
    assert found.detail["signal of the generic bank"][1] < 0.1
    other = bank_signal(activations_of(banks, specific=0.2, generic=1.5), banks)
    assert status_of(other, "specific_signal") is not Status.SUPPORTED


def test_a_signal_that_is_the_same_in_both_is_not_found() -> None:
    finds = 0
    for seed in range(60):
        banks = banks_of(count=100, seed=seed)
        activations = activations_of(banks, specific=1, generic=1, seed=seed)
        found = bank_signal(activations, banks)
        assert found.p is not None
        finds += found.p < 0.05
    assert finds <= 7


# --- contrasts ----------------------------------------------------------------------


def test_contrasts_are_corrected_for_their_number() -> None:
    emotions = ("angry", "calm", "energetic")
    table = table_of(10, emotions=emotions, matched=False)
    rng = np.random.default_rng(0)
    activations = rng.normal(size=(30, LAYERS, D))
    activations[table.emotion_of_clip == 0, 2] += rng.normal(size=D)
    pairs = (("angry", "calm"), ("energetic", "calm"))
    found = contrast_evidences(activations, table, pairs, null=activations, alpha=0.005)
    assert status_of(found[pairs[0]], "extreme_contrast") is Status.SUPPORTED
    assert found[pairs[0]].qualifier == "audio-borne"
    assert found[pairs[0]].p == pytest.approx(2 * found[pairs[0]].detail["p alone"])
    assert status_of(found[pairs[1]], "extreme_contrast") is not Status.SUPPORTED
