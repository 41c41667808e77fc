"""One run: what is under test, with which design, and where its clips are.

`open_run` refuses a bad request before anything is spent. It imports neither audiocraft
nor, once a model has been seen, torch.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.capture_options import CaptureOptionError, capture_bytes, capture_spec
from harness.files import FileError
from harness.inference.looks import Look, design_for, look_for
from harness.models.checkpoint import Checkpoint, locate
from harness.models.known import known_card
from harness.models.protocol import ModelCard, ModelError
from harness.plan import CaptureSpec, Generation, Plan, PlanError, make_plan
from harness.prompts import Prompt, PromptBank, PromptError, load_bank
from harness.sampling.loading import cards_path, free_memory, load_sampler
from harness.sampling.memory import free_bytes, micro_batch
from harness.sampling.repeat import repeat_check
from harness.sampling.sizes import first_size, settled, sizes_of
from harness.sampling.workers import collect, drain
from harness.store import Store, StoreError

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = ["DTYPES", "ENGINES", "Request", "Run", "RunError", "open_run"]

DTYPES = ("auto", "float32", "bfloat16", "float16")
ENGINES = ("local", "ray")
_REFUSALS = (
    CaptureOptionError,
    FileError,
    ModelError,
    PlanError,
    PromptError,
    StoreError,
)
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
    store: str = ".skeptic"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None  # chosen from free memory
    seed: int = 0
    capture_sites: str = "resid_post"
    resolved_layers: str = ""
    resolved_sites: str = "resid_post"
    attention_layers: str = ""
    engine: str = "local"
    workers: int | None = None  # of --engine ray

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

    def verify(self) -> None:
        """Read what is there byte by byte; what is damaged is missing again."""
        self.settle()
        self.store.verify(self.plan.keys)

    def missing(self) -> int:
        """How many clips have to be generated."""
        self.settle()
        return len(self.store.missing(self.plan.clips))

    def settle(self) -> None:
        """Look up under which keys the clips are, whoever made them."""
        self.store.refresh()
        self.plan = settled(self.plan, self.store)

    def collect(
        self,
        on_progress: Callable[..., None],
        say: Callable[[str], None] = lambda sentence: None,
    ) -> int:
        """Generate the clips that the store lacks; returns how many were made here.

        `on_progress` hears how many are done, and of several workers, as `workers`, how
        many each has done.
        """
        made = collect(
            self.plan,
            self.store,
            self._load_sampler,
            on_progress=on_progress,
            say=say,
            drain=self._drain_with_ray if self.request.engine == "ray" else drain,
        )
        self.settle()
        self.repeat = repeat_check(self.plan, self.store, self._load_sampler)
        if self.__dict__.pop("_sampler", None):  # the model is not needed again
            free_memory()
        return made

    def _load_sampler(self) -> Sampler:
        return self._sampler

    @cached_property
    def _sampler(self) -> Sampler:
        return load_sampler(self.plan, self.store, self.checkpoint, self.card)

    def _drain_with_ray(
        self, plan: Plan, store: Store, *_: Any, **listeners: Any
    ) -> int:
        from harness.sampling.ray_workers import drain_with_ray

        return drain_with_ray(
            plan,
            store,
            model=self.request.model,
            workers=self.request.workers,
            **listeners,
        )

    def notes(self) -> list[str]:
        """Sentences about how the clips were made."""
        sizes = sizes_of(self.plan, self.store)
        if len(sizes) < 2:
            return []
        made = {size: len(self.plan.clips_of_size(size)) for size in sizes}
        parts = [f"{count} in micro-batches of {size}" for size, count in made.items()]
        return [
            f"Memory ran out at micro-batches of {sizes[-2]}: of "
            f"{len(self.plan.clips)} clips {', '.join(parts)} were made."
        ]

    def header(self) -> list[str]:
        """What is under test, for people."""
        card, request = self.card, self.request
        generation = self.plan.generation
        counts = design_for(request.samples)
        here = len(self.plan.clips) - self.missing()
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
            *self.store.strangers(),
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
    except _REFUSALS as error:
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
    if request.workers and request.engine != "ray":
        msg = "`--workers` must come with `--engine ray`. For this machine, give -n."
        raise RunError(msg)
    checkpoint = locate(request.model)
    generation = _generation(request)
    card = known_card(cards_path(request.store), checkpoint)
    _check_duration(request.duration, card)
    capture = capture_spec(
        sites=request.capture_sites,
        resolved_layers=request.resolved_layers,
        resolved_sites=request.resolved_sites,
        attention_layers=request.attention_layers,
        layers=card.layers,
    )
    generation = replace(
        generation,
        cfg_coef=card.cfg_coef,
        top_k=card.top_k,
        top_p=card.top_p,
        temperature=card.temperature,
    )
    store = Store(request.store, card)
    generation = replace(
        generation,
        batch_size=request.batch_size or _size(store, card, generation, capture),
    )
    plan = make_plan(
        prompts,
        seeds_per_prompt=counts.seeds_per_prompt,
        seed=request.seed,
        fingerprint=card.fingerprint,
        generation=generation,
        capture=capture,
        adaptive=request.batch_size is None,
    )
    run = Run(
        request,
        checkpoint=checkpoint,
        card=card,
        bank=bank,
        prompts=prompts,
        plan=settled(plan, store),
        store=store,
        look=look_for(request.samples),
    )
    _check_room(run)
    return run


def _generation(request: Request) -> Generation:
    """What can be said of it without the model."""
    device_type = _device_type(request.device)
    return Generation(
        duration_seconds=request.duration,
        dtype=_dtype(request.dtype, device_type),
        device_type=device_type,
    )


def _size(
    store: Store, card: ModelCard, generation: Generation, capture: CaptureSpec
) -> int:
    """The micro-batch that the store uses; what memory allows, if it is new."""

    def choose() -> int:
        free = free_bytes(generation.device_type)
        return micro_batch(card, generation, capture, free)

    return first_size(store, generation, capture, choose=choose)


def _check_duration(seconds: float, card: ModelCard) -> None:
    if card.frames(seconds) < 1:
        msg = (
            f"`--duration {seconds:g}` is less than a frame: must be at least "
            f"{1 / card.frame_rate:g} s."
        )
        raise RunError(msg)
    if seconds > card.max_duration_seconds:
        msg = (
            f"`--duration {seconds:g}` is beyond the context of {card.name}: must be "
            f"at most {card.max_duration_seconds:g} s."
        )
        raise RunError(msg)


def _check_room(run: Run) -> None:
    """Refuse a plan whose clips do not fit on the disk, before the first is made."""
    free = run.store.free_bytes()
    if free is None:
        return
    card, seconds = run.card, run.plan.generation.duration_seconds
    audio = 2 * card.sample_rate * seconds
    clip = audio + capture_bytes(run.plan.capture, card, steps=card.steps(seconds))
    needed = run.missing() * clip
    if needed > free:
        msg = (
            f"`--store {run.store.root}` has {free / 1e9:.2g} GB free, but the clips "
            f"need {needed / 1e9:.2g} GB: the disk is full. Free some room or give "
            "another."
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
