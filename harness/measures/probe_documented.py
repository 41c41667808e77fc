"""The documents' own probe accuracy, to be reported beside the honest one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from harness.measures.probe_design import ProbeError, checked_activations

__all__ = ["documented_accuracy"]


def documented_accuracy(
    activations: npt.ArrayLike,
    emotion_of_clip: npt.ArrayLike,
    *,
    layers: Sequence[int] | None = None,
) -> npt.NDArray[np.float64]:
    """The documents' own number: logistic regression, 5 stratified folds of clips.

    Clips of one prompt stand on both sides of a split, so it reads prompts as
    emotions; it is reported beside the honest accuracy, never decided on.

    Parameters
    ----------
    activations : array_like, shape (clips, layers, d)
    emotion_of_clip : array_like, shape (clips,)
    layers : sequence of int, optional
        Only these: 5 fits per pair of emotions take seconds per layer.

    Returns
    -------
    np.ndarray, shape (layers,)
        Mean over pairs of emotions.

    Raises
    ------
    ProbeError
        If the shape is wrong, a value is not finite, or an emotion has one clip.
    """
    # Imported here: half a second that a run without this number does not need.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    array, emotion = checked_activations(activations), np.asarray(emotion_of_clip)
    names, counts = np.unique(emotion, return_counts=True)
    if emotion.shape != (len(array),) or names.size < 2 or counts.min() < 2:
        msg = (
            f"`emotion_of_clip` must give {len(array)} clips 2 emotions of 2 clips or"
            f" more, got {dict(zip(names.tolist(), counts.tolist(), strict=True))}."
        )
        raise ProbeError(msg)
    wanted = range(array.shape[1]) if layers is None else layers
    accuracies = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for layer in wanted:
            clips = _rotated(array[:, layer])
            pairs = []
            for pair in combinations(names, 2):
                rows = np.isin(emotion, pair)
                scores = cross_val_score(
                    LogisticRegression(),
                    clips[rows],
                    emotion[rows],
                    cv=min(
                        5, int(np.unique(emotion[rows], return_counts=True)[1].min())
                    ),
                )
                pairs.append(float(np.mean(scores)))
            accuracies.append(np.mean(pairs))
    return np.array(accuracies, np.float64)


def _rotated(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The clips in as few dimensions as they span, with the same inner products.

    A penalised fit reads nothing else: the accuracy is the same, and costs less.
    """
    clips, width = values.shape
    if width <= clips:
        return values.astype(np.float64)
    _, triangle = np.linalg.qr(values.T.astype(np.float64))
    return triangle.T
