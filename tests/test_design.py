"""The table of clips knows which clip has which prompt, and shuffles by the rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from harness.design import ClipTable, clip_table
from harness.inference.looks import design_for
from harness.plan import Generation, make_plan
from harness.prompts import Prompt, load_bank

EMOTIONS = ("happy", "sad", "calm", "energetic")


def table_of(samples: int = 10, *, bank: str = "matched") -> ClipTable:
    counts = design_for(samples)
    loaded = load_bank(bank)
    plan = make_plan(
        loaded.select(EMOTIONS, counts.prompts_per_emotion, seed=0),
        seeds_per_prompt=counts.seeds_per_prompt,
        seed=0,
        fingerprint="f" * 32,
        generation=Generation(duration_seconds=1.0),
    )
    return clip_table(plan, bank=loaded)


def emotions_by_template(table: ClipTable) -> list[list[int]]:
    assert table.template is not None
    return [
        sorted(table.emotion[table.template == template].tolist())
        for template in np.unique(table.template)
    ]


def assert_numbered(table: ClipTable) -> None:
    """Numbers lead back to what the clips say of themselves."""
    for clips, prompt_of in (
        (table.specs, table.prompt_of_clip),
        (table.controls, table.prompt_of_control),
    ):
        assert len(clips) == len(prompt_of)
        names: dict[int, tuple[str, str]] = {}
        for clip, prompt in zip(clips, prompt_of.tolist(), strict=True):
            name = (clip.prompt.emotion, clip.prompt.template)
            assert names.setdefault(prompt, name) == name
            assert table.emotions[table.emotion[prompt]] == clip.prompt.emotion
    assert set(table.prompt_of_clip.tolist()) == set(range(table.n_prompts))


# --- what is numbered how ---------------------------------------------------------


@pytest.mark.parametrize("bank", ["matched", "extreme"])
@pytest.mark.parametrize("samples", [1, 10, 20, 30])
def test_numbers_lead_back_to_prompts_and_emotions(bank: str, samples: int) -> None:
    table = table_of(samples, bank=bank)
    assert_numbered(table.sentences)
    assert table.emotions == EMOTIONS
    assert table.n_clips == 4 * samples
    prompts = design_for(samples).prompts_per_emotion
    assert table.sentences.n_prompts == 4 * prompts
    assert table.n_prompts == 4 * (min(prompts, 10) if bank == "matched" else prompts)
    assert table.keys == tuple(clip.key for clip in table.specs)
    counts = Counter(table.emotion_of_clip.tolist())
    assert counts == dict.fromkeys(range(4), samples)


def test_controls_are_the_clips_and_the_second_clips_of_the_first_prompts() -> None:
    table = table_of(10)
    assert len(table.controls) == 40 + 20
    assert table.controls[:40] == table.specs
    second = table.prompt_of_control[40:]
    assert Counter(table.emotion[second].tolist()) == dict.fromkeys(range(4), 5)
    assert len(set(second.tolist())) == 20


def test_second_clips_are_evidence_where_the_design_asks_for_them() -> None:
    table = table_of(30)
    assert table.specs == table.controls
    found = Counter(table.sentences.prompt_of_clip.tolist())
    assert found == dict.fromkeys(range(60), 2)


# --- words that recur -------------------------------------------------------------


def words(table: ClipTable) -> list[tuple[int, str]]:
    bank = load_bank("matched")
    return [
        (prompt, bank.word(clip.prompt))
        for prompt, clip in zip(table.prompt_of_clip.tolist(), table.specs, strict=True)
    ]


@pytest.mark.parametrize("samples", [20, 50, 100])
def test_sentences_of_one_word_are_one_prompt(samples: int) -> None:
    table = table_of(samples)
    of_prompt = set(words(table))
    assert len(of_prompt) == table.n_prompts == 40
    assert len({word for _, word in of_prompt}) == 40
    assert emotions_by_template(table) == [[0, 1, 2, 3]] * 10
    counts = Counter(table.prompt_of_clip.tolist()).values()
    assert max(counts) - min(counts) <= samples // 20  # as many clips, or one sentence


def test_words_that_do_not_recur_leave_every_sentence_for_itself() -> None:
    table = table_of(10)
    for name in ("emotion", "template", "cohort", "prompt_of_clip"):
        np.testing.assert_array_equal(
            getattr(table, name), getattr(table.sentences, name)
        )


def test_sentences_carry_the_emotions_that_their_words_were_given() -> None:
    shuffled = table_of(20).shuffled()
    np.testing.assert_array_equal(
        shuffled.sentences.emotion_of_clip, shuffled.emotion_of_clip
    )
    assert (shuffled.emotion != table_of(20).emotion).any()


def test_sentences_of_sentences_are_themselves() -> None:
    once = table_of(20).sentences
    for name in ("emotion", "template", "cohort", "prompt_of_clip"):
        np.testing.assert_array_equal(
            getattr(once, name), getattr(once.sentences, name)
        )


def test_templates_that_words_chain_together_are_one_template(tmp_path: Path) -> None:
    # Two words of one emotion and three of the other, dealt out unevenly: nothing
    # less than all three templates can change places without tearing a word apart.
    text = 'templates = ["{emotion} a", "{emotion} b", "{emotion} c", "{emotion} d"]\n'
    text += '[words]\none = ["x", "y"]\ntwo = ["u", "v"]\n'
    (tmp_path / "bank.toml").write_text(text, "utf-8")
    bank = load_bank(str(tmp_path / "bank.toml"))
    prompts = [
        Prompt(text=f"{word} {'abcd'[t]}", emotion=emotion, template=f"t{t + 1:03d}")
        for t, pair in enumerate(["xu", "yu", "yv", "x"])
        for emotion, word in zip(("one", "two"), pair, strict=False)
    ]
    plan = make_plan(
        prompts,
        seeds_per_prompt=1,
        seed=0,
        fingerprint="f" * 32,
        generation=Generation(duration_seconds=1.0),
    )
    table = clip_table(plan, bank=bank)
    assert table.template is not None
    assert set(table.template.tolist()) == {0}
    assert table.n_prompts == 2


def test_templates_are_shared_by_the_emotions_of_a_matched_bank_only() -> None:
    assert emotions_by_template(table_of(10)) == [[0, 1, 2, 3]] * 10
    assert table_of(10, bank="extreme").template is None


def test_templates_are_left_out_for_an_interval_or_else_a_prompt_of_each() -> None:
    matched = table_of(10)
    assert matched.template is not None
    np.testing.assert_array_equal(matched.units, matched.template)
    free = table_of(10, bank="extreme")
    for unit in range(10):
        assert sorted(free.emotion[free.units == unit].tolist()) == [0, 1, 2, 3]


def test_random_numbers_are_the_same_in_every_run_and_differ_by_purpose() -> None:
    draws = {p: table_of().rng(p).random(4).tolist() for p in ("labels", "control")}
    assert draws == {p: table_of().rng(p).random(4).tolist() for p in draws}
    assert draws["labels"] != draws["control"]


# --- shuffling --------------------------------------------------------------------


def test_shuffled_emotions_stay_balanced_within_each_template() -> None:
    table = table_of(10)
    shuffled = table.shuffled()
    assert emotions_by_template(shuffled) == [[0, 1, 2, 3]] * 10
    moved = (shuffled.emotion != table.emotion).mean()
    assert 0.5 < moved < 0.95  # three of four, were it left to chance
    for name in ("specs", "controls", "emotions", "template"):
        assert getattr(shuffled, name) is getattr(table, name)
    np.testing.assert_array_equal(shuffled.prompt_of_clip, table.prompt_of_clip)


def test_shuffled_emotions_stay_balanced_where_there_are_no_templates() -> None:
    table = table_of(10, bank="extreme")
    shuffled = table.shuffled()
    counts = Counter(shuffled.emotion.tolist())
    assert counts == dict.fromkeys(range(4), 10)
    assert (shuffled.emotion != table.emotion).mean() > 0.5


def test_shuffling_is_the_same_in_every_run_and_leaves_the_table_alone() -> None:
    table = table_of(10)
    before = table.emotion.copy()
    first, second = table.shuffled(), table_of(10).shuffled()
    np.testing.assert_array_equal(first.emotion, second.emotion)
    np.testing.assert_array_equal(table.emotion, before)


def test_relabelings_keep_to_templates_and_begin_with_what_was_observed() -> None:
    table = table_of(5)
    labels = table.relabelings.labels
    np.testing.assert_array_equal(labels[0], table.emotion)
    assert table.template is not None
    for template in range(5):
        own = np.sort(labels[:, table.template == template], axis=1)
        np.testing.assert_array_equal(own, np.tile(np.arange(4), (len(labels), 1)))
    assert table.relabelings is table.relabelings  # drawn once


def test_a_shuffled_table_draws_its_own_relabelings() -> None:
    table = table_of(5)
    assert len(table.relabelings.labels) > 1
    shuffled = table.shuffled()
    np.testing.assert_array_equal(shuffled.relabelings.labels[0], shuffled.emotion)


@pytest.mark.parametrize("bank", ["matched", "extreme"])
def test_a_prompt_is_of_the_look_that_added_it(bank: str) -> None:
    table = table_of(100 if bank == "matched" else 30, bank=bank).sentences
    rank = np.arange(table.n_prompts) // len(EMOTIONS)  # emotions take turns
    expected = np.searchsorted([10, 20, 25], rank, side="right")
    np.testing.assert_array_equal(table.cohort, expected)
    smaller = table_of(10, bank=bank)
    assert (smaller.cohort == 0).all()


def test_a_template_is_of_one_look() -> None:
    table = table_of(50)
    assert table.template is not None
    for template in np.unique(table.template):
        assert len(set(table.cohort[table.template == template])) == 1


def test_relabelings_move_no_label_to_another_look() -> None:
    table = table_of(30, bank="extreme")  # 15 prompts an emotion: two looks' prompts
    assert sorted(set(table.cohort)) == [0, 1]
    for labels in (table.relabelings.labels, table.relabeled("x", count=50).labels):
        for cohort, each in ((0, 10), (1, 5)):
            own = labels[:, table.cohort == cohort]
            counts = np.stack([(own == e).sum(axis=1) for e in range(4)])
            assert (counts == each).all()
    assert (table.relabelings.labels[1:] != table.emotion).any()
    shuffled = table.shuffled()
    for cohort, each in ((0, 10), (1, 5)):
        moved = Counter(shuffled.emotion[table.cohort == cohort].tolist())
        assert moved == dict.fromkeys(range(4), each)


def test_relabelings_keep_within_other_groups_as_well() -> None:
    table = table_of(30, bank="extreme")
    fold = np.arange(table.n_prompts) // len(EMOTIONS) % 5
    labels = table.relabeled("folds", count=20, within=fold).labels
    for f in range(5):
        for cohort in (0, 1):
            own = np.sort(labels[:, (fold == f) & (table.cohort == cohort)], axis=1)
            assert (own == own[0]).all()


def test_fewer_relabelings_are_drawn_where_fewer_are_asked_for_not_more() -> None:
    table = replace(table_of(10), relabeling_count=30)
    assert len(table.relabelings.labels) == 30
    assert len(table.relabeled("x", count=10).labels) == 10
    assert len(table.relabeled("x", count=1000).labels) == 30


# --- some emotions only -----------------------------------------------------------


@pytest.mark.parametrize(
    "emotions", [("happy", "sad"), ("energetic", "happy"), ("calm",), EMOTIONS]
)
@pytest.mark.parametrize("bank", ["matched", "extreme"])
def test_a_restricted_table_is_numbered_anew(
    emotions: tuple[str, ...], bank: str
) -> None:
    table = table_of(10, bank=bank)
    restricted, kept = table.restricted(emotions)
    assert_numbered(restricted)
    assert restricted.emotions == emotions
    assert restricted.n_prompts == 10 * len(emotions)
    assert restricted.n_clips == kept.sum() == 10 * len(emotions)
    assert len(restricted.controls) == 15 * len(emotions)
    assert restricted.specs == tuple(
        clip for clip in table.specs if clip.prompt.emotion in emotions
    )
    assert [s for s, keep in zip(table.specs, kept, strict=True) if keep] == list(
        restricted.specs
    )
    if bank == "matched":
        assert emotions_by_template(restricted) == [list(range(len(emotions)))] * 10


def test_a_table_restricted_to_all_emotions_is_the_same_table() -> None:
    table = table_of(10)
    restricted, kept = table.restricted(EMOTIONS)
    assert kept.all()
    np.testing.assert_array_equal(restricted.emotion, table.emotion)
    np.testing.assert_array_equal(restricted.prompt_of_control, table.prompt_of_control)
    np.testing.assert_array_equal(restricted.cohort, table.cohort)


def test_an_emotion_that_is_not_in_the_table_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        table_of(10).restricted(("happy", "angry"))


# --- values -----------------------------------------------------------------------


def with_prompts(prompt_of_clip: list[int], emotion: list[int]) -> ClipTable:
    """A table of a few clips whose specs do not matter."""
    table = table_of(1)
    clips: Any = table.specs[:1] * len(prompt_of_clip)
    return replace(
        table,
        specs=clips,
        emotion=np.array(emotion),
        template=None,
        cohort=np.zeros(len(emotion), np.intp),
        prompt_of_clip=np.array(prompt_of_clip),
    )


def test_a_prompts_value_is_the_mean_of_its_clips_that_have_one() -> None:
    table = with_prompts([0, 1, 2, 3, 0, 1, 2, 0], [0, 1, 0, 1])
    values = np.array([1.0, 2.0, np.nan, np.nan, 3.0, np.nan, np.nan, 8.0])
    means = table.by_prompt(values)
    np.testing.assert_array_equal(means, [4.0, 2.0, np.nan, np.nan])


def test_vectors_are_averaged_by_prompt() -> None:
    table = with_prompts([0, 1, 0], [0, 1])
    values = np.arange(18.0).reshape(3, 3, 2)
    means = table.by_prompt(values)
    assert means.shape == (2, 3, 2)
    np.testing.assert_array_equal(means[0], (values[0] + values[2]) / 2)
    np.testing.assert_array_equal(means[1], values[1])


def test_a_vector_that_is_not_a_number_is_not_hidden() -> None:
    # A missing measurement is one value; a capture with a NaN is a broken instrument.
    table = with_prompts([0, 1, 0], [0, 1])
    values = np.ones((3, 2))
    values[2, 1] = np.nan
    np.testing.assert_array_equal(table.by_prompt(values), [[1, np.nan], [1, 1]])


def test_values_of_an_emotion_come_in_the_order_of_its_templates() -> None:
    table = table_of(10)
    assert table.template is not None
    templates: npt.NDArray[np.float64] = table.template.astype(np.float64)
    for emotion in EMOTIONS:
        found = table.of_emotion(templates, emotion)
        np.testing.assert_array_equal(found, np.arange(10.0))


# --- prompts that are mixed up on purpose -----------------------------------------


@pytest.mark.parametrize("samples", [5, 10, 20, 30])
def test_mismatching_moves_second_clips_only_and_leaves_none_where_it_was(
    samples: int,
) -> None:
    table = table_of(samples).sentences
    mismatched = table.mismatched()
    second = np.array([clip.is_control for clip in table.controls])
    before, after = table.prompt_of_control, mismatched.prompt_of_control
    np.testing.assert_array_equal(after[~second], before[~second])
    assert sorted(after[second].tolist()) == sorted(before[second].tolist())
    assert (after[second] != before[second]).all()
    np.testing.assert_array_equal(mismatched.prompt_of_clip, table.prompt_of_clip)
    np.testing.assert_array_equal(mismatched.emotion, table.emotion)


def test_another_seed_and_count_give_other_relabelings_that_tables_pass_on() -> None:
    usual = table_of()
    table = replace(usual, relabeling_count=50, relabeling_seed=7)
    assert len(table.relabelings.labels) == 50
    assert not np.array_equal(table.relabelings.labels, usual.relabelings.labels[:50])
    for other in (
        table.shuffled(),
        table.mismatched(),
        table.restricted(("happy", "sad"))[0],
    ):
        assert (other.relabeling_count, other.relabeling_seed) == (50, 7)
