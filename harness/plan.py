"""What has to be generated: every clip of a design, by key.

A clip's key hashes all that its bytes depend on (design, "What a clip is"), and none of
what they do not: other clips, workers, the order of work. Plans are nested: a design
with more samples contains the smaller one's clips.

The size of the micro-batch is part of a key, because shapes decide bits. Where memory
runs out the size is halved, and what was made before is kept: a plan may hold clips of
several sizes (`Plan.resized`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.prompts import Prompt

__all__ = [
    "CAPTURE",
    "ENGINE",
    "CaptureSpec",
    "ClipSpec",
    "Generation",
    "Plan",
    "PlanError",
    "clip_seed",
    "make_plan",
]

ENGINE = 3  # raised whenever the same key would give other bytes
CONTROL_PROMPTS = 5  # prompts per emotion that are always heard with a second seed
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class PlanError(Exception):
    """A plan cannot be made or used: what is wrong with it, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How a clip is sampled."""

    duration_seconds: float
    cfg_coef: float = 3.0  # audiocraft's defaults; a run takes the checkpoint's own
    top_k: int = 250
    top_p: float = 0.0
    temperature: float = 1.0
    dtype: str = "float32"
    device_type: str = "cpu"
    batch_size: int = 8  # the fixed micro-batch: shapes decide bits

    def __post_init__(self) -> None:
        # 8 and 8.0 seconds are the same clip.
        for name in ("duration_seconds", "cfg_coef", "top_p", "temperature"):
            object.__setattr__(self, name, float(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSpec:
    """What is kept of the activations (see `harness.captures`).

    Moments are kept of all layers at `sites`, `resid_post` always among them. What is
    time-resolved is kept at every step: activations of `resolved_layers` at
    `resolved_sites`, attention maps of `attention_layers`.
    """

    sites: tuple[str, ...] = ("resid_post",)
    windows: int = 8
    resolved_layers: tuple[int, ...] = ()
    resolved_sites: tuple[str, ...] = ("resid_post",)
    attention_layers: tuple[int, ...] = ()


CAPTURE = CaptureSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSpec:
    """One clip to be generated."""

    key: str
    prompt: Prompt
    replicate: int  # 0 for a prompt's first clip, 1 for its second
    seed: int

    @property
    def is_control(self) -> bool:
        return self.replicate > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All clips of a design; the first clips of all prompts come first.

    `adaptive` plans take the size of their micro-batches from the store, others keep to
    that of `generation`.
    """

    clips: tuple[ClipSpec, ...]
    generation: Generation
    seeds_per_prompt: int
    fingerprint: str
    seed: int
    capture: CaptureSpec = CAPTURE
    adaptive: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(clip.key for clip in self.clips)

    def evidence_clips(self) -> tuple[ClipSpec, ...]:
        """The clips that claims are decided on: without those made for control only."""
        return tuple(c for c in self.clips if c.replicate < self.seeds_per_prompt)

    def resized(self, sizes: Sequence[int], there: Callable[[str], bool]) -> Plan:
        """The same clips in micro-batches of `sizes`, the newest last.

        A clip takes the first size that it is `there` with, or else the last.
        """
        generation = replace(self.generation, batch_size=sizes[-1])
        kinds = [self._keys_of_size(size) for size in sizes]

        def rekeyed(clip: ClipSpec) -> ClipSpec:
            keys = [kind.of(clip.prompt.text, clip.seed) for kind in kinds]
            key = next((k for k in keys if there(k)), keys[-1])
            return clip if key == clip.key else replace(clip, key=key)

        clips = tuple(rekeyed(clip) for clip in self.clips)
        return replace(self, clips=clips, generation=generation)

    def clips_of_size(self, size: int) -> tuple[ClipSpec, ...]:
        """The clips whose keys are those of micro-batches of `size`."""
        kind = self._keys_of_size(size)
        return tuple(c for c in self.clips if c.key == kind.of(c.prompt.text, c.seed))

    def _keys_of_size(self, size: int) -> _Keys:
        generation = replace(self.generation, batch_size=size)
        return _Keys(self.fingerprint, generation, self.capture)


def make_plan(
    prompts: Sequence[Prompt],
    *,
    seeds_per_prompt: int,
    seed: int,
    fingerprint: str,
    generation: Generation,
    capture: CaptureSpec = CAPTURE,
    adaptive: bool = False,
) -> Plan:
    """Plan `seeds_per_prompt` clips of each prompt, and second clips for control.

    The first `CONTROL_PROMPTS` prompts of each emotion get a second clip in any case:
    the same-prompt baseline that everything else is compared with. Their number does
    not depend on the design, so a larger one only adds its own clips.

    Raises
    ------
    PlanError
        If a prompt comes twice.
    """
    _refuse_duplicates(prompts)
    keys = _Keys(fingerprint, generation, capture)
    heard: dict[str, int] = {}
    clips = []
    for prompt in prompts:
        index = heard.get(prompt.emotion, 0)
        heard[prompt.emotion] = index + 1
        count = max(seeds_per_prompt, 2 if index < CONTROL_PROMPTS else 1)
        for replicate in range(count):
            own_seed = clip_seed(seed, prompt, replicate)
            key = keys.of(prompt.text, own_seed)
            clips.append(
                ClipSpec(key=key, prompt=prompt, replicate=replicate, seed=own_seed)
            )
    clips.sort(key=lambda clip: clip.replicate)
    return Plan(
        clips=tuple(clips),
        generation=generation,
        seeds_per_prompt=seeds_per_prompt,
        fingerprint=fingerprint,
        seed=seed,
        capture=capture,
        adaptive=adaptive,
    )


def clip_seed(seed: int, prompt: Prompt, replicate: int) -> int:
    """The seed of one clip in a design of `seed`."""
    identity = [seed, prompt.emotion, prompt.template, replicate]
    return int(_hash(identity).hexdigest()[:15], 16)


def _refuse_duplicates(prompts: Sequence[Prompt]) -> None:
    texts, places = set(), set()
    for prompt in prompts:
        text, place = (prompt.emotion, prompt.text), (prompt.emotion, prompt.template)
        if text in texts or place in places:
            msg = (
                f"The prompt `{prompt.text}` ({prompt.emotion}, {prompt.template}) "
                "must be in a plan once, got it twice. Remove one of the two."
            )
            raise PlanError(msg)
        texts.add(text)
        places.add(place)


def _hash(identity: Any) -> Any:
    return hashlib.blake2b(_CANONICAL.encode(identity).encode(), digest_size=16)


class _Keys:
    """Keys of clips of one kind; what they have in common is hashed once."""

    def __init__(
        self, fingerprint: str, generation: Generation, capture: CaptureSpec
    ) -> None:
        self._common = _hash(
            {
                "model": fingerprint,
                "generation": asdict(generation),
                "capture": asdict(capture),
                "engine": ENGINE,
            }
        )

    def of(self, text: str, seed: int) -> str:
        digest = self._common.copy()
        digest.update(_CANONICAL.encode([text, seed]).encode())
        key: str = digest.hexdigest()
        return key
