"""One run: what is under test, with which design, and where its clips are.

`open_run` refuses a bad request before anything is spent. It imports neither audiocraft
nor, once a model has been seen, torch.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.collect import collect, repeat_check
from harness.files import FileError, read_json, write_json
from harness.inference.looks import Look, design_for, look_for
from harness.models.checkpoint import (
    Checkpoint,
    describe,
    file_identity,
    locate,
    model_files,
)
from harness.models.protocol import ModelCard, ModelError
from harness.prompts import Prompt, PromptBank, PromptError, load_bank
from harness.sampling.plan import CAPTURE, Generation, Plan, make_plan
from harness.store import Store, StoreError

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = ["DTYPES", "Request", "Run", "RunError", "open_run"]

DTYPES = ("auto", "float32", "bfloat16", "float16")
_NVIDIA_DRIVER = ("/proc/driver/nvidia/version", "/dev/dxg")


class RunError(Exception):
    """The run that was asked for cannot be made: what, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for, and the defaults; see `pytest --help`."""

    model: str = "phantom:encodes"
    samples: int = 10
    duration: float = 8.0
    emotions: tuple[str, ...] = ("happy", "sad", "calm", "energetic")
    prompts: str = "matched"
    store: Path = Path(".skeptic")
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 8
    seed: int = 0

    def command(self, *, samples: int) -> str:
        """What to type for the same with other `samples`."""
        words = ["uv run pytest -m week1", f"--samples {samples}"]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "samples" and value != field.default:
                text = ",".join(value) if isinstance(value, tuple) else f"{value}"
                words.append(f"--{field.name.replace('_', '-')} {shlex.quote(text)}")
        return " ".join(words)


class Run:
    """A request that can be met."""

    def __init__(
        self,
        request: Request,
        *,
        checkpoint: Checkpoint,
        card: ModelCard,
        bank: PromptBank,
        prompts: tuple[Prompt, ...],
        plan: Plan,
        store: Store,
        look: Look,
    ) -> None:
        self.request = request
        self.checkpoint = checkpoint
        self.card = card
        self.bank = bank
        self.prompts = prompts
        self.plan = plan
        self.store = store
        self.look = look

    def collect(self, on_progress: Callable[[float], None]) -> int:
        """Generate the clips that the store lacks; returns how many were made here."""
        made = collect(
            self.plan, self.store, self._load_sampler, on_progress=on_progress
        )
        self.repeat = repeat_check(self.plan, self.store, self._load_sampler)
        self.__dict__.pop("_sampler", None)  # the model is not needed again
        return made

    def _load_sampler(self) -> Sampler:
        return self._sampler

    @cached_property
    def _sampler(self) -> Sampler:
        import torch

        from harness.models.musicgen import load
        from harness.sampling.sampler import Sampler

        generation = self.plan.generation
        if generation.device_type == "cpu":
            # One thread, because the number of threads changes the last bits of a sum
            # and a clip's bytes must not depend on it; workers (-n) use the other
            # cores.
            torch.set_num_threads(1)
        model = load(
            self.checkpoint,
            self.card,
            device=generation.device_type,
            dtype=getattr(torch, generation.dtype),
        )
        return Sampler(model, generation)

    def header(self) -> list[str]:
        """What is under test, for people."""
        card, request = self.card, self.request
        generation = self.plan.generation
        counts = design_for(request.samples)
        here = len(self.plan.clips) - len(self.store.missing(self.plan.clips))
        look = f"{self.look.kind} look"
        if self.look.number is not None:
            look = f"look {self.look.number} of 4, alpha {self.look.alpha:g} of .05"
        elif self.look.kind == "smoke":
            look = "smoke run: fewer than 10 clips per emotion are never evidence"
        return [
            f"model: {card.name} ({card.parameters / 1e6:.1f} M parameters, "
            f"{card.layers} layers x {card.d_model}, "
            f"fingerprint {card.fingerprint[:12]})",
            f"design: {', '.join(request.emotions)}; {request.samples} clips each = "
            f"{counts.prompts_per_emotion} prompts x {counts.seeds_per_prompt} seeds "
            f"of {request.duration:g} s; prompts {self.bank.name}; seed {request.seed}",
            f"look: {look}",
            f"engine: {generation.device_type} {generation.dtype}, micro-batches of "
            f"{generation.batch_size}, {card.steps(request.duration)} steps a clip",
            f"store: {request.store} (has {here} of {len(self.plan.clips)} clips)",
        ]

    def design_record(self) -> dict[str, Any]:
        """The `design` of verdict.json."""
        counts = design_for(self.request.samples)
        return {
            "emotions": list(self.request.emotions),
            "prompts_per_emotion": counts.prompts_per_emotion,
            "seeds_per_prompt": counts.seeds_per_prompt,
            "clips_per_emotion": self.request.samples,
            "duration_s": self.request.duration,
            "look": self.look.number,
            "alpha": self.look.alpha,
            "alpha_spent": self.look.alpha_spent,
            "seed": self.request.seed,
            "bank": self.bank.name,
            "bank_digest": self.bank.digest,
        }

    def model_record(self) -> dict[str, Any]:
        """The `model` of verdict.json."""
        names = ("name", "fingerprint", "layers", "d_model", "parameters")
        return {name: getattr(self.card, name) for name in names}


def open_run(request: Request) -> Run:
    """Check the request and find everything it needs.

    Raises
    ------
    RunError
        With one line that says what was wrong, where, and what to do.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no network unless asked for
    try:
        return _open(request)
    except (ModelError, PromptError, StoreError, FileError) as error:
        raise RunError(str(error)) from error


def _open(request: Request) -> Run:
    bank = load_bank(request.prompts)
    counts = design_for(request.samples)
    prompts = bank.select(
        request.emotions, counts.prompts_per_emotion, seed=request.seed
    )
    if len(request.emotions) < 2:
        msg = (
            "`--emotions` must name at least two, got one: there is nothing to compare."
        )
        raise RunError(msg)
    checkpoint = locate(request.model)
    device_type = _device_type(request.device)
    card = _card(request.store, checkpoint)
    if card.frames(request.duration) < 1:
        msg = (
            f"`--duration {request.duration:g}` is less than a frame: must be at least "
            f"{1 / card.frame_rate:g} s."
        )
        raise RunError(msg)
    if request.duration > card.max_duration_seconds:
        msg = (
            f"`--duration {request.duration:g}` is beyond the context of {card.name}: "
            f"must be at most {card.max_duration_seconds:g} s."
        )
        raise RunError(msg)
    generation = Generation(
        duration_seconds=request.duration,
        cfg_coef=card.cfg_coef,
        top_k=card.top_k,
        top_p=card.top_p,
        temperature=card.temperature,
        dtype=_dtype(request.dtype, device_type),
        device_type=device_type,
        batch_size=request.batch_size,
    )
    plan = make_plan(
        prompts,
        seeds_per_prompt=counts.seeds_per_prompt,
        seed=request.seed,
        fingerprint=card.fingerprint,
        generation=generation,
    )
    store = Store(request.store, card)
    _check_room(plan, card, store)
    return Run(
        request,
        checkpoint=checkpoint,
        card=card,
        bank=bank,
        prompts=prompts,
        plan=plan,
        store=store,
        look=look_for(request.samples),
    )


def _check_room(plan: Plan, card: ModelCard, store: Store) -> None:
    """Refuse a plan whose clips do not fit on the disk, before the first is made."""
    audio = 2 * card.sample_rate * plan.generation.duration_seconds
    # Four statistics once and three in each window, of two halves, in float32.
    capture = 4 * 2 * card.layers * card.d_model * (4 + 3 * CAPTURE.windows)
    needed = len(store.missing(plan.clips)) * (audio + capture)
    free = shutil.disk_usage(store.directory).free
    if needed > free:
        msg = (
            f"`--store {store.root}` has {free / 1e9:.2g} GB free, but the clips need "
            f"{needed / 1e9:.2g} GB: the disk is full. Free some room or give another."
        )
        raise RunError(msg)


def _device_type(device: str) -> str:
    if device == "cpu":
        return device
    available = any(Path(p).exists() for p in _NVIDIA_DRIVER) and _cuda_works()
    if device == "cuda" and not available:
        msg = "`--device cuda`: there is no CUDA here. Use --device cpu."
        raise RunError(msg)
    return "cuda" if available else "cpu"


def _cuda_works() -> bool:
    import torch

    return torch.cuda.is_available()


def _dtype(dtype: str, device_type: str) -> str:
    if dtype == "float16" and device_type == "cpu":
        msg = "`--dtype float16` needs CUDA. Use float32 or bfloat16 on the CPU."
        raise RunError(msg)
    if dtype != "auto":
        return dtype
    return "float16" if device_type == "cuda" else "float32"


def _card(store: Path, checkpoint: Checkpoint) -> ModelCard:
    """The model's card; the checkpoint is opened only if its files have changed."""
    path = store / "cards.json"
    known: dict[str, Any] = read_json(path) or {}
    entry = known.get(checkpoint.name)
    if entry and _unchanged(entry, checkpoint):
        return ModelCard.from_dict(entry["card"])
    card = describe(checkpoint)
    files = model_files(checkpoint, card.text_encoder, card.codec)
    identities = {str(file): file_identity(file) for file in files}
    entry = {"files": identities, "card": card.as_dict()}
    write_json(path, {**known, checkpoint.name: entry})
    return card


def _unchanged(entry: dict[str, Any], checkpoint: Checkpoint) -> bool:
    files: dict[str, str] = entry["files"]
    if not {str(checkpoint.language_model), str(checkpoint.codec)} <= set(files):
        return False
    return all(
        Path(name).is_file() and file_identity(Path(name)) == identity
        for name, identity in files.items()
    )
