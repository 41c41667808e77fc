"""The power of a mean over prompts: a gap between emotions, a rate, an accuracy.

Conventions
-----------
Distances and standard errors are in the unit of the mean; tests are one-sided.

References
----------
Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, section 2 (the
noncentral t).
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, sqrt

from scipy import special

from harness.inference.power import Study, check_power, check_share, is_attainable

__all__ = ["mean_power", "minimum_detectable_gap"]


def mean_power(
    distance: float, *, standard_error: float, freedom: float, alpha: float
) -> float:
    """How often a mean is found that lies `distance` from where labels mean nothing.

    Parameters
    ----------
    distance : float
        In the direction that was named before.
    standard_error : float
        Of the mean, in the study to come.
    freedom : float
        Degrees of freedom of that error: prompts per emotion less one.
    alpha : float

    Returns
    -------
    float
        That of the one-sided t test.

    Raises
    ------
    InferenceError
        If `alpha` is not inside (0, 1).
    """
    check_share("alpha", alpha)
    if standard_error <= 0:
        return 1.0 if distance > 0 else 0.0
    critical = special.stdtrit(freedom, 1 - alpha)
    return float(1 - special.nctdtr(freedom, distance / standard_error, critical))


def minimum_detectable_gap(
    study: Study, *, between_prompt_sd: float, alpha: float, power: float = 0.8
) -> float:
    """Smallest gap of one number between two emotions, its direction named before.

    Parameters
    ----------
    study : Study
        Its number of emotions is not read.
    between_prompt_sd : float
        Of the prompts' means within an emotion, in the unit of the gap (BPM, say),
        less what matched templates share.
    alpha, power : float

    Returns
    -------
    float
        In that unit, by the t test to which flipping signs comes close. Infinite where
        no outcome could give a p-value below alpha.

    Raises
    ------
    InferenceError
        If not 0 < alpha < power < 1.
    """
    check_power(alpha, power)
    if not is_attainable(replace(study, emotions=2), alpha, symmetric=False):
        return inf
    freedom = (study.prompts - 1) * (1 if study.matched else 2)
    critical = special.stdtrit(freedom, 1 - alpha)
    noncentrality = float(special.nctdtrinc(freedom, 1 - power, critical))
    return noncentrality * between_prompt_sd * sqrt(2 / study.prompts)
