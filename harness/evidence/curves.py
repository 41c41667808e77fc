"""Evidence of claims about one number for each clip and layer, window or band.

Levels are logarithms, so that a difference of two is a ratio. All columns (layers, or
layers and bands) are tested together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.evidence.common import Array, Floats, smallest_p
from harness.inference.jackknife import jackknife_t
from harness.inference.maxt import max_t
from harness.inference.relabel import smallest_attainable_p
from harness.inference.selection import cross_fitted
from harness.measures.temporal import (
    TemporalError,
    explained_shares,
    f_ratio,
    log_shares,
)
from harness.verdict import Evidence

__all__ = ["frequency_evidence", "log_f_ratio", "ratio_evidence", "spread_evidence"]

_LEAST_RATIO = 1e-3  # the logarithm of nothing would own every mean


def spread_evidence(levels: Array, table: ClipTable) -> Evidence:
    """Mean square between emotions over mean square between prompts.

    In the column that other templates choose; p is corrected for all columns. A ratio
    of mean squares grows with the number of prompts, and `detail` has the share of the
    variance beside it, which does not.

    Parameters
    ----------
    levels : np.ndarray, shape (clips, layers, ...)
        Logarithms.
    table : ClipTable

    Raises
    ------
    TemporalError
        If a level is not finite, nothing varies, or there are too few prompts.
    InferenceError
        If there are fewer than 4 templates to choose a column in.
    """
    by_prompt = _by_prompt(levels, table)
    drawn = table.relabelings
    shares = explained_shares(by_prompt, drawn.labels, template=table.template)
    tested = max_t(shares, exact=drawn.exact)
    ratios = _ratios(shares, table.emotion, table.template)

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        return np.stack([log_f_ratio(by_prompt, table, mask) for mask in masks])

    chosen = cross_fitted(score, table.n_units, rng=table.rng("spread"))
    shape, best = levels.shape[1:], chosen.best
    low, high = np.exp([chosen.interval.low, chosen.interval.high])
    return Evidence(
        effect=float(np.exp(chosen.effect)),
        null=1.0,
        p=tested.p_any,
        smallest_p=smallest_p(table),
        interval=(float(low), float(high)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented=_means(levels, table, best),
        detail={
            **_place(best, shape),
            "share of variance, there": float(shares[0, best]),
            "ratio with shuffled labels, there": float(ratios[:, best].mean()),
            "ratio": ratios[0].reshape(shape),
            "p, corrected": tested.p.reshape(shape),
        },
    )


def frequency_evidence(
    power: Array, table: ClipTable, *, bands: Sequence[tuple[float, float]]
) -> Evidence:
    """`spread_evidence` of how the power of activations is shared among bands.

    Parameters
    ----------
    power : np.ndarray, shape (clips, layers, bands)
        As `harness.measures.temporal.band_powers` gives it for a clip and layer.
    table : ClipTable
    bands : sequence of (float, float)
        In Hz.

    Raises
    ------
    TemporalError
        If there is one band only, or a power is not a positive number.
    """
    found = spread_evidence(log_shares(power), table)
    low, high = bands[found.detail["window or band"]]
    where = {"from_hz": low, "to_hz": high}
    return replace(found, detail={**found.detail, **where})


def ratio_evidence(
    levels: Array, table: ClipTable, contrast: tuple[str, str]
) -> Evidence:
    """By what factor one emotion exceeds another, in the layer that others choose.

    Parameters
    ----------
    levels : np.ndarray, shape (clips, layers, ...)
        Logarithms.
    table : ClipTable
    contrast : (str, str)
        The emotion that was claimed to have more, and the one with less.

    Returns
    -------
    Evidence
        A ratio of geometric means over prompts. It is 1 where there is no effect;
        `upper` is that of the layer with the largest.

    Raises
    ------
    TemporalError
        If a level is not finite or nothing varies.
    """
    pair, kept = table.restricted(contrast)
    own = levels[kept]
    by_prompt = _by_prompt(own, pair)
    drawn = pair.relabeled("levels")
    of_more = drawn.labels == 0
    tested = max_t(
        _differences(of_more.astype(np.float64), ~of_more, by_prompt), exact=drawn.exact
    )
    more = pair.emotion == 0
    member = pair.units == np.arange(pair.n_units)[:, None]

    def score(masks: npt.NDArray[np.bool_]) -> Floats:
        there = np.atleast_2d(masks) @ member
        gaps = _differences(there & more, there & ~more, by_prompt)
        return gaps if masks.ndim == 2 else gaps[0]

    chosen = cross_fitted(score, pair.n_units, rng=pair.rng("levels"))
    by_column = jackknife_t(score, pair.n_units)
    shape = levels.shape[1:]
    low, high = np.exp([chosen.interval.low, chosen.interval.high])
    return Evidence(
        effect=float(np.exp(chosen.effect)),
        null=1.0,
        p=tested.p_any,
        smallest_p=smallest_attainable_p(
            pair.emotion,
            template=pair.template,
            cohort=pair.cohort,
            count=pair.relabeling_count,
            symmetric=False,
        ),
        interval=(float(low), float(high)),
        upper=float(np.exp(by_column.upper_one_sided).max()),
        n_prompts=pair.n_prompts,
        n_clips=pair.n_clips,
        as_documented=_means(own, pair, chosen.best),
        detail={
            **_place(chosen.best, shape),
            "ratio": np.exp(by_column.estimate).reshape(shape),
            "p, corrected": tested.p.reshape(shape),
        },
    )


def _by_prompt(levels: Array, table: ClipTable) -> Floats:
    """Prompt means, shape (prompts, columns)."""
    flat = np.asarray(levels, np.float64).reshape(len(levels), -1)
    bad = np.argwhere(~np.isfinite(flat))
    if bad.size:
        clip, column = bad[0]
        msg = (
            f"`levels` must be finite, got {flat[clip, column]} for clip {clip} in"
            f" column {column}. Capture it again."
        )
        raise TemporalError(msg)
    if not np.ptp(flat, axis=0).any():
        msg = (
            "`levels` must vary between clips, got the same for every clip. Capture"
            " them again."
        )
        raise TemporalError(msg)
    return table.by_prompt(flat)


def _ratios(
    shares: Floats,
    emotion: npt.NDArray[np.intp],
    template: npt.NDArray[np.intp] | None,
) -> Floats:
    return f_ratio(
        shares,
        emotions=np.unique(emotion).size,
        prompts=emotion.size,
        templates=None if template is None else np.unique(template).size,
    )


def log_f_ratio(
    by_prompt: Floats, table: ClipTable, units: npt.NDArray[np.bool_]
) -> Floats:
    """Logarithm of the ratio of mean squares, of the prompts in `units`, `(columns,)`.

    The ratio itself is skewed, and its jackknife would go below zero.
    """
    kept = units[table.units]
    template = None if table.template is None else table.template[kept]
    emotion = table.emotion[kept]
    shares = explained_shares(by_prompt[kept], emotion[None], template=template)
    ratio = _ratios(shares, emotion, template)[0]
    found: Floats = np.log(np.maximum(ratio, _LEAST_RATIO))
    return found


def _differences(
    more: npt.NDArray[Any], less: npt.NDArray[Any], by_prompt: Floats
) -> Floats:
    """Mean over prompts of `more` minus that of `less`; both `(rows, prompts)`."""
    first, second = more.astype(np.float64), less.astype(np.float64)
    gaps: Floats = first @ by_prompt / first.sum(1, keepdims=True)
    gaps -= second @ by_prompt / second.sum(1, keepdims=True)
    return gaps


def _means(levels: Array, table: ClipTable, column: int) -> dict[str, float]:
    """The documents' formula: the mean over an emotion's clips, and their ratios."""
    values = np.exp(np.asarray(levels, np.float64).reshape(len(levels), -1)[:, column])
    means = {
        emotion: float(values[table.emotion_of_clip == code].mean())
        for code, emotion in enumerate(table.emotions)
    }
    if len(means) == 2:
        more, less = table.emotions
    else:
        more, less = (f(means, key=means.__getitem__) for f in (max, min))
    return {**means, f"{more} / {less}": means[more] / means[less]}


def _place(column: int, shape: tuple[int, ...]) -> dict[str, int]:
    """Layer and, where there are any, window or band."""
    where = np.unravel_index(column, shape)
    names = ("layer", "window or band")
    return {name: int(index) for name, index in zip(names, where, strict=False)}
