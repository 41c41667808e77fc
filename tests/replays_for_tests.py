"""Clips that pass through a tiny model once more: plans, stores, and other codes.

Conventions
-----------
A clip is 0.4 s: 20 frames, 23 steps.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from clips_for_tests import make_audio
from models_for_tests import loaded, tiny_musicgen

from harness.plan import ClipSpec, Generation, Plan, make_plan
from harness.prompts import Prompt
from harness.sampling.sampler import Sampler
from harness.store import Store
from harness.store.audit import audit

__all__ = [
    "EMOTIONS",
    "GENERATION",
    "MODEL",
    "damage",
    "damage_found",
    "plan_of",
    "put_with_other_codes",
    "sampler",
]

EMOTIONS = ("happy", "sad", "calm")
GENERATION = Generation(duration_seconds=0.4, batch_size=4)
MODEL = loaded(tiny_musicgen())


def plan_of(templates: int, fingerprint: str = MODEL.card.fingerprint) -> Plan:
    """One clip of every emotion in each of the templates."""
    prompts = [
        Prompt(text=f"{emotion} tune for {n} pianos", emotion=emotion, template=f"t{n}")
        for n in range(templates)
        for emotion in EMOTIONS
    ]
    return make_plan(
        prompts,
        seeds_per_prompt=1,
        seed=0,
        fingerprint=fingerprint,
        generation=GENERATION,
    )


def sampler() -> Sampler:
    return Sampler(MODEL, GENERATION)


def put_with_other_codes(store: Store, clip: ClipSpec) -> None:
    """Put a clip into the store again, with codes that are not its music's."""
    tokens = store.tokens(clip.key)
    changed = replace(tokens, codes=(tokens.codes + 7) % MODEL.card.vocabulary)
    made = next(sampler().generate([clip]))[0]
    capture = replace(made.capture, tokens=changed)
    store.put(clip, make_audio(1), capture, generation=GENERATION, provenance={})


def damage(file: Path) -> None:
    """Change the last byte."""
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def damage_found(store: Store) -> list[str]:
    return list(audit(store.disk, str(store.root)))
