"""Prompts that work: chosen on one half, judged on the other, never on the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tables_for_tests import table_of

from harness.claims import load_claims
from harness.design import ClipTable
from harness.evidence.common import silence
from harness.evidence.prompt_choice import prompt_choice_evidence
from harness.inference.looks import look_for
from harness.measures.prompt_choice import judged_gains
from harness.measures.similarity import SimilarityError
from harness.verdict import Evidence, Status, decide

WORDS = 5


def status_of(evidence: Evidence) -> Status:
    return decide(load_claims()["prompts_that_work"], evidence, look_for(20)).status


def evidence_of(
    table: ClipTable,
    *,
    matters: float,
    templates: float = 0.0,
    seed: int = 0,
    dealt_out: bool = False,
) -> Evidence:
    """Scores that go by word or, with seeds, by prompt, and by template."""
    rng = np.random.default_rng(seed)
    prompts = np.arange(table.n_prompts)
    words = [f"word {k}" for k in table.units % WORDS]
    texts = [f"prompt {k}" for k in prompts]
    seeds = table.n_clips // table.n_prompts
    shift = (table.units % 2 if seeds > 1 else (table.units % WORDS) % 2) - 0.5
    by_template = templates * rng.normal(size=table.units.max() + 1)[table.units]
    by_clip = (matters * shift + by_template)[table.prompt_of_clip]
    scores = 0.5 + by_clip + 0.2 * rng.normal(size=table.n_clips)
    replicate = np.repeat(np.arange(seeds), table.n_prompts)
    return prompt_choice_evidence(
        scores,
        table,
        words=words,
        texts=texts,
        replicate=replicate,
        dealt_out=dealt_out,
    )


# --- the measure --------------------------------------------------------------------


def test_gains_worked_by_hand() -> None:
    # Words 0, 1, 2 score 3, 1, 1 in one half: 0 is kept. In the other half they score
    # 2, 4, 0: kept 2 less left 2 is 0. That half keeps 1 (average 2): 1 less 2 is -1.
    scores = [3.0, 1.0, 1.0, 2.0, 4.0, 0.0]
    halves = np.array([[True] * 3 + [False] * 3])
    found = judged_gains(scores, [[0, 1, 2, 0, 1, 2]], [0] * 6, halves=halves)
    assert found[0] == pytest.approx((0 - 1) / 2)


def test_emotions_choose_among_their_own_words() -> None:
    # The second emotion is 10 higher throughout, its words as the first's.
    scores = np.array([1.0, 0.0, 1.0, 0.0])
    halves = np.array([[True, True, False, False]])
    both = judged_gains(
        np.concatenate([scores, scores + 10]),
        [[0, 1, 0, 1, 2, 3, 2, 3]],
        [0] * 4 + [1] * 4,
        halves=np.hstack([halves, halves]),
    )
    assert both[0] == pytest.approx(1.0)


def test_words_heard_in_one_half_only_are_left_out() -> None:
    halves = np.array([[True, True, True, False, False]])
    found = judged_gains(
        [1.0, 0.0, 99.0, 1.0, 0.0], [[0, 1, 2, 0, 1]], [0] * 5, halves=halves
    )
    assert found[0] == pytest.approx(1.0)
    nothing = judged_gains(
        [1.0, 1.0], [[0, 1]], [0, 0], halves=np.array([[True, False]])
    )
    assert np.isnan(nothing[0])


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(SimilarityError, match="must be finite"):
        judged_gains([np.nan], [[0]], [0], halves=np.array([[True]]))


# --- evidence -----------------------------------------------------------------------


@pytest.mark.parametrize(("prompts", "seeds"), [(20, 1), (20, 2)])
@pytest.mark.parametrize("matched", [True, False])
def test_wordings_that_matter_are_found(
    prompts: int, seeds: int, matched: bool
) -> None:
    table = table_of(prompts, seeds=seeds, matched=matched)
    found = evidence_of(table, matters=0.5, templates=0.1)
    assert status_of(found) is Status.SUPPORTED
    assert found.effect is not None
    assert found.interval is not None
    assert found.interval[0] < found.effect < found.interval[1]
    assert found.effect == pytest.approx(0.5, abs=0.15)
    ranked = found.detail["ranked"]["happy"]
    assert ranked[0]["share of rules kept"] > ranked[-1]["share of rules kept"] + 0.2
    if seeds == 1:
        assert {row["wording"] for row in ranked[:2]} == {"word 1", "word 3"}
    assert len(found.detail["templates ranked"]) == (prompts if matched else 0)


@pytest.mark.parametrize("seeds", [1, 2])
def test_wordings_dealt_out_to_others_are_silent(seeds: int) -> None:
    table = table_of(20, seeds=seeds)
    control = load_claims()["prompts_that_work"].control()
    found = silence(evidence_of(table, matters=0.5, dealt_out=True))
    assert decide(control, found, look_for(20)).status is Status.SUPPORTED


@pytest.mark.parametrize("seeds", [1, 2])
def test_wordings_that_do_not_matter_are_found_as_rarely_as_alpha(seeds: int) -> None:
    finds, effects = 0, []
    for seed in range(40):
        table = replace(table_of(20, seeds=seeds, count=100), relabeling_seed=seed)
        # With one seed, templates that matter must not pass for words.
        template = 0.3 if seeds == 1 else 0.0
        found = evidence_of(table, matters=0.0, templates=template, seed=seed)
        assert found.p is not None
        finds += found.p < 0.05
        effects.append(found.effect)
    assert finds <= 6
    assert np.mean(np.array(effects, float)) == pytest.approx(0, abs=0.03)


def test_chosen_and_judged_on_the_same_clips_words_always_work() -> None:
    words, halves = np.arange(40) % 10, np.array([[True] * 20 + [False] * 20])
    found = []
    for seed in range(30):
        scores = np.random.default_rng(seed).normal(size=40)
        twice = np.concatenate([scores[:20], scores[:20]])
        found.append(
            [
                judged_gains(given, [words], np.zeros(40, int), halves=halves)[0]
                for given in (twice, scores)
            ]
        )
    same, other = np.mean(found, axis=0)
    assert same > 0.8
    assert other == pytest.approx(0, abs=0.25)


def test_words_that_were_heard_once_cannot_be_judged() -> None:
    table = table_of(5, matched=False)
    found = evidence_of(table, matters=1.0)
    assert status_of(found) is Status.INVALID
    assert found.problem is not None
    assert "--samples" in found.problem


def test_clips_that_all_do_alike_are_inconclusive() -> None:
    table = table_of(20)
    found: Any = prompt_choice_evidence(
        np.ones(80),
        table,
        words=[f"{k % 5}" for k in table.units],
        texts=[""] * 80,
        replicate=np.zeros(80, int),
    )
    assert status_of(found) is Status.INCONCLUSIVE
    assert (found.effect, found.p) == (0.0, 1.0)
