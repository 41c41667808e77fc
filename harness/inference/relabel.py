"""Relabelings of prompts: the null distribution of every statistic of emotion.

If the emotion named in a prompt leaves no trace, every way of dealing the emotion
labels out to the prompts is as good as the observed one. With matched templates
(each template worded once per emotion) labels are dealt out within a template only.

Conventions
-----------
Labels are integer codes, shape `(relabelings, prompts)`; row 0 is the observed
labelling, always. Emotions that are 0, 1, 2, ... keep their code, others get their
rank among the sorted distinct values. A statistic computed for every row has shape
`(relabelings,)` or `(relabelings, columns)`, large values speaking against the null.

References
----------
Phipson & Smyth (2010), Permutation p-values should never be zero,
doi:10.2202/1544-6115.1585.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import factorial, prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.inference import InferenceError

__all__ = [
    "Alternative",
    "Relabelings",
    "p_value",
    "p_values",
    "relabelings",
    "smallest_attainable_p",
]

Alternative = Literal["greater", "less", "two-sided"]

TIE = 1e-9  # statistics closer than this share of the largest one count as equal


def relabelings(
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
    cohort: npt.ArrayLike | None = None,
    count: int,
    rng: np.random.Generator,
) -> Relabelings:
    """Deal the emotion labels out to the prompts in other ways.

    Parameters
    ----------
    emotion : array_like, shape (prompts,)
        The emotion that each prompt names.
    template : array_like, shape (prompts,), optional
        The template of each prompt: labels then move within a template only.
    cohort : array_like, shape (prompts,), optional
        The look at which each prompt was added: labels then move within a cohort
        only. It can also hold the folds of a probe, to keep them balanced.
    count : int
        Rows at most, the observed one included. If there are no more distinct
        relabelings than this, all of them are enumerated, each once.
    rng : np.random.Generator
        Draws the relabelings when there are too many to enumerate.

    Returns
    -------
    Relabelings

    Raises
    ------
    InferenceError
        If the shapes disagree, `count` is below 2, or only one labelling exists.
    """
    if count < 2:
        msg = f"`count` must be at least 2, got {count}. Ask for 1,000 or more."
        raise InferenceError(msg)
    codes, blocks = _codes(emotion), _blocks(emotion, template, cohort)
    distinct, symmetries = _distinct(codes, blocks), _symmetries(codes, blocks)
    if distinct == 1:
        msg = (
            "`emotion` must vary within at least one template, got one label in each."
            " Word every template for every emotion, or pass no templates."
        )
        raise InferenceError(msg)
    exact = distinct <= count
    labels = _enumerated(codes, blocks) if exact else _drawn(codes, blocks, count, rng)
    return Relabelings(
        labels=labels, exact=exact, distinct=distinct, symmetries=symmetries
    )


def smallest_attainable_p(
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
    cohort: npt.ArrayLike | None = None,
    count: int | None = None,
    symmetric: bool = True,
) -> float:
    """The smallest p-value that a design can give, however strong the effect.

    Parameters
    ----------
    emotion, template, cohort : array_like, shape (prompts,)
        As in `relabelings`.
    count : int, optional
        Rows that will be drawn at most; without it, full enumeration.
    symmetric : bool
        Whether the statistic stays the same when whole emotions swap names, as
        similarity and probe accuracy do. A directed gap does not.

    Returns
    -------
    float
        Relabelings that tie with the observed one, over all of them; at least
        `1 / count`.
    """
    codes, blocks = _codes(emotion), _blocks(emotion, template, cohort)
    ties = _symmetries(codes, blocks) if symmetric else 1
    smallest = ties / _distinct(codes, blocks)
    return smallest if count is None else max(smallest, 1 / count)


def p_value(
    statistics: npt.NDArray[np.float64], *, alternative: Alternative = "greater"
) -> float:
    """Share of relabelings that do at least as well as the observed row 0.

    Parameters
    ----------
    statistics : np.ndarray, shape (relabelings,)
        Row 0 is the observed statistic.
    alternative : {"greater", "less", "two-sided"}
        Which values speak against the null; two-sided compares magnitudes.

    Returns
    -------
    float
        Exact if the rows enumerate every relabeling; otherwise, because row 0
        counts itself, the (1 + b) / (1 + m) of Phipson & Smyth (2010), never zero.
    """
    values = np.asarray(statistics, np.float64)
    if values.ndim != 1:
        msg = f"`statistics` must have 1 axis, got {values.ndim}. Use `p_values`."
        raise InferenceError(msg)
    return float(p_values(values[:, None], alternative=alternative)[0])


def p_values(
    statistics: npt.NDArray[np.float64], *, alternative: Alternative = "greater"
) -> npt.NDArray[np.float64]:
    """`p_value` of every column of `statistics`, uncorrected.

    Parameters
    ----------
    statistics : np.ndarray, shape (relabelings, columns)
    alternative : {"greater", "less", "two-sided"}

    Returns
    -------
    np.ndarray, shape (columns,)

    Raises
    ------
    InferenceError
        If a statistic is not finite or there is no relabeling but the observed one.
    """
    values = check_statistics(statistics)
    turned = {"greater": values, "less": -values, "two-sided": np.abs(values)}
    if alternative not in turned:
        msg = f"`alternative` must be one of {', '.join(turned)}, got {alternative!r}."
        raise InferenceError(msg)
    against = turned[alternative]
    tolerance = TIE * np.abs(against).max(axis=0)
    share: npt.NDArray[np.float64] = np.mean(against >= against[0] - tolerance, axis=0)
    return share


def check_statistics(statistics: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return `statistics` as float64, shape (relabelings, columns), or raise."""
    values = np.asarray(statistics, np.float64)
    if values.ndim != 2 or len(values) < 2:
        msg = (
            "`statistics` must have shape (relabelings, columns) with 2 rows or more,"
            f" got {values.shape}. Row 0 is the observed labelling."
        )
        raise InferenceError(msg)
    if not np.isfinite(values).all():
        bad = np.argwhere(~np.isfinite(values))[0]
        msg = (
            f"`statistics` must be finite, got {values[tuple(bad)]} at row {bad[0]},"
            f" column {bad[1]}. Leave that column out."
        )
        raise InferenceError(msg)
    return values


def _codes(emotion: npt.ArrayLike) -> npt.NDArray[np.int8]:
    values = np.asarray(emotion)
    if values.ndim != 1 or not values.size:
        msg = f"`emotion` must have shape (prompts,), got {values.shape}."
        raise InferenceError(msg)
    codes = np.unique(values, return_inverse=True)[1]
    if codes.max() > np.iinfo(np.int8).max:
        msg = (
            f"`emotion` must name 128 emotions or fewer, got {codes.max() + 1}."
            " Give the emotion of each prompt, not its number."
        )
        raise InferenceError(msg)
    return codes.astype(np.int8)


def _blocks(
    emotion: npt.ArrayLike,
    template: npt.ArrayLike | None,
    cohort: npt.ArrayLike | None,
) -> list[npt.NDArray[np.intp]]:
    """Prompts among which labels may move: same template and same cohort."""
    prompts = len(np.asarray(emotion))
    code = np.zeros(prompts, np.intp)
    for name, grouping in (("template", template), ("cohort", cohort)):
        if grouping is None:
            continue
        groups = np.asarray(grouping)
        if groups.shape != (prompts,):
            msg = f"`{name}` must have shape ({prompts},), got {groups.shape}."
            raise InferenceError(msg)
        rank = np.unique(groups, return_inverse=True)[1]
        code = code * (rank.max() + 1) + rank
    return [np.flatnonzero(code == block) for block in np.unique(code)]


def _distinct(
    codes: npt.NDArray[np.int8], blocks: Iterable[npt.NDArray[np.intp]]
) -> int:
    """Number of distinct relabelings: a product of multinomial coefficients."""
    ways = 1
    for block in blocks:
        repeats = Counter(codes[block].tolist()).values()
        ways *= factorial(len(block)) // prod(factorial(n) for n in repeats)
    return ways


def _symmetries(
    codes: npt.NDArray[np.int8], blocks: Iterable[npt.NDArray[np.intp]]
) -> int:
    """Relabelings that only swap the names of whole emotions, the observed included.

    Two emotions can swap names if they occur equally often in every block.
    """
    emotions = int(codes.max()) + 1
    table = np.stack([np.bincount(codes[b], minlength=emotions) for b in blocks])
    profiles = Counter(tuple(column) for column in table.T.tolist())
    return prod(factorial(alike) for alike in profiles.values())


def _enumerated(
    codes: npt.NDArray[np.int8], blocks: Iterable[npt.NDArray[np.intp]]
) -> npt.NDArray[np.int8]:
    rows = codes[None]
    for block in blocks:
        ways = np.array(list(_arrangements(codes[block].tolist())), np.int8)
        rows = np.repeat(rows, len(ways), axis=0)
        rows[:, block] = np.tile(ways, (len(rows) // len(ways), 1))
    observed = int(np.flatnonzero((rows == codes).all(axis=1))[0])
    rows[[0, observed]] = rows[[observed, 0]]
    return rows


def _arrangements(labels: list[Any]) -> Iterator[list[Any]]:
    """Every distinct order of `labels`, in lexicographic order."""
    order = sorted(labels)
    last = len(order) - 1
    while True:
        yield order.copy()
        rise = next((k for k in range(last - 1, -1, -1) if order[k] < order[k + 1]), -1)
        if rise < 0:
            return
        above = next(k for k in range(last, rise, -1) if order[k] > order[rise])
        order[rise], order[above] = order[above], order[rise]
        order[rise + 1 :] = order[:rise:-1]


def _drawn(
    codes: npt.NDArray[np.int8],
    blocks: Iterable[npt.NDArray[np.intp]],
    count: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.int8]:
    rows = np.tile(codes, (count, 1))
    for block in blocks:
        rows[1:, block] = rng.permuted(rows[1:, block], axis=1)
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Relabelings:
    """Ways of dealing the labels out, the observed one first."""

    labels: npt.NDArray[np.int8]  # (relabelings, prompts)
    exact: bool  # whether every distinct relabeling is there, once
    distinct: int  # how many distinct relabelings there are
    symmetries: int  # how many of them only swap the names of emotions

    @property
    def smallest_p(self) -> float:
        """Smallest p that a statistic blind to the emotions' names can give."""
        return max(self.symmetries / self.distinct, 1 / len(self.labels))
