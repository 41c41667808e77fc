"""The linear probe under relabelings, beside scikit-learn's ridge, refitted.

Run with `uv run pytest benchmarks/test_probe_speed.py`. The design is that of the
second look at musicgen-small: 4 emotions in 20 matched templates, 24 layers of 1024
dimensions, 2,000 relabelings. scikit-learn does one layer and a few relabelings; its
seconds are multiplied by those that are missing. One core, seconds of the processor.
"""

from __future__ import annotations

import numpy as np
from recording import record
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score
from test_inference_speed import one_core, seconds

from harness.inference.relabel import relabelings
from harness.measures.probe import multiclass_accuracy, probe_folds

EMOTIONS, TEMPLATES, LAYERS, DIMENSIONS = 4, 20, 24, 1024
RELABELINGS, THEIRS = 2_000, 3
EMOTION = np.repeat(np.arange(EMOTIONS), TEMPLATES)
TEMPLATE = np.tile(np.arange(TEMPLATES), EMOTIONS)

Floats = np.ndarray


def refitted(layer: Floats, emotion: Floats, folds: Floats) -> float:
    """Balanced accuracy of ridge on one-hot targets, on folds that it has not seen."""
    penalty = float(np.mean(np.sum((layer - layer.mean(axis=0)) ** 2, axis=1)))
    guess = np.empty(len(layer), np.intp)
    for held_out in np.unique(folds):
        test = folds == held_out
        fitted = Ridge(alpha=penalty).fit(
            layer[~test], np.eye(EMOTIONS)[emotion[~test]]
        )
        guess[test] = fitted.predict(layer[test]).argmax(axis=1)
    return float(balanced_accuracy_score(emotion, guess))


def test_probe_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    activations = rng.standard_normal((EMOTION.size, LAYERS, DIMENSIONS))
    activations += 0.1 * rng.normal(size=(EMOTIONS, LAYERS, DIMENSIONS))[EMOTION]
    folds = probe_folds(EMOTION, template=TEMPLATE)
    labels = relabelings(
        EMOTION, template=TEMPLATE, count=RELABELINGS, rng=np.random.default_rng(1)
    ).labels

    def ours() -> Floats:
        return multiclass_accuracy(activations, labels, fold_of_prompt=folds)

    def theirs() -> Floats:
        layer = activations[:, 0]
        rows = labels[:THEIRS].astype(np.intp)
        return np.array([refitted(layer, row, folds) for row in rows])

    with one_core():
        np.testing.assert_allclose(ours()[:THEIRS, 0], theirs(), atol=1e-9)
        own, library = seconds(ours, times=2), seconds(theirs, times=1)
    scaled = library * LAYERS * RELABELINGS / THEIRS
    record(
        "probe: times scikit-learn's ridge, refitted",
        scaled / own,
        our_processor_seconds=round(own, 2),
        library_processor_seconds=round(scaled),
        of=f"1 of 24 layers and {THEIRS} of 2,000 relabelings, scaled up; one core",
    )
