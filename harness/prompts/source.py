"""The text of a bank's file, and on which line of it a fault stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from harness.prompts.bank import PromptError

__all__ = ["Source"]

_STRING_OR_COMMENT = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*",
    re.DOTALL,
)


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
class Source:
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
