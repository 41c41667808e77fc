"""Prompt banks: those that ship, and one of either form to be written to a file."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings

from harness.prompts import PromptBank, load_bank

__all__ = [
    "EXTREME",
    "FORM_A",
    "FORM_B",
    "GENERIC",
    "MATCHED",
    "SHIPPED",
    "entry",
    "patient",
    "write",
]

MATCHED = load_bank("matched")
EXTREME = load_bank("extreme")
GENERIC = load_bank("generic")
SHIPPED = {bank.name: bank for bank in (MATCHED, EXTREME, GENERIC)}

patient = settings(deadline=None, max_examples=50)

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


def entry(bank: PromptBank, emotion: str) -> tuple[str, ...]:
    return dict(bank.lists)[emotion]


def write(folder: Path, text: str | bytes, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)
