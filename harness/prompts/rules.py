"""What a bank's file must hold: either form is checked, and becomes tuples of texts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.prompts.bank import SLOT, PromptBank
from harness.prompts.source import Source

__all__ = ["is_matched", "lists_of", "refuse_ambiguous_templates", "templates_of"]

_Lists = dict[str, tuple[str, ...]]


def is_matched(source: Source, tables: Mapping[str, object]) -> bool:
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


def _require_both_halves(source: Source, tables: Mapping[str, object]) -> None:
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


def templates_of(source: Source, entries: object) -> tuple[str, ...]:
    """Check the sentences of a matched bank: one slot each, no other braces."""
    templates = _texts(source, entries, "templates", noun="template")
    for index, template in enumerate(templates):
        slots = template.count(SLOT)
        if slots != 1:
            remedy = "keep one of them" if slots else "add it"
            source.refuse(
                f"template {template!r} must have the slot `{SLOT}` exactly once, got "
                f"{slots}; {remedy}",
                "templates",
                index=index,
            )
        if _has_braces(template.replace(SLOT, "")):
            source.refuse(
                f"template {template!r} must have no braces but `{SLOT}`; delete the "
                "others",
                "templates",
                index=index,
            )
    return templates


def lists_of(source: Source, emotions: object, table: str) -> _Lists:
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
    source: Source, lists: _Lists, table: str, *, noun: str
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


def _texts(source: Source, entries: object, *keys: str, noun: str) -> tuple[str, ...]:
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


def refuse_ambiguous_templates(source: Source, bank: PromptBank) -> None:
    """Different templates can still meet: `{emotion} b` and `a {emotion}` in `a b`."""
    for emotion, words in bank.lists:
        numbers: dict[str, int] = {}
        for index, template in enumerate(bank.templates):
            for word in words:
                text = template.replace(SLOT, word)
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
