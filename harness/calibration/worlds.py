"""Planted data sets: what clips would give if this and nothing else were true.

Activations come from the Gaussian model; what is heard has the same layout, a mean of
the emotion plus what template, prompt and seed add. Everything is drawn once for the
last look, 50 prompts x 2 clips per emotion, and earlier looks see parts of it.

Conventions
-----------
Rows are clips, sorted by emotion, then prompt, then seed. Activations have shape
`(clips, layers, d)`. `icc` is the prompt's share of what is neither emotion nor
template, in the activations and in what is heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from harness.inference.gaussian import GaussianModel, draw, emotion_vectors

__all__ = ["EMOTIONS", "EVERYTHING", "WORLDS", "Planted", "World", "plant"]

EMOTIONS = ("happy", "sad", "calm", "energetic")
EVERYTHING = "everything"  # the world in which GO is right

_SWAPPED = 3  # templates, as in `harness.sampling.swap`
# Mean by emotion where the music follows, mean where it does not, and the spreads of
# both. A tempo spread of 30 BPM makes a gap of 20 BPM between two emotions of 5 prompts
# x 4 clips at an ICC of .3 a matter of chance in 12 % of models. `major` is how far the
# mode is from the border between minor and major, in units of its spread.
_HEARD = MappingProxyType(
    {
        "tempo_bpm": ((150.0, 55.0, 70.0, 155.0), 105.0, (6.0, 30.0)),
        "rms": ((0.11, 0.03, 0.03, 0.12), 0.06, (0.005, 0.015)),
        "brightness_hz": ((3000.0, 1300.0, 1300.0, 3100.0), 2000.0, (250.0, 500.0)),
        "major": ((4.0, -4.0, 0.0, 0.0), 0.0, (1.0, 1.0)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is true of a planted model, and what then guards the verdict."""

    music: bool  # the music follows the prompt
    words: bool  # the half that reads the prompt carries the emotion
    through_music: bool  # so does the half that only hears the music
    guard: str


WORLDS = MappingProxyType(
    {
        "nothing": World(
            music=False, words=False, through_music=False, guard="every claim"
        ),
        "music only": World(
            music=True, words=False, through_music=False, guard="signal and probe"
        ),
        "activations only": World(
            music=False, words=True, through_music=True, guard="tempo and match"
        ),
        "words only": World(
            music=True, words=True, through_music=False, guard="the null half"
        ),
        EVERYTHING: World(
            music=True, words=True, through_music=True, guard="nothing: GO is right"
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One data set."""

    model: GaussianModel
    conditional: npt.NDArray[np.float32]  # (clips, layers, d), as the next two
    null: npt.NDArray[np.float32]
    first_step: npt.NDArray[np.float32]
    # (templates, music emotions, word emotions, layers, d)
    swap: npt.NDArray[np.float32] | None
    heard: Mapping[str, npt.NDArray[np.float64]]  # feature -> (clips,)

    @classmethod
    def of_activations(
        cls, model: GaussianModel, drawn: npt.NDArray[np.floating[Any]]
    ) -> Self:
        """Activations `(clips, layers, d)` and nothing to hear; all halves alike."""
        return cls(
            model=model,
            conditional=drawn,
            null=drawn,
            first_step=drawn,
            swap=None,
            heard={},
        )


def plant(world: World, model: GaussianModel, *, rng: np.random.Generator) -> Planted:
    """Draw a data set in which `world` is true.

    Parameters
    ----------
    world : World
    model : GaussianModel
        Its `signal` is that of the activations that carry the emotion.
    rng : np.random.Generator

    Returns
    -------
    Planted
        The first step is a draw of its own, as is the null half: that the two halves of
        a real clip share their music only makes their errors come together.
    """
    silent = replace(model, signal=0.0)
    vectors = emotion_vectors(model, rng=rng)

    def half(carries: bool) -> npt.NDArray[np.float32]:
        if not carries:
            return draw(silent, rng=rng).activations
        return draw(model, rng=rng, emotions=vectors).activations

    return Planted(
        model=model,
        conditional=half(world.words),
        null=half(world.through_music),
        first_step=half(world.words),
        swap=_swap(world, model, vectors, rng),
        heard={name: _heard(name, world, model, rng) for name in _HEARD},
    )


def _swap(
    world: World,
    model: GaussianModel,
    vectors: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Music of every emotion under the words of every emotion, in some templates.

    Music brings the noise of its clip to all words, and a prompt that of its wording to
    all music.
    """
    few = replace(model, signal=0.0, prompts=_SWAPPED, seeds=1, cosine=0.0)

    def factor(carries: bool) -> npt.NDArray[np.float64]:
        noise = draw(few, rng=rng).activations.astype(np.float64)
        by_emotion = noise.reshape(model.emotions, _SWAPPED, *noise.shape[1:])
        if carries:
            by_emotion = by_emotion + vectors[:, None]
        return np.swapaxes(by_emotion, 0, 1)

    music, words = factor(world.through_music), factor(world.words)
    return (music[:, :, None] + words[:, None]).astype(np.float32)


def _heard(
    name: str, world: World, model: GaussianModel, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    followed, plain, spreads = _HEARD[name]
    mean = np.array(followed if world.music else [plain] * model.emotions)
    spread = spreads[0] if world.music else spreads[1]
    shape = (model.emotions, model.prompts, model.seeds)
    noise = np.sqrt(model.template) * rng.standard_normal((1, model.prompts, 1))
    own = model.icc * (1 - model.word)
    noise = noise + np.sqrt(own) * rng.standard_normal((*shape[:2], 1))
    if model.word:
        of_word = rng.standard_normal((model.emotions, model.words, 1))
        turns = np.arange(model.prompts) % model.words
        noise = noise + np.sqrt(model.icc * model.word) * of_word[:, turns]
    noise = noise + np.sqrt(1 - model.icc) * rng.standard_normal(shape)
    values = mean[:, None, None] + spread * noise / np.sqrt(1 + model.template)
    return np.asarray(np.ravel(values), np.float64)
