"""Prompt banks: the sentences that a model is asked to set to music.

A bank is a TOML file that a musician can edit, in one of two forms.

Form A, matched: `templates = [...]`, sentences with one `{emotion}` slot, and a table
`[words]` with a list of synonyms per emotion. All emotions are asked for in the same
sentences, so nothing but the word tells them apart.

Form B, listed: a table `[prompts]` with a list of whole prompts per emotion.

Conventions
-----------
Templates and prompts are numbered from 1 in the order of the file: `t017` is the 17th
template, `happy-03` the 3rd prompt of `happy`. What a seed selects depends on these
numbers, the seed and nothing else (no random generator, so no library version): with
another sentence in place of an old one the others keep their turn, and of a longer
selection every shorter one is a prefix.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import NoReturn

__all__ = [
    "BANKS_DIRECTORY",
    "EMOTIONS",
    "Prompt",
    "PromptBank",
    "PromptError",
    "bank_names",
    "load_bank",
]

EMOTIONS = ("happy", "sad", "calm", "energetic", "angry")
BANKS_DIRECTORY = Path(__file__).resolve().parent.parent / "hypotheses" / "prompts"

_SLOT = "{emotion}"
_SUFFIX = ".toml"
_STRING_OR_COMMENT = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*",
    re.DOTALL,
)
_Lists = dict[str, tuple[str, ...]]


def bank_names() -> tuple[str, ...]:
    """Names of the shipped banks, in alphabetical order."""
    return tuple(sorted(path.stem for path in BANKS_DIRECTORY.glob(f"*{_SUFFIX}")))


def load_bank(name_or_path: str) -> PromptBank:
    """Read a shipped bank by its name, or a bank of one's own by its path.

    Parameters
    ----------
    name_or_path : str
        One of `bank_names()`, or the path of a `.toml` file.

    Returns
    -------
    PromptBank
        Checked: every prompt that it can give is a non-empty line, no two prompts of
        an emotion are the same, and no prompt stands for two emotions.

    Raises
    ------
    PromptError
        If there is no such bank, or its file breaks a rule. The message is one line
        with `file:line`, what is wrong, and the remedy.
    """
    path = _locate(name_or_path)
    source = _Source(path=path, text=_read(path))
    tables = _parse(source)
    if _is_matched(source, tables):
        templates = _templates(source, tables["templates"])
        lists = _lists(source, tables["words"], "words")
    else:
        templates = ()
        lists = _lists(source, tables["prompts"], "prompts")
    bank = PromptBank(
        name=path.stem,
        path=path,
        matched=bool(templates),
        templates=templates,
        lists=tuple(lists.items()),
    )
    if bank.matched:
        _refuse_ambiguous_templates(source, bank)
    return bank


def _locate(name_or_path: str) -> Path:
    if name_or_path in bank_names():
        return BANKS_DIRECTORY / f"{name_or_path}{_SUFFIX}"
    path = Path(name_or_path).expanduser()
    if path.suffix != _SUFFIX:
        msg = (
            f"prompt bank must be one of {_listing(bank_names())} or the path of a "
            f"`{_SUFFIX}` file, got {name_or_path!r}"
        )
        raise PromptError(msg)
    return path


def _read(path: Path) -> str:
    try:
        # Editors on Windows put a byte-order mark in front, which TOML does not know.
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        msg = (
            f"{path}: no such file; give the path of a prompt bank, or one of the "
            f"shipped banks {_listing(bank_names())}"
        )
        raise PromptError(msg) from None
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); give the path of a text file"
        raise PromptError(msg) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        msg = f"{path}:{line}: is not UTF-8; save the file with the encoding UTF-8"
        raise PromptError(msg) from None
    # As `tomllib` does, and so that a column is a column.
    return text.replace("\r\n", "\n")


def _parse(source: _Source) -> dict[str, object]:
    try:
        tables: dict[str, object] = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        what, line = _decoder_position(str(error), source.text)
        msg = (
            f"{source.path}:{line}: is not TOML: {what}; look for a missing quote, "
            "comma or bracket on this line or just above it"
        )
        raise PromptError(msg) from None
    if not tables:
        source.refuse(
            "is empty; add `templates` and `[words]`, or `[prompts]` (copy one of "
            f"{_listing(bank_names())} to begin with)"
        )
    return tables


def _decoder_position(message: str, text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", message, re.DOTALL)
    if found is not None:
        return " ".join(found[1].split()), int(found[2])
    what = message.removesuffix(" (at end of document)")
    return " ".join(what.split()), text.rstrip().count("\n") + 1


def _is_matched(source: _Source, tables: Mapping[str, object]) -> bool:
    """Tell form A from form B, by the keys alone."""
    for key in tables:
        if key not in ("templates", "words", "prompts"):
            source.refuse(
                f"`{key}` must be `templates`, `words` or `prompts`; rename it, or put "
                "it below `[words]` or `[prompts]` if it is an emotion",
                key,
            )
    if "prompts" not in tables:
        _require_both_halves(source, tables)
        return True
    for key in ("templates", "words"):
        if key in tables:
            source.refuse(
                f"`{key}` and `prompts` must not stand in one bank; keep `templates` "
                "with `[words]`, or `[prompts]` alone",
                key,
            )
    return False


def _require_both_halves(source: _Source, tables: Mapping[str, object]) -> None:
    words = tables.get("words")
    if "templates" not in tables and isinstance(words, dict) and "templates" in words:
        source.refuse(
            "`templates` must stand above `[words]`, here it belongs to `[words]`; "
            "move it up",
            "words",
            "templates",
        )
    for missing, present in (("templates", "words"), ("words", "templates")):
        if missing not in tables:
            source.refuse(
                f"`{present}` needs `{missing}`; add `{missing}`, or list whole "
                "prompts below `[prompts]` instead",
                present,
            )


def _templates(source: _Source, entries: object) -> tuple[str, ...]:
    templates = _texts(source, entries, "templates", noun="template")
    for index, template in enumerate(templates):
        slots = template.count(_SLOT)
        if slots != 1:
            remedy = "keep one of them" if slots else "add it"
            source.refuse(
                f"template {template!r} must have the slot `{_SLOT}` exactly once, got "
                f"{slots}; {remedy}",
                "templates",
                index=index,
            )
        if _has_braces(template.replace(_SLOT, "")):
            source.refuse(
                f"template {template!r} must have no braces but `{_SLOT}`; delete the "
                "others",
                "templates",
                index=index,
            )
    return templates


def _lists(source: _Source, emotions: object, table: str) -> _Lists:
    """Check a table of lists, one per emotion, and make it a dictionary of tuples."""
    if not isinstance(emotions, dict) or not emotions:
        got = "no emotion" if emotions == {} else _kind(emotions)
        source.refuse(
            f"`[{table}]` must hold a list per emotion, got {got}; add one, as in "
            '`happy = ["..."]`',
            table,
        )
    noun = "word" if table == "words" else "prompt"
    lists: _Lists = {}
    for emotion, entries in emotions.items():
        # Names of emotions go into options (with commas), test and file names.
        if not re.fullmatch(r"\w[\w-]*", emotion):
            source.refuse(
                f"emotion {emotion!r} must be one word of letters, digits, `-` and "
                "`_`; rename it",
                table,
                emotion,
            )
        lists[emotion] = _texts(source, entries, table, emotion, noun=noun)
    _refuse_braces_and_sharing(source, lists, table, noun=noun)
    return lists


def _refuse_braces_and_sharing(
    source: _Source, lists: _Lists, table: str, *, noun: str
) -> None:
    owners: dict[str, str] = {}
    for emotion, texts in lists.items():
        for index, text in enumerate(texts):
            if _has_braces(text):
                source.refuse(
                    f"{noun} {text!r} must have no braces; delete them",
                    table,
                    emotion,
                    index=index,
                )
            owner = owners.setdefault(_folded(text), emotion)
            if owner != emotion:
                source.refuse(
                    f"{noun} {text!r} must belong to one emotion, got `{owner}` and "
                    f"`{emotion}`; replace one of them",
                    table,
                    emotion,
                    index=index,
                )


def _texts(source: _Source, entries: object, *keys: str, noun: str) -> tuple[str, ...]:
    """Check one list of strings: not empty, each one line, all different."""
    name = ".".join(keys)
    if not isinstance(entries, list) or not entries:
        got = "an empty list" if entries == [] else _kind(entries)
        source.refuse(
            f"`{name}` must be a list of {noun}s, got {got}; add a {noun} in quotes, "
            f'as in `{keys[-1]} = ["..."]`',
            *keys,
        )
    numbers: dict[str, int] = {}
    for index, text in enumerate(entries):
        what = _wrong_with(text)
        if what is not None:
            source.refuse(f"{noun} {index + 1} of `{name}` {what}", *keys, index=index)
        first = numbers.setdefault(_folded(text), index)
        if first != index:
            source.refuse(
                f"{noun} {text!r} must differ from the others of `{name}`, got it on "
                f"line {source.line_of(*keys, index=first)} already; change or delete "
                "it",
                *keys,
                index=index,
            )
    return tuple(entries)


def _wrong_with(text: object) -> str | None:
    if not isinstance(text, str):
        return f"must be a string, got {_kind(text)}; put it in quotes"
    if not text.strip():
        return "must not be empty; fill it or delete it"
    if not text.isprintable():
        return f"must be one line of printable characters, got {text!r}; retype it"
    return None


def _has_braces(text: str) -> bool:
    return "{" in text or "}" in text


def _refuse_ambiguous_templates(source: _Source, bank: PromptBank) -> None:
    # Different templates can still meet: `{emotion} b` and `a {emotion}` in `a b`.
    for emotion, words in bank.lists:
        numbers: dict[str, int] = {}
        for index, template in enumerate(bank.templates):
            for word in words:
                text = template.replace(_SLOT, word)
                first = numbers.setdefault(_folded(text), index)
                if first != index:
                    source.refuse(
                        f"template {template!r} must differ from template "
                        f"{bank.templates[first]!r}, both give {text!r} for "
                        f"`{emotion}`; change or delete one",
                        "templates",
                        index=index,
                    )


def _folded(text: str) -> str:
    """Two texts that differ in case or spaces only are one prompt to a reader."""
    return " ".join(text.casefold().split())


def _kind(value: object) -> str:
    kinds = {bool: "a truth value", int: "a number", float: "a number"}
    kinds |= {str: "a string", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")


def _listing(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _draw(seed: int, *labels: object) -> int:
    """64 random bits, a function of its arguments alone."""
    message = "/".join(map(str, (seed, *labels))).encode()
    return int.from_bytes(blake2b(message, digest_size=8).digest(), "big")


def _permutation(size: int, *, seed: int, label: str) -> list[int]:
    return sorted(range(size), key=lambda index: _draw(seed, label, index))


def _blanked(match: re.Match[str]) -> str:
    """Blank a string or comment, but for its line ends; a quoted key stays."""
    token, following = match[0], match.string[match.end() :].lstrip(" \t")[:1]
    if token[0] in "\"'" and following == "=":
        return token
    filler = " " if token[0] == "#" else "_"
    return re.sub(r"[^\n]", filler, token)


def _entry_position(blank: str, start: int, index: int) -> int:
    """Where entry `index` of the first list after `start` begins, or `start`."""
    opening = re.compile(r"[\w\"'-]+\s*=\s*\[").match(blank, start)
    if opening is None:
        return start
    depth, commas = 0, 0
    for position in range(opening.end(), len(blank)):
        if commas == index and not blank[position].isspace():
            return position
        depth += (blank[position] in "[{") - (blank[position] in "]}")
        commas += blank[position] == "," and depth == 0
    return start


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One sentence for the model, and what it stands for.

    Attributes
    ----------
    text : str
        What the model reads.
    emotion : str
        The emotion that `text` asks for.
    template : str
        The sentence less its emotion: shared by the emotions of a matched bank
        (`t017`), and unique to the prompt in a listed one (`happy-03`).
    """

    text: str
    emotion: str
    template: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptBank:
    """All prompts of one file, and the rule by which a seed selects from them.

    Attributes
    ----------
    name : str
        Name of the file, without its suffix.
    matched : bool
        Whether all emotions share their sentences (form A).
    path : Path
        The file.
    templates : tuple of str
        Sentences with the slot, in the order of the file; empty for a listed bank.
    lists : tuple of (str, tuple of str)
        Per emotion its words (matched) or its prompts (listed), in that order.
    """

    name: str
    matched: bool
    path: Path
    templates: tuple[str, ...]
    lists: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def emotions(self) -> tuple[str, ...]:
        """Names of the emotions, in the order of the file."""
        return tuple(emotion for emotion, _ in self.lists)

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that change with every sentence, not with comments."""
        contents = json.dumps([self.templates, sorted(self.lists)])
        return blake2b(contents.encode(), digest_size=16).hexdigest()

    def sentence(self, template: str) -> str:
        """The sentence of a matched bank that prompts of `template` were made from."""
        return self.templates[int(template.removeprefix("t")) - 1]

    def word(self, prompt: Prompt) -> str:
        """What stands in the slot of its sentence; the whole of a listed prompt."""
        if not self.matched:
            return prompt.text
        before, _, after = self.sentence(prompt.template).partition(_SLOT)
        return prompt.text.removeprefix(before).removesuffix(after)

    def capacity(self, emotions: Sequence[str] | None = None) -> int:
        """Number of prompts that every one of `emotions` (or of all) can be given.

        Raises
        ------
        PromptError
            If `emotions` is empty, repeats one, or names one that the bank has not.
        """
        asked = self.emotions if emotions is None else tuple(emotions)
        self._check_emotions(asked)
        return min(self._available(emotion) for emotion in asked)

    def select(
        self, emotions: Sequence[str], count: int, *, seed: int
    ) -> tuple[Prompt, ...]:
        """Draw `count` prompts for each of `emotions`.

        Parameters
        ----------
        emotions : sequence of str
            Emotions of the bank, each once.
        count : int
            Prompts per emotion, at least 1.
        seed : int
            Decides the order of the templates and where the synonyms begin. More
            prompts from the same seed are the same prompts and some more. The k-th
            template gets the k-th synonym, over again when the emotion with the fewest
            has no more: emotions share the templates in which their words recur.

        Returns
        -------
        tuple of Prompt
            Length `count * len(emotions)`: all emotions (in the order asked) of the
            first template, then of the second, and so on. In a listed bank the k-th
            round holds the k-th prompt drawn for each emotion. No emotion gets a
            prompt twice, and which prompts it gets does not depend on the others.

        Raises
        ------
        PromptError
            If an emotion is unknown or repeated, or the bank has too few prompts.
        """
        asked = tuple(emotions)
        self._check_emotions(asked)
        self._check_count(asked, count)
        drawn = [self._drawn(emotion, count, seed=seed) for emotion in asked]
        return tuple(prompt for turn in zip(*drawn, strict=True) for prompt in turn)

    def _drawn(self, emotion: str, count: int, *, seed: int) -> list[Prompt]:
        texts = dict(self.lists)[emotion]
        label = "template" if self.matched else emotion
        order = _permutation(self._available(emotion), seed=seed, label=label)[:count]
        if not self.matched:
            return [
                Prompt(
                    text=texts[i], emotion=emotion, template=f"{emotion}-{i + 1:02d}"
                )
                for i in order
            ]
        rotation, words = _draw(seed, "rotation"), min(len(w) for _, w in self.lists)
        return [
            Prompt(
                text=self.templates[i].replace(
                    _SLOT, texts[(turn % words + rotation) % len(texts)]
                ),
                emotion=emotion,
                template=f"t{i + 1:03d}",
            )
            for turn, i in enumerate(order)
        ]

    def _available(self, emotion: str) -> int:
        return len(self.templates) if self.matched else len(dict(self.lists)[emotion])

    def _check_emotions(self, asked: tuple[str, ...]) -> None:
        has = f"bank `{self.name}` has {_listing(self.emotions)}"
        if not asked:
            msg = f"`emotions` must name at least one emotion, got none; {has}"
            raise PromptError(msg)
        for position, emotion in enumerate(asked):
            if emotion not in self.emotions:
                msg = (
                    f"`emotions` must be emotions of the bank, got {emotion!r}; {has}; "
                    f"use these, or add {emotion!r} to {self.path}"
                )
                raise PromptError(msg)
            if emotion in asked[:position]:
                msg = (
                    f"`emotions` must name each emotion once, got {emotion!r} twice; "
                    "delete one of them"
                )
                raise PromptError(msg)

    def _check_count(self, asked: tuple[str, ...], count: int) -> None:
        if count < 1:
            msg = f"`count` must be at least 1 prompt per emotion, got {count}"
            raise PromptError(msg)
        scarcest = min(asked, key=self._available)
        available = self._available(scarcest)
        if count <= available:
            return
        where, kind, other = "", "templates", ""
        if not self.matched:
            where, kind = f" for `{scarcest}`", "prompts"
            other = ", use bank `matched`" if set(asked) <= set(EMOTIONS) else ""
        msg = (
            f"{count} prompts per emotion are needed, bank `{self.name}` has "
            f"{available}{where}; ask for fewer clips (`--samples`){other}, or add "
            f"{kind} to {self.path}"
        )
        raise PromptError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The text of a bank, kept to name the line of what is wrong in it."""

    path: Path
    text: str

    def refuse(self, what: str, *keys: str, index: int | None = None) -> NoReturn:
        """Raise, naming the line of a key or of an entry of its list."""
        msg = f"{self.path}:{self.line_of(*keys, index=index)}: {what}"
        raise PromptError(msg)

    def line_of(self, *keys: str, index: int | None = None) -> int:
        """Line of a key below other keys, or of an entry of its list; 1 if not found.

        TOML's decoder does not tell where a value stood. Keys, brackets and commas
        are found again in the text with all strings and comments blanked out, which
        is exact for files as people write them.
        """
        blank = _STRING_OR_COMMENT.sub(_blanked, self.text)
        start, end = 0, 0
        for key in keys:
            pattern = rf"(?<![\w-])[\"']?{re.escape(key)}[\"']?\s*(?=[=.\]])"
            found = re.compile(pattern).search(blank, end)
            if found is None:
                return 1
            start, end = found.span()
        position = start if index is None else _entry_position(blank, start, index)
        return blank.count("\n", 0, position) + 1


class PromptError(ValueError):
    """A prompt bank, or what is asked of it, breaks a rule; the message says which."""
