"""Answers that name the emotion: by hand, and for raters with habits."""

from __future__ import annotations

import numpy as np
import pytest
from tables_for_tests import table_of

from harness.inference.relabel import relabelings
from harness.measures.recognition import (
    confusion,
    excess_by_prompt,
    named_by_prompt,
)


def test_a_prompt_of_two_clips_counts_once() -> None:
    answers = np.array([[0, 1, 1]])
    named = named_by_prompt(answers, np.array([0, 0, 1]), prompts=2, emotions=2)
    np.testing.assert_array_equal(named, [[[0.5, 0.5], [0.0, 1.0]]])


def test_excess_by_hand() -> None:
    # Two prompts of one template; the first rater hears both, the second says "0".
    named = named_by_prompt(
        np.array([[0, 1], [0, 0]]), np.array([0, 1]), prompts=2, emotions=2
    )
    found = excess_by_prompt(named, np.array([0, 1]), block=np.array([0, 0]))
    np.testing.assert_array_equal(found, [[0.5, 0.5], [0.5, -0.5]])


def test_who_always_answers_the_same_has_no_excess() -> None:
    table = table_of(8)
    answers = np.zeros((3, table.n_clips), np.intp)
    named = named_by_prompt(answers, table.prompt_of_clip, prompts=32, emotions=4)
    assert table.template is not None
    found = excess_by_prompt(named, table.emotion, block=table.template)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-15)


def test_the_excess_is_the_mean_over_all_relabelings() -> None:
    rng = np.random.default_rng(0)
    table = table_of(2, emotions=("happy", "sad", "calm"))
    assert table.template is not None
    answers = rng.integers(0, 3, (4, table.n_clips))
    named = named_by_prompt(answers, table.prompt_of_clip, prompts=6, emotions=3)
    found = excess_by_prompt(named, table.emotion, block=table.template)
    dealt = relabelings(table.emotion, template=table.template, count=100, rng=rng)
    assert dealt.exact
    shares, prompts = named.mean(axis=0), np.arange(6)
    every = shares[prompts, dealt.labels].mean(axis=1)
    assert found.mean() == pytest.approx(every[0] - every.mean(), abs=1e-15)


def test_rows_of_the_confusion_are_what_was_asked_for() -> None:
    table = table_of(2, emotions=("happy", "sad"))
    answers = np.array([[0, 0, 0, 1], [0, 1, 0, 1]])
    named = named_by_prompt(answers, table.prompt_of_clip, prompts=4, emotions=2)
    np.testing.assert_array_equal(
        confusion(named, table.emotion), [[1.0, 0.0], [0.25, 0.75]]
    )
