"""All metrics that are matrices over pairs of prompts, side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.measures.gram import checked_activations, prompt_gram
from harness.measures.metrics.cca import cca_pairs
from harness.measures.metrics.crossnobis import crossnobis_pairs
from harness.measures.metrics.dependence import cka_pairs, distance_correlation_pairs
from harness.measures.metrics.euclidean import euclidean_pairs
from harness.measures.metrics.means import mean_gram
from harness.measures.metrics.mmd import mmd_pairs

__all__ = ["metric_pairs"]

Floats = npt.NDArray[np.float64]


def metric_pairs(
    activations: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike,
    emotion: npt.ArrayLike,
    *,
    template: npt.ArrayLike | None = None,
) -> tuple[Floats, dict[str, Floats]]:
    """The Gram matrix of prompt means, and what each metric makes of it.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    prompt_of_clip : array_like of int, shape (clips,)
    emotion : array_like, shape (prompts,)
    template : array_like, shape (prompts,), optional

    Returns
    -------
    gram : np.ndarray, shape (layers, prompts, prompts)
    pairs : dict of np.ndarray, shape (layers, prompts, prompts)
        By name of the metric, for `emotion_signals`; cosine is that of single clips,
        as everywhere.

    Raises
    ------
    SimilarityError
        If the activations hold nothing to compare, or there are too few prompts.
    """
    array = checked_activations(activations)
    gram = mean_gram(array, prompt_of_clip)
    return gram, {
        "cosine": prompt_gram(array, prompt_of_clip),
        "Euclidean": euclidean_pairs(gram),
        "crossnobis": crossnobis_pairs(array, prompt_of_clip, template=template),
        "CKA": cka_pairs(gram, emotion, template=template),
        "CCA": cca_pairs(gram, template=template),
        "MMD": mmd_pairs(gram),
        "distance correlation": distance_correlation_pairs(
            gram, emotion, template=template
        ),
    }
