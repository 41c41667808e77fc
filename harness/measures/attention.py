"""What is looked at: how widely, how far back, and which words of the prompt.

Conventions
-----------
What was seen of a clip has a number for each layer and head, averaged over windows.
The words of a prompt are what spaces divide, the emotion's counted as one however many
it takes; a word is read as much as the mean of its pieces, so that a long word gains
nothing by its length. Punctuation, and the mark that ends a text, belong to no word.

References
----------
Vaswani et al. (2017), arXiv:1706.03762, eq. 1. Kudo & Richardson (2018), SentencePiece,
doi:10.18653/v1/D18-2012 (a piece that begins a word begins with U+2581). Kobayashi et
al. (2020), doi:10.18653/v1/2020.emnlp-main.574, on what weights do not say: a token
that is looked at much may add little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "SLOT",
    "AttentionError",
    "Reading",
    "contrasts_over_time",
    "head_levels",
    "reading_of",
    "word_contrasts",
    "words_of",
]

SLOT = "{emotion}"
_BEGINS = "\u2581"
_FLOOR = 1e-6  # of attention on a word: below, half precision knows nothing

Floats = npt.NDArray[np.float64]


class AttentionError(ValueError):
    """What was seen cannot be measured: what is wrong with it, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How much a clip read each word of its prompt."""

    shares: Floats  # (layers, heads, windows, words): of a piece, mean over the word's
    emotion: int  # which word is the emotion's


def head_levels(values: npt.ArrayLike, *, floor: float) -> Floats:
    """Logarithm of the mean over windows, of every head.

    Parameters
    ----------
    values : array_like, shape (clips, layers, heads, windows)
        Entropy or distance: not negative.
    floor : float
        What is below counts as this: a head that looks at one place only.

    Returns
    -------
    np.ndarray, shape (clips, layers, heads)

    Raises
    ------
    AttentionError
        If the shape is wrong, or a value is not finite.
    """
    array = np.asarray(values, np.float64)
    if array.ndim != 4 or 0 in array.shape:
        msg = (
            "`values` must have shape (clips, layers, heads, windows), got"
            f" {array.shape}."
        )
        raise AttentionError(msg)
    bad = np.argwhere(~np.isfinite(array))
    if bad.size:
        clip, layer, head, window = bad[0]
        msg = (
            f"Attention must be finite, got {array[tuple(bad[0])]} in clip {clip},"
            f" layer {layer}, head {head}, window {window} of {array.shape[3]}: too"
            " short a clip has windows without steps. Make longer clips."
        )
        raise AttentionError(msg)
    levels: Floats = np.log(np.maximum(array.mean(axis=3), floor))
    return levels


def words_of(pieces: Sequence[str]) -> list[list[int]]:
    """Which pieces each word of a text has.

    Parameters
    ----------
    pieces : sequence of str
        SentencePiece's, such as `["\u2581happy", "\u2581tun", "e", ",", "</s>"]`.

    Returns
    -------
    list of list of int
        `[[0], [1, 2]]` for these.
    """
    words: list[list[int]] = []
    for index, piece in enumerate(pieces):
        if piece.startswith(_BEGINS):
            words.append([])
        is_mark = piece.startswith("<") and piece.endswith(">")
        if words and not is_mark and any(letter.isalnum() for letter in piece):
            words[-1].append(index)
    return [word for word in words if word]


def reading_of(
    to_text: npt.ArrayLike, pieces: Sequence[str], *, text: str, sentence: str
) -> Reading:
    """From attention on tokens to attention on words.

    Parameters
    ----------
    to_text : array_like, shape (layers, heads, windows, tokens)
        Tokens beyond the text's own are passed over.
    pieces : sequence of str
        Of the text, one for each token.
    text : str
        The prompt.
    sentence : str
        The same with `{emotion}` in place of the emotion's words.

    Returns
    -------
    Reading

    Raises
    ------
    AttentionError
        If the text is not the sentence, or the pieces are not those of the text.
    """
    array = np.asarray(to_text, np.float64)
    words = words_of(pieces)
    named = _count(text)
    if len(words) != named or len(pieces) > array.shape[-1]:
        msg = (
            f"The pieces of `{text}` must make {named} words in"
            f" {array.shape[-1]} tokens or fewer, got {len(words)} words in"
            f" {len(pieces)} pieces. Its tokenizer is none of SentencePiece's."
        )
        raise AttentionError(msg)
    first, last = _slot(text, sentence)
    slot = [piece for word in words[first:last] for piece in word]
    merged = [*words[:first], slot, *words[last:]]
    shares = np.stack([array[..., word].mean(-1) for word in merged], axis=-1)
    bad = np.argwhere(~np.isfinite(shares))
    if bad.size:
        layer, head, window, _ = bad[0]
        msg = (
            f"Attention on `{text}` must be finite, got others in layer {layer}, head"
            f" {head}, window {window}. Make longer clips, or make them again."
        )
        raise AttentionError(msg)
    return Reading(shares=shares, emotion=first)


def _slot(text: str, sentence: str) -> tuple[int, int]:
    """The first word of the emotion, and the one after its last."""
    before, slot, after = sentence.partition(SLOT)
    if not (slot and text.startswith(before) and text.endswith(after)):
        msg = f"`{text}` must be `{sentence}` with an emotion. Use a matched bank."
        raise AttentionError(msg)
    filled = text[len(before) : len(text) - len(after)]
    return _count(before), _count(before) + _count(filled)


def _count(text: str) -> int:
    """How many words; what has neither letter nor digit is none."""
    return sum(any(letter.isalnum() for letter in word) for word in text.split())


def word_contrasts(reading: Reading) -> Floats:
    """How much more each word is read than the other words of its prompt.

    Parameters
    ----------
    reading : Reading

    Returns
    -------
    np.ndarray, shape (layers, heads, words)
        Logarithm of the word's share, mean over windows, less the mean of those of the
        others.

    Raises
    ------
    AttentionError
        If there is one word only.
    """
    return _contrasts(reading.shares.mean(axis=2))


def _contrasts(shares: Floats) -> Floats:
    words = shares.shape[-1]
    if words < 2:
        msg = "A prompt must have 2 words or more, got 1: there is nothing to compare."
        raise AttentionError(msg)
    logarithms = np.log(np.maximum(shares, _FLOOR))
    others = (logarithms.sum(-1, keepdims=True) - logarithms) / (words - 1)
    contrasts: Floats = logarithms - others
    return contrasts


def contrasts_over_time(reading: Reading) -> Floats:
    """`word_contrasts` of the emotion's word in every window.

    Returns
    -------
    np.ndarray, shape (layers, heads, windows)
    """
    of_emotion: Floats = _contrasts(reading.shares)[..., reading.emotion]
    return of_emotion
