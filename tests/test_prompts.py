"""What a seed selects from a bank is fair, stays, and is refused with a remedy."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from banks_for_tests import (
    FORM_A,
    FORM_B,
    GENERIC,
    MATCHED,
    SHIPPED,
    entry,
    patient,
    write,
)
from hypothesis import given
from hypothesis import strategies as st

from harness.prompts import EMOTIONS, Prompt, PromptBank, PromptError, load_bank

seeds = st.integers(min_value=0, max_value=2**63 - 1)
banks = st.sampled_from(list(SHIPPED.values()))
some_emotions = st.lists(st.sampled_from(EMOTIONS), min_size=1, unique=True)


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


def test_digest_knows_a_changed_word_but_not_a_comment(tmp_path: Path) -> None:
    def digest(text: str) -> str:
        return load_bank(write(tmp_path, text)).digest

    assert re.fullmatch("[0-9a-f]{32}", digest(FORM_A))
    assert digest("# mine\n" + FORM_A) == digest(FORM_A)
    assert digest(FORM_A.replace("uncanny", "weird")) != digest(FORM_A)
    assert digest(FORM_A.replace("music", "piece")) != digest(FORM_A)
    assert digest(FORM_B.replace("tender =", "soft =")) != digest(FORM_B)


# --- what is refused ----------------------------------------------------------------


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
