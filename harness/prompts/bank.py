"""A bank of prompts in memory, and the rule by which a seed selects from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

__all__ = ["EMOTIONS", "SLOT", "Prompt", "PromptBank", "PromptError", "listing"]

EMOTIONS = ("happy", "sad", "calm", "energetic", "angry")
SLOT = "{emotion}"
_RULE = "words take turns"  # another rule makes another question of the same file


def listing(names: Iterable[str]) -> str:
    """Names as a sentence lists them."""
    return ", ".join(f"`{name}`" for name in names)


def _draw(seed: int, *labels: object) -> int:
    """64 random bits, a function of its arguments alone."""
    message = "/".join(map(str, (seed, *labels))).encode()
    return int.from_bytes(blake2b(message, digest_size=8).digest(), "big")


def _permutation(size: int, *, seed: int, label: str) -> list[int]:
    return sorted(range(size), key=lambda index: _draw(seed, label, index))


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
        """32 hexadecimal digits that change with every sentence, not with comments.

        And with the rule by which prompts are made of them.
        """
        contents = json.dumps([_RULE, self.templates, sorted(self.lists)])
        return blake2b(contents.encode(), digest_size=16).hexdigest()

    def sentence(self, template: str) -> str:
        """The sentence of a matched bank that prompts of `template` were made from."""
        return self.templates[int(template.removeprefix("t")) - 1]

    def word(self, prompt: Prompt) -> str:
        """What stands in the slot of its sentence; the whole of a listed prompt."""
        if not self.matched:
            return prompt.text
        before, _, after = self.sentence(prompt.template).partition(SLOT)
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
                    SLOT, texts[(turn % words + rotation) % len(texts)]
                ),
                emotion=emotion,
                template=f"t{i + 1:03d}",
            )
            for turn, i in enumerate(order)
        ]

    def _available(self, emotion: str) -> int:
        return len(self.templates) if self.matched else len(dict(self.lists)[emotion])

    def _check_emotions(self, asked: tuple[str, ...]) -> None:
        has = f"bank `{self.name}` has {listing(self.emotions)}"
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


class PromptError(ValueError):
    """A prompt bank, or what is asked of it, breaks a rule; the message says which."""
