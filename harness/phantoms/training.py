"""A training loop in resumable pieces.

Every `save_every` steps the whole state is written beside its final name and renamed
onto it, so that a killed run goes on where it last saved. Batches before that point are
drawn again and thrown away, which keeps the data order that the seed implies.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

__all__ = ["Schedule", "run_steps", "save_atomically"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Cosine decay from `learning_rate` to a fiftieth of it after a linear warm-up.

    With `mean_from`, the rate stays, and what comes out is the mean of the weights
    after that step and each one since (Izmailov et al. 2018, arXiv:1803.05407).
    """

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 100
    save_every: int = 250
    mean_from: int | None = None

    def rate(self, step: int) -> float:
        warm = min(1.0, (step + 1) / self.warmup)
        if self.mean_from is not None:
            return self.learning_rate * warm
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.learning_rate * warm * (0.02 + 0.98 * cosine)


def run_steps(
    model: nn.Module,
    loss_terms: Callable[[Any], dict[str, Tensor]],
    batches: Iterator[Any],
    *,
    checkpoint: Path,
    schedule: Schedule,
) -> None:
    """Train `model` in place on the sum of `loss_terms`, resuming from `checkpoint`."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=schedule.learning_rate, betas=(0.9, 0.98)
    )
    mean = AveragedModel(model) if schedule.mean_from is not None else None
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        if mean is not None:
            mean.load_state_dict(saved["mean"])
        torch.set_rng_state(saved["random_state"])
        first = int(saved["step"])
        for _ in range(first):
            next(batches)
    started = time.monotonic()
    for step in range(first, schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        terms = loss_terms(next(batches))
        total = torch.stack([term.reshape(()) for term in terms.values()]).sum()
        optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        done = step + 1
        if mean is not None and done >= (schedule.mean_from or 0):
            mean.update_parameters(model)
            if done == schedule.steps:
                model.load_state_dict(mean.module.state_dict())
        if done % schedule.save_every == 0 or done == schedule.steps:
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "random_state": torch.get_rng_state(),
                "step": done,
            }
            if mean is not None:
                state["mean"] = mean.state_dict()
            save_atomically(state, checkpoint)
            seconds = (time.monotonic() - started) / (done - first)
            values = " ".join(f"{k} {v.item():.3f}" for k, v in terms.items())
            print(
                f"{checkpoint.stem} {done}/{schedule.steps} {values} "
                f"{seconds:.3f} s/step",
                flush=True,
            )


def save_atomically(state: object, path: Path) -> None:
    """`torch.save` to a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
