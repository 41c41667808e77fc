"""How accurate is the probe when it learns from fewer prompts?

Conventions
-----------
As in `probe`; sizes are units (templates, or one prompt of each emotion) that a fit
learns from. The test folds stay whole, so that all sizes are scored on the same clips.

References
----------
Cortes et al. (1993), Learning curves: asymptotic values and rate of convergence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.measures.probe_design import ProbeError, make_design
from harness.measures.probe_fit import kernels
from harness.measures.probe_scores import balanced, wins_pairwise

__all__ = ["LearningCurve"]

Floats = npt.NDArray[np.float64]


class LearningCurve:
    """Accuracies for any size of training set, from kernels that are made once.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    emotion : array_like of int, shape (prompts,)
    fold_of_prompt, unit_of_prompt : array_like of int, shape (prompts,)
        A unit lies in one fold.
    layer_of_fold : sequence of int
        The layer that is read in each test fold, chosen without it.
    prompt_of_clip : array_like of int, shape (clips,)
    alpha : float
        As in `probe.pairwise_accuracy`.

    Raises
    ------
    ProbeError
        As `probe.pairwise_accuracy`.
    """

    def __init__(
        self,
        activations: npt.ArrayLike,
        emotion: npt.ArrayLike,
        *,
        fold_of_prompt: npt.ArrayLike,
        unit_of_prompt: npt.NDArray[np.intp],
        layer_of_fold: Sequence[int],
        prompt_of_clip: npt.ArrayLike,
        alpha: float = 1.0,
    ) -> None:
        labels = np.asarray(emotion)[None]
        self._design = make_design(
            activations, labels, fold_of_prompt, prompt_of_clip, alpha
        )
        self._unit = unit_of_prompt[self._design.prompt_of_clip]
        self._truth = self._design.labels[0, self._design.prompt_of_clip]
        wanted = sorted(set(layer_of_fold))
        made = kernels(self._design.activations[:, wanted])
        by_layer = dict(zip(wanted, (_scaled(k) for k in made), strict=True))
        self._kernel_of_fold = [by_layer[layer] for layer in layer_of_fold]

    @property
    def largest(self) -> int:
        """Units that every fit can learn from."""
        fold, unit = self._design.fold_of_clip, self._unit
        return min(np.unique(unit[fold != f]).size for f in self._design.folds)

    def accuracy(self, size: int, orders: Floats, *, gone: int | None = None) -> float:
        """Mean pairwise accuracy over draws of `size` training units.

        Parameters
        ----------
        size : int
            As many as there are, where there are fewer.
        orders : np.ndarray, shape (draws, units)
            Random numbers: the units with the smallest ones are learnt from.
        gone : int, optional
            A unit that is neither learnt from nor scored.

        Raises
        ------
        ProbeError
            If `size` is below 1.
        """
        if size < 1:
            msg = f"`size` must be at least 1, got {size}. Add templates to the bank."
            raise ProbeError(msg)
        there = self._unit != (-1 if gone is None else gone)
        targets = np.eye(self._design.emotions)[self._truth]
        found = []
        for order in orders:
            wins = np.zeros(self._truth.size)
            for fold, kernel in zip(
                self._design.folds, self._kernel_of_fold, strict=True
            ):
                test = (self._design.fold_of_clip == fold) & there
                if not test.any():
                    continue
                open_units = np.unique(self._unit[there & ~test])
                drawn = open_units[np.argsort(order[open_units])[:size]]
                train = np.isin(self._unit, drawn)
                scores = _fit(kernel, targets, train, test, self._design.alpha)
                truth = self._truth[test][:, None]
                wins[test] = wins_pairwise(scores.T[:, :, None], truth)[:, 0]
            accuracy = balanced(
                wins[there][:, None], self._truth[there][:, None], self._design.emotions
            )
            found.append(float(accuracy[0]))
        return float(np.mean(found))


def _scaled(kernel: Floats) -> Floats:
    """So that centred rows have a mean square norm of 1, as for the whole probe."""
    scale = np.trace(kernel) / len(kernel)
    scaled: Floats = kernel / (scale if scale > 0 else 1.0)
    return scaled


def _fit(
    kernel: Floats,
    targets: Floats,
    train: npt.NDArray[np.bool_],
    test: npt.NDArray[np.bool_],
    alpha: float,
) -> Floats:
    """Scores of the `test` clips by a ridge with intercept of the `train` clips."""
    inner, across = kernel[np.ix_(train, train)], kernel[np.ix_(test, train)]
    means = inner.mean(axis=0)
    centred = inner - means - means[:, None] + means.mean()
    centred[np.diag_indices(len(centred))] += alpha
    level = targets[train].mean(axis=0)
    weights = np.linalg.solve(centred, targets[train] - level)
    moved = across - across.mean(axis=1, keepdims=True) - means + means.mean()
    scores: Floats = moved @ weights + level
    return scores
