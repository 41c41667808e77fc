"""Evidence of what people hear: emotions named without knowing the prompt.

The claim is about listeners, so it is decided on as many raters as were planned, the
first that came, and never on fewer: whoever looks after each rater and stops when it is
significant is wrong more often than alpha says. p is the larger of two: that labels are
shuffled among these prompts, and that the mean over all raters and all prompts is 0.
Both samples are small, so only a clear effect is found: the numbers are at
`harness.listening.making.Wish`.

Conventions
-----------
Codes of emotions are places in `table.emotions`. Sliders run from -100 to 100.

References
----------
Valence and arousal: Russell (1980), A circumplex model of affect, doi:10.1037/h0077714.
Named emotions and scales side by side: Eerola & Vuoskoski (2011),
doi:10.1177/0305735610362821. What is expressed, not felt: Gabrielsson (2001),
doi:10.1177/10298649020050S105.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Floats
from harness.inference.crossed import crossed_mean
from harness.inference.jackknife import jackknife_t
from harness.inference.relabel import p_value, smallest_attainable_p
from harness.measures.agreement import krippendorff_alpha
from harness.measures.recognition import (
    confusion,
    excess_by_prompt,
    named_by_prompt,
)
from harness.verdict import Evidence

__all__ = ["Heard", "agreement_evidence", "recognition_evidence", "smallest_p"]

Codes = npt.NDArray[np.intp]
_GUESSERS, _HABIT = 6, 0.3  # how many, and how often they give their favourite word
NONE_YET = (
    "No ratings yet: write a listening test with `uv run python -m harness.listening "
    "make`, and add what raters send back with `uv run python -m harness.listening "
    "collect`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What raters answered to one listening test; without raters, nothing yet."""

    table: ClipTable  # of the clips that were heard
    raters: tuple[str, ...]  # as many as were planned, or fewer so far
    planned: int
    answers: Codes  # (raters, clips), the emotion that was named
    valence: Floats  # (raters, clips)
    arousal: Floats  # (raters, clips)
    again: Codes  # (raters, repeats), the emotion named the second time
    again_valence: Floats  # (raters, repeats)
    again_arousal: Floats  # (raters, repeats)
    clip_again: Codes  # (repeats,), which clip that was
    beside: tuple[str, ...] = ()  # ratings that are on record and not used

    def shuffled(self) -> Heard:
        """The same answers to prompts whose emotions are shuffled, for a control.

        As long as too few have answered, those of raters who guess: what is measured
        with has to be silent then, too.
        """
        complete = self.raters and len(self.raters) >= self.planned
        heard = self if complete else self.guessed()
        return replace(heard, table=self.table.shuffled())

    def guessed(self) -> Heard:
        """Answers of raters who hear nothing and have a favourite word each."""
        count, rng = self.planned or _GUESSERS, self.table.rng("guesses")
        emotions = len(self.table.emotions)
        shape = (count, self.table.n_clips)
        favourite = rng.integers(0, emotions, (count, 1))
        free = rng.integers(0, emotions, shape)
        nothing = np.zeros((count, 0))
        return Heard(
            table=self.table,
            raters=tuple(f"guesser {k + 1}" for k in range(count)),
            planned=count,
            answers=np.where(rng.random(shape) < _HABIT, favourite, free),
            valence=rng.uniform(-100, 100, shape),
            arousal=rng.uniform(-100, 100, shape),
            again=nothing.astype(np.intp),
            again_valence=nothing,
            again_arousal=nothing,
            clip_again=np.zeros(0, np.intp),
        )

    @property
    def named(self) -> Floats:
        """`(raters, prompts, emotions)`: what each prompt was said to express."""
        return named_by_prompt(
            self.answers,
            self.table.prompt_of_clip,
            prompts=self.table.n_prompts,
            emotions=len(self.table.emotions),
        )

    @property
    def block(self) -> Codes:
        """Prompts among which labels may move: one template, one cohort."""
        template = self.table.template
        parts = (
            [self.table.cohort] if template is None else [template, self.table.cohort]
        )
        found: Codes = np.unique(np.stack(parts), axis=1, return_inverse=True)[1]
        return found.ravel()


def recognition_evidence(heard: Heard) -> Evidence:
    """Share of answers that name the prompt's emotion, beyond chance.

    Parameters
    ----------
    heard
        What the raters answered; repeats count for steadiness only.

    Returns
    -------
    Evidence
        The interval counts raters and prompts as samples; without the planned number
        of raters there is none, no p, and `awaits` says what is missing.
    """
    if not heard.raters:
        return Evidence(effect=None, awaits=NONE_YET, detail=_beside(heard))
    table, named = heard.table, heard.named
    excess = excess_by_prompt(named, table.emotion, block=heard.block)
    detail = {**_described(heard, named, excess), **_beside(heard)}
    found = Evidence(
        effect=float(excess.mean()),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"answers that name the emotion": _count(heard)},
        detail=detail,
    )
    if len(heard.raters) < heard.planned:
        return replace(found, awaits=_so_far(heard, detail))
    mean = crossed_mean(excess, unit_of_prompt=table.units)
    labels = table.relabeled("listeners").labels
    shares, prompts = named.mean(axis=0), np.arange(table.n_prompts)
    p_prompts = p_value(shares[prompts, labels].mean(axis=1))
    return replace(
        found,
        p=max(p_prompts, mean.p),
        smallest_p=smallest_p(table),
        interval=(mean.interval.low, mean.interval.high),
        upper=mean.interval.upper_one_sided,
        detail={
            **detail,
            "p, labels shuffled among prompts": p_prompts,
            "p, raters and prompts as samples": mean.p,
            "interval over raters alone": [mean.raters.low, mean.raters.high],
            "interval over prompts alone": [mean.prompts.low, mean.prompts.high],
        },
    )


def agreement_evidence(heard: Heard) -> Evidence:
    """Krippendorff's alpha of the emotions that raters named.

    Parameters
    ----------
    heard
        What the raters answered.

    Returns
    -------
    Evidence
        The interval leaves out one unit of prompts at a time.
    """
    if not heard.raters:
        return Evidence(effect=None, awaits=NONE_YET, detail=_beside(heard))
    if len(heard.raters) < heard.planned:
        detail = _beside(heard)
        awaits = _few(heard) + " Agreement is described when all have answered."
        return Evidence(effect=None, awaits=awaits, detail=detail)
    table = heard.table
    answers = heard.answers.astype(np.float64)
    unit_of_clip = table.units[table.prompt_of_clip]
    interval = jackknife_t(
        lambda mask: krippendorff_alpha(
            answers[:, mask[unit_of_clip]], level="nominal"
        ),
        int(table.units.max()) + 1,
    )
    return Evidence(
        effect=interval.estimate,
        interval=(interval.low, interval.high),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        detail={
            "raters": len(heard.raters),
            "alpha of valence": krippendorff_alpha(heard.valence, level="interval"),
            "alpha of arousal": krippendorff_alpha(heard.arousal, level="interval"),
            **_steadiness(heard),
            **_beside(heard),
        },
    )


def smallest_p(table: ClipTable) -> float:
    """What p could be at best: a name is right or wrong, and no swap makes it right."""
    return smallest_attainable_p(
        table.emotion,
        template=table.template,
        cohort=table.cohort,
        count=table.relabeling_count,
        symmetric=False,
    )


def _described(heard: Heard, named: Floats, excess: Floats) -> dict[str, Any]:
    table = heard.table
    emotions = table.emotions
    right = named[:, np.arange(table.n_prompts), table.emotion]
    found = confusion(named, table.emotion)
    return {
        "raters": len(heard.raters),
        "raters planned": heard.planned,
        "share right": float(right.mean()),
        "chance": float(right.mean() - excess.mean()),
        "share right by rater": dict(
            zip(heard.raters, right.mean(axis=1).tolist(), strict=True)
        ),
        "share right by emotion": {
            e: float(found[k, k]) for k, e in enumerate(emotions)
        },
        "confusion": {
            e: dict(zip(emotions, found[k].tolist(), strict=True))
            for k, e in enumerate(emotions)
        },
        "valence by emotion": _means(heard.valence, table),
        "arousal by emotion": _means(heard.arousal, table),
        **_steadiness(heard),
    }


def _means(values: Floats, table: ClipTable) -> dict[str, float]:
    codes = table.emotion_of_clip
    return {
        e: float(values[:, codes == k].mean()) for k, e in enumerate(table.emotions)
    }


def _steadiness(heard: Heard) -> dict[str, Any]:
    """What raters said of a clip that they had heard before, against the first time."""
    if not heard.clip_again.size:
        return {}
    first = heard.answers[:, heard.clip_again]
    moved = {
        "valence": heard.again_valence - heard.valence[:, heard.clip_again],
        "arousal": heard.again_arousal - heard.arousal[:, heard.clip_again],
    }
    return {
        "clips heard twice": int(heard.clip_again.size),
        "named alike both times": float((first == heard.again).mean()),
        **{f"{n} moved by": float(np.abs(gap).mean()) for n, gap in moved.items()},
    }


def _count(heard: Heard) -> str:
    right = int((heard.answers == heard.table.emotion_of_clip).sum())
    return f"{right} of {heard.answers.size}"


def _so_far(heard: Heard, detail: dict[str, Any]) -> str:
    return (
        f"{_few(heard)} They named the emotion in {detail['share right']:.0%} of their "
        f"answers, where chance gives {detail['chance']:.0%}: that is what these hear, "
        "and says nothing yet about listeners."
    )


def _few(heard: Heard) -> str:
    has = "has" if len(heard.raters) == 1 else "have"
    return f"{len(heard.raters)} of {heard.planned} planned raters {has} answered."


def _beside(heard: Heard) -> dict[str, Any]:
    return (
        {"ratings on record that are not used": list(heard.beside)}
        if heard.beside
        else {}
    )
