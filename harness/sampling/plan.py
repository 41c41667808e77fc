"""What has to be generated: every clip of a design, by key.

A clip's key hashes all that its bytes depend on (design, "What a clip is"), and none of
what they do not: other clips, workers, the order of work. Plans are nested: a design
with more samples contains the smaller one's clips.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.prompts import Prompt

__all__ = [
    "CAPTURE",
    "ENGINE",
    "CaptureSpec",
    "ClipSpec",
    "Generation",
    "Plan",
    "make_plan",
]

ENGINE = 1  # raised whenever the same key would give other bytes
CONTROL_PROMPTS = 5  # prompts per emotion that are always heard with a second seed


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
    """What is kept of the activations."""

    sites: tuple[str, ...] = ("resid_post",)
    windows: int = 8


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
    """All clips of a design; the first clips of all prompts come first."""

    clips: tuple[ClipSpec, ...]
    generation: Generation
    seeds_per_prompt: int

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(clip.key for clip in self.clips)

    def evidence_clips(self) -> tuple[ClipSpec, ...]:
        """The clips that claims are decided on: without those made for control only."""
        return tuple(c for c in self.clips if c.replicate < self.seeds_per_prompt)


def make_plan(
    prompts: Sequence[Prompt],
    *,
    seeds_per_prompt: int,
    seed: int,
    fingerprint: str,
    generation: Generation,
    capture: CaptureSpec = CAPTURE,
) -> Plan:
    """Plan `seeds_per_prompt` clips of each prompt, and second clips for control.

    The first `CONTROL_PROMPTS` prompts of each emotion get a second clip in any case:
    the same-prompt baseline that everything else is compared with. Their number does
    not depend on the design, so a larger one only adds its own clips.
    """
    heard: dict[str, int] = {}
    clips = []
    for prompt in prompts:
        index = heard.get(prompt.emotion, 0)
        heard[prompt.emotion] = index + 1
        count = max(seeds_per_prompt, 2 if index < CONTROL_PROMPTS else 1)
        for replicate in range(count):
            clip_seed = _clip_seed(seed, prompt, replicate)
            identity = {
                "model": fingerprint,
                "prompt": prompt.text,
                "seed": clip_seed,
                "generation": asdict(generation),
                "capture": asdict(capture),
                "engine": ENGINE,
            }
            clip = ClipSpec(
                key=_digest(identity),
                prompt=prompt,
                replicate=replicate,
                seed=clip_seed,
            )
            clips.append(clip)
    clips.sort(key=lambda clip: clip.replicate)
    return Plan(
        clips=tuple(clips), generation=generation, seeds_per_prompt=seeds_per_prompt
    )


def _clip_seed(seed: int, prompt: Prompt, replicate: int) -> int:
    identity = [seed, prompt.emotion, prompt.template, replicate]
    return int(_digest(identity)[:15], 16)


def _digest(identity: Any) -> str:
    canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()
