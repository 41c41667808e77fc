"""The corrected p-value of several statistics that differ in scale.

Each column is turned into its own permutation p in every relabeling, and the smallest p
of all columns is compared with the smallest in every relabeling. A feature in Hz then
weighs as much as one in shares, and "any of them passes" costs what it should.

Conventions
-----------
Statistics have shape `(relabelings, columns)`, row 0 observed, large values speaking
against the null. A row is the same relabeling in every column. Where something could
not be measured in one column, that column has fewer distinct values and more ties; its
rows stay where they are.

References
----------
Westfall & Young (1993), Resampling-Based Multiple Testing, section 2.5 (min-P) and
algorithm 2.8 (step-down). Pesarin & Salmaso (2010), Permutation Tests for Complex Data,
section 4.2 (Tippett's combination).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.inference.relabel import TIE, check_statistics

__all__ = ["JointMinP", "joint_min_p"]


def joint_min_p(statistics: npt.NDArray[np.float64], *, exact: bool) -> JointMinP:
    """Min-p over the columns of `statistics`, single step and stepping down.

    Parameters
    ----------
    statistics : np.ndarray, shape (relabelings, columns)
        Row 0 is the observed labelling.
    exact : bool
        Whether the rows are every distinct relabeling once. Either way row 0 counts
        itself, which makes the share of rows exact, or (1 + b) / (1 + m).

    Returns
    -------
    JointMinP
        A column that is the same in every relabeling gets p = 1 and costs the others
        nothing.

    Raises
    ------
    InferenceError
        If a statistic is not finite or fewer than 2 rows are given.
    """
    own = ranked_p(check_statistics(statistics))
    return JointMinP(
        p=_at_least_as_small(own.min(axis=1), own[0]),
        step_down=_step_down(own),
        own=own[0],
        exact=exact,
    )


def ranked_p(statistics: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The p that each row would have if it were the observed one, column by column.

    Parameters
    ----------
    statistics : np.ndarray, shape (relabelings, columns)

    Returns
    -------
    np.ndarray, shape (relabelings, columns)
        Share of rows in which the column is at least as large, ties within `TIE` of the
        largest magnitude.
    """
    rows = len(statistics)
    p = np.empty(statistics.shape)
    for column, values in enumerate(statistics.T):
        tolerance = TIE * np.abs(values).max()
        below = np.searchsorted(np.sort(values), values - tolerance, side="left")
        p[:, column] = (rows - below) / rows
    return p


def _step_down(own: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each column against those that were no smaller only, p never decreasing."""
    order = np.argsort(own[0], kind="stable")
    corrected = np.empty(order.size)
    before = 0.0
    for place, column in enumerate(order):
        smallest = own[:, order[place:]].min(axis=1)
        reached = float(_at_least_as_small(smallest, own[:1, column])[0])
        before = max(before, reached)
        corrected[column] = before
    return corrected


def _at_least_as_small(
    smallest: npt.NDArray[np.float64], p: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    # Shares of the same rows: equal ones differ by rounding only.
    half_a_row = 0.5 / len(smallest)
    share: npt.NDArray[np.float64] = np.mean(
        smallest[:, None] <= p + half_a_row, axis=0
    )
    return share


@dataclass(frozen=True, slots=True, kw_only=True)
class JointMinP:
    """Corrected p-values of K columns tested together."""

    p: npt.NDArray[np.float64]  # (columns,), corrected in a single step
    step_down: npt.NDArray[np.float64]  # (columns,), stepping down: never larger
    own: npt.NDArray[np.float64]  # (columns,), uncorrected
    exact: bool
