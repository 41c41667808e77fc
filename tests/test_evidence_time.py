"""When the emotion shows: planted in some windows, growing, constant, or nowhere.

Conventions
-----------
Activations come from the Gaussian model, its layers cut into layers and windows:
`(clips, layers, windows, d)`. A course is the variance of the emotions by window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rulings_for_tests import p_of, status_of
from scipy import stats
from tables_for_tests import table_of_draw

from harness.design import ClipTable
from harness.evidence import early_evidence, emergence_evidence, growth_evidence
from harness.evidence.time import WindowSignals, window_signals
from harness.inference import InferenceError
from harness.inference.gaussian import GaussianModel, draw, emotion_vectors
from harness.inference.looks import look_for
from harness.measures.gram import prompt_gram
from harness.measures.similarity import emotion_signal
from harness.measures.temporal import TemporalError
from harness.verdict import Status

Floats = npt.NDArray[np.float64]

LAYERS, WINDOWS, DIMENSIONS = 3, 4, 32
ALPHA = look_for(10).alpha
NOWHERE = (0.0,) * WINDOWS
RISING = (0.0, 0.2, 0.4, 0.6)
CONSTANT = (0.3,) * WINDOWS


def planted(
    course: tuple[float, ...] = NOWHERE,
    *,
    seed: int = 1,
    prompts: int = 10,
    matched: bool = True,
    count: int = 1_000,
) -> tuple[npt.NDArray[np.float32], ClipTable]:
    model = GaussianModel(
        emotions=3,
        prompts=prompts,
        seeds=1,
        layers=LAYERS * WINDOWS,
        dimensions=DIMENSIONS,
        participation_ratio=12.0,
        signal=1.0,
        matched=matched,
    )
    rng = np.random.default_rng(seed)
    scale = np.sqrt(np.tile(course, LAYERS))[:, None]
    emotions = emotion_vectors(model, rng=rng) * scale
    found = draw(model, rng=rng, emotions=emotions)
    values = found.activations.reshape(-1, LAYERS, WINDOWS, DIMENSIONS)
    return values, table_of_draw(found, count=count)


def signals(course: tuple[float, ...] = NOWHERE, **changes: Any) -> WindowSignals:
    return window_signals(*planted(course, **changes))


# --- in which part ------------------------------------------------------------------


def test_every_layer_and_window_has_its_own_signal() -> None:
    activations, table = planted(RISING)
    found = window_signals(activations, table)
    assert found.observed.shape == (LAYERS, WINDOWS)
    for window in range(WINDOWS):
        gram = prompt_gram(activations[:, :, window], table.prompt_of_clip)
        alone = emotion_signal(gram, table.emotion, template=table.template)
        np.testing.assert_allclose(found.observed[:, window], alone)


def test_the_window_from_which_on_the_emotion_shows_is_named() -> None:
    found = emergence_evidence(signals((0, 0, 0.5, 0.5)), alpha=ALPHA)
    assert found.detail["first window that shows it"] == "3 of 4"
    assert found.detail["window"] in ("3 of 4", "4 of 4")
    # Of a variance of 1 + .2 + .5 the emotions have .5.
    assert found.effect == pytest.approx(0.5 / 1.7, abs=0.12)
    assert status_of("emotion_emerges", found) is Status.SUPPORTED
    p = found.detail["p by window, corrected for layers and windows"]
    assert p.min() == p_of(found)
    assert (p[:2] > ALPHA).all()


def test_free_prompts_show_it_too() -> None:
    found = emergence_evidence(signals((0, 0.6, 0, 0), matched=False), alpha=ALPHA)
    assert found.detail["first window that shows it"] == "2 of 4"
    assert found.detail["window"] == "2 of 4"


def test_what_only_the_reading_half_has_is_borne_by_the_text() -> None:
    heard, silent = signals(CONSTANT), signals(NOWHERE, seed=2)
    text = emergence_evidence(heard, null=silent, alpha=ALPHA)
    assert text.qualifier == "text-borne"
    assert text.detail["null half: first window that shows it"] == "none"
    audio = emergence_evidence(heard, null=signals((0, 0, 0.5, 0.5)), alpha=ALPHA)
    assert audio.qualifier == "audio-borne"
    assert audio.detail["first window that shows it"] == "1 of 4"
    assert audio.detail["null half: first window that shows it"] == "3 of 4"


def test_where_nothing_was_planted_no_window_shows_it() -> None:
    found = emergence_evidence(signals(), alpha=ALPHA)
    assert found.detail["first window that shows it"] == "none"
    assert found.qualifier is None
    assert status_of("emotion_emerges", found) is not Status.SUPPORTED


def test_some_window_shows_it_by_chance_no_more_often_than_alpha() -> None:
    repetitions = 60
    ps = [
        p_of(emergence_evidence(signals(seed=seed, count=200)))
        for seed in range(repetitions)
    ]
    found = sum(p <= 0.05 for p in ps)
    assert found <= stats.binom.ppf(0.999, repetitions, 0.05)


def test_shuffled_emotions_show_in_no_window() -> None:
    found = signals(CONSTANT)
    shuffled = found.shuffled()
    assert p_of(emergence_evidence(found)) < ALPHA < p_of(emergence_evidence(shuffled))
    again = window_signals(planted(CONSTANT)[0], found.table.shuffled())
    np.testing.assert_allclose(shuffled.statistics, again.statistics)


# --- from part to part --------------------------------------------------------------


def test_a_signal_that_grows_is_found_to_grow() -> None:
    found = growth_evidence(signals(RISING))
    assert status_of("emotions_diverge", found) is Status.SUPPORTED
    # From nothing to .6 of 1 + .2 + .6, not quite along a line.
    assert found.effect == pytest.approx(1 / 3, abs=0.12)
    assert found.interval is not None
    assert found.interval[0] > 0
    falling = early_evidence(signals(RISING))
    assert falling.effect is not None
    assert falling.effect < 0
    assert status_of("emotion_at_the_start", falling) is Status.REFUTED


def test_a_signal_that_fades_is_strongest_at_the_start() -> None:
    found = signals(RISING[::-1])
    early = early_evidence(found)
    assert status_of("emotion_at_the_start", early) is Status.SUPPORTED
    last = early.detail["first minus last, in that layer"]
    assert last == pytest.approx(found.observed[early.detail["layer"]] @ [1, 0, 0, -1])
    assert p_of(growth_evidence(found)) > 0.5


@pytest.mark.parametrize("course", [NOWHERE, CONSTANT], ids=["none", "constant"])
def test_a_signal_that_stays_the_same_is_seldom_found_to_change(
    course: tuple[float, ...],
) -> None:
    repetitions = 40
    measured = [
        measure(signals(course, seed=seed, count=200))
        for seed in range(repetitions)
        for measure in (growth_evidence, early_evidence)
    ]
    found = np.array([[p_of(m), m.detail["p of the labels"]] for m in measured]) <= 0.05
    both, labels = found.reshape(repetitions, 2, 2).sum(axis=0).T
    bound = stats.binom.ppf(0.999, repetitions, 0.05)
    assert (both <= bound).all()
    if course is CONSTANT:  # why the labels alone do not decide
        assert (labels > bound).any()


def test_a_change_that_only_the_reading_half_has_is_borne_by_the_text() -> None:
    fading = signals(RISING[::-1])
    text = early_evidence(fading, null=signals(CONSTANT, seed=3), alpha=ALPHA)
    assert text.qualifier == "text-borne"
    audio = early_evidence(fading, null=signals(RISING[::-1], seed=3), alpha=ALPHA)
    assert audio.qualifier == "audio-borne"
    assert text.effect == audio.effect == early_evidence(fading).effect
    assert [rung["rung"] for rung in text.detail["ladder"]] == [
        "conditional",
        "null half",
    ]


def test_the_larger_p_counts() -> None:
    found = growth_evidence(signals(CONSTANT))
    parts = [found.detail[f"p of the {what}"] for what in ("labels", "change")]
    assert p_of(found) == max(parts)


def test_the_documents_cosines_stand_beside_it() -> None:
    activations, table = planted(CONSTANT)
    found = growth_evidence(window_signals(activations, table))
    early = activations[:, found.detail["layer"], 0].astype(np.float64)
    early /= np.linalg.norm(early, axis=1, keepdims=True)
    apart = table.emotion_of_clip[:, None] != table.emotion_of_clip
    expected = (early @ early.T)[apart].mean()
    said = found.as_documented
    assert said["raw cosine between emotions, early"] == pytest.approx(expected)
    late = said["raw cosine between emotions, late"]
    assert said["early - late"] == pytest.approx(expected - late)


# --- what cannot be measured --------------------------------------------------------


def test_one_window_and_clips_too_short_are_refused() -> None:
    activations, table = planted()
    with pytest.raises(TemporalError, match="2 windows or more, got 1"):
        window_signals(activations[:, :, :1], table)
    short = activations.copy()
    short[:, :, 2] = 0.0
    with pytest.raises(TemporalError, match="fewer steps than windows"):
        window_signals(short, table)


@pytest.mark.parametrize(
    "measure", [emergence_evidence, growth_evidence, early_evidence]
)
def test_three_templates_are_too_few_to_choose_a_layer_on(measure: Any) -> None:
    with pytest.raises(InferenceError, match="`units` must be at least 4"):
        measure(signals(prompts=3))


def test_four_templates_leave_a_change_without_an_interval_and_undecided() -> None:
    found = growth_evidence(signals(RISING, prompts=4))
    assert found.detail["p of the change"] == 1.0
    assert status_of("emotions_diverge", found) is Status.INCONCLUSIVE
