"""What a design can find, before anything is generated.

The signal is an analysis of variance in disguise: with `MSB` and `MSE` the mean squares
between emotions and within them (with matched templates, those of the interaction),
summed over dimensions, it is `(MSB - MSE) / prompts`, and relabelings rank it as they
rank `MSB / MSE`. Box's approximation gives both mean squares as many degrees of freedom
per comparison as the activations have effective dimensions, so that the power of the
relabeling test is that of an F test with `participation_ratio` times the usual degrees
of freedom. Nothing is simulated; `tests/` holds the simulation that it agrees with.

Conventions
-----------
Signals, shares and powers are fractions of 1. A signal is a difference of mean centred
cosines, in one layer; signals in several layers are found more often than is said here.
Unit vectors are taken to have the variance of the activations that they come from. With
a participation ratio of 23 this leaves the null SD right to within a tenth; at 2.5 the
SD is up to a fifth too large, and what is said to be detectable is found more often.

References
----------
Box (1954), Some theorems on quadratic forms, doi:10.1214/aoms/1177728786. Anderson
(2001), doi:10.1111/j.1442-9993.2001.01070.pp.x (one F of many dimensions). Galwey
(2009), doi:10.1002/gepi.20408, equation 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import Any

import numpy as np
from scipy import special

from harness.inference import InferenceError
from harness.inference.looks import Look, design_for
from harness.inference.relabel import smallest_attainable_p

__all__ = [
    "Assumptions",
    "Study",
    "assumptions_from",
    "check_power",
    "check_share",
    "effective_layers",
    "expected_signal",
    "is_attainable",
    "minimum_detectable",
    "noise_of_mean",
    "null_sd",
    "outlook",
    "power_at",
    "prompts_needed",
]

_FEWEST_PROMPTS = 2  # per emotion: one makes no pair within an emotion


def outlook(
    look: Look,
    *,
    emotions: int,
    matched: bool,
    layers: int,
    measured: Mapping[str, Any] | None = None,
) -> str:
    """What a look can be expected to find, in a line, before anything is generated.

    Parameters
    ----------
    look : Look
    emotions : int
    matched : bool
        Whether emotions share their templates.
    layers : int
        Of the model, of which the best is chosen.
    measured : mapping, optional
        `icc`, `participation_ratio` and `template_share`, of an earlier look at the
        model. Without them they are assumed.

    Returns
    -------
    str
    """
    if look.kind != "planned":
        return "none, this look is never evidence"
    prompts, seeds = design_for(look.samples)
    study = Study(emotions=emotions, prompts=prompts, seeds=seeds, matched=matched)
    taken = assumptions_from(measured or {}, layers=layers)
    least = minimum_detectable(study, alpha=look.alpha, assumptions=taken)
    icc = f"{taken.icc:.2g}".removeprefix("0")
    return (
        f"detects a layer signal of {100 * least:.1f} % (80 % power; "
        f"{'measured' if measured else 'assumes'} ICC {icc or '0'}, participation ratio"
        f" {taken.participation_ratio:.3g})"
    )


def assumptions_from(measured: Mapping[str, Any], *, layers: int) -> Assumptions:
    """What was `measured` of a model, and what is assumed of the rest."""
    names = ("icc", "participation_ratio", "template_share")
    known = {n: float(measured[n]) for n in names if measured.get(n) is not None}
    return Assumptions(**known, effective_layers=effective_layers(layers))


def null_sd(study: Study, *, assumptions: Assumptions) -> float:
    """Standard deviation of the signal of one layer where emotion leaves no trace.

    Parameters
    ----------
    study : Study
    assumptions : Assumptions

    Returns
    -------
    float
        `v sqrt(2 (1 / df_between + 1 / df_within)) / prompts`, where `v` is the noise
        variance of a prompt's mean.
    """
    between, within = _degrees_of_freedom(study, assumptions)
    noise = _noise_variance(0.0, study, assumptions)
    return noise * sqrt(2 / between + 2 / within) / study.prompts


def expected_signal(share: float, *, participation_ratio: float) -> float:
    """Signal that emotions leave which own `share` of the variance of activations.

    Parameters
    ----------
    share : float
        Of the variance of single clips, before the grand mean is subtracted; small.
    participation_ratio : float

    Returns
    -------
    float
        Scaling to length 1 costs a part of it: 2 % with 23 dimensions, 18 % with 2.5.
    """
    ratio = special.poch(participation_ratio / 2, 0.5)  # E|x| / sqrt 2
    return float(2 / participation_ratio * ratio**2 * share)


def power_at(
    signal: float, study: Study, *, alpha: float, assumptions: Assumptions
) -> float:
    """How often the relabeling test finds a signal of this size in a given layer.

    Parameters
    ----------
    signal : float
    study : Study
    alpha : float
        Of the look, before the correction for layers.
    assumptions : Assumptions

    Returns
    -------
    float
        0 where no outcome could give a p-value below alpha.

    Raises
    ------
    InferenceError
        If `alpha` is not inside (0, 1), or `signal` is negative or more than the
        variance that the templates leave.
    """
    check_share("alpha", alpha)
    noise = _noise_variance(signal, study, assumptions)
    if not is_attainable(study, alpha):
        return 0.0
    between, within = _degrees_of_freedom(study, assumptions)
    critical = _critical_f(between, within, alpha, assumptions)
    noncentrality = between * study.prompts * signal / noise
    return float(1 - special.ncfdtr(between, within, noncentrality, critical))


def minimum_detectable(
    study: Study, *, alpha: float, power: float = 0.8, assumptions: Assumptions
) -> float:
    """Smallest signal that is found with the power asked for.

    Parameters
    ----------
    study : Study
    alpha : float
        Of the look, before the correction for layers.
    power : float
    assumptions : Assumptions

    Returns
    -------
    float
        Infinite where no outcome could give a p-value below alpha.

    Raises
    ------
    InferenceError
        If not 0 < alpha < power < 1.
    """
    check_power(alpha, power)
    if not is_attainable(study, alpha):
        return inf
    between, within = _degrees_of_freedom(study, assumptions)
    critical = _critical_f(between, within, alpha, assumptions)
    noncentrality = float(special.ncfdtrinc(between, within, 1 - power, critical))
    # Solved for the signal, which takes its share of the variance from the noise.
    ratio = (
        noncentrality / (between * study.prompts) * _noise_of_mean(study, assumptions)
    )
    own = (study.emotions - 1) / study.emotions
    return ratio * _left_by_templates(study, assumptions) / (1 + ratio * own)


def prompts_needed(
    signal: float,
    study: Study,
    *,
    alpha: float,
    power: float = 0.8,
    at_most: int,
    assumptions: Assumptions,
) -> int | None:
    """Fewest prompts per emotion that find `signal` with the power asked for.

    Parameters
    ----------
    signal : float
    study : Study
        Its own number of prompts is not read.
    alpha, power : float
        As in `minimum_detectable`.
    at_most : int
        Prompts per emotion that the bank has.
    assumptions : Assumptions

    Returns
    -------
    int or None
        None if not even `at_most` would do.

    Raises
    ------
    InferenceError
        As `minimum_detectable` and `power_at`.
    """
    check_power(alpha, power)
    for prompts in range(_FEWEST_PROMPTS, at_most + 1):
        grown = replace(study, prompts=prompts)
        if power_at(signal, grown, alpha=alpha, assumptions=assumptions) >= power:
            return prompts
    return None


def effective_layers(layers: int, *, correlation: float = 0.95) -> float:
    """As how many independent layers these count when the best one is chosen.

    Parameters
    ----------
    layers : int
    correlation : float
        Of the activations of neighbouring layers, falling off as an AR(1). Signals,
        being squares, correlate with its square.

    Returns
    -------
    float
        From 1 to `layers`; within a third of what a simulated maximum costs.
    """
    lags = np.abs(np.subtract.outer(range(layers), range(layers)))
    eigenvalues = np.linalg.eigvalsh(correlation ** (2.0 * lags)).clip(0)
    return float(np.sqrt(eigenvalues).sum() ** 2 / eigenvalues.sum())


def _degrees_of_freedom(study: Study, assumptions: Assumptions) -> tuple[float, float]:
    within = (study.emotions - study.matched) * (study.prompts - 1)
    dimensions = assumptions.participation_ratio
    return (study.emotions - 1) * dimensions, within * dimensions


def _critical_f(
    between: float, within: float, alpha: float, assumptions: Assumptions
) -> float:
    """What `MSB / MSE` must exceed, as one of so many layers (Sidak)."""
    in_one = -np.expm1(np.log1p(-alpha) / assumptions.effective_layers)
    return float(special.fdtri(between, within, 1 - in_one))


def _noise_variance(signal: float, study: Study, assumptions: Assumptions) -> float:
    """Variance of a prompt's mean that neither its emotion nor its template explains.

    In units of the variance of clips, of which the emotions' own means explain
    `(k - 1) / k` of the signal.
    """
    left = _left_by_templates(study, assumptions)
    left -= signal * (study.emotions - 1) / study.emotions
    if signal < 0 or left <= 0:
        most = _left_by_templates(study, assumptions)
        most *= study.emotions / (study.emotions - 1)
        msg = f"`signal` must lie in [0, {most:g}), got {signal}. It is a share of 1."
        raise InferenceError(msg)
    return left * _noise_of_mean(study, assumptions)


def _left_by_templates(study: Study, assumptions: Assumptions) -> float:
    # Left out with the pairs of one template; of free prompts they are part of the ICC.
    return 1 - assumptions.template_share if study.matched else 1.0


def _noise_of_mean(study: Study, assumptions: Assumptions) -> float:
    return noise_of_mean(study.seeds, icc=assumptions.icc)


def noise_of_mean(seeds: int, *, icc: float) -> float:
    """Variance of the mean of a prompt's clips, in units of that of one clip."""
    return icc + (1 - icc) / seeds


def is_attainable(study: Study, alpha: float, *, symmetric: bool = True) -> bool:
    emotion = np.repeat(np.arange(study.emotions), study.prompts)
    template = np.tile(np.arange(study.prompts), study.emotions)
    smallest = smallest_attainable_p(
        emotion, template=template if study.matched else None, symmetric=symmetric
    )
    return smallest < alpha


def check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        msg = f"`{name}` must lie inside (0, 1), got {value}. Take a planned look's."
        raise InferenceError(msg)


def check_power(alpha: float, power: float) -> None:
    check_share("alpha", alpha)
    if not alpha < power < 1:
        msg = f"`power` must lie inside ({alpha}, 1), got {power}. .8 is usual."
        raise InferenceError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Which clips there will be."""

    emotions: int
    prompts: int  # per emotion
    seeds: int  # per prompt
    matched: bool  # whether the k-th prompts of all emotions share a template

    def __post_init__(self) -> None:
        if min(self.emotions, self.prompts) < _FEWEST_PROMPTS or self.seeds < 1:
            msg = (
                "`Study` must have 2 emotions, 2 prompts of each and 1 seed, or more,"
                f" got {self.emotions}, {self.prompts} and {self.seeds}."
            )
            raise InferenceError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is not known of a model before it is measured. The defaults are assumed."""

    icc: float = 0.3  # the prompt's share of what is neither emotion nor template
    participation_ratio: float = 23.0  # effective dimensions of the activations
    template_share: float = 0.0  # of the variance, where matched; 0 is the worst case
    effective_layers: float = 1.0  # independent layers among which the best is chosen

    def __post_init__(self) -> None:
        for name in ("icc", "template_share"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                msg = f"`{name}` must lie in [0, 1), got {value}. It is a share of 1."
                raise InferenceError(msg)
        for name in ("participation_ratio", "effective_layers"):
            value = getattr(self, name)
            if not 1 <= value < inf:
                msg = f"`{name}` must be finite and at least 1, got {value}."
                raise InferenceError(msg)
