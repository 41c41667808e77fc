"""What an undecided claim needs, and whether more samples are likely to decide it.

Needs are for an effect of the claim's own `minimum`, never for the estimate at hand: a
study planned for what was seen is planned for luck. Found means a p-value below the
alpha of a planned look that is still to come, with 80 % power.

Where the variance components of the activations were measured, they give the power
(`harness.inference.power`). Elsewhere the standard error of the jackknife does: it
falls with the square root of `prompts / (icc + (1 - icc) / seeds)`, the information of
so many prompts with so many clips each, and the test is the t test.

Conventions
-----------
Prompts and clips are per emotion, `more_clips` of all emotions, times in seconds.

References
----------
Lan & Wittes (1988), doi:10.2307/2531870 (conditional power, and stopping for futility).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from scipy import special

from harness.claims import settings
from harness.inference.conditional_power import chance_to_reach, conditional_power
from harness.inference.looks import PLANNED, Look, design_for, look_for
from harness.inference.mean_power import mean_power
from harness.inference.power import (
    Study,
    assumptions_from,
    noise_of_mean,
    power_at,
)
from harness.plan import CONTROL_PROMPTS
from harness.verdict.status import Decision, Status

__all__ = [
    "Chances",
    "Need",
    "chances",
    "clips_of",
    "need_of",
    "need_sentence",
    "power_by_look",
]

_HIGHEST_P = 0.9999  # a permutation p of 1 is no infinite z
_MOST_POWER = 1 - 1e-9
_FEWEST_PROMPTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What it takes to find an effect of the claim's minimum."""

    prompts: int | None  # None: more than the last planned look has
    seeds: int | None
    samples: int | None  # of the planned look that has them
    look: int | None
    more_clips: int | None  # to be made for it
    seconds: float | None  # of generation


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """Conditional power at the best look that remains."""

    samples: int  # of that look
    trend: float  # if what was seen goes on
    minimum: float  # if from here on the effect is the claim's minimum


def need_of(
    decision: Decision,
    look: Look,
    *,
    emotions: int | None = None,
    seconds_per_clip: float | None = None,
) -> Need | None:
    """Prompts, clips and time that an undecided claim needs.

    Returns
    -------
    Need or None
        None for a claim that is decided, where no spread was measured, and at a look
        that is no evidence.
    """
    undecided = decision.status in (Status.INCONCLUSIVE, Status.WEAK)
    if not undecided or not _foreseeable(decision, look):
        return None
    for samples in _remaining(look):
        prompts = _fewest_prompts(decision, look, samples)
        if prompts is not None:
            more = None if emotions is None else emotions * _more(look, samples)
            return Need(
                prompts=prompts,
                seeds=design_for(samples).seeds_per_prompt,
                samples=samples,
                look=look_for(samples).number,
                more_clips=more,
                seconds=_time(more, seconds_per_clip),
            )
    return Need(
        prompts=None,
        seeds=None,
        samples=None,
        look=None,
        more_clips=None,
        seconds=None,
    )


def chances(decision: Decision, look: Look, *, p: float | None) -> Chances | None:
    """Conditional power of the looks that remain; the best of them, or None.

    `p` is what the verdict reads: the claim's own, or the gated one. A claim that is
    significant but weak is decided where its estimate reaches the minimum.
    """
    if p is None or decision.evidence.effect is None:
        return None
    if not _foreseeable(decision, look):
        return None
    found = [_chances_at(decision, look, samples, p) for samples in _remaining(look)]
    return max(found, key=lambda c: c.minimum, default=None)


def power_by_look(decision: Decision, look: Look) -> list[dict[str, float]]:
    """Power for an effect of the claim's minimum at each planned look, decided or not.

    Returns
    -------
    list of dict
        `samples` of the look and `power`; empty where no spread was measured, and at a
        look that is no evidence.
    """
    if not _foreseeable(decision, look):
        return []
    return [
        {
            "samples": samples,
            "power": round(
                _power(decision, look, *design_for(samples), look_for(samples).alpha), 3
            ),
        }
        for samples in PLANNED
    ]


def need_sentence(need: Mapping[str, Any]) -> str:
    """What a claim needs, in words.

    Parameters
    ----------
    need : mapping
        The fields of `Need`, as a record of verdict.json has them.
    """
    if need.get("prompts") is None:
        return f"needs more prompts than the {PLANNED[-1]} clips of the last look have"
    clips = "1 clip" if need["seeds"] == 1 else f"{need['seeds']:.0f} clips"
    text = (
        f"needs {need['prompts']:.0f} prompts x {clips} per emotion: "
        f"look {need['look']:.0f} at {need['samples']:.0f}"
    )
    if need.get("more_clips") is None:
        return text
    time = need.get("seconds")
    how_long = "time unknown" if time is None else f"about {_duration(time)}"
    return f"{text}; {need['more_clips']:.0f} more clips, {how_long}"


def clips_of(samples: int) -> int:
    """Clips per emotion of a look, those made for control included."""
    prompts, seeds = design_for(samples)
    return prompts * seeds + (2 - min(2, seeds)) * min(prompts, CONTROL_PROMPTS)


def _remaining(look: Look) -> list[int]:
    return [samples for samples in PLANNED if samples > look.samples]


def _more(look: Look, samples: int) -> int:
    return clips_of(samples) - clips_of(look.samples)


def _time(clips: int | None, seconds_per_clip: float | None) -> float | None:
    if clips is None or seconds_per_clip is None:
        return None
    return clips * seconds_per_clip


def _fewest_prompts(decision: Decision, look: Look, samples: int) -> int | None:
    """Of those that the look has, how many give 80 % power at its alpha."""
    most, seeds = design_for(samples)
    alpha = look_for(samples).alpha
    if _power(decision, look, most, seeds, alpha) < settings()["power"]:
        return None
    low, high = 1, most  # power grows with prompts: halve until it is found
    while high - low > 1:
        middle = (low + high) // 2
        enough = _power(decision, look, middle, seeds, alpha) >= settings()["power"]
        low, high = (low, middle) if enough else (middle, high)
    return high


def _power(
    decision: Decision, look: Look, prompts: int, seeds: int, alpha: float
) -> float:
    """Power for an effect of the claim's minimum, with so many prompts and clips."""
    evidence, distance = decision.evidence, _distance(decision)
    measured = evidence.detail.get("measured")
    if measured and "emotions" in measured:
        study = Study(
            emotions=int(measured["emotions"]),
            prompts=max(prompts, _FEWEST_PROMPTS),
            seeds=seeds,
            matched=bool(measured.get("matched", True)),
        )
        layers = max(1, len(evidence.detail.get("layers") or ()))
        known = assumptions_from(measured, layers=layers)
        return power_at(distance, study, alpha=alpha, assumptions=known)
    error = _standard_error(decision, look)
    if error is None or prompts < _FEWEST_PROMPTS:
        return 0.0
    share = _information(decision, *design_for(look.samples)) / _information(
        decision, prompts, seeds
    )
    return mean_power(
        distance, standard_error=error * sqrt(share), freedom=prompts - 1, alpha=alpha
    )


def _chances_at(decision: Decision, look: Look, samples: int, p: float) -> Chances:
    now = _information(decision, *design_for(look.samples))
    then = _information(decision, *design_for(samples))
    chance = _chance_to_reach if decision.status is Status.WEAK else _chance_to_find
    trend, minimum = chance(decision, look, samples, p, now, then)
    return Chances(samples=samples, trend=trend, minimum=minimum)


def _chance_to_find(
    decision: Decision, look: Look, samples: int, p: float, now: float, then: float
) -> tuple[float, float]:
    alpha = look_for(samples).alpha
    power = min(_power(decision, look, *design_for(samples), alpha), _MOST_POWER)
    # What z a study would show on average that has this power.
    drift = float(special.ndtri(max(power, alpha)) - special.ndtri(alpha))
    z = -float(special.ndtri(min(p, _HIGHEST_P)))
    return (
        conditional_power(z, now, then, alpha),
        conditional_power(z, now, then, alpha, drift=drift),
    )


def _chance_to_reach(
    decision: Decision, look: Look, samples: int, p: float, now: float, then: float
) -> tuple[float, float]:
    error = _standard_error(decision, look)
    assert error is not None
    minimum = _distance(decision)
    effect = _beyond_null(decision, decision.evidence.effect)
    trend, at_minimum = (
        chance_to_reach(
            minimum,
            effect=effect,
            standard_error=error,
            information_now=now,
            information_then=then,
            expected=expected,
        )
        for expected in (effect, minimum)
    )
    return trend, at_minimum


def _information(decision: Decision, prompts: int, seeds: int) -> float:
    """Prompts, counted for more where a prompt has several clips."""
    measured = decision.evidence.detail.get("measured") or {}
    icc = assumptions_from(measured, layers=1).icc
    return prompts / noise_of_mean(seeds, icc=icc)


def _distance(decision: Decision) -> float:
    """From where labels mean nothing to the claim's minimum, in its direction."""
    return _beyond_null(decision, decision.claim.thresholds.minimum)


def _beyond_null(decision: Decision, value: float | None) -> float:
    if value is None:
        return math.nan
    sign = 1.0 if decision.claim.direction == "above" else -1.0
    return sign * (value - decision.evidence.null)


def _foreseeable(decision: Decision, look: Look) -> bool:
    """Is there a spread to foresee anything from, and something to be found?"""
    evidence = decision.evidence
    known = _standard_error(decision, look) is not None
    if decision.status is not Status.WEAK:
        known = known or bool(evidence.detail.get("measured") and evidence.n_prompts)
    return known and look.kind == "planned" and _distance(decision) > 0


def _standard_error(decision: Decision, look: Look) -> float | None:
    """What the jackknife's bounds were made of, the larger of what they say.

    A rate's bounds end at 0 and 1, so that one of them may say too little.
    """
    evidence = decision.evidence
    freedom = design_for(look.samples).prompts_per_emotion - 1
    if evidence.interval is None or evidence.effect is None or freedom < 1:
        return None
    low, high = evidence.interval
    found = [(high - low) / 2 / special.stdtrit(freedom, 0.975)]
    if evidence.upper is not None and not evidence.detail.get("measured"):
        found.append(
            (evidence.upper - evidence.effect) / special.stdtrit(freedom, 0.95)
        )
    error = float(max(found))
    return error if math.isfinite(error) and error >= 0 else None


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
