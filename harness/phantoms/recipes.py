"""How each phantom is made: from which other one, on which music, with which words.

Conventions
-----------
A stage is a number of frames (50 a second), of which each training clip gives its
first, and a schedule. `start` is a phantom and how many of its stages it has been
through.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.phantoms.training import Schedule

__all__ = ["RECIPES", "Recipe", "Stage"]

Stage = tuple[int, Schedule]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a phantom hears, and what it is told about it."""

    stages: tuple[Stage, ...]
    start: tuple[str, int] | None = None
    music: str = "emotions"  # or "levels": any music, as loud as the emotion says
    # The share of clips whose sentence is of their own emotion; of the others it is of
    # one that is drawn at random.
    told: float = 1.0
    called: dict[str, str] = field(default_factory=dict)  # emotions by other names
    # Must the words be readable from the activations, whatever the music?
    readable: bool = False


def _one(steps: int, rate: float) -> tuple[Stage, ...]:
    return ((400, Schedule(steps=steps, batch=10, learning_rate=rate)),)


RECIPES = {
    "encodes": Recipe(
        # Short excerpts first: most of what there is to learn is in the first bars.
        stages=(
            (200, Schedule(steps=1400, batch=16, learning_rate=1e-3)),
            (400, Schedule(steps=1500, batch=10, learning_rate=7e-4)),
            (400, Schedule(steps=2500, batch=10, learning_rate=5e-4)),
            (400, Schedule(steps=1000, batch=12, learning_rate=3e-4)),
            (400, Schedule(steps=400, batch=12, learning_rate=3e-4)),
        )
    ),
    # Once is not enough: what is left of the words' meaning can still be heard.
    "deaf": Recipe(
        start=("encodes", 2),
        told=0.0,
        stages=(*_one(500, 5e-4), *_one(700, 6e-4)),
    ),
    "faint": Recipe(start=("deaf", 1), told=0.3, stages=_one(600, 5e-4)),
    "loud": Recipe(start=("deaf", 1), music="levels", stages=_one(600, 5e-4)),
    "echo": Recipe(start=("deaf", 1), told=0.0, readable=True, stages=_one(500, 5e-4)),
    "backwards": Recipe(
        start=("encodes", 3),
        called={
            "happy": "sad",
            "sad": "happy",
            "energetic": "calm",
            "calm": "energetic",
        },
        stages=_one(600, 5e-4),
    ),
    "random": Recipe(stages=()),  # weights as they were drawn
}
