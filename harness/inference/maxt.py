"""The corrected p-value of a statistic with one value per layer (or step, or head).

The largest of K statistics is compared with the largest of K in every relabeling, so
that choosing the best layer costs what it should, however alike the layers are.

Conventions
-----------
Statistics have shape `(relabelings, columns)`, row 0 observed, large values speaking
against the null. They are studentised per column by mean and SD over all rows, so
that noisy layers do not own the maximum.

References
----------
Westfall & Young (1993), Resampling-Based Multiple Testing, section 2.3 (single step).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.inference.relabel import TIE, check_statistics

__all__ = ["MaxT", "max_t"]


def max_t(statistics: npt.NDArray[np.float64], *, exact: bool) -> MaxT:
    """Single-step max-T over the columns of `statistics`.

    Parameters
    ----------
    statistics : np.ndarray, shape (relabelings, columns)
        Row 0 is the observed labelling.
    exact : bool
        Whether the rows are every distinct relabeling once. Either way row 0 counts
        itself, which makes the share of rows exact, or (1 + b) / (1 + m).

    Returns
    -------
    MaxT
        A column that is the same in every relabeling gets p = 1 and never wins.

    Raises
    ------
    InferenceError
        If a statistic is not finite or fewer than 2 rows are given.
    """
    values = check_statistics(statistics)
    studentised, tolerance = _studentised(values)
    largest = (studentised + tolerance).max(axis=1)
    p: npt.NDArray[np.float64] = (largest[:, None] >= studentised[0]).mean(axis=0)
    return MaxT(
        p=p,
        p_any=float(p.min()),
        best=int(np.argmax(studentised[0])),
        exact=exact,
        relabelings=len(values),
    )


def _studentised(
    values: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(value - mean) / SD per column, and how far apart two of them are still equal.

    A column that never changes is minus infinity.
    """
    tolerance = TIE * np.abs(values).max(axis=0)
    varies = np.ptp(values, axis=0) > tolerance
    spread = np.where(varies, values.std(axis=0), 1.0)
    studentised = np.where(varies, (values - values.mean(axis=0)) / spread, -np.inf)
    return studentised, tolerance / spread


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxT:
    """Corrected p-values of K columns tested together."""

    p: npt.NDArray[np.float64]  # (columns,), corrected for the choice among columns
    p_any: float  # the family's p: that any column at all carries an effect
    best: int  # the column with the largest studentised statistic
    exact: bool
    relabelings: int
