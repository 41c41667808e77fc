"""Prompt banks: what ships keeps its rules, selection is fair, bad files are named."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.prompts import (
    BANKS_DIRECTORY,
    EMOTIONS,
    Prompt,
    PromptBank,
    PromptError,
    bank_names,
    load_bank,
)

MATCHED = load_bank("matched")
EXTREME = load_bank("extreme")
GENERIC = load_bank("generic")
SHIPPED = {bank.name: bank for bank in (MATCHED, EXTREME, GENERIC)}

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

FORM_A = """\
templates = [
  "{emotion} music",
  "tune of {emotion} kind",
  "some {emotion} song",
]

[words]
tender = ["tender", "loving"]
eerie = ["eerie", "uncanny"]
"""

FORM_B = """\
[prompts]
tender = ["a tender harp", "a loving cello"]
eerie = [
  "an eerie theremin",
  "an uncanny organ",
  "a ghostly choir",
]
"""

seeds = st.integers(min_value=0, max_value=2**63 - 1)
banks = st.sampled_from(list(SHIPPED.values()))
some_emotions = st.lists(st.sampled_from(EMOTIONS), min_size=1, unique=True)
patient = settings(deadline=None, max_examples=50)


def write(folder: Path, text: str | bytes, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[\w-]+", text.casefold()))


def entry(bank: PromptBank, emotion: str) -> tuple[str, ...]:
    return dict(bank.lists)[emotion]


# The shipped banks


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


# Selection


@patient
@given(seed=seeds)
def test_fifty_matched_templates_are_balanced_over_emotions(seed: int) -> None:
    prompts = MATCHED.select(EMOTIONS, 50, seed=seed)
    assert len(prompts) == 250
    for start in range(0, 250, 5):
        turn = prompts[start : start + 5]
        assert tuple(prompt.emotion for prompt in turn) == EMOTIONS
        assert len({prompt.template for prompt in turn}) == 1
    assert len({prompt.template for prompt in prompts}) == 50


@patient
@given(bank=banks, emotions=some_emotions, seed=seeds, data=st.data())
def test_a_smaller_selection_is_a_prefix_of_a_larger_one(
    bank: PromptBank, emotions: list[str], seed: int, data: st.DataObject
) -> None:
    larger = data.draw(st.integers(1, bank.capacity(emotions)))
    smaller = data.draw(st.integers(1, larger))
    more = bank.select(emotions, larger, seed=seed)
    assert bank.select(emotions, smaller, seed=seed) == more[: smaller * len(emotions)]


@patient
@given(bank=banks, emotions=some_emotions, seed=seeds)
def test_all_prompts_of_an_emotion_are_distinct(
    bank: PromptBank, emotions: list[str], seed: int
) -> None:
    prompts = bank.select(emotions, bank.capacity(emotions), seed=seed)
    for emotion in emotions:
        own = [prompt for prompt in prompts if prompt.emotion == emotion]
        assert len(own) == bank.capacity(emotions)
        assert len({prompt.text for prompt in own}) == len(own)
        assert len({prompt.template for prompt in own}) == len(own)


@patient
@given(bank=banks, seed=seeds)
def test_a_bank_read_again_selects_the_same(bank: PromptBank, seed: int) -> None:
    again = load_bank(bank.name)
    assert again.select(EMOTIONS, 12, seed=seed) == bank.select(EMOTIONS, 12, seed=seed)


@patient
@given(bank=banks, emotions=some_emotions, seed=seeds)
def test_the_prompts_of_an_emotion_do_not_depend_on_the_others(
    bank: PromptBank, emotions: list[str], seed: int
) -> None:
    together = bank.select(EMOTIONS, 5, seed=seed)
    for emotion in emotions:
        alone = bank.select([emotion], 5, seed=seed)
        assert alone == tuple(p for p in together if p.emotion == emotion)


@patient
@given(bank=banks, first=seeds, second=seeds)
def test_another_seed_gives_another_order(
    bank: PromptBank, first: int, second: int
) -> None:
    # 25 things have 1.6e25 orders: two seeds that agree would be a fault.
    count = bank.capacity()
    orders = {
        tuple(prompt.template for prompt in bank.select(EMOTIONS, count, seed=seed))
        for seed in (first, second)
    }
    assert len(orders) == (1 if first == second else 2)


def test_every_template_comes_first_equally_often() -> None:
    bank = PromptBank(
        name="five",
        path=Path("five.toml"),
        matched=True,
        templates=tuple(f"{{emotion}} {letter}" for letter in "abcde"),
        lists=(("happy", ("happy",)),),
    )
    firsts = Counter(bank.select(["happy"], 1, seed=s)[0].template for s in range(1000))
    # Chi-squared: 0.1 % of fair draws exceed 18.5 at 4 degrees of freedom.
    assert sum((firsts[f"t00{i}"] - 200) ** 2 / 200 for i in range(1, 6)) < 18.5


@patient
@given(seed=seeds)
def test_synonyms_take_turns_in_step_for_all_emotions(seed: int) -> None:
    rotations = set()
    selected = MATCHED.select(EMOTIONS, MATCHED.capacity(), seed=seed)
    for turn, prompt in enumerate(selected):
        words = entry(MATCHED, prompt.emotion)
        place = words.index(MATCHED.word(prompt))
        rotations.add((place - turn // len(EMOTIONS)) % len(words))
    assert len(rotations) == 1


@pytest.mark.parametrize("seed", range(5))
def test_no_word_recurs_before_all_have_been_used(seed: int) -> None:
    for emotion in EMOTIONS:
        words = [MATCHED.word(p) for p in MATCHED.select([emotion], 30, seed=seed)]
        assert sorted(words[:10]) == sorted(entry(MATCHED, emotion))
        assert words[:10] == words[10:20] == words[20:]


def test_words_recur_in_step_where_emotions_have_unequally_many(
    tmp_path: Path,
) -> None:
    more = FORM_A.replace('["eerie", "uncanny"]', '["eerie", "uncanny", "ghostly"]')
    assert more != FORM_A
    bank, used = load_bank(write(tmp_path, more)), set()
    for seed in range(20):
        prompts = bank.select(["eerie", "tender"], 3, seed=seed)
        eerie, tender = (
            [bank.word(p) for p in prompts if p.emotion == emotion]
            for emotion in ("eerie", "tender")
        )
        assert eerie[0] == eerie[2] != eerie[1]
        assert tender[0] == tender[2] != tender[1]
        used |= set(eerie)
    assert used == {"eerie", "uncanny", "ghostly"}


def test_a_listed_prompt_is_its_own_word() -> None:
    bank = load_bank("extreme")
    for prompt in bank.select(["happy"], 3, seed=0):
        assert bank.word(prompt) == prompt.text


def test_the_rotation_of_synonyms_is_drawn_from_the_seed() -> None:
    def word_of_first_template(seed: int) -> str:
        prompts = MATCHED.select(["happy"], MATCHED.capacity(), seed=seed)
        (text,) = [prompt.text for prompt in prompts if prompt.template == "t001"]
        return text.removesuffix(" music for solo piano")

    drawn = Counter(word_of_first_template(seed) for seed in range(500))
    # Chi-squared: 0.1 % of fair draws exceed 27.9 at 9 degrees of freedom.
    words = entry(MATCHED, "happy")
    assert sum((drawn[word] - 50) ** 2 / 50 for word in words) < 27.9


def test_selection_from_a_small_bank_is_the_one_worked_out(tmp_path: Path) -> None:
    # `printf 7/template/0 | b2sum -l 64` and so on: 5233..., 0010..., 2ab2..., so the
    # order is t002, t003, t001. `7/rotation` is ...c9, odd: the first that is drawn
    # takes the second of the two words, the second the first, the third the second.
    bank = load_bank(write(tmp_path, FORM_A))
    assert bank.select(["eerie", "tender"], 2, seed=7) == (
        Prompt(text="tune of uncanny kind", emotion="eerie", template="t002"),
        Prompt(text="tune of loving kind", emotion="tender", template="t002"),
        Prompt(text="some eerie song", emotion="eerie", template="t003"),
        Prompt(text="some tender song", emotion="tender", template="t003"),
    )


def test_a_listed_bank_names_each_prompt(tmp_path: Path) -> None:
    bank = load_bank(write(tmp_path, FORM_B))
    prompts = set(bank.select(["eerie"], 3, seed=0))
    assert prompts == {
        Prompt(text="an eerie theremin", emotion="eerie", template="eerie-01"),
        Prompt(text="an uncanny organ", emotion="eerie", template="eerie-02"),
        Prompt(text="a ghostly choir", emotion="eerie", template="eerie-03"),
    }


def test_a_listed_bank_gives_its_emotions_in_turns(tmp_path: Path) -> None:
    bank = load_bank(write(tmp_path, FORM_B))
    prompts = bank.select(["eerie", "tender"], 2, seed=3)
    assert [prompt.emotion for prompt in prompts] == ["eerie", "tender"] * 2


@pytest.mark.parametrize(("form", "last"), [(FORM_A, "song"), (FORM_B, "choir")])
def test_a_sentence_added_at_the_end_leaves_the_others_in_their_order(
    tmp_path: Path, form: str, last: str
) -> None:
    added = '  "{emotion} hymn",' if form is FORM_A else '  "a hollow bell",'
    longer = re.sub(rf'(.*{last}",\n)', rf"\1{added}\n", form)
    before, after = (
        load_bank(write(tmp_path, text)).select(["eerie"], count, seed=11)
        for text, count in ((form, 3), (longer, 4))
    )
    templates = [prompt.template for prompt in before]
    assert len(after) == len(before) + 1
    assert [p.template for p in after if p.template in templates] == templates


def test_capacity_is_that_of_the_scarcest_emotion_asked_for(tmp_path: Path) -> None:
    bank = load_bank(write(tmp_path, FORM_B))
    assert bank.capacity(["eerie"]) == 3
    assert bank.capacity(["eerie", "tender"]) == 2
    assert bank.capacity() == 2


def test_capacity_of_a_matched_bank_is_its_number_of_templates(tmp_path: Path) -> None:
    assert load_bank(write(tmp_path, FORM_A)).capacity(["tender"]) == 3


# What a selection refuses


def test_an_unknown_emotion_is_refused_with_those_there_are(tmp_path: Path) -> None:
    bank = load_bank(write(tmp_path, FORM_B))
    with pytest.raises(PromptError, match=r"got 'happy'.* has `tender`, `eerie`"):
        bank.select(["happy"], 1, seed=0)
    with pytest.raises(PromptError, match=r"got 'happy'.* has `tender`, `eerie`"):
        bank.capacity(["happy"])


def test_a_repeated_emotion_is_refused() -> None:
    with pytest.raises(PromptError, match="each emotion once, got 'sad' twice"):
        MATCHED.select(["sad", "happy", "sad"], 1, seed=0)


def test_no_emotion_at_all_is_refused() -> None:
    with pytest.raises(PromptError, match="at least one emotion, got none"):
        MATCHED.select([], 1, seed=0)


@pytest.mark.parametrize("count", [0, -3])
def test_a_count_below_one_is_refused(count: int) -> None:
    with pytest.raises(PromptError, match=rf"at least 1 .*, got {count}"):
        MATCHED.select(["sad"], count, seed=0)


def test_too_few_prompts_are_refused_with_a_remedy() -> None:
    with pytest.raises(
        PromptError,
        match=r"50 prompts per emotion are needed, bank `generic` has 25 for `sad`; "
        r"ask for fewer clips \(`--samples`\), use bank `matched`, or add prompts to "
        r".*generic\.toml",
    ):
        GENERIC.select(["sad", "calm"], 50, seed=0)


def test_too_few_templates_are_refused_with_a_remedy() -> None:
    with pytest.raises(
        PromptError,
        match=r"bank `matched` has 70; ask for fewer clips \(`--samples`\), or add "
        r"templates to .*matched\.toml",
    ):
        MATCHED.select(["sad"], 71, seed=0)


def test_bank_matched_is_no_remedy_for_emotions_it_lacks(tmp_path: Path) -> None:
    bank = load_bank(write(tmp_path, FORM_B))
    with pytest.raises(PromptError, match="has 2 for `tender`") as caught:
        bank.select(["eerie", "tender"], 3, seed=0)
    assert "bank `matched`" not in str(caught.value)


# Provenance


def test_digest_knows_a_changed_word_but_not_a_comment(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return load_bank(write(tmp_path, text)).digest

    assert re.fullmatch("[0-9a-f]{32}", digest(FORM_A))
    assert digest("# mine\n" + FORM_A) == digest(FORM_A)
    assert digest(FORM_A.replace("uncanny", "weird")) != digest(FORM_A)
    assert digest(FORM_A.replace("music", "piece")) != digest(FORM_A)
    assert digest(FORM_B.replace("tender =", "soft =")) != digest(FORM_B)


def test_digests_of_the_shipped_banks_differ() -> None:
    assert len({bank.digest for bank in SHIPPED.values()}) == 3


# Files of one's own


def test_a_bank_of_ones_own_may_have_its_own_emotions(tmp_path: Path) -> None:
    bank = load_bank(write(tmp_path, FORM_A))
    assert bank.name == "mine"
    assert bank.path == tmp_path / "mine.toml"
    assert bank.matched
    assert bank.emotions == ("tender", "eerie")


@pytest.mark.parametrize(
    "spelt",
    [
        FORM_B.replace("\n", "\r\n"),
        "\ufeff" + FORM_B,
        FORM_B.replace("tender =", '"tender" ='),
        re.sub(r"(?m)^(\w+) =", r"prompts.\1 =", FORM_B.replace("[prompts]\n", "")),
        "prompts = {tender = ['a tender harp', 'a loving cello'], eerie = ["
        "'an eerie theremin', 'an uncanny organ', 'a ghostly choir']}",
    ],
    ids=[
        "windows line ends",
        "byte-order mark",
        "quoted key",
        "dotted keys",
        "inline table",
    ],
)
def test_spellings_of_one_bank_are_one_bank(tmp_path: Path, spelt: str) -> None:
    plain = load_bank(write(tmp_path, FORM_B))
    assert load_bank(write(tmp_path, spelt)).digest == plain.digest


BAD_FILES = {
    "empty file": ("", r":1: is empty; add `templates`"),
    "comments only": ("# nothing yet\n\n", r":1: is empty"),
    "missing comma": (
        '[prompts]\nsad = [\n  "one"\n  "two"\n]\n',
        r":4: is not TOML: .*; look for a missing quote, comma or bracket",
    ),
    "missing quote": ('[prompts]\nsad = ["one]\n', r":2: is not TOML: "),
    "missing bracket": ('[prompts]\nsad = ["one",\n"two"\n\n', r":3: is not TOML: "),
    "emotion given twice": (
        '[prompts]\nsad = ["one"]\nsad = ["two"]\n',
        r":3: is not TOML: ",
    ),
    "both forms": (
        FORM_A + FORM_B,
        r":1: `templates` and `prompts` must not stand in one bank; keep",
    ),
    "words beside prompts": (
        FORM_B + '[words]\nsad = ["sad"]\n',
        r":8: `words` and `prompts` must not stand in one bank",
    ),
    "neither form": ('\ntitle = "mine"\n', r":2: `title` must be `templates`, `words`"),
    "emotion outside its table": (
        '# mine\nhappy = ["merry jig"]\n',
        r":2: `happy` must be .* below `\[words\]` or `\[prompts\]`",
    ),
    "templates without words": (
        '\n\ntemplates = ["{emotion} music"]\n',
        r":3: `templates` needs `words`; add `words`",
    ),
    "words without templates": (
        '# mine\n[words]\nsad = ["sad"]\n',
        r":2: `words` needs `templates`; add `templates`",
    ),
    "templates below words": (
        '[words]\nsad = ["sad"]\n\ntemplates = ["{emotion} music"]\n',
        r":4: `templates` must stand above `\[words\]`.*; move it up",
    ),
    "template without slot": (
        FORM_A.replace("of {emotion} kind", "of some kind"),
        r":3: template 'tune of some kind' must have the slot `\{emotion\}` exactly "
        r"once, got 0; add it",
    ),
    "template with two slots": (
        FORM_A.replace("some {emotion}", "{emotion}, {emotion}"),
        r":4: template .* exactly once, got 2; keep one",
    ),
    "template with other braces": (
        FORM_A.replace("of {emotion} kind", "of {emotion} {kind}"),
        r":3: template .* must have no braces but `\{emotion\}`; delete",
    ),
    "template with doubled braces": (
        FORM_A.replace("of {emotion} kind", "of {{emotion}} kind"),
        r":3: template .* must have no braces but",
    ),
    "slot misspelt": (
        FORM_A.replace("some {emotion}", "some {Emotion}"),
        r":4: template .* exactly once, got 0",
    ),
    "template twice": (
        FORM_A.replace("some {emotion} song", "{emotion} music"),
        r":4: template '\{emotion\} music' must differ .* on line 2 already; change",
    ),
    "templates that meet": (
        'templates = ["loving {emotion}",\n"{emotion} tender"]\n'
        '[words]\ntender = ["tender", "loving"]\n',
        r":2: template .* both give 'loving tender' for `tender`",
    ),
    "no templates": (
        'templates = []\n[words]\nsad = ["sad"]\n',
        r":1: `templates` must be a list of templates, got an empty list",
    ),
    "templates not a list": (
        'templates = "{emotion} music"\n[words]\nsad = ["sad"]\n',
        r":1: `templates` must be a list of templates, got a string",
    ),
    "table of templates": (
        '[[templates]]\ntext = "{emotion} music"\n[words]\nsad = ["sad"]\n',
        r":1: template 1 of `templates` must be a string, got a table",
    ),
    "template a number": (
        FORM_A.replace('"tune of {emotion} kind"', "7"),
        r":3: template 2 of `templates` must be a string, got a number; put it in",
    ),
    "emotion without words": (
        FORM_A.replace('["eerie", "uncanny"]', "[]"),
        r":9: `words.eerie` must be a list of words, got an empty list; add a word",
    ),
    "word in two emotions": (
        FORM_A.replace('"eerie", "uncanny"', '"eerie",\n  "Loving"'),
        r":10: word 'Loving' must belong to one emotion, got `tender` and `eerie`",
    ),
    "no emotions": ("\n[prompts]\n", r":2: `\[prompts\]` must hold a list per emotion"),
    "prompts not a table": (
        'prompts = ["one", "two"]\n',
        r":1: `\[prompts\]` must hold a list per emotion, got a list",
    ),
    "emotion without prompts": (
        "[prompts]\n# none yet\nsad = []\n",
        r":3: `prompts.sad` must be a list of prompts, got an empty list",
    ),
    "prompts of an emotion not a list": (
        '[prompts]\nsad = "one"\n',
        r":2: `prompts.sad` must be a list of prompts, got a string",
    ),
    "empty prompt": (
        FORM_B.replace("an uncanny organ", ""),
        r":5: prompt 2 of `prompts.eerie` must not be empty; fill it or delete it",
    ),
    "blank prompt": (
        FORM_B.replace("an uncanny organ", "  "),
        r":5: prompt 2 of `prompts.eerie` must not be empty",
    ),
    "prompt over two lines": (
        FORM_B.replace('"an uncanny organ"', '"""an uncanny\norgan"""'),
        r":5: prompt 2 of `prompts.eerie` must be one line .*'an uncanny\\norgan'",
    ),
    "prompt a truth value": (
        FORM_B.replace('"a ghostly choir"', "true"),
        r":6: prompt 3 of `prompts.eerie` must be a string, got a truth value",
    ),
    "prompt a list": (
        FORM_B.replace('"a ghostly choir"', '["a, b",\n"c"],\n2001-01-01'),
        r":6: prompt 3 of `prompts.eerie` must be a string, got a list",
    ),
    "prompt a date": (
        FORM_B.replace('"a ghostly choir"', "2001-01-01"),
        r":6: prompt 3 of `prompts.eerie` must be a string, got a date",
    ),
    "prompt twice": (
        FORM_B.replace("a ghostly choir", "An eerie  theremin"),
        r":6: prompt 'An eerie  theremin' must differ .* on line 4 already; change",
    ),
    "prompt in two emotions": (
        FORM_B.replace("a ghostly choir", "a tender harp"),
        r":6: prompt 'a tender harp' must belong to one emotion, got `tender` and",
    ),
    "prompt with a slot": (
        FORM_B.replace("a ghostly choir", "a {emotion} choir"),
        r":6: prompt .* must have no braces; delete",
    ),
    "emotion of two words": (
        '[prompts]\n"very sad" = ["one"]\n',
        r":2: emotion 'very sad' must be one word .*; rename it",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(PromptError, match=f"^{re.escape(path)}{message}") as caught:
        load_bank(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path, encoding: str) -> None:
    text = '[prompts]\nsad = ["tr\u00e8s triste"]\n'
    path = write(tmp_path, text.encode(encoding))
    line = 2 if encoding == "latin-1" else 1
    with pytest.raises(PromptError, match=rf"mine\.toml:{line}: is not UTF-8; save"):
        load_bank(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=r"none\.toml: no such file; .*`matched`"):
        load_bank(str(tmp_path / "none.toml"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(PromptError, match=r"folder\.toml: cannot be read \(.*\)"):
        load_bank(str(tmp_path / "folder.toml"))


@pytest.mark.parametrize("name", ["mached", "", "mine.txt"])
def test_an_unknown_bank_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(
        PromptError,
        match=rf"one of `extreme`, `generic`, `matched` or .*`\.toml`.*, got '{name}'",
    ):
        load_bank(name)


layouts = st.lists(
    st.tuples(
        st.sampled_from(["", "# [prompts] sad = [\n", "\n", ' # "x", ]\n']),
        st.sampled_from(["'{}'", '"{}"', '"""{}"""', "'''{}'''"]),
        st.sampled_from([",", " ,", ",\n", ', # "not this", no\n']),
    ),
    min_size=1,
    max_size=8,
)


@patient
@given(layout=layouts, data=st.data())
def test_the_line_of_a_planted_fault_is_found_in_any_layout(
    tmp_path_factory: pytest.TempPathFactory,
    layout: list[tuple[str, str, str]],
    data: st.DataObject,
) -> None:
    bad = data.draw(st.integers(0, len(layout) - 1))
    fault = data.draw(st.sampled_from(["", " ", "{{x}}", "first, # = ["]))
    lines = {"sound": 0, "faulty": 0}
    texts = dict.fromkeys(lines, "[prompts]\nhappy = ['first, # = [']\nsad = [")
    for index, (before, quotes, after) in enumerate(layout):
        for kind in texts:
            texts[kind] += before
            faulty = kind == "faulty" and index == bad
            if faulty:
                lines[kind] = texts[kind].count("\n") + 1
            content = fault if faulty else f"number {index}, #, ] sad = ["
            texts[kind] += quotes.format(content) + after
    folder = tmp_path_factory.mktemp("bank")
    sound = load_bank(write(folder, texts["sound"] + "]\n"))
    assert sound.capacity(["sad"]) == len(layout)
    with pytest.raises(PromptError, match=rf"mine\.toml:{lines['faulty']}: prompt "):
        load_bank(write(folder, texts["faulty"] + "]\n"))
