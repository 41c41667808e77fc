"""Activations whose truth is known: the Gaussian model behind the error rates.

A clip's activation is a common vector, plus what its emotion, its template, its
prompt and its seed add, each a Gaussian vector of the same covariance (the emotions'
scaled to a variance that is exactly what was asked for). Every error
rate and every power that the suite states can be measured on draws from here.

Conventions
-----------
Activations have shape `(clips, layers, d)`, float32, clips sorted by prompt. The four
variances are in units of the seed's plus the prompt's: `icc` is the prompt's share of
these, `signal` and `template` come on top. Components follow an AR(1) over layers and
a geometric spectrum over dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.inference import InferenceError

__all__ = ["Draw", "GaussianModel", "draw", "emotion_vectors", "true_signal"]


def draw(
    model: GaussianModel,
    *,
    rng: np.random.Generator,
    emotions: npt.NDArray[np.float64] | None = None,
) -> Draw:
    """Draw one data set.

    Parameters
    ----------
    model : GaussianModel
    rng : np.random.Generator
    emotions : np.ndarray, shape (emotions, layers, d), optional
        What each emotion adds, as `emotion_vectors` gives it; drawn anew if not given.

    Returns
    -------
    Draw
    """
    if emotions is None:
        emotions = emotion_vectors(model, rng=rng)
    emotion = np.repeat(np.arange(model.emotions), model.prompts)
    turn = np.tile(np.arange(model.prompts), model.emotions)
    template = turn if model.matched else np.arange(emotion.size)
    prompt_of_clip = np.repeat(np.arange(emotion.size), model.seeds)
    clips = np.sqrt(1 - model.icc) * _component(model, prompt_of_clip.size, rng)
    clips += emotions[emotion[prompt_of_clip]]
    word = emotion * model.words + turn % model.words
    for variance, level in (
        (model.template, template),
        (model.icc * (1 - model.word), np.arange(emotion.size)),
        (model.icc * model.word, word),
    ):
        if not variance:
            continue
        component = np.sqrt(variance) * _component(model, int(level.max()) + 1, rng)
        clips += component[level[prompt_of_clip]]
    clips += _common(model, rng)
    return Draw(
        activations=clips.astype(np.float32),
        prompt_of_clip=prompt_of_clip,
        emotion=emotion,
        template=template if model.matched else None,
    )


def emotion_vectors(
    model: GaussianModel, *, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """What each emotion adds, with a variance of exactly `signal` in every layer.

    Parameters
    ----------
    model : GaussianModel
    rng : np.random.Generator

    Returns
    -------
    np.ndarray, shape (emotions, layers, d)
        Centred; the sum of squares over emotions and dimensions is
        `(emotions - 1) * signal` in every layer, so that what is planted is known and
        not itself a draw.
    """
    vectors = _component(model, model.emotions, rng)
    vectors -= vectors.mean(axis=0)
    squares = np.sum(vectors**2, axis=(0, 2), keepdims=True)
    scaled: npt.NDArray[np.float64] = vectors * np.sqrt(
        (model.emotions - 1) * model.signal / squares
    )
    return scaled


def true_signal(
    model: GaussianModel,
    emotions: npt.NDArray[np.float64],
    *,
    prompts: int = 4_000,
    rng: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """The signal that infinitely many prompts would show, in every layer.

    Parameters
    ----------
    model : GaussianModel
    emotions : np.ndarray, shape (emotions, layers, d)
        What each emotion adds.
    prompts : int
        Drawn for each emotion, all of different templates. With the default the error
        is 1 % of a signal of .02.
    rng : np.random.Generator

    Returns
    -------
    np.ndarray, shape (layers,)
        Mean centred cosine within emotions minus between them. It is not the share of
        variance, because cosines forget that some clips are longer than others.
    """
    added = emotions - emotions.mean(axis=0)
    sums, squares = np.empty(emotions.shape), np.empty(emotions.shape[:2])
    one = replace(model, layers=1)
    for emotion, vectors in enumerate(added):
        noise = np.sqrt(1 + model.template) * _component(one, prompts, rng)[:, 0]
        for layer, vector in enumerate(vectors):
            # Each clip with its mirror image: what they share is the emotion's.
            shared = (_units(vector + noise) + _units(vector - noise)) / 2
            sums[emotion, layer] = shared.sum(axis=0)
            squares[emotion, layer] = np.sum(shared**2)
    products = np.einsum("alj,blj->lab", sums, sums)
    within = np.einsum("laa->la", products) - squares.T  # pairs of different clips
    between = products[:, ~np.eye(model.emotions, dtype=np.bool_)]
    signal: npt.NDArray[np.float64] = within.mean(axis=1) / (prompts * (prompts - 1))
    return signal - between.mean(axis=1) / prompts**2


def _units(clips: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lengths = np.sqrt(np.einsum("ij,ij->i", clips, clips))
    units: npt.NDArray[np.float64] = clips / lengths[:, None]
    return units


def _component(
    model: GaussianModel, levels: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Vectors of unit expected square norm, shape (levels, layers, d)."""
    ratio = (model.participation_ratio - 1) / (model.participation_ratio + 1)
    spectrum = ratio ** np.arange(model.dimensions)
    lags = np.abs(np.subtract.outer(range(model.layers), range(model.layers)))
    mixing = np.linalg.cholesky(model.layer_correlation**lags)
    noise = rng.standard_normal((levels, model.layers, model.dimensions))
    scale = np.sqrt(spectrum / spectrum.sum())
    vectors: npt.NDArray[np.float64] = (mixing @ noise) * scale
    return vectors


def _common(model: GaussianModel, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The vector that all clips share, long enough for the mean raw cosine."""
    direction = rng.standard_normal(model.dimensions)
    direction /= np.linalg.norm(direction)
    variance = 1 + model.signal + model.template
    length = np.sqrt(variance * model.cosine / (1 - model.cosine))
    return np.asarray(length * direction, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianModel:
    """What is true of the activations that `draw` makes."""

    emotions: int = 4
    prompts: int = 5  # per emotion
    seeds: int = 2  # per prompt
    layers: int = 8
    dimensions: int = 64
    matched: bool = True  # the k-th prompts of all emotions share a template
    signal: float = 0.0  # variance of the emotions
    template: float = 0.2  # variance of the templates (of further prompt noise if free)
    icc: float = 0.3  # the prompt's share of what is neither emotion nor template
    word: float = 0.0  # the word's share of that, in all prompts that it recurs in
    words: int = 10  # per emotion; prompt k has word k modulo this
    layer_correlation: float = 0.95
    participation_ratio: float = 23.0
    cosine: float = 0.95  # mean raw cosine of two clips

    def __post_init__(self) -> None:
        shares = {
            "icc": self.icc,
            "word": self.word,
            "layer_correlation": self.layer_correlation,
            "cosine": self.cosine,
        }
        for name, value in shares.items():
            if not 0 <= value < 1:
                msg = f"`{name}` must lie in [0, 1), got {value}."
                raise InferenceError(msg)
        if min(self.signal, self.template) < 0 or self.participation_ratio <= 1:
            msg = (
                "`signal` and `template` must not be negative and"
                " `participation_ratio` must exceed 1, got"
                f" {self.signal}, {self.template} and {self.participation_ratio}."
            )
            raise InferenceError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One data set with its design."""

    activations: npt.NDArray[np.float32]  # (clips, layers, d)
    prompt_of_clip: npt.NDArray[np.int_]  # (clips,)
    emotion: npt.NDArray[np.int_]  # (prompts,)
    template: npt.NDArray[np.int_] | None  # (prompts,), None where prompts are free
