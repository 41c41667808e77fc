"""Evidence that a data set is whole: as many clips of as many prompts as planned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.verdict import Evidence

__all__ = ["dataset_evidence", "key_layers"]

_KEY_LAYERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # 0, 12, 24, 36 and 47 of 48


def key_layers(layers: int) -> list[int]:
    """The layers that Plan, 'Week 2', names, in a model of that depth."""
    return sorted({min(round(share * layers), layers - 1) for share in _KEY_LAYERS})


def dataset_evidence(
    table: ClipTable,
    *,
    whole: npt.NDArray[np.bool_],
    listed: npt.NDArray[np.bool_],
    layers: int,
) -> Evidence:
    """How many clips, and prompts, the emotion with the fewest has.

    Parameters
    ----------
    table
        The clips that are planned.
    whole : np.ndarray, shape (clips,)
        Is the clip there, audio and captures of every layer, byte for byte?
    listed : np.ndarray, shape (clips,)
        Does it stand in `metadata.csv`?
    layers
        Of the model; all are captured.
    """
    good = whole & listed
    by_emotion = {}
    for code, emotion in enumerate(table.emotions):
        own = good & (table.emotion_of_clip == code)
        prompts = np.unique(table.sentences.prompt_of_clip[own]).size
        by_emotion[emotion] = {"clips": int(own.sum()), "prompts": int(prompts)}
    fewest = min(min(found.values()) for found in by_emotion.values())
    return Evidence(
        effect=float(fewest),
        n_prompts=table.n_prompts,
        n_clips=int(good.sum()),
        detail={
            "by emotion": by_emotion,
            "planned": table.n_clips,
            "not whole": int((~whole).sum()),
            "not in metadata.csv": int((~listed).sum()),
            "layers": layers,
            "layers that the documents name": key_layers(layers),
        },
    )
