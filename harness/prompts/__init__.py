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

from harness.prompts.bank import EMOTIONS, Prompt, PromptBank, PromptError
from harness.prompts.load import BANKS_DIRECTORY, bank_names, load_bank

__all__ = [
    "BANKS_DIRECTORY",
    "EMOTIONS",
    "Prompt",
    "PromptBank",
    "PromptError",
    "bank_names",
    "load_bank",
]
