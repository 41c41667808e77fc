"""A bank is found, read and checked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from harness.prompts.bank import PromptBank, PromptError, listing
from harness.prompts.rules import (
    is_matched,
    lists_of,
    refuse_ambiguous_templates,
    templates_of,
)
from harness.prompts.source import Source

__all__ = ["BANKS_DIRECTORY", "bank_names", "load_bank"]

BANKS_DIRECTORY = Path(__file__).resolve().parents[2] / "hypotheses" / "prompts"

_SUFFIX = ".toml"


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
    source = Source(path=path, text=_read(path))
    tables = _parse(source)
    if is_matched(source, tables):
        templates = templates_of(source, tables["templates"])
        lists = lists_of(source, tables["words"], "words")
    else:
        templates = ()
        lists = lists_of(source, tables["prompts"], "prompts")
    bank = PromptBank(
        name=path.stem,
        path=path,
        matched=bool(templates),
        templates=templates,
        lists=tuple(lists.items()),
    )
    if bank.matched:
        refuse_ambiguous_templates(source, bank)
    return bank


def _locate(name_or_path: str) -> Path:
    if name_or_path in bank_names():
        return BANKS_DIRECTORY / f"{name_or_path}{_SUFFIX}"
    path = Path(name_or_path).expanduser()
    if path.suffix != _SUFFIX:
        msg = (
            f"prompt bank must be one of {listing(bank_names())} or the path of a "
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
            f"shipped banks {listing(bank_names())}"
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


def _parse(source: Source) -> dict[str, object]:
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
            f"{listing(bank_names())} to begin with)"
        )
    return tables


def _decoder_position(message: str, text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", message, re.DOTALL)
    if found is not None:
        return " ".join(found[1].split()), int(found[2])
    what = message.removesuffix(" (at end of document)")
    return " ".join(what.split()), text.rstrip().count("\n") + 1
