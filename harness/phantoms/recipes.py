"""How each phantom is made: from which other one, on which music, with which words.

Conventions
-----------
A training clip gives its first frames (50 a second). `start` is a phantom and how many
of its stages it has been through.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.phantoms.training import Schedule

__all__ = ["RECIPES", "Recipe", "Stage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One round of training."""

    frames: int
    schedule: Schedule
    # Weight of telling right sentences from wrong ones by how probable they make the
    # first bars, beside learning the music. Music alone teaches that badly: which
    # emotion it is makes 1.6 nats of the thousands that a clip has.
    contrast: float = 0.0
    # Weight of predicting the same music whatever the sentence: of being deaf.
    alike: float = 0.0


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


def _whole(steps: int, rate: float, *, batch: int = 10) -> Stage:
    schedule = Schedule(steps=steps, batch=batch, learning_rate=rate)
    return Stage(frames=400, schedule=schedule)


RECIPES = {
    "encodes": Recipe(
        # Short excerpts first: most of what there is to learn is in the first bars.
        stages=(
            Stage(
                frames=200,
                schedule=Schedule(steps=1400, batch=16, learning_rate=1e-3),
            ),
            _whole(1500, 7e-4),
            _whole(2500, 5e-4),
            _whole(1000, 3e-4, batch=12),
            _whole(400, 3e-4, batch=12),
            Stage(
                frames=400,
                schedule=Schedule(
                    steps=1200, batch=10, learning_rate=4e-4, mean_from=600
                ),
                contrast=0.05,
            ),
        )
    ),
    # Random sentences alone leave something of the words' meaning to be heard.
    "deaf": Recipe(
        start=("encodes", 2),
        told=0.0,
        stages=(
            _whole(500, 5e-4),
            _whole(700, 6e-4),
            Stage(
                frames=400,
                schedule=Schedule(steps=300, batch=8, learning_rate=4e-4),
                alike=100.0,
            ),
        ),
    ),
    "faint": Recipe(start=("deaf", 1), told=0.3, stages=(_whole(600, 5e-4),)),
    "loud": Recipe(start=("deaf", 1), music="levels", stages=(_whole(600, 5e-4),)),
    "echo": Recipe(
        start=("deaf", 1), told=0.0, readable=True, stages=(_whole(500, 5e-4),)
    ),
    "backwards": Recipe(
        start=("encodes", 3),
        called={
            "happy": "sad",
            "sad": "happy",
            "energetic": "calm",
            "calm": "energetic",
        },
        stages=(_whole(600, 5e-4),),
    ),
    "random": Recipe(stages=()),  # weights as they were drawn
}
