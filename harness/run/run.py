"""A run that can be made: its look, its clips, and what its record says of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.history import PastLook, Question, Sight, data_of, judged, take
from harness.inference.looks import Look, design_for
from harness.ledger import Ledger
from harness.models.checkpoint import Checkpoint
from harness.models.protocol import ModelCard
from harness.plan import ENGINE, Plan, make_plan
from harness.prompts import Prompt, PromptBank, load_bank
from harness.request import Request
from harness.sampling.loading import free_memory, load_sampler
from harness.sampling.repeat import repeat_check
from harness.sampling.replay import Replay, replayed
from harness.sampling.sizes import settled, sizes_of
from harness.sampling.swap import Swap, words_swapped
from harness.sampling.workers import collect, drain
from harness.store import Store

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = ["Run"]


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
