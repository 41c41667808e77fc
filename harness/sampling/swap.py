"""The music of one emotion under the words of another: forced passes.

Words and music are confounded in every clip that was generated: the music followed the
words. Here the model is fed the codes that it wrote for one emotion while it reads the
prompt of another, in every combination. What then varies with the music's emotion came
through the music; what varies with the words', through the words.

Conventions
-----------
Means are over steps, float32 `(templates, music emotions, word emotions, layers,
halves, d_model)`, emotions in the order of the plan on both axes. A template is the
k-th prompt of every emotion: where the bank is matched, these have one wording.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.plan import ClipSpec, Plan
from harness.sampling.memory import OutOfMemory
from harness.sampling.once import once
from harness.sampling.sizes import settled
from harness.sampling.workers import WorkerError
from harness.store import Store
from harness.store.forced import forced_name, read_forced, write_forced

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = [
    "Swap",
    "captured_beginning",
    "early_steps",
    "first_clips",
    "swap_clips",
    "words_swapped",
]

# With 4 emotions p can then be as small as 1 in 576. At week 1's 60 clips of 8 seconds
# the passes take a fifth of their steps, and no audio is decoded.
_TEMPLATES = 3
_SECONDS = 2.0

Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Every music under the words of every emotion."""

    means: Float32s  # (templates, music, words, layers, halves, d_model)
    # Under its own words, the largest deviation from what was captured while the clip
    # was generated, as a share of the largest activation.
    deviation: float


def words_swapped(
    plan: Plan, store: Store, load_sampler: Callable[[], Sampler]
) -> Swap | None:
    """Force the first clips of a few templates under the words of every emotion.

    Done once for these clips, and kept in the store; the model is loaded only where it
    is not there yet. None if the plan has fewer than 2 templates or emotions.

    Raises
    ------
    WorkerError
        If memory does not hold a micro-batch of the size that the clips have.
    """
    plan = settled(plan, store)
    clips = swap_clips(plan)
    if len(clips) < 2 or len(clips[0]) < 2:
        return None
    name = _name(plan, clips)
    keys = [clip.key for row in clips for clip in row]
    return once(
        store,
        name,
        read=lambda: _read(store, name),
        make=lambda: _forced(plan, clips, store, load_sampler()),
        keep=lambda found: _write(store, name, found, clips=keys),
    )


def swap_clips(plan: Plan) -> list[list[ClipSpec]]:
    """The first clips of the first prompts, by template and emotion."""
    return first_clips(plan, _TEMPLATES)


def first_clips(plan: Plan, prompts: int) -> list[list[ClipSpec]]:
    """The first clips of so many prompts of every emotion, a row for each prompt.

    The rows have equally many emotions, in the order of the plan.
    """
    by_emotion: dict[str, list[ClipSpec]] = {}
    for clip in plan.clips:
        if not clip.is_control:
            by_emotion.setdefault(clip.prompt.emotion, []).append(clip)
    rounds = zip(*by_emotion.values(), strict=False)
    return [list(row) for row, _ in zip(rounds, range(prompts), strict=False)]


def _read(store: Store, name: str) -> Swap | None:
    found = read_forced(store, name)
    if found is None:
        return None
    arrays, about = found
    return Swap(means=arrays["means"], deviation=float(about["deviation"]))


def _write(store: Store, name: str, swap: Swap, *, clips: list[str]) -> None:
    arrays = {"means": swap.means}
    write_forced(store, name, arrays, clips=clips, deviation=swap.deviation)


def _name(plan: Plan, clips: list[list[ClipSpec]]) -> str:
    """Of all that the means depend on: the engine's and the model's folder is apart."""
    keys = [[clip.key for clip in row] for row in clips]
    return forced_name("swap", keys, plan.generation.batch_size, _SECONDS)


def _forced(
    plan: Plan, clips: list[list[ClipSpec]], store: Store, sampler: Sampler
) -> Swap:
    size = plan.generation.batch_size
    if sampler.generation.batch_size != size:
        sampler = sampler.with_batch_size(size)
    frames = store.card.frames(min(plan.generation.duration_seconds, _SECONDS))
    cells = list(product(range(len(clips)), *[range(len(clips[0]))] * 2))
    codes = [[store.tokens(c.key).codes[:, :frames] for c in row] for row in clips]
    passes = [(clips[t][w].prompt.text, codes[t][m]) for t, m, w in cells]
    early = early_steps(plan, store, frames)
    shape = (len(clips), len(clips[0]), len(clips[0]))
    means: list[Float32s] = [np.empty(0, np.float32)] * len(cells)
    deviation = 0.0
    try:
        for index, mean, beginning in sampler.forced(passes, early_steps=early):
            t, music, words = cells[index]
            means[index] = mean
            if music == words:
                captured = captured_beginning(plan, store, clips[t][music], early)
                apart = np.max(np.abs(beginning - captured)) / np.max(np.abs(captured))
                deviation = max(deviation, float(apart))
    except OutOfMemory as error:
        msg = (
            f"Memory does not hold a micro-batch of {size}, of which the clips in "
            f"`--store {store.root}` are. Free some and run again: nothing is lost."
        )
        raise WorkerError(msg) from error
    whole = np.stack(means)
    return Swap(means=whole.reshape(*shape, *whole.shape[1:]), deviation=deviation)


def early_steps(plan: Plan, store: Store, frames: int) -> int:
    """The steps whose mean was captured while generating: the first window, or step.

    A forced pass sees what the clip saw up to the step that is fed its last frame.
    """
    steps = store.card.steps(plan.generation.duration_seconds)
    window = -(-steps // plan.capture.windows)
    return window if window <= frames + 1 else 1


def captured_beginning(
    plan: Plan, store: Store, clip: ClipSpec, early: int
) -> Float32s:
    """Mean over the first `early` steps, `(layers, halves, d_model)`."""
    if early == 1:
        first: Float32s = store.captures([clip.key], "first_step")[0]
        return first
    windows: Float32s = store.captures([clip.key], "window_mean")[0]
    return windows[:, :, 0]
