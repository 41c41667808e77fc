"""Text on a terminal, counted in cells: cut, wrapped and filled up.

Conventions
-----------
A wide East Asian character takes two cells, a combining mark none. Characters that
steer a terminal are dropped.
"""

from __future__ import annotations

import unicodedata

__all__ = ["cells", "cut", "padded", "plain", "wrapped"]


def cells(text: str) -> int:
    """Count the terminal cells that `text` takes."""
    return sum(_cell(character) for character in text)


def cut(text: str, *, width: int) -> str:
    """Shorten `text` to `width` cells, ending in dots where something was lost."""
    if cells(text) <= width:
        return text
    dots = "..."[:width]
    kept, used = [], len(dots)
    for character in text:
        used += _cell(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept).rstrip() + dots


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Fill up with spaces to `width` cells, before the text if it stands `right`."""
    space = " " * (width - cells(text))
    return space + text if right else text + space


def plain(text: str) -> str:
    """Put text on one line and drop what steers a terminal (categories C)."""
    flat = " ".join(text.split())
    return "".join(c for c in flat if not unicodedata.category(c).startswith("C"))


def wrapped(text: str, *, width: int, indent: str = "", go_on: str = "") -> list[str]:
    """Break `text` at its spaces into lines of at most `width` cells.

    Parameters
    ----------
    text
        Any text; what steers a terminal is dropped.
    width
        Cells per line. A word that is longer is broken too.
    indent
        What every line but the first begins with, where there is room for it.
    go_on
        What every line but the last ends with, where there is room for it.
    """
    indent = indent if len(indent) * 2 < width else ""
    go_on = go_on if (len(indent) + len(go_on)) * 2 < width else ""
    room = width - len(go_on)
    lines: list[str] = []
    line = ""
    for word in plain(text).split():
        for piece in _pieces(word, width=room - len(indent)):
            joined = f"{line} {piece}" if line.strip() else line + piece
            if line.strip() and cells(joined) > room:
                lines.append(line + go_on)
                joined = indent + piece
            line = joined
    return [*lines, line] if line else lines


def _pieces(word: str, *, width: int) -> list[str]:
    """Break a word into pieces of at most `width` cells."""
    pieces = [""]
    for character in word:
        fitting = character if _cell(character) <= width else "?"
        if cells(pieces[-1]) + _cell(fitting) > width:
            pieces.append("")
        pieces[-1] += fitting
    return pieces


def _cell(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
