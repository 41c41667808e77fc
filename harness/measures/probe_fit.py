"""Ridge without the held-out fold, as a matrix: held-out scores from labels.

A ridge with an intercept that is fitted to all clips knows its fits without any of
them. With the centred kernel K and the penalty l, let C = (K + l I)^-1 and
D = C - C 1 1' C / (1' C 1). Leaving the clips E out, their scores are

    - D_EE^-1 D_ER y_R

with R the rest: leave-one-out's identity, for blocks. One inverse per layer serves
every fold, every fold within a fold and every unit that is left out for an interval.

Conventions
-----------
Kernels are inner products of clips, `(clips, clips)`. The penalty is `alpha` times the
mean square norm of all centred clips, held-out ones included: it reads no label.

References
----------
Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, equations
3.44, 7.64 and 18.15. Pahikkala, Boberg & Salakoski (2006), Fast n-fold cross-validation
for regularized least-squares.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dpotrf, dpotri

from harness.measures.probe_covariates import Nuisance
from harness.measures.probe_design import Design

__all__ = ["held_out_hats", "kernels", "left_out_scores", "resolvent"]

Floats = npt.NDArray[np.float64]


def kernels(activations: npt.NDArray[np.floating]) -> Iterator[Floats]:
    """Inner products of the centred clips, one `(clips, clips)` per layer."""
    for layer in range(activations.shape[1]):
        values = activations[:, layer].astype(np.float64)
        values -= values[0]
        values -= values.mean(axis=0)
        yield values @ values.T


def resolvent(kernel: Floats, alpha: float) -> Floats:
    """D of the module's docstring, `(clips, clips)`."""
    clips = len(kernel)
    means = kernel.mean(axis=0)
    centred = kernel - means - means[:, None] + means.mean()
    scale = np.trace(centred) / clips
    if scale > 0:
        centred /= scale
    centred[np.diag_indices(clips)] += alpha
    # LAPACK's own inverse of a Cholesky factor: half of what solving for 1 costs. No
    # eigenvalue is below `alpha`, so neither can fail.
    lower = np.tril(dpotri(dpotrf(centred, lower=True)[0], lower=True)[0])
    inverse: Floats = lower + np.tril(lower, -1).T
    sums = inverse.sum(axis=1)
    without_mean: Floats = inverse - np.outer(sums, sums / sums.sum())
    return without_mean


def left_out_scores(
    inverse: Floats,
    targets: Floats,
    left_out: npt.NDArray[np.bool_],
    scored: npt.NDArray[np.bool_] | None = None,
) -> Floats:
    """Scores of `scored` clips by a fit without `left_out`, which contains them.

    `targets` is `(clips, columns)`, `inverse` the `resolvent`; all that is left out is
    scored unless `scored` says otherwise.
    """
    out = np.flatnonzero(left_out)
    across = inverse[np.ix_(out, np.flatnonzero(~left_out))] @ targets[~left_out]
    scores = np.asarray(np.linalg.solve(inverse[np.ix_(out, out)], -across))
    return scores if scored is None else scores[scored[out]]


def held_out_hats(design: Design) -> Iterator[Floats]:
    """Per layer, the held-out scores of clips as a function of the prompts' labels.

    Shape `(clips, prompts)`; rows sum to 1. With covariates, what these say of the
    activations is taken away first, as fitted to the training clips of each fold.
    """
    prompts = np.arange(design.labels.shape[1])
    membership = (design.prompt_of_clip[:, None] == prompts).astype(np.float64)
    folds = [design.fold_of_clip == fold for fold in design.folds]
    nuisances = [Nuisance.fitted(design, ~test) for test in folds]
    for kernel in kernels(design.activations):
        hat = np.empty(membership.shape)
        whole = resolvent(kernel, design.alpha) if nuisances[0] is None else None
        for test, nuisance in zip(folds, nuisances, strict=True):
            if nuisance is not None:
                whole = resolvent(nuisance.removed_from(kernel), design.alpha)
            assert whole is not None
            hat[test] = left_out_scores(whole, membership, test)
        yield hat
