"""A handful of p-values at once.

Conventions
-----------
Adjusted p-values are compared with the same alpha as a single one would be.

References
----------
Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J.
Statist. 6, 65.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.inference import InferenceError

__all__ = ["holm"]


def holm(p: Sequence[float] | npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Holm's step-down adjustment.

    Parameters
    ----------
    p : sequence of float, shape (tests,)

    Returns
    -------
    np.ndarray, shape (tests,)
        Adjusted p-values in the order given, never above 1.

    Raises
    ------
    InferenceError
        If a value is not a probability above 0: no permutation gives p = 0.
    """
    values = np.asarray(p, np.float64)
    if values.ndim != 1 or not values.size:
        msg = f"`p` must have shape (tests,), got {values.shape}."
        raise InferenceError(msg)
    if not np.all((values > 0) & (values <= 1)):
        msg = (
            f"`p` must lie in (0, 1], got {values.tolist()}. Drop what was not tested."
        )
        raise InferenceError(msg)
    # Imported here: it brings in pandas, seconds that nothing else here needs.
    from statsmodels.stats.multitest import multipletests

    return np.asarray(multipletests(values, method="holm")[1], np.float64)
