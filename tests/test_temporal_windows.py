"""Resemblance in parts of a clip, and contrasts of these parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.measures.gram import prompt_gram
from harness.measures.similarity import SimilarityError
from harness.measures.temporal import (
    TemporalError,
    early_minus_late,
    rise_along_line,
    window_gram,
)


def noise(*shape: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=shape)


def test_every_window_has_the_gram_of_its_own_means() -> None:
    activations, prompt = noise(6, 2, 4, 5), np.array([0, 1, 2, 0, 1, 2])
    gram = window_gram(activations, prompt)
    assert gram.shape == (2, 4, 3, 3)
    for window in range(4):
        alone = prompt_gram(activations[:, :, window], prompt)
        np.testing.assert_allclose(gram[:, window], alone)


def test_what_all_clips_do_at_one_time_is_no_resemblance() -> None:
    activations = noise(6, 2, 4, 5)
    moved = activations + 100 * noise(4, 5)
    prompt = np.arange(6)
    np.testing.assert_allclose(
        window_gram(moved, prompt), window_gram(activations, prompt), atol=1e-10
    )


@pytest.mark.parametrize("windows", [2, 3, 8])
def test_the_rise_is_that_of_the_least_squares_line(windows: int) -> None:
    values, steps = noise(windows), np.arange(windows)
    line = np.polyval(np.polyfit(steps, values, 1), steps)
    assert rise_along_line(windows) @ values == pytest.approx(line[-1] - line[0])


def test_hand_worked_rises() -> None:
    assert rise_along_line(3) @ [0.1, 0.9, 0.3] == pytest.approx(0.2)
    assert rise_along_line(4) @ [1.0, 3.0, 5.0, 7.0] == pytest.approx(6.0)
    assert early_minus_late(3) @ [0.1, 0.9, 0.3] == pytest.approx(-0.2)


@pytest.mark.parametrize("contrast", [rise_along_line, early_minus_late])
def test_a_contrast_does_not_see_what_is_the_same_in_all_windows(contrast: Any) -> None:
    assert contrast(8) @ np.full(8, 0.3) == pytest.approx(0.0)
    with pytest.raises(TemporalError, match="`windows` must be 2 or more, got 1"):
        contrast(1)


def test_one_window_has_no_early_and_no_late() -> None:
    with pytest.raises(TemporalError, match="must have 2 windows or more, got 1"):
        window_gram(noise(6, 2, 1, 5), np.arange(6))


def test_a_clip_that_is_shorter_than_the_windows_is_named() -> None:
    activations = noise(6, 2, 8, 5)
    activations[4, :, 5] = 0.0
    with pytest.raises(TemporalError, match="window 6 of 8 of clip 4 is empty"):
        window_gram(activations, np.arange(6))


def test_what_is_no_number_or_of_another_shape_is_refused() -> None:
    activations = noise(6, 2, 8, 5)
    with pytest.raises(TemporalError, match=r"\(clips, layers, windows, d\), got"):
        window_gram(activations[:, :, 0], np.arange(6))
    activations[3, 1, 2, 0] = np.nan
    with pytest.raises(SimilarityError, match=r"got NaN or infinity in clips \[3\]"):
        window_gram(activations, np.arange(6))
