"""From clips to evidence: what was planted is found, and nothing where nothing was.

Conventions
-----------
Activations come from the Gaussian model of `harness.inference.gaussian` and have shape
`(clips, layers, d)`; the design has 10 matched prompts per emotion unless said
otherwise, so that the first look's alpha of .005 is within reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rulings_for_tests import p_of, status_of
from tables_for_tests import table_of_draw

from harness.claims import load_claims
from harness.design import ClipTable
from harness.evidence import (
    control_evidence,
    dimension_evidence,
    gap_evidence,
    layer_evidence,
    match_evidence,
    probe_evidence,
    signal_evidence,
    silence,
)
from harness.inference.gaussian import GaussianModel, draw
from harness.inference.looks import look_for
from harness.verdict import Evidence, Status, decide

ALPHA = look_for(10).alpha
TRUTH = GaussianModel(
    emotions=3, prompts=10, seeds=1, layers=4, dimensions=48, signal=0.2
)
NULL = replace(TRUTH, signal=0.0)

Floats = npt.NDArray[np.float64]


def drawn(model: GaussianModel, seed: int = 1) -> tuple[npt.NDArray[Any], ClipTable]:
    found = draw(model, rng=np.random.default_rng(seed))
    return found.activations, table_of_draw(found)


def heard(table: ClipTable, means: Mapping[str, float], *, spread: float) -> Floats:
    """A feature by clip: the mean of its emotion and noise."""
    level = np.array([means.get(e, 0.0) for e in table.emotions])
    noise = np.random.default_rng(2).normal(0, spread, table.n_clips)
    values: Floats = level[table.emotion_of_clip] + noise
    return values


# --- activations --------------------------------------------------------------------


def test_a_planted_signal_is_found_and_supported() -> None:
    activations, table = drawn(TRUTH)
    evidence = signal_evidence(activations, table)
    assert p_of(evidence) < ALPHA
    # Of a variance of 1 + .2 + .2 the emotions have .2: a seventh.
    assert evidence.effect == pytest.approx(1 / 7, abs=0.08)
    assert evidence.interval is not None
    low, high = evidence.interval
    assert low < 1 / 7 < high
    assert status_of("layer_signal", evidence) is Status.SUPPORTED


def test_where_nothing_was_planted_no_signal_is_found() -> None:
    activations, table = drawn(NULL)
    evidence = signal_evidence(activations, table)
    assert p_of(evidence) > ALPHA
    assert status_of("layer_signal", evidence) is not Status.SUPPORTED


def test_what_nobody_planted_is_refuted_once_there_is_enough_of_it() -> None:
    # Clips that hardly differ but for their noise: the bound falls below 1 %.
    model = replace(NULL, prompts=40, icc=0.0, template=0.0, participation_ratio=400.0)
    activations, table = drawn(replace(model, dimensions=400, layers=2))
    evidence = signal_evidence(activations, table)
    assert evidence.upper is not None
    assert evidence.upper < 0.01
    assert status_of("layer_signal", evidence) is Status.REFUTED


def test_the_bound_of_the_signal_is_the_largest_of_all_layers() -> None:
    activations, table = drawn(NULL)
    bounds = [layer_evidence(activations, table, k).upper for k in range(4)]
    largest = max(bound for bound in bounds if bound is not None)
    assert signal_evidence(activations, table).upper == pytest.approx(largest)


def test_the_effect_is_not_that_of_the_layer_that_looks_best_by_chance() -> None:
    optimism = []
    for seed in range(12):
        activations, table = drawn(replace(NULL, layer_correlation=0.0), seed)
        evidence = signal_evidence(activations, table)
        assert evidence.effect is not None
        optimism.append((evidence.effect, max(evidence.detail["signal"])))
    honest, naive = np.mean(optimism, axis=0)
    assert abs(honest) < 0.012
    assert naive > honest + 0.01


def test_a_signal_in_one_layer_is_found_there() -> None:
    activations, table = drawn(replace(NULL, layer_correlation=0.0))
    planted = activations.astype(np.float64)
    direction = np.random.default_rng(3).normal(size=(3, planted.shape[2]))
    planted[:, 2] += 0.12 * direction[table.emotion_of_clip]
    evidence = signal_evidence(planted, table)
    assert evidence.detail["best_layer"] == 2
    ps = [p_of(layer_evidence(planted, table, layer)) for layer in range(4)]
    assert [p < ALPHA for p in ps] == [False, False, True, False]
    np.testing.assert_allclose(evidence.detail["p_adjusted"], ps)
    assert evidence.p == ps[2]


def test_layers_agree_with_the_curve_of_the_family() -> None:
    activations, table = drawn(TRUTH)
    family = signal_evidence(activations, table)
    for layer in range(4):
        alone = layer_evidence(activations, table, layer)
        assert alone.effect == pytest.approx(family.detail["signal"][layer])
        assert (alone.n_prompts, alone.n_clips) == (30, 30)


def test_what_the_null_half_carries_too_is_audio_borne() -> None:
    activations, table = drawn(TRUTH)
    without, _ = drawn(NULL, seed=9)
    for measure in (signal_evidence, probe_evidence):
        both = measure(activations, table, null=activations, alpha=ALPHA)
        assert both.qualifier == "audio-borne"
        words_only = measure(activations, table, null=without, alpha=ALPHA)
        assert words_only.qualifier == "text-borne"
        assert measure(activations, table).qualifier is None


def test_on_a_smoke_run_nothing_is_found_and_so_it_came_in_no_way() -> None:
    activations, table = drawn(TRUTH)
    smoke = look_for(9).alpha
    evidence = signal_evidence(activations, table, null=activations, alpha=smoke)
    assert evidence.qualifier is None


def test_what_was_not_found_is_not_called_text_borne() -> None:
    nothing, table = drawn(NULL, seed=9)
    for measure in (signal_evidence, probe_evidence):
        assert measure(nothing, table, null=nothing, alpha=ALPHA).qualifier is None


def test_the_first_step_is_reported_beside_the_signal() -> None:
    activations, table = drawn(TRUTH)
    nothing, _ = drawn(NULL, seed=9)
    evidence = signal_evidence(activations, table, first_step=nothing)
    assert evidence.detail["first_step_p"] > ALPHA
    planted = signal_evidence(activations, table, first_step=activations)
    assert planted.detail["first_step_p"] < ALPHA


def test_a_probe_reads_a_planted_emotion_in_prompts_it_has_not_seen() -> None:
    activations, table = drawn(replace(TRUTH, signal=0.6))
    evidence = probe_evidence(activations, table)
    assert status_of("linear_probe", evidence) is Status.SUPPORTED
    assert evidence.effect is not None
    assert evidence.effect > 0.9
    shuffled = evidence.detail["accuracy with shuffled labels"]
    assert shuffled == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(np.sum(evidence.detail["confusion"]["share"], -1), 1)


def test_a_probe_reads_nothing_where_nothing_was_planted_though_clips_repeat() -> None:
    # Four clips of each prompt, much alike, in the order of a plan: the documents' own
    # formula reads the prompt.
    activations, table = drawn(replace(NULL, emotions=2, seeds=4, icc=0.7))
    order = np.argsort(np.tile(np.arange(4), 20), kind="stable")
    table = replace(table, prompt_of_clip=table.prompt_of_clip[order])
    evidence = probe_evidence(activations[order], table)
    assert p_of(evidence) > ALPHA
    assert evidence.effect is not None
    assert evidence.effect < 0.7
    documented = evidence.as_documented["5-fold accuracy over clips, best layer"]
    assert documented > evidence.effect + 0.1


def test_dimensions_that_differ_are_counted_beyond_those_of_shuffled_labels() -> None:
    activations, table = drawn(replace(TRUTH, signal=0.5))
    evidence = dimension_evidence(activations, table, ("sad", "happy"))
    assert status_of("permutation_baseline", evidence) is Status.SUPPORTED
    assert evidence == dimension_evidence_like(evidence, activations, table)
    nothing, same = drawn(NULL)
    silent = dimension_evidence(nothing, same, ("happy", "sad"))
    assert p_of(silent) > ALPHA


def dimension_evidence_like(
    evidence: Evidence, activations: npt.NDArray[Any], table: ClipTable
) -> Evidence:
    """The same pair named the other way round, if its detail is that of `evidence`."""
    other = dimension_evidence(activations, table, ("happy", "sad"))
    assert {k: np.asarray(v).tolist() for k, v in other.detail.items()} == {
        k: np.asarray(v).tolist() for k, v in evidence.detail.items()
    }
    return replace(other, detail=evidence.detail)


def test_dimensions_tell_which_pair_of_emotions_differs() -> None:
    activations, table = drawn(NULL)
    planted = activations.astype(np.float64)
    direction = np.random.default_rng(3).normal(size=planted.shape[1:])
    planted[table.emotion_of_clip == table.emotions.index("calm")] += 0.2 * direction
    pairs = (("happy", "sad"), ("happy", "calm"), ("sad", "calm"))
    found = [p_of(dimension_evidence(planted, table, pair)) for pair in pairs]
    assert [p < ALPHA for p in found] == [False, True, True]


def test_clips_of_one_prompt_are_more_alike_where_prompts_matter() -> None:
    alike, table = drawn(replace(NULL, seeds=2, icc=0.6))
    evidence = control_evidence(alike, table)
    assert status_of("control_similarity", evidence) is Status.SUPPORTED
    assert evidence.n_prompts == 30
    unlike, table = drawn(replace(NULL, seeds=2, icc=0.0, template=0.0))
    nothing = control_evidence(unlike, table)
    assert p_of(nothing) > ALPHA


# --- what is heard ------------------------------------------------------------------


def test_a_planted_tempo_gap_is_found_in_the_direction_that_was_fixed() -> None:
    _, table = drawn(NULL)
    tempo = heard(table, {"happy": 130.0, "sad": 75.0}, spread=5.0)
    evidence = gap_evidence(tempo, table, ("happy", "sad"))
    assert evidence.effect == pytest.approx(55, abs=5)
    assert status_of("tempo_gap", evidence) is Status.SUPPORTED
    first_happy = tempo[table.emotion_of_clip == 0][0]
    assert evidence.as_documented["happy, first clip"] == first_happy
    wrong_way = gap_evidence(tempo, table, ("sad", "happy"))
    assert wrong_way.effect == pytest.approx(-(evidence.effect or 0))
    assert status_of("tempo_gap", wrong_way) is Status.REFUTED


def test_tempo_that_does_not_follow_the_emotion_is_not_supported() -> None:
    _, table = drawn(NULL)
    tempo = heard(table, {}, spread=30.0)
    evidence = gap_evidence(tempo, table, ("happy", "sad"))
    assert p_of(evidence) > ALPHA


def test_clips_without_a_tempo_leave_their_prompts_out_and_are_counted() -> None:
    _, table = drawn(NULL)
    tempo = heard(table, {"happy": 130.0, "sad": 75.0}, spread=5.0)
    tempo[table.emotion_of_clip == 0] = np.where(np.arange(10) < 3, np.nan, 130.0)
    evidence = gap_evidence(tempo, table, ("happy", "sad"))
    assert evidence.unmeasured == 6  # the matched sad prompts go with them
    assert evidence.smallest_p == 1 / 2**7
    # Seven pairs cannot reach .005; that is the music's doing, not the instrument's.
    assert status_of("tempo_gap", evidence) is Status.INCONCLUSIVE


def test_music_without_any_tempo_is_inconclusive() -> None:
    _, table = drawn(NULL)
    evidence = gap_evidence(np.full(table.n_clips, np.nan), table, ("happy", "sad"))
    assert status_of("tempo_gap", evidence) is Status.INCONCLUSIVE


def test_a_control_on_music_without_any_tempo_is_not_a_broken_instrument() -> None:
    _, table = drawn(NULL)
    nothing = np.full(table.n_clips, np.nan)
    found = silence(gap_evidence(nothing, table.shuffled(), ("happy", "sad")))
    control = load_claims()["tempo_gap"].control()
    assert decide(control, found, look_for(10)).status is not Status.INVALID


def test_clips_that_match_their_emotion_are_told_from_clips_that_match_any() -> None:
    _, table = drawn(NULL)
    own = np.eye(3, dtype=bool)[table.emotion_of_clip]
    evidence = match_evidence(own, table)
    assert evidence.effect == 1.0
    assert status_of("acoustic_match", evidence) is Status.SUPPORTED
    assert evidence.as_documented == {"clips that match": "30 of 30"}
    assert evidence.detail["by emotion"] == {"happy": 1.0, "sad": 1.0, "calm": 1.0}
    # Clips that meet every rule meet their own, too, and show nothing.
    lenient = match_evidence(np.ones_like(own), table)
    assert lenient.effect == 1.0
    assert lenient.p == 1.0
    assert status_of("acoustic_match", lenient) is not Status.SUPPORTED
    none = match_evidence(np.zeros_like(own), table)
    assert status_of("acoustic_match", none) is Status.REFUTED


# --- controls -----------------------------------------------------------------------


def control_of(claim: str, evidence: Evidence) -> Status:
    control = load_claims()[claim].control()
    return decide(control, silence(evidence), look_for(10)).status


def test_shuffled_emotions_are_silent_where_the_planted_ones_are_not() -> None:
    activations, table = drawn(replace(TRUTH, signal=0.6))
    shuffled = table.shuffled()
    for claim, measure in (
        ("layer_signal", signal_evidence),
        ("linear_probe", probe_evidence),
    ):
        assert control_of(claim, measure(activations, shuffled)) is Status.SUPPORTED
        # The control can fail: with the true emotions it hears them.
        assert control_of(claim, measure(activations, table)) is Status.INVALID


def test_a_control_reports_the_p_it_rests_on() -> None:
    activations, table = drawn(NULL)
    evidence = signal_evidence(activations, table.shuffled())
    quiet = silence(evidence)
    assert quiet.effect == evidence.p
    assert quiet.p is None
    assert quiet.detail == {"effect with shuffled labels": evidence.effect}


def test_second_clips_dealt_to_other_prompts_are_silent() -> None:
    activations, table = drawn(replace(NULL, seeds=2, icc=0.6))
    second = np.tile([False, True], table.n_prompts)
    specs: Any = tuple(SimpleNamespace(is_control=bool(s)) for s in second)
    paired = replace(table, controls=specs)
    mismatched = control_evidence(activations, paired.mismatched())
    assert control_of("control_similarity", mismatched) is Status.SUPPORTED
    matched = control_evidence(activations, paired)
    assert control_of("control_similarity", matched) is Status.INVALID
