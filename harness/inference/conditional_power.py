"""Whether going on is worth it: the chance that a later look will find something.

Nothing here turns into a finding, so no error rate is spent.

References
----------
Lan & Wittes (1988), The B-value: a tool for monitoring data, doi:10.2307/2531870.
"""

from __future__ import annotations

from math import sqrt

from scipy import special

from harness.inference import InferenceError
from harness.inference.power import check_share

__all__ = ["chance_to_reach", "conditional_power"]


def conditional_power(
    z_now: float,
    information_now: float,
    information_then: float,
    alpha_then: float,
    *,
    drift: float | None = None,
) -> float:
    """Chance that a later look, with more prompts, will find what is tested.

    Parameters
    ----------
    z_now : float
        One-sided z of the data at hand.
    information_now, information_then : float
        In one unit, prompts for example; the later data contain the present ones.
    alpha_then : float
        What the p-value of the later look must be below.
    drift : float, optional
        Expected z at the later look. Without it, the trend of the data at hand goes on.

    Returns
    -------
    float
        Lan & Wittes (1988): the B-value `z_now sqrt(t)` grows by `drift (1 - t)` on
        average, with variance `1 - t`, where `t` is the share of information there is.

    Raises
    ------
    InferenceError
        If the information does not grow from above 0, or `alpha_then` is not inside
        (0, 1).
    """
    check_share("alpha_then", alpha_then)
    share = _share_there_is(information_now, information_then)
    value = z_now * sqrt(share)
    expected = value + (value / share if drift is None else drift) * (1 - share)
    critical = -special.ndtri(alpha_then)
    return float(special.ndtr((expected - critical) / sqrt(1 - share)))


def chance_to_reach(
    threshold: float,
    *,
    effect: float,
    standard_error: float,
    information_now: float,
    information_then: float,
    expected: float,
) -> float:
    """Chance that the estimate of a later look, with more prompts, reaches a threshold.

    Parameters
    ----------
    threshold : float
    effect, standard_error : float
        Of the data at hand.
    information_now, information_then : float
        As in `conditional_power`.
    expected : float
        Of the data to come: `effect` where the trend goes on.

    Returns
    -------
    float
        The later estimate is the mean of both parts, weighted by their information:
        `t effect + (1 - t) expected` on average, with the part to come of variance
        `standard_error^2 t (1 - t)`, where `t` is the share of information there is.

    Raises
    ------
    InferenceError
        If the information does not grow from above 0.
    """
    share = _share_there_is(information_now, information_then)
    mean = share * effect + (1 - share) * expected
    spread = standard_error * sqrt(share * (1 - share))
    if spread <= 0:
        return float(mean >= threshold)
    return float(special.ndtr((mean - threshold) / spread))


def _share_there_is(now: float, then: float) -> float:
    if not 0 < now < then:
        msg = (
            "`information_then` must exceed `information_now`, and both 0, got"
            f" {then} and {now}. Give both in prompts."
        )
        raise InferenceError(msg)
    return now / then
