"""What the probe says of each pair of emotions, and of each layer.

Conventions
-----------
As in `probe`. Pairs are in the order (0, 1), (0, 2), ..., (1, 2), ...; a pair is
decided by which of its two scores is larger, on the clips of these two emotions only.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt

from harness.measures.probe_design import ProbeError, make_design
from harness.measures.probe_fit import held_out_hats
from harness.measures.probe_scores import scores_of, votes

__all__ = ["accuracies_of_scores", "confusion_of_scores", "pair_accuracies"]

Floats = npt.NDArray[np.float64]
_CHUNK_BYTES = 1_000_000
_TIE = 1e-9  # as in `probe_scores`


def pair_accuracies(
    activations: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    fold_of_prompt: npt.ArrayLike,
    prompt_of_clip: npt.ArrayLike | None = None,
    alpha: float = 1.0,
) -> Floats:
    """Balanced accuracy of every pair of emotions on held-out folds.

    Parameters and errors are those of `probe.pairwise_accuracy`, which is the mean over
    pairs of this.

    Returns
    -------
    np.ndarray, shape (relabelings, layers, pairs)
    """
    design = make_design(activations, labels, fold_of_prompt, prompt_of_clip, alpha)
    rows, clips = len(design.labels), design.prompt_of_clip.size
    pairs = list(combinations(range(design.emotions), 2))
    out = np.empty((rows, design.activations.shape[1], len(pairs)))
    chunk = max(1, _CHUNK_BYTES // (8 * clips * design.emotions))
    for layer, hat in enumerate(held_out_hats(design)):
        for start in range(0, rows, chunk):
            part = design.labels[start : start + chunk]
            truth = part.T[design.prompt_of_clip]
            scores = scores_of(hat, part, design.emotions)
            out[start : start + chunk, layer] = _of_pairs(scores, truth)
    return out


def accuracies_of_scores(scores: Floats, truth: npt.NDArray[np.intp]) -> Floats:
    """Balanced accuracy of every pair, from scores that are there.

    Parameters
    ----------
    scores : np.ndarray, shape (clips, emotions)
        NaN in the rows of clips that are not to be counted.
    truth : np.ndarray of int, shape (clips,)

    Returns
    -------
    np.ndarray, shape (pairs,)

    Raises
    ------
    ProbeError
        If an emotion has no clip that counts.
    """
    kept = _kept(scores, truth)
    found: Floats = _of_pairs(scores[kept].T[:, :, None], truth[kept][:, None])[0]
    return found


def confusion_of_scores(scores: Floats, truth: npt.NDArray[np.intp]) -> Floats:
    """Which emotion clips are taken for, shape (emotions, emotions).

    Parameters and errors as in `accuracies_of_scores`; rows are the true emotions and
    sum to 1, and emotions that tie share the clip.
    """
    kept = _kept(scores, truth)
    cast = votes(scores[kept].T[:, :, None])[:, :, 0]
    member = np.eye(scores.shape[1])[truth[kept]]
    shares: Floats = (cast @ member).T / member.sum(axis=0)[:, None]
    return shares


def _of_pairs(scores: Floats, truth: npt.NDArray[np.intp]) -> Floats:
    """Of scores `(emotions, clips, relabelings)`, shape (relabelings, pairs)."""
    own = [truth == emotion for emotion in range(len(scores))]
    sizes = [members.sum(axis=0) for members in own]
    columns = []
    for a, b in combinations(range(len(scores)), 2):
        lead = scores[a] - scores[b]
        wins = ((lead > _TIE) * 0.5) + ((lead >= -_TIE) * 0.5)
        first = np.einsum("cr,cr->r", wins, own[a]) / sizes[a]
        second = np.einsum("cr,cr->r", 1.0 - wins, own[b]) / sizes[b]
        columns.append((first + second) / 2)
    return np.stack(columns, axis=1)


def _kept(scores: Floats, truth: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    kept = np.asarray(~np.isnan(scores).any(axis=1), np.bool_)
    missing = set(range(scores.shape[1])) - set(truth[kept].tolist())
    if missing:
        msg = (
            f"`scores` must keep clips of every emotion, got none of {min(missing)}. "
            "Add prompts."
        )
        raise ProbeError(msg)
    return kept
