"""The effect of the best of K layers, without the optimism of having chosen it.

The best layer is chosen on one half of the templates and its effect is read on the
other half, then the halves swap, and this is repeated over random halves. Where there
is no effect the result is zero on average, which the naive maximum never is.

Conventions
-----------
A score is a function of a mask over units, shape `(units,)`, and returns `(columns,)`;
large is good. Units are as in `jackknife`.

References
----------
Fithian, Sun & Taylor (2014), Optimal inference after model selection,
arXiv:1410.2597, section 1 (data splitting). Jamalabadi et al. (2016),
doi:10.1002/hbm.23140.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.inference import InferenceError
from harness.inference.jackknife import Interval, jackknife_t

__all__ = ["CrossFitted", "cross_fitted"]

Mask = npt.NDArray[np.bool_]
Score = Callable[[Mask], npt.NDArray[np.float64]]

_FEWEST_UNITS = 4  # two in each half


def cross_fitted(
    score: Score, units: int, *, splits: int = 20, rng: np.random.Generator
) -> CrossFitted:
    """Choose the best column on half of the units, estimate it on the other half.

    Parameters
    ----------
    score : callable
        Takes a boolean mask of shape `(units,)`, returns an array `(columns,)`.
    units : int
        Number of units, 4 or more: a half must hold 2.
    splits : int
        Random halves; each is used both ways round.
    rng : np.random.Generator
        Draws the halves.

    Returns
    -------
    CrossFitted
        Its interval leaves out one unit at a time, halves otherwise kept. It needs 5
        units (4 must remain), and has NaN bounds below that.

    Raises
    ------
    InferenceError
        If there are fewer than 4 units, or no split.
    """
    if units < _FEWEST_UNITS or splits < 1:
        msg = (
            "`units` must be at least 4 and `splits` at least 1, got"
            f" {units} and {splits}. Add templates to the bank."
        )
        raise InferenceError(msg)
    orders = rng.random((splits, units))
    everyone = np.ones(units, np.bool_)
    effect, chosen = _cross_fit(score, everyone, orders)
    counts = np.bincount(chosen)
    return CrossFitted(
        effect=effect,
        best=int(np.argmax(counts)),
        share=float(counts.max() / counts.sum()),
        interval=_interval(score, effect, orders),
    )


def _interval(
    score: Score, effect: float, orders: npt.NDArray[np.float64]
) -> Interval[float]:
    units = orders.shape[1]
    if units > _FEWEST_UNITS:
        return jackknife_t(lambda mask: _cross_fit(score, mask, orders)[0], units)
    nan = float("nan")
    return Interval(
        estimate=effect, low=nan, high=nan, upper_one_sided=nan, units=units
    )


def _cross_fit(
    score: Score, mask: Mask, orders: npt.NDArray[np.float64]
) -> tuple[float, npt.NDArray[np.intp]]:
    """Mean effect over both uses of every split of the units in `mask`.

    A split halves the units by their rank in a fixed random order, so that leaving
    one unit out moves at most one other across.
    """
    present = np.flatnonzero(mask)
    effects, chosen = [], []
    for order in orders:
        ranked = present[np.argsort(order[present])]
        halves = [_mask(half, mask.size) for half in np.array_split(ranked, 2)]
        first, second = (score(half) for half in halves)
        for choosing, held_out in ((first, second), (second, first)):
            chosen.append(int(np.argmax(choosing)))
            effects.append(float(held_out[chosen[-1]]))
    return float(np.mean(effects)), np.array(chosen, np.intp)


def _mask(members: npt.NDArray[np.intp], size: int) -> Mask:
    mask = np.zeros(size, np.bool_)
    mask[members] = True
    return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFitted:
    """The held-out effect of whichever column looked best."""

    effect: float
    best: int  # the column chosen most often
    share: float  # of all choices that fell on `best`
    interval: Interval[float]
