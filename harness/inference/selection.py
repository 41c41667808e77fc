"""The effect of the best of K layers, without the optimism of having chosen it.

The best layer is chosen on one half of the templates and its effect is read on the
other half, then the halves swap, and this is repeated over random halves. Where there
is no effect the result is zero on average, which the naive maximum never is.

Conventions
-----------
A score is a function of masks over units, shape `(masks, units)`, and returns
`(masks, columns)`; large is good. Units are as in `jackknife`.

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
from harness.inference.jackknife import Interval, jackknife_interval

__all__ = ["CrossFitted", "cross_fitted"]

Masks = npt.NDArray[np.bool_]
Score = Callable[[Masks], npt.NDArray[np.float64]]

_FEWEST_UNITS = 4  # two in each half


def cross_fitted(
    score: Score, units: int, *, splits: int = 20, rng: np.random.Generator
) -> CrossFitted:
    """Choose the best column on half of the units, estimate it on the other half.

    Parameters
    ----------
    score : callable
        Takes boolean masks of shape `(masks, units)`, returns an array
        `(masks, columns)`. It is called once, with all halves.
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
    present = np.ones((1, units), np.bool_)
    if units > _FEWEST_UNITS:
        present = np.concatenate([present, ~np.eye(units, dtype=np.bool_)])
    halves = np.stack([_halves(orders, units_left) for units_left in present])
    scores = score(halves.reshape(-1, units)).reshape(*halves.shape[:3], -1)
    chosen = scores.argmax(axis=-1)
    held_out = np.take_along_axis(scores[:, :, ::-1], chosen[..., None], axis=-1)
    effects = held_out.mean(axis=(1, 2, 3))
    counts = np.bincount(chosen[0].ravel())
    return CrossFitted(
        effect=float(effects[0]),
        best=int(np.argmax(counts)),
        share=float(counts.max() / counts.sum()),
        interval=_interval(effects),
    )


def _halves(orders: npt.NDArray[np.float64], present: Masks) -> Masks:
    """Both halves of every split of the units present, shape (splits, 2, units).

    A split halves the units by their rank in a fixed random order, so that leaving
    one unit out moves at most one other across.
    """
    rank = np.argsort(np.argsort(np.where(present, orders, np.inf)))
    first = rank < (present.sum() + 1) // 2
    return np.stack([first, ~first & present], axis=1)


def _interval(effects: npt.NDArray[np.float64]) -> Interval[float]:
    """From the effect of all units, and with each left out where there are enough."""
    if len(effects) > 1:
        return jackknife_interval(float(effects[0]), effects[1:])
    nan = float("nan")
    return Interval(
        estimate=float(effects[0]),
        low=nan,
        high=nan,
        upper_one_sided=nan,
        units=_FEWEST_UNITS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossFitted:
    """The held-out effect of whichever column looked best."""

    effect: float
    best: int  # the column chosen most often
    share: float  # of all choices that fell on `best`
    interval: Interval[float]
