"""Attention on heads and words: by hand, planted, and where nothing was planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tables_for_tests import EMOTIONS, shuffled, table_of

from harness.design import ClipTable
from harness.evidence import any_words, head_evidence, silence, word_evidence
from harness.inference import InferenceError
from harness.measures.attention import (
    AttentionError,
    Reading,
    contrasts_over_time,
    head_levels,
    reading_of,
    word_contrasts,
    words_of,
)

LAYERS, HEADS, WINDOWS, WORDS = 2, 3, 8, 6
PIECES = ("▁a", "▁light", "-", "heart", "ed", "▁tune", ",", "▁", "b", "y", "</s>")
SENTENCE, TEXT = "a {emotion} tune, by", "a light-hearted tune, by"

Floats = npt.NDArray[np.float64]


# --- words --------------------------------------------------------------------------


def test_pieces_make_words_without_punctuation_and_marks() -> None:
    assert words_of(PIECES) == [[0], [1, 3, 4], [5], [8, 9]]
    assert words_of(["</s>"]) == []


def test_a_word_is_read_as_much_as_its_pieces_on_average() -> None:
    tokens = np.arange(11.0)
    reading = reading_of(tokens[None, None, None], PIECES, text=TEXT, sentence=SENTENCE)
    np.testing.assert_allclose(reading.shares[0, 0, 0], [0, 8 / 3, 5, 8.5])
    assert reading.emotion == 1


def test_an_emotion_of_several_words_is_one() -> None:
    pieces = ("▁full", "▁of", "▁joy", ",", "▁piano", "</s>")
    tokens = np.array([0.1, 0.2, 0.3, 0.1, 0.25, 0.05])[None, None, None]
    reading = reading_of(
        tokens, pieces, text="full of joy, piano", sentence="{emotion}, piano"
    )
    np.testing.assert_allclose(reading.shares[0, 0, 0], [0.2, 0.25])
    assert reading.emotion == 0


def test_a_contrast_is_the_logarithm_less_those_of_the_others() -> None:
    shares = np.exp(np.array([3.0, 1.0, 2.0])) / 100
    reading = Reading(shares=np.tile(shares, (1, 1, 2, 1)), emotion=1)
    np.testing.assert_allclose(word_contrasts(reading)[0, 0], [1.5, -1.5, 0], atol=1e-9)
    np.testing.assert_allclose(contrasts_over_time(reading)[0, 0], [-1.5, -1.5])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": "a sad waltz", "sentence": SENTENCE}, "must make 3 words"),
        ({"text": "a b c d", "sentence": "{emotion} tune"}, "with an emotion"),
        ({"text": TEXT, "sentence": "a light-hearted tune, by"}, "with an emotion"),
    ],
)
def test_a_text_of_another_sentence_is_refused(
    changes: dict[str, str], said: str
) -> None:
    with pytest.raises(AttentionError, match=said):
        reading_of(np.ones((1, 1, 1, 11)), PIECES, **changes)


def test_what_is_not_finite_is_named() -> None:
    tokens = np.ones((2, 3, 4, 11))
    tokens[1, 2, 3, 3] = np.nan
    with pytest.raises(AttentionError, match="layer 1, head 2, window 3"):
        reading_of(tokens, PIECES, text=TEXT, sentence=SENTENCE)
    tokens[1, 2, 3, 3] = 1.0
    tokens[1, 2, 3, 0] = np.nan
    with pytest.raises(AttentionError, match="clip 1, layer 2, head 3, window 0 of 11"):
        head_levels(tokens, floor=1e-3)
    with pytest.raises(AttentionError, match=r"\(clips, layers, heads, windows\)"):
        head_levels(np.ones((2, 3)), floor=1e-3)


def test_one_word_cannot_be_compared() -> None:
    with pytest.raises(AttentionError, match="2 words or more"):
        word_contrasts(Reading(shares=np.ones((1, 1, 8, 1)), emotion=0))


def test_levels_are_logarithms_of_means_with_a_floor() -> None:
    values = np.array([[0.2, 0.4], [0.0, 0.0]])[:, None, None]
    np.testing.assert_allclose(
        head_levels(values, floor=1e-3).ravel(), np.log([0.3, 1e-3])
    )


# --- heads that follow the emotion --------------------------------------------------


def levels_of(table: ClipTable, *, seed: int, effect: float) -> Floats:
    """Noise that clips of a prompt share; the last head of layer 1 has the effect."""
    rng = np.random.default_rng(seed)
    assert table.template is not None
    levels = rng.normal(size=(table.n_prompts, LAYERS, HEADS))
    levels += rng.normal(size=(table.template.max() + 1, LAYERS, HEADS))[table.template]
    levels[:, 1, -1] += effect * table.emotion
    levels = levels[table.prompt_of_clip]
    return levels + 0.3 * rng.normal(size=levels.shape)


def test_a_head_that_follows_the_emotion_is_found() -> None:
    table = table_of(prompts=10)
    levels = levels_of(table, seed=1, effect=1.0)
    found = head_evidence(levels, table)
    assert (found.detail["layer"], found.detail["head"]) == (1, 2)
    assert found.p == pytest.approx(1 / 2_000)
    assert found.effect is not None
    assert found.interval is not None
    # Planted: (variance of 0, 1, 2, 3 x 10 prompts + 1.09) / 1.09 = 16.3.
    assert 4 < found.effect < 40
    assert found.interval[0] < 16.3 < found.interval[1]
    means = found.detail["mean by emotion, there"]
    assert list(means) == list(EMOTIONS)
    assert sorted(means.values()) == list(means.values())


def test_a_ratio_is_about_one_where_there_is_no_effect() -> None:
    effects, hits = [], 0
    for seed in range(30):
        table = shuffled(table_of(prompts=10, count=200), seed)
        found = head_evidence(levels_of(table, seed=seed, effect=0.0), table)
        assert found.effect is not None
        assert found.p is not None
        effects.append(np.log(found.effect))
        hits += found.p < 0.05
    assert hits <= 6  # 1.5 expected; more than 6 have a chance of 3 in 10,000
    assert np.exp(np.mean(effects)) == pytest.approx(0.85, abs=0.25)


def test_what_is_heard_without_words_is_said() -> None:
    table = table_of(prompts=10)
    levels = levels_of(table, seed=1, effect=1.0)
    silent = levels_of(table, seed=2, effect=0.0)
    for null, qualifier in ((levels, "audio-borne"), (silent, "text-borne")):
        found = head_evidence(levels, table, null=null, alpha=0.01)
        assert found.qualifier == qualifier
        assert found.detail["ladder"][0]["rung"] == "conditional"
    assert head_evidence(levels, table, alpha=0.01).qualifier is None
    of_words = head_evidence(levels, table, of_words=True, alpha=0.01)
    assert of_words.qualifier == "text-borne"
    nothing = head_evidence(silent, table, of_words=True, alpha=0.001)
    assert nothing.qualifier is None


def test_shuffled_emotions_are_silent() -> None:
    table = table_of(prompts=10)
    levels = levels_of(table, seed=1, effect=1.0)
    found = silence(head_evidence(levels, table.shuffled()))
    assert found.effect is not None
    assert found.effect > 0.01


def test_heads_need_prompts_that_differ_and_templates_to_choose_in() -> None:
    table = table_of(prompts=10)
    with pytest.raises(AttentionError, match="must vary between prompts"):
        head_evidence(np.ones((40, LAYERS, HEADS)), table)
    few = table_of(prompts=3)
    with pytest.raises(InferenceError, match="at least 4"):
        head_evidence(levels_of(few, seed=0, effect=1.0), few)


# --- the emotion's word -------------------------------------------------------------


def readings_of(table: ClipTable, *, seed: int, factor: float) -> list[Reading]:
    """Words of which some are read more in any sentence; one head reads the emotion's.

    Its place differs between templates.
    """
    rng = np.random.default_rng(seed)
    assert table.template is not None
    template = table.template[table.prompt_of_clip]
    places = rng.integers(WORDS, size=template.max() + 1)
    habit = rng.normal(size=(template.max() + 1, LAYERS, HEADS, 1, WORDS))
    readings = []
    for of in template:
        noise = 0.2 * rng.normal(size=(LAYERS, HEADS, WINDOWS, WORDS))
        shares = np.exp(habit[of] + noise)
        shares[1, 0, :, places[of]] *= factor
        shares /= 1.3 * shares.sum(-1, keepdims=True)  # the rest is the end's
        readings.append(Reading(shares=shares, emotion=int(places[of])))
    return readings


def test_a_head_that_reads_the_word_is_found() -> None:
    table = table_of(prompts=10)
    found = word_evidence(readings_of(table, seed=3, factor=8.0), table, alpha=0.01)
    assert found.qualifier == "text-borne"
    assert (found.detail["layer"], found.detail["head"]) == (1, 0)
    assert found.p == pytest.approx(1 / 2_000)
    assert found.effect is not None
    assert found.interval is not None
    assert found.interval[0] < 8.0 < found.interval[1]
    over_time = found.detail["ratio by window, there"]
    assert over_time.shape == (WINDOWS,)
    assert set(found.detail["ratio by window and emotion, there"]) == set(EMOTIONS)


def test_a_word_that_is_any_word_is_found_as_rarely_as_alpha() -> None:
    effects, hits = [], 0
    for seed in range(60):
        table = table_of(prompts=10, count=200)
        found = word_evidence(readings_of(table, seed=seed, factor=1.0), table)
        assert found.effect is not None
        assert found.p is not None
        effects.append(np.log(found.effect))
        hits += found.p < 0.05
    assert hits <= 9  # 3 expected
    assert np.exp(np.mean(effects)) == pytest.approx(1.0, abs=0.15)


def test_any_other_word_is_silent() -> None:
    table = table_of(prompts=10)
    readings = any_words(readings_of(table, seed=3, factor=8.0), table)
    template = table.template
    assert template is not None
    for of in np.unique(template):
        places = {r.emotion for r, t in zip(readings, template, strict=True) if t == of}
        assert len(places) == 1
    assert len({r.emotion for r in readings}) > 1
    found = silence(word_evidence(readings, table))
    assert found.effect is not None
    assert found.effect > 0.01


def test_few_words_are_all_dealt_out() -> None:
    table = table_of(prompts=4)
    readings = [
        Reading(shares=r.shares[..., :3], emotion=r.emotion % 3)
        for r in readings_of(table, seed=0, factor=1.0)
    ]
    assert word_evidence(readings, table).smallest_p == pytest.approx(1 / 81)


@pytest.mark.parametrize("broken", ["unmatched", "another sentence"])
def test_words_of_other_sentences_are_refused(broken: str) -> None:
    table = table_of(prompts=10, matched=broken != "unmatched")
    readings: list[Any] = readings_of(table_of(prompts=10), seed=0, factor=1.0)
    if broken != "unmatched":
        readings[1] = Reading(shares=readings[1].shares[..., 1:], emotion=0)
    with pytest.raises(AttentionError, match=r"must be matched|equally many words"):
        word_evidence(readings, table)
