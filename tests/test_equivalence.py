"""No effect is claimed only where there is none: how often "refuted" is wrong.

Precise studies, in which a bound below 1 % is within reach: 3 emotions x 50 matched
templates, noise of some 120 dimensions. The truth is 1 % in one layer at least, 0 in
the others, so that a single layer stands between the study and a false "refuted".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats
from tables_for_tests import table_of_draw

from harness.claims import load_claims
from harness.evidence import signal_evidence
from harness.inference.gaussian import (
    Draw,
    GaussianModel,
    draw,
    emotion_vectors,
    true_signal,
)
from harness.inference.jackknife import jackknife_t
from harness.inference.looks import look_for
from harness.measures.gram import prompt_gram
from harness.measures.similarity import balanced_units, signal_of_units
from harness.verdict import Evidence, Status, decide

PRECISE = GaussianModel(
    emotions=3,
    prompts=50,
    seeds=1,
    layers=3,
    dimensions=160,
    participation_ratio=120.0,
    icc=0.0,
    template=0.1,
    signal=0.01,
    layer_correlation=0.5,
)
RUNS = 100
CLAIM = load_claims()["layer_signal"]


def _evidence(drawn: Draw) -> Evidence:
    table = table_of_draw(drawn, count=201)
    return signal_evidence(drawn.activations, table)


def _bound(drawn: Draw) -> float:
    """What `signal_evidence` gives as `upper`, without the rest of it."""
    score = signal_of_units(
        prompt_gram(drawn.activations, drawn.prompt_of_clip),
        drawn.emotion,
        unit_of_prompt=balanced_units(drawn.emotion, template=drawn.template),
        template=drawn.template,
    )
    return float(np.max(jackknife_t(score, PRECISE.prompts).upper_one_sided))


def _share_below_1_per_cent(
    vectors: npt.NDArray[np.float64], *, runs: int = RUNS
) -> float:
    rng = np.random.default_rng(5)
    drawn = (draw(PRECISE, rng=rng, emotions=vectors) for _ in range(runs))
    return float(np.mean([_bound(data) < 0.01 for data in drawn]))


def _with_1_per_cent_in(layers: list[int]) -> npt.NDArray[np.float64]:
    """Emotions whose true signal is 1 % in these layers and 0 in the others."""
    rng = np.random.default_rng(4)
    vectors = emotion_vectors(PRECISE, rng=rng)
    for _ in range(3):  # what scaling does to the signal is not quite linear
        signal = true_signal(PRECISE, vectors, prompts=2000, rng=rng)
        vectors = vectors * np.sqrt(0.01 / signal)[:, None]
    silent = [k for k in range(PRECISE.layers) if k not in layers]
    vectors[:, silent] = 0.0
    return vectors


@pytest.mark.parametrize("layers", [[1], [0, 1, 2]], ids=["one layer", "all layers"])
def test_a_true_signal_of_1_per_cent_is_refuted_in_5_per_cent_at_most(
    layers: list[int],
) -> None:
    found = _share_below_1_per_cent(_with_1_per_cent_in(layers))
    assert found <= stats.binom.ppf(0.999, RUNS, 0.05) / RUNS


def test_no_signal_at_all_is_often_refuted_in_such_a_study() -> None:
    """The control: a rule that never refuted would pass the test above."""
    assert _share_below_1_per_cent(_with_1_per_cent_in([]), runs=20) > 0.5


def test_one_layer_that_may_carry_it_is_enough_to_refute_nothing() -> None:
    drawn = draw(
        PRECISE,
        rng=np.random.default_rng(6),
        emotions=5 * _with_1_per_cent_in([2]),  # 25 times the variance, in one of three
    )
    found = _evidence(drawn)
    assert found.upper is not None
    assert found.upper == pytest.approx(_bound(drawn))
    assert found.upper > 0.1
    assert decide(CLAIM, found, look_for(10)).status is not Status.REFUTED
    quiet = _evidence(replace(drawn, activations=drawn.activations[:, :2]))
    assert quiet.upper is not None
    assert quiet.upper < 0.01
    assert decide(CLAIM, quiet, look_for(10)).status is Status.REFUTED
