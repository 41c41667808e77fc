"""The banks that ship keep their rules."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from banks_for_tests import EXTREME, GENERIC, MATCHED, SHIPPED, entry

from harness.prompts import BANKS_DIRECTORY, EMOTIONS, bank_names

# Words that would tell the model (or us) tempo, loudness, brightness or key.
TELLTALES = {
    "fast",
    "slow",
    "quick",
    "rapid",
    "swift",
    "brisk",
    "tempo",
    "speed",
    "bpm",
    "beat",
    "upbeat",
    "downbeat",
    "driving",
    "hurried",
    "unhurried",
    "pace",
    "allegro",
    "adagio",
    "andante",
    "presto",
    "largo",
    "lento",
    "vivace",
    "moderato",
    "loud",
    "quiet",
    "soft",
    "softly",
    "silent",
    "hushed",
    "muted",
    "forte",
    "fortissimo",
    "pianissimo",
    "noisy",
    "bright",
    "dark",
    "dim",
    "key",
    "keys",
    "major",
    "minor",
    "mode",
    "modal",
    "tonic",
    "scale",
    "dorian",
    "phrygian",
    "lydian",
    "sharp",
    "flat",
}


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+", text.casefold()))


def test_three_banks_ship_with_the_five_emotions() -> None:
    assert bank_names() == ("extreme", "generic", "matched")
    for bank in SHIPPED.values():
        assert bank.emotions == EMOTIONS
        assert bank.path.parent == BANKS_DIRECTORY


def test_only_the_default_bank_is_matched() -> None:
    assert MATCHED.matched
    assert not EXTREME.matched
    assert not GENERIC.matched


def test_shipped_banks_are_large_enough_for_their_looks() -> None:
    assert MATCHED.capacity() >= 60
    assert EXTREME.capacity() >= 25
    assert GENERIC.capacity() >= 25


def test_matched_words_are_ten_plain_words_per_emotion() -> None:
    for _, words in MATCHED.lists:
        assert len(words) == 10
        for word in words:
            assert re.fullmatch(r"[a-z]+([ -][a-z]+)?", word)


def test_no_matched_word_stands_for_two_emotions() -> None:
    counts = Counter(word for _, words in MATCHED.lists for word in words)
    assert max(counts.values()) == 1


def test_matched_bank_tells_nothing_of_tempo_loudness_or_key() -> None:
    texts = (*MATCHED.templates, *(w for _, words in MATCHED.lists for w in words))
    for text in texts:
        parts = words_of(text) | words_of(text.replace("-", " "))
        assert not parts & TELLTALES, text
        assert not re.search(r"\d", text), text


def test_no_matched_template_names_an_emotion_besides_its_slot() -> None:
    named = {word for bank in SHIPPED.values() for word in bank.emotions}
    named |= {word for _, words in MATCHED.lists for word in words}
    for template in MATCHED.templates:
        rest = template.replace("{emotion}", "")
        assert not words_of(rest) & named, template


def test_no_article_stands_before_the_slot() -> None:
    for template in MATCHED.templates:
        assert not re.search(r"\b(a|an) \{emotion\}", template, re.IGNORECASE), template


def test_no_prompt_stands_in_two_shipped_banks() -> None:
    texts = [
        prompt.text
        for bank in SHIPPED.values()
        for prompt in bank.select(EMOTIONS, bank.capacity(), seed=0)
    ]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("emotion", "text"),
    [
        ("happy", "euphoric dance party, 150 BPM, major key, celebration, bright"),
        ("sad", "funeral dirge, 50 BPM, solo cello, crying, mournful, dark"),
        ("angry", "aggressive death metal, screaming, distorted guitars, 180 BPM"),
        ("calm", "zen meditation, 40 BPM, soft flute, peaceful, silence"),
        ("energetic", "intense EDM rave"),
    ],
)
def test_extreme_bank_holds_the_prompts_of_the_documents(
    emotion: str, text: str
) -> None:
    assert text in entry(EXTREME, emotion)


def test_generic_bank_holds_the_prompts_of_the_documents() -> None:
    assert "happy upbeat cheerful music" in entry(GENERIC, "happy")
    assert "sad melancholic sorrowful music" in entry(GENERIC, "sad")


def test_digests_of_the_shipped_banks_differ() -> None:
    assert len({bank.digest for bank in SHIPPED.values()}) == 3
