"""P-values across claims: Holm within a family, and families one after the other.

A family is tested only where everything before it held, so that what comes later costs
what comes first nothing. Within a family either all members must hold, which needs no
correction (the family fails if one of them does), or each counts alone, which Holm
corrects for.

Conventions
-----------
A gated p-value is below alpha exactly where the whole procedure, run at alpha, rejects.

References
----------
Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statist.
6, 65. Berger (1982), doi:10.1080/00401706.1982.10487790 (all must hold). Westfall &
Krishen (2001), doi:10.1016/S0378-3758(01)00077-5 (serial gatekeeping).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.inference import InferenceError

__all__ = ["Family", "holm", "serial"]


def holm(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Correct p-values for their number, stepping down from the smallest.

    Parameters
    ----------
    p : array_like, shape (claims,)

    Returns
    -------
    np.ndarray, shape (claims,)
        The k-th smallest of m times `m - k + 1`, never below one that is smaller, at
        most 1.

    Raises
    ------
    InferenceError
        If a value is not in [0, 1].
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    factors = np.arange(values.size, 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(values[order] * factors).clip(max=1.0)
    return corrected


def serial(
    families: Sequence[Family], *, alpha: float
) -> list[npt.NDArray[np.float64] | None]:
    """Correct p-values family by family, each gate open only where all before it held.

    Parameters
    ----------
    families : sequence of Family
        In the order in which they are tested.
    alpha : float
        At which the procedure is run.

    Returns
    -------
    list of np.ndarray or None
        For each family the gated p-values of its members, never below those of the
        gates before; None where a gate before it stayed shut.

    Raises
    ------
    InferenceError
        If a p-value is not in [0, 1].
    """
    gated: list[npt.NDArray[np.float64] | None] = []
    gate = 0.0
    for family in families:
        if gate and gate >= alpha:
            gated.append(None)
            continue
        own = holm(family.p) if family.correct else _checked(family.p)
        found = np.maximum(own, gate)
        gated.append(found)
        gate = float(found.max(initial=gate))
    return gated


def _checked(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    values = np.asarray(p, np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        msg = f"`p` must have shape (claims,) and lie in [0, 1], got {p!r}."
        raise InferenceError(msg)
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Claims that are tested together."""

    p: Sequence[float]
    correct: (
        bool  # by Holm; not where the gate needs all members, or p is joint already
    )
