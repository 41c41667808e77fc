"""Evidence of claims about what the model looks at, head by head.

There are as many heads as hundreds, and the best of them looks good whatever the truth.
Each p is corrected for all heads; each effect is read in heads that other templates
chose.

Whether a head follows the *emotion* is tested by relabeling prompts. Whether it follows
the emotion's *word* cannot be: which word is the emotion's is the same in every prompt
of a template. There, which word of the sentence is called the emotion's is dealt out
anew in every template, with all of the template's prompts together.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats, fewer_relabelings, smallest_p
from harness.evidence.curves import log_f_ratio
from harness.evidence.qualifiers import Rung, as_detail, qualifier_of
from harness.inference.jackknife import jackknife_t
from harness.inference.maxt import MaxT, max_t
from harness.inference.selection import cross_fitted
from harness.measures.attention import (
    AttentionError,
    Reading,
    contrasts_over_time,
    word_contrasts,
)
from harness.measures.temporal import explained_shares
from harness.verdict import TEXT_BORNE, Evidence

__all__ = ["any_words", "head_evidence", "word_evidence"]


def head_evidence(
    levels: Array,
    table: ClipTable,
    *,
    null: Array | None = None,
    of_words: bool = False,
    alpha: float = 0.0,
) -> Evidence:
    """Mean square between emotions over mean square between prompts, in some head.

    The head is chosen on other templates; p is corrected for all heads. It is looked
    for again in `null`, the half that never saw the words.

    Parameters
    ----------
    levels : np.ndarray, shape (clips, layers, heads)
        As `harness.measures.attention.head_levels` gives them.
    table : ClipTable
    null : np.ndarray, shape of `levels`, optional
    of_words : bool
        Whether it is words that are looked at: what is found there came from them.
    alpha : float
        Below which p has found something, for the qualifier.

    Raises
    ------
    AttentionError
        If nothing varies.
    TemporalError
        If there are too few prompts for a mean square between them.
    InferenceError
        If there are fewer than 4 templates to choose a head in.
    """
    by_prompt, shares, tested = _by_emotion(levels, table)
    units = table.n_units

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        return np.stack([log_f_ratio(by_prompt, table, mask) for mask in masks])

    chosen = cross_fitted(score, units, rng=table.rng("heads"))
    low, high = np.exp([chosen.interval.low, chosen.interval.high])
    rungs = [_rung("conditional", by_prompt, tested, table)]
    if null is not None:
        without_words, _, heard = _by_emotion(null, table)
        rungs.append(_rung("null half", without_words, heard, table))
    found_in_words = of_words and tested.p_any < alpha
    shape = levels.shape[1:]
    layer, head = divmod(chosen.best, shape[1])
    return Evidence(
        effect=float(np.exp(chosen.effect)),
        null=1.0,
        p=tested.p_any,
        smallest_p=smallest_p(table, fewer_relabelings(table)),
        interval=(float(low), float(high)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        qualifier=TEXT_BORNE if found_in_words else qualifier_of(rungs, alpha),
        detail={
            "layer": layer,
            "head": head,
            "chosen in": chosen.share,
            "mean by emotion, there": _means(by_prompt[:, chosen.best], table),
            "share of variance by layer and head": shares[0].reshape(shape),
            "p by layer and head, corrected": tested.p.reshape(shape),
            **({} if null is None else {"ladder": as_detail(rungs)}),
        },
    )


def word_evidence(
    readings: Sequence[Reading], table: ClipTable, *, alpha: float = 0.0
) -> Evidence:
    """By what factor the emotion's word is read more than the others, in some head.

    The head is chosen on other templates; p is corrected for all heads.

    Parameters
    ----------
    readings : sequence of Reading
        One for each clip.
    table : ClipTable
        Of matched prompts.
    alpha : float
        Below which p has found something, for the qualifier.

    Raises
    ------
    AttentionError
        If prompts are not matched, or those of a template have not equally many words.
    InferenceError
        If there are fewer than 4 templates to choose a head in.
    """
    units, unit_of_template = table.n_units, _unit_of_template(table)
    table = table.sentences
    by_template, places = _by_template(readings, table)
    own = np.stack([c[:, k] for c, k in zip(by_template, places, strict=True)])
    statistics, exact = _dealt_out(by_template, places, table)
    tested = max_t(statistics, exact=exact)

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        kept = masks[..., unit_of_template]
        found: Floats = kept @ own / kept.sum(-1, keepdims=True)
        return found

    chosen = cross_fitted(score, units, rng=table.rng("words"))
    bounds = jackknife_t(score, units)
    low, high = np.exp([chosen.interval.low, chosen.interval.high])
    shape = readings[0].shares.shape[:2]
    layer, head = divmod(chosen.best, shape[1])
    over_time = np.stack([contrasts_over_time(r)[layer, head] for r in readings])
    of_emotion = {
        emotion: np.exp(over_time[table.emotion_of_clip == code].mean(0))
        for code, emotion in enumerate(table.emotions)
    }
    return Evidence(
        effect=float(np.exp(chosen.effect)),
        null=1.0,
        p=tested.p_any,
        smallest_p=1 / len(statistics),
        interval=(float(low), float(high)),
        upper=float(np.exp(np.max(bounds.upper_one_sided))),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        qualifier=TEXT_BORNE if tested.p_any < alpha else None,
        detail={
            "layer": layer,
            "head": head,
            "chosen in": chosen.share,
            "ratio by window, there": np.exp(over_time.mean(0)),
            "ratio by window and emotion, there": of_emotion,
            "ratio by layer and head": np.exp(bounds.estimate).reshape(shape),
            "p by layer and head, corrected": tested.p.reshape(shape),
        },
    )


def any_words(readings: Sequence[Reading], table: ClipTable) -> list[Reading]:
    """The same with any word of each template called the emotion's, for a control."""
    template = _templates(table)
    shares = table.rng("control words").random(template.max() + 1)
    return [
        replace(reading, emotion=int(shares[of] * reading.shares.shape[-1]))
        for reading, of in zip(readings, template, strict=True)
    ]


def _by_emotion(levels: Array, table: ClipTable) -> tuple[Floats, Floats, MaxT]:
    """Prompt means, the shares that emotions explain under every relabeling, and p."""
    by_prompt = table.by_prompt(np.asarray(levels, np.float64).reshape(len(levels), -1))
    if not np.ptp(by_prompt, axis=0).any():
        msg = (
            "`levels` must vary between prompts, got the same for every prompt. Make"
            " the clips again."
        )
        raise AttentionError(msg)
    drawn = table.relabeled("attention", count=fewer_relabelings(table))
    shares = explained_shares(by_prompt, drawn.labels, template=table.template)
    return by_prompt, shares, max_t(shares, exact=drawn.exact)


def _rung(name: str, by_prompt: Floats, tested: MaxT, table: ClipTable) -> Rung:
    every = np.ones(table.n_units, np.bool_)
    return Rung(
        rung=name,
        effect=float(np.exp(log_f_ratio(by_prompt, table, every)[tested.best])),
        p=tested.p_any,
        smallest_p=smallest_p(table, fewer_relabelings(table)),
    )


def _means(levels: Floats, table: ClipTable) -> dict[str, float]:
    """Geometric mean over an emotion's prompts, in the unit of what was seen."""
    return {
        emotion: float(np.exp(levels[table.emotion == code].mean()))
        for code, emotion in enumerate(table.emotions)
    }


def _by_template(
    readings: Sequence[Reading], table: ClipTable
) -> tuple[list[Floats], list[int]]:
    """Of each template: contrasts `(heads of all layers, words)`, the emotion's place.

    The mean over its clips, the words of all of which are the same but the emotion's.
    """
    template = _templates(table)
    contrasts, places = [], []
    for code in np.unique(template):
        own = [r for r, t in zip(readings, template, strict=True) if t == code]
        if len({(r.shares.shape[-1], r.emotion) for r in own}) > 1:
            msg = (
                "Prompts of one template must have equally many words around the"
                f" emotion's, got {sorted({r.shares.shape[-1] for r in own})}."
            )
            raise AttentionError(msg)
        mean = np.mean([word_contrasts(r) for r in own], axis=0)
        contrasts.append(mean.reshape(-1, mean.shape[-1]))
        places.append(own[0].emotion)
    return contrasts, places


def _templates(table: ClipTable) -> npt.NDArray[np.intp]:
    """By clip."""
    of_sentences = table.sentences
    if of_sentences.template is None:
        msg = (
            "Prompts must be matched, got others: which of their words is the"
            " emotion's is not known. Use `--prompts matched`."
        )
        raise AttentionError(msg)
    template: npt.NDArray[np.intp] = of_sentences.template[of_sentences.prompt_of_clip]
    return template


def _unit_of_template(table: ClipTable) -> npt.NDArray[np.intp]:
    """Of each template, the unit that its words make it part of."""
    template = _templates(table)
    units: npt.NDArray[np.intp] = table.units[table.prompt_of_clip]
    first = np.unique(template, return_index=True)[1]
    return units[first]


def _dealt_out(
    contrasts: Sequence[Floats], places: Sequence[int], table: ClipTable
) -> tuple[Floats, bool]:
    """Mean contrast of the word so called, `(relabelings, heads)`, row 0 observed."""
    words = [contrast.shape[1] for contrast in contrasts]
    count = fewer_relabelings(table)
    exact = math.prod(words) <= count
    if exact:
        every = itertools.product(*map(range, words))
        chosen = np.array([places, *(c for c in every if c != tuple(places))])
    else:
        rng = table.rng("which word")
        chosen = rng.integers(words, size=(count, len(words)))
        chosen[0] = places
    statistics = np.zeros((len(chosen), len(contrasts[0])))
    for template, contrast in enumerate(contrasts):
        statistics += contrast.T[chosen[:, template]]
    return statistics / len(contrasts), exact
