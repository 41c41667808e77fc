"""Do answers name what was asked for, beyond what any way of answering would give?

Whoever says "happy" to everything is right on every happy clip. So a prompt counts by
how much more often its own emotion is named than the others' labels, dealt out among
its block, would have it: the mean of that is exactly 0 if the emotion of a prompt
leaves no trace in the answers, whatever words a rater prefers.

Conventions
-----------
`answers` are codes of emotions, shape `(raters, clips)`; `named` are shares of a
prompt's clips, shape `(raters, prompts, emotions)`. A block holds prompts among which
labels may move (`harness.inference.relabel`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["confusion", "excess_by_prompt", "named_by_prompt"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


def named_by_prompt(
    answers: Codes, prompt_of_clip: Codes, *, prompts: int, emotions: int
) -> Floats:
    """Share of a prompt's clips that each rater gave each name.

    Returns
    -------
    np.ndarray, shape (raters, prompts, emotions)
    """
    named = np.zeros((len(answers), prompts, emotions))
    clips = np.bincount(prompt_of_clip, minlength=prompts)
    for rater, own in enumerate(answers):
        np.add.at(named[rater], (prompt_of_clip, own), 1.0)
    shares: Floats = named / clips[:, None]
    return shares


def excess_by_prompt(named: Floats, emotion: Codes, *, block: Codes) -> Floats:
    """How much more often a prompt's own emotion was named than its block's labels.

    Parameters
    ----------
    named : np.ndarray, shape (raters, prompts, emotions)
    emotion : np.ndarray of int, shape (prompts,)
        What each prompt asked for.
    block : np.ndarray of int, shape (prompts,)

    Returns
    -------
    np.ndarray, shape (raters, prompts)
        Shares of answers, -1 to 1.
    """
    excess = np.empty(named.shape[:2])
    for name in np.unique(block):
        members = np.flatnonzero(block == name)
        dealt = named[:, members][:, :, emotion[members]]
        own = named[:, members, emotion[members]]
        excess[:, members] = own - dealt.mean(axis=2)
    return excess


def confusion(named: Floats, emotion: Codes) -> Floats:
    """What was answered to prompts of each emotion.

    Parameters
    ----------
    named : np.ndarray, shape (raters, prompts, emotions)
    emotion : np.ndarray of int, shape (prompts,)

    Returns
    -------
    np.ndarray, shape (emotions, emotions)
        Row: what the prompt asked for; column: what was answered; rows sum to 1.
    """
    by_prompt = named.mean(axis=0)
    emotions = range(named.shape[2])
    return np.stack([by_prompt[emotion == code].mean(axis=0) for code in emotions])
