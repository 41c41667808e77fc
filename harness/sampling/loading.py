"""Load the model that a plan is for, and give its memory back."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.models.checkpoint import Checkpoint, locate
from harness.models.known import known_card
from harness.models.protocol import ModelCard
from harness.plan import Plan, PlanError
from harness.store import Store

if TYPE_CHECKING:
    from harness.sampling.sampler import Sampler

__all__ = ["card_for", "cards_path", "free_memory", "load_sampler"]


def cards_path(store: str) -> Path:
    """Where models that were seen are remembered: in a store on this machine."""
    here = Path(".skeptic") if "://" in store else Path(store)
    return here / "cards.json"


def card_for(model: str, plan: Plan, store: str) -> tuple[Checkpoint, ModelCard]:
    """The files and the card of `model`, if it is the one that the plan is for.

    Raises
    ------
    PlanError
        If the model's weights are others than those of the plan.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no network unless asked for
    checkpoint = locate(model)
    card = known_card(cards_path(store), checkpoint)
    if card.fingerprint != plan.fingerprint:
        msg = (
            f"The plan is for a `{model}` with fingerprint {plan.fingerprint[:12]}, "
            f"but here it is {card.fingerprint[:12]}: these are other weights. Bring "
            "the same here, or write the plan again with `--plan-only FILE`."
        )
        raise PlanError(msg)
    return checkpoint, card


def load_sampler(
    plan: Plan, store: Store, checkpoint: Checkpoint, card: ModelCard
) -> Sampler:
    """Load the model, in the dtype and on the device that the plan names."""
    import torch

    from harness.models.musicgen import load
    from harness.sampling.sampler import Sampler

    generation = plan.generation
    _compute_the_same_always(generation.device_type)
    model = load(
        checkpoint,
        card,
        device=generation.device_type,
        dtype=getattr(torch, generation.dtype),
    )
    return Sampler(model, generation, capture=plan.capture, scratch=store.aside)


def _compute_the_same_always(device_type: str) -> None:
    """A clip's bytes must depend on nothing but what is in its key."""
    import torch

    if device_type == "cpu":
        # The number of threads changes the last bits of a sum; workers use the other
        # cores.
        torch.set_num_threads(1)
    else:
        # The codec's convolutions and its LSTM, whatever is fastest at the moment.
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def free_memory() -> None:
    """Give back what a sampler held, once nothing refers to it any more."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # where C's library is another
        ctypes.CDLL(None).malloc_trim(0)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
