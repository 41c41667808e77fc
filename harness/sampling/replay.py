"""What the model looks at while a clip is made, and how fast its activations move.

Attention maps grow with the square of a clip's length and are not kept while clips are
generated. Here the clips of a few prompts pass through the model once more, over their
own codes and under their own words, and each layer's maps are reduced before the next
layer begins.

Conventions
-----------
Clips are in rounds: the first prompt of every emotion, then the second. Heads are those
of the model; halves are conditional, then null; windows are equal shares of the steps.
Entropy is a share of the largest that is possible: natural logarithm over that of the
positions that can be seen; a step that sees itself only has none and is left out.
Distance is in seconds back from the step itself, what comes before the music counted as
further back. Power is that of a Hann-windowed periodogram, mean over dimensions. Of the
text, shares add up to 1 over a clip's own tokens and are NaN
beyond.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.plan import ClipSpec, Plan
from harness.sampling.memory import OutOfMemory
from harness.sampling.once import once
from harness.sampling.sizes import settled
from harness.sampling.swap import captured_beginning, early_steps, first_clips
from harness.sampling.workers import WorkerError
from harness.store import Store
from harness.store.forced import forced_name, read_forced, write_forced

if TYPE_CHECKING:
    from torch import Tensor

    from harness.sampling.maps import WholeMaps
    from harness.sampling.sampler import Sampler

__all__ = ["REPLAYED_SECONDS", "Replay", "replay_clips", "replayed"]

REPLAYED_SECONDS = 8.0  # of each clip: maps grow with the square of it
_PROMPTS = 20  # of each emotion: what weeks 2 and 3 generate
_WINDOWS = 8

Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What was seen of the clips with these keys."""

    keys: tuple[str, ...]
    entropy: Float32s  # (clips, layers, heads, halves, windows)
    distance: Float32s  # the same, in seconds
    power: Float32s  # (clips, layers, halves, frequencies)
    # (clips, layers, heads, windows, tokens); None for a model that attends to no text.
    to_text: Float32s | None
    pieces: tuple[tuple[str, ...], ...]  # of each clip's text, one for each token
    # The largest deviation from what was captured while a clip was generated, as a
    # share of the largest activation.
    deviation: float
    steps: int
    frame_rate: float

    @property
    def frequencies(self) -> npt.NDArray[np.float64]:
        """From zero to the Nyquist frequency, in Hz."""
        return np.asarray(np.fft.rfftfreq(self.steps, 1 / self.frame_rate), np.float64)


def replayed(plan: Plan, store: Store, load_sampler: Callable[[], Sampler]) -> Replay:
    """Pass the first clips of the first prompts through the model once more.

    Done once for these clips, and kept in the store; the model is loaded only where it
    is not there yet.

    Raises
    ------
    WorkerError
        If memory does not hold a clip.
    """
    plan = settled(plan, store)
    clips = replay_clips(plan)
    keys = [clip.key for clip in clips]
    name = forced_name("replay", keys, REPLAYED_SECONDS, _WINDOWS)
    return once(
        store,
        name,
        read=lambda: _read(store, name),
        make=lambda: _replay(plan, clips, store, load_sampler()),
        keep=lambda found: _write(store, name, found),
    )


def replay_clips(plan: Plan) -> tuple[ClipSpec, ...]:
    """The first clips of the first prompts, equally many of every emotion."""
    return tuple(clip for row in first_clips(plan, _PROMPTS) for clip in row)


def _read(store: Store, name: str) -> Replay | None:
    found = read_forced(store, name)
    if found is None:
        return None
    arrays, about = found
    return Replay(
        keys=tuple(about["clips"]),
        entropy=arrays["entropy"],
        distance=arrays["distance"],
        power=arrays["power"],
        to_text=arrays.get("to_text"),
        pieces=tuple(tuple(pieces) for pieces in about["pieces"]),
        deviation=float(about["deviation"]),
        steps=int(about["steps"]),
        frame_rate=float(about["frame_rate"]),
    )


def _write(store: Store, name: str, replay: Replay) -> None:
    arrays = {
        "entropy": replay.entropy,
        "distance": replay.distance,
        "power": replay.power,
    }
    if replay.to_text is not None:
        arrays["to_text"] = replay.to_text
    write_forced(
        store,
        name,
        arrays,
        clips=replay.keys,
        pieces=replay.pieces,
        deviation=replay.deviation,
        steps=replay.steps,
        frame_rate=replay.frame_rate,
    )


def _replay(
    plan: Plan, clips: tuple[ClipSpec, ...], store: Store, sampler: Sampler
) -> Replay:
    frames = store.card.frames(min(plan.generation.duration_seconds, REPLAYED_SECONDS))
    early = early_steps(plan, store, frames)
    seen = []
    deviation = 0.0
    for clip in clips:
        codes = store.tokens(clip.key).codes[:, :frames]
        one = _Seen(early, store.card.frame_rate)
        try:
            sampler.whole(clip.prompt.text, codes, one.add)
        except OutOfMemory as error:
            msg = (
                "Memory does not hold the attention maps of a clip of"
                f" {frames / store.card.frame_rate:g} s. Free some and run again:"
                " nothing is lost."
            )
            raise WorkerError(msg) from error
        captured = captured_beginning(plan, store, clip, early)
        apart = np.max(np.abs(np.stack(one.beginning) - captured))
        deviation = max(deviation, float(apart / np.max(np.abs(captured))))
        seen.append(one)
    return Replay(
        keys=tuple(clip.key for clip in clips),
        entropy=np.stack([np.stack(one.entropy) for one in seen]),
        distance=np.stack([np.stack(one.distance) for one in seen]),
        power=np.stack([np.stack(one.power) for one in seen]),
        to_text=_padded([np.stack(one.to_text) for one in seen if one.to_text]),
        pieces=tuple(sampler.pieces(clip.prompt.text) for clip in clips),
        deviation=deviation,
        steps=frames + max(store.card.delays),
        frame_rate=store.card.frame_rate,
    )


def _padded(of_clips: list[Float32s]) -> Float32s | None:
    """Clips with NaN up to the longest text; None if no text is attended to."""
    if not of_clips:
        return None
    longest = max(one.shape[-1] for one in of_clips)
    whole = np.full((len(of_clips), *of_clips[0].shape[:-1], longest), np.nan, "f4")
    for row, one in zip(whole, of_clips, strict=True):
        row[..., : one.shape[-1]] = one
    return whole


class _Seen:
    """What is kept of one clip, a layer at a time."""

    def __init__(self, early: int, frame_rate: float) -> None:
        self.early = early
        self.frame_rate = frame_rate
        self.beginning: list[Float32s] = []  # (halves, d_model), of the early steps
        self.entropy: list[Float32s] = []  # (heads, halves, windows)
        self.distance: list[Float32s] = []
        self.power: list[Float32s] = []  # (halves, frequencies)
        self.to_text: list[Float32s] = []  # (heads, windows, tokens)

    def add(self, layer: int, hidden: Tensor, maps: WholeMaps) -> None:
        early = hidden[:, : self.early].double().mean(1)
        self.beginning.append(early.float().cpu().numpy())
        self.power.append(_power(hidden.float()))
        assert maps.to_music is not None
        entropy, distance = _of_music(maps.to_music, maps.offset)
        self.entropy.append(_in_windows(entropy).swapaxes(0, 1))
        self.distance.append(_in_windows(distance).swapaxes(0, 1) / self.frame_rate)
        if maps.to_text is not None:
            by_token = maps.to_text[0].transpose(1, 2).cpu().numpy()
            self.to_text.append(_in_windows(by_token).swapaxes(1, 2))


def _power(hidden: Tensor) -> Float32s:
    """Power at each frequency of `(halves, steps, d_model)`, mean over dimensions.

    As `harness.measures.temporal.band_powers` has it, where the activations are: copied
    and transformed elsewhere, they would take longer than all the rest.
    """
    import torch

    steps = hidden.shape[1]
    hann = torch.hann_window(steps, device=hidden.device)[:, None]
    amplitudes = torch.fft.rfft((hidden - hidden.mean(1, keepdim=True)) * hann, dim=1)
    power = amplitudes.abs().square_().mean(2) / (steps * hann.square().sum())
    # Negative frequencies are folded; zero and Nyquist have none.
    power[:, 1 : (steps + 1) // 2] *= 2
    return np.asarray(power.cpu().numpy(), np.float32)


def _of_music(weights: Tensor, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Entropy as a share, and distance in steps, `(halves, heads, steps)`."""
    import torch

    steps, positions = weights.shape[2:]
    at = np.arange(offset, offset + steps)
    nats = torch.special.entr(weights).sum(-1).cpu().numpy()
    place = torch.arange(positions, dtype=weights.dtype, device=weights.device)
    looked_at = (weights @ place).cpu().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = np.where(at > 0, nats / np.log(at + 1.0), np.nan)
    return entropy, at - looked_at


def _in_windows(values: np.ndarray) -> Float32s:
    """`(..., steps)` to the means of `(..., windows)`; NaN is left out."""
    window = np.arange(values.shape[-1]) * _WINDOWS // values.shape[-1]
    there = np.isfinite(values)
    known = np.where(there, values, 0.0)
    means = np.full((*values.shape[:-1], _WINDOWS), np.nan, np.float32)
    for index in np.unique(window):
        own = window == index
        count = there[..., own].sum(-1)
        total = known[..., own].sum(-1)
        means[..., index] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means
