"""One run: what is under test, with which design, and where its clips are.

`open_run` refuses a bad request before anything is spent. It imports neither audiocraft
nor, once a model has been seen, torch.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.capture_options import CaptureOptionError, capture_bytes, capture_spec
from harness.files import FileError
from harness.history import PastLook, Question, Sight, data_of, judged, take
from harness.inference.looks import Look, design_for, look_for
from harness.ledger import Ledger
from harness.models.checkpoint import Checkpoint, locate
from harness.models.known import known_card
from harness.models.protocol import ModelCard, ModelError
from harness.plan import ENGINE, Generation, Plan, PlanError, make_plan
from harness.prompts import Prompt, PromptBank, PromptError, load_bank
from harness.request import Request
from harness.sampling.loading import cards_path, free_memory, load_sampler
from harness.sampling.memory import free_bytes, micro_batch
from harness.sampling.repeat import repeat_check
from harness.sampling.replay import Replay, replayed
from harness.sampling.sizes import first_size, settled, sizes_of
from harness.sampling.swap import Swap, words_swapped
from harness.sampling.workers import WorkerError, collect, drain, refuse_private
from harness.store import Store, StoreError

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = ["Run", "RunError", "open_run"]

_REFUSALS = (
    CaptureOptionError,
    FileError,
    ModelError,
    PlanError,
    PromptError,
    StoreError,
    WorkerError,
)
_NVIDIA_DRIVER = ("/proc/driver/nvidia/version", "/dev/dxg")


class RunError(Exception):
    """The run that was asked for cannot be made: what, and what to do."""


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
        planned: Look,
    ) -> None:
        self.request = request
        self.checkpoint = checkpoint
        self.card = card
        self.bank = bank
        self.prompts = prompts
        self.plan = plan
        self.store = store
        self.planned = planned  # what its number of clips makes it
        place = store.local_root or Path(request.report_dir)
        # Where the store is elsewhere, the looks are counted beside the reports.
        self.ledger = Ledger(place / "ledger.jsonl")
        self.swap: Swap | None = None  # a smoke run is not worth the time
        self.seconds_per_clip: float | None = None  # of those made here

    # --- looks ----------------------------------------------------------------------

    @cached_property
    def look(self) -> Look:
        """The look that this is: judged and put on record when it is first asked for.

        The clips must be there.

        Raises
        ------
        LedgerError
            If the look cannot be counted.
        """
        return take(
            self.ledger,
            self.planned,
            self.question,
            self.sight,
            design=self.design_record(self.planned),
        )

    @property
    def question(self) -> Question:
        return Question(
            model=self.card.fingerprint,
            emotions=self.request.emotions,
            bank=self.bank.digest,
            seconds=self.request.duration,
        )

    @cached_property
    def sight(self) -> Sight:
        """What is looked at; the clips must be there."""
        return self._sight(data_of([self.store.record(key) for key in self.plan.keys]))

    def foreseen(self, past: Sequence[PastLook]) -> Look:
        """What the look will be, as far as is known before there are clips."""
        return judged(self.planned, past, self._sight(None))

    def _sight(self, data: str | None) -> Sight:
        generation = self.plan.generation
        made = {
            "engine": ENGINE,
            "device": generation.device_type,
            "dtype": generation.dtype,
            "micro-batch": generation.batch_size,
        }
        return Sight(seed=self.request.seed, data=data, made=made)

    # --- clips ----------------------------------------------------------------------

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
        started = time.monotonic()
        made = self._filled(self.plan, on_progress, say)
        if made:
            self.seconds_per_clip = (time.monotonic() - started) / made
        self.settle()
        self.repeat = repeat_check(self.plan, self.store, self._load_sampler)
        if self.planned.kind != "smoke":
            self.swap = words_swapped(self.plan, self.store, self._load_sampler)
        self._let_go()
        return made

    @cached_property
    def replay(self) -> Replay:
        """What is seen of some clips when they pass through the model once more.

        The clips must be there. Made when it is first asked for.

        Raises
        ------
        WorkerError
            If memory does not hold a clip.
        """
        found = replayed(self.plan, self.store, self._load_sampler)
        self._let_go()
        return found

    def plan_of(
        self, bank: str, *, emotions: tuple[str, ...], prompts_per_emotion: int
    ) -> Plan:
        """One clip each of prompts of another bank, made as those of this run are.

        Raises
        ------
        PromptError
            If the bank lacks an emotion, or has too few prompts.
        """
        prompts = load_bank(bank).select(
            emotions, prompts_per_emotion, seed=self.request.seed
        )
        plan = make_plan(
            prompts,
            seeds_per_prompt=1,
            seed=self.request.seed,
            fingerprint=self.card.fingerprint,
            generation=self.plan.generation,
            capture=self.plan.capture,
            adaptive=self.plan.adaptive,
        )
        return settled(replace(plan, clips=plan.evidence_clips()), self.store)

    def fill(
        self,
        plan: Plan,
        on_progress: Callable[..., None],
        say: Callable[[str], None] = lambda sentence: None,
    ) -> Plan:
        """Have the clips of another plan in the store; returns it with their keys."""
        self._filled(plan, on_progress, say)
        self._let_go()
        return settled(plan, self.store)

    def _filled(
        self,
        plan: Plan,
        on_progress: Callable[..., None],
        say: Callable[[str], None],
    ) -> int:
        return collect(
            plan,
            self.store,
            self._load_sampler,
            on_progress=on_progress,
            say=say,
            drain=self._drain_with_ray if self.request.engine == "ray" else drain,
        )

    def _let_go(self) -> None:
        if self.__dict__.pop("_sampler", None):  # the model is not needed again
            free_memory()

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
            f"As memory allowed, of {len(self.plan.clips)} clips {', '.join(parts)} "
            "were made."
        ]

    def design_record(self, look: Look) -> dict[str, Any]:
        """The `design` of verdict.json."""
        counts = design_for(self.request.samples)
        return {
            "emotions": list(self.request.emotions),
            "prompts_per_emotion": counts.prompts_per_emotion,
            "seeds_per_prompt": counts.seeds_per_prompt,
            "clips_per_emotion": self.request.samples,
            "duration_s": self.request.duration,
            "look": look.number,
            "alpha": look.alpha,
            "alpha_spent": look.alpha_spent,
            "seed": self.request.seed,
            "bank": self.bank.name,
            "bank_digest": self.bank.digest,
        }

    def model_record(self) -> dict[str, Any]:
        """The `model` of verdict.json."""
        names = ("name", "fingerprint", "layers", "d_model", "parameters")
        return {name: getattr(self.card, name) for name in names}


def open_run(request: Request, *, generates: bool = True) -> Run:
    """Check the request and find everything it needs.

    Where nothing is generated here, because only the plan is wanted, a device may be
    asked for that is elsewhere.

    Raises
    ------
    RunError
        With one line that says what was wrong, where, and what to do.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no network unless asked for
    try:
        return _open(request, generates=generates)
    except _REFUSALS as error:
        raise RunError(str(error)) from error


def _open(request: Request, *, generates: bool) -> Run:
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
    if request.engine == "ray":
        refuse_private(request.store)
    checkpoint = locate(request.model)
    device_type = _device_type(request.device, may_be_elsewhere=not generates)
    generation = Generation(
        duration_seconds=request.duration,
        dtype=_dtype(request.dtype, device_type),
        device_type=device_type,
        batch_size=request.batch_size or 1,
    )
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
    plan = make_plan(
        prompts,
        seeds_per_prompt=counts.seeds_per_prompt,
        seed=request.seed,
        fingerprint=card.fingerprint,
        generation=generation,
        capture=capture,
        adaptive=request.batch_size is None,
    )
    if plan.adaptive:
        plan = plan.resized([_size(plan, store)], lambda key: False)
    run = Run(
        request,
        checkpoint=checkpoint,
        card=card,
        bank=bank,
        prompts=prompts,
        plan=settled(plan, store),
        store=store,
        planned=look_for(request.samples),
    )
    _check_room(run)
    return run


def _size(plan: Plan, store: Store) -> int:
    """The micro-batch that the store uses; what memory allows, if it is new."""
    generation = plan.generation

    def choose() -> int:
        elsewhere = generation.device_type == "cuda" and not _has_cuda()
        free = sys.maxsize if elsewhere else free_bytes(generation.device_type)
        return micro_batch(store.card, generation, plan.capture, free)

    return first_size(plan, store, choose=choose)


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


def _device_type(device: str, *, may_be_elsewhere: bool) -> str:
    if device == "cpu" or (device == "cuda" and may_be_elsewhere):
        return device
    if _has_cuda():
        return "cuda"
    if device == "cuda":
        msg = "`--device cuda`: there is no CUDA here. Use --device cpu."
        raise RunError(msg)
    return "cpu"


def _has_cuda() -> bool:
    return any(Path(p).exists() for p in _NVIDIA_DRIVER) and _cuda_works()


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
