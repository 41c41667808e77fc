"""A request is checked, and all that it needs is found, before anything is spent."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from harness.capture_options import CaptureOptionError, capture_bytes, capture_spec
from harness.claims import load_claims
from harness.design import ClipTable, clip_table
from harness.files import FileError
from harness.inference.looks import Look, design_for, look_for
from harness.inference.relabel import smallest_attainable_p
from harness.models.checkpoint import locate
from harness.models.known import known_card
from harness.models.protocol import ModelCard, ModelError
from harness.plan import Generation, Plan, PlanError, make_plan
from harness.prompts import PromptBank, PromptError, load_bank
from harness.request import Request
from harness.run.device import DeviceError, device_type_of, dtype_of, has_cuda
from harness.run.run import Run
from harness.sampling.loading import cards_path
from harness.sampling.memory import free_bytes, micro_batch
from harness.sampling.sizes import first_size, settled
from harness.sampling.workers import WorkerError, refuse_private
from harness.store import Store, StoreError

__all__ = ["RunError", "open_run"]

_REFUSALS = (
    CaptureOptionError,
    DeviceError,
    FileError,
    ModelError,
    PlanError,
    PromptError,
    StoreError,
    WorkerError,
)


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


def _require_words(plan: Plan, bank: PromptBank, look: Look) -> None:
    """Refuse a planned look that could not decide, however strong the effect."""
    table = clip_table(plan, bank=bank)
    smallest = max(_smallest_p(table, pair) for pair in _decided(table))
    if look.kind == "planned" and smallest >= look.alpha:
        words = table.n_prompts // len(table.emotions)
        msg = (
            f"Bank `{bank.name}` gives {words} words per emotion, and sentences of one "
            f"word count as one prompt: the smallest p that so few can give is "
            f"{smallest:.2g}, not below the {look.alpha:g} of this look. Add words to "
            f"{bank.path}."
        )
        raise RunError(msg)


def _decided(table: ClipTable) -> list[tuple[str, ...]]:
    """All emotions, and each two that a gate compares."""
    gates = [claim for claim in load_claims().values() if claim.role == "gate"]
    pairs = [pair for claim in gates for pair in claim.contrasts]
    asked = [pair for pair in pairs if set(pair) <= set(table.emotions)]
    return [table.emotions, *asked]


def _smallest_p(table: ClipTable, emotions: tuple[str, ...]) -> float:
    some, _ = table.restricted(emotions)
    directed = emotions != table.emotions
    return smallest_attainable_p(
        some.emotion,
        template=some.template,
        cohort=some.cohort,
        symmetric=not directed,
    )


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
    device_type = device_type_of(request.device, may_be_elsewhere=not generates)
    generation = Generation(
        duration_seconds=request.duration,
        dtype=dtype_of(request.dtype, device_type),
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
    _require_words(plan, bank, look_for(request.samples))
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
        elsewhere = generation.device_type == "cuda" and not has_cuda()
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


class RunError(Exception):
    """The run that was asked for cannot be made: what, and what to do."""
