"""What covariates say of activations, fitted to training clips and taken from all.

A probe that still reads the emotion once tempo, loudness and brightness are regressed
out reads something else than these. The regression is least squares with an intercept,
fitted in each fold to its training clips alone; what it predicts is subtracted from
training and held-out clips. On inner products that is K -> M K M', M the identity minus
what is predicted.

Conventions
-----------
Covariates have shape `(clips, columns)`; NaN is unmeasured: the training mean stands in
its place and a further column says where. Columns are standardised by the training
clips. There are never more columns than a quarter of the training prompts; beyond that
the leading principal components of the training clips' columns are taken instead. (A
ridge on all columns would leave a shrunken copy of every covariate behind, which the
probe can read. Components are either out altogether or in.)

References
----------
Snoek, Miletic & Scholte (2019), doi:10.1016/j.neuroimage.2018.09.074 (cross-validated
confound regression).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from harness.measures.probe_design import Design

__all__ = ["Nuisance"]

Floats = npt.NDArray[np.float64]
_SHARE = 4  # training prompts for each column
_CONSTANT = 1e-9  # a spread below this share of the largest value is rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuisance:
    """Least squares on covariates, fitted to the training clips of one fold."""

    covariates: Floats  # (clips, columns), standardised, with the intercept
    coefficients: Floats  # (columns, clips): from clips' activations to the fit

    @classmethod
    def fitted(cls, design: Design, train: npt.NDArray[np.bool_]) -> Self | None:
        """The regression of one fold; None where there are no covariates."""
        if design.covariates is None:
            return None
        columns = _standardised(_completed(design.covariates, train), train)
        most = np.unique(design.prompt_of_clip[train]).size // _SHARE
        columns = _leading(columns, train, most)
        columns = np.hstack([np.ones((len(train), 1)), columns])
        coefficients = np.zeros((columns.shape[1], len(train)))
        coefficients[:, train] = np.linalg.pinv(columns[train])
        return cls(covariates=columns, coefficients=coefficients)

    def removed_from(self, kernel: Floats) -> Floats:
        """Inner products of what the covariates leave of the clips."""
        half = kernel - self.covariates @ (self.coefficients @ kernel)
        left: Floats = half - (half @ self.coefficients.T) @ self.covariates.T
        return left


def _completed(covariates: Floats, train: npt.NDArray[np.bool_]) -> Floats:
    """The training mean for what is unmeasured, and columns that say where it is."""
    unmeasured = np.isnan(covariates)
    known = np.where(unmeasured, 0.0, covariates)
    counts = np.maximum((~unmeasured[train]).sum(axis=0), 1)
    means = known[train].sum(axis=0) / counts
    completed = np.where(unmeasured, means, covariates)
    return np.hstack([completed, unmeasured.astype(np.float64)])


def _standardised(columns: Floats, train: npt.NDArray[np.bool_]) -> Floats:
    """By mean and SD of the training clips; columns that do not vary there are out."""
    centred = columns - columns[train].mean(axis=0)
    spread = centred[train].std(axis=0)
    varies = spread > _CONSTANT * np.abs(columns[train]).max(axis=0, initial=0.0)
    kept: Floats = centred[:, varies] / spread[varies]
    return kept


def _leading(columns: Floats, train: npt.NDArray[np.bool_], most: int) -> Floats:
    """The columns, or as many of their leading components as there may be."""
    if columns.shape[1] <= most:
        return columns
    axes = np.linalg.svd(columns[train], full_matrices=False)[2][:most]
    scores: Floats = columns @ axes.T
    return scores
