"""A bank is read in any spelling, and a fault in it is named by its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from banks_for_tests import FORM_A, FORM_B, patient, write
from hypothesis import given
from hypothesis import strategies as st

from harness.prompts import PromptError, load_bank


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
