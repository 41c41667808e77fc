"""Drawing codes: guidance, top-k or top-p, and the clip's own random numbers.

Randomness belongs to the clip: one uniform number per step and codebook, from a Philox
stream keyed by the clip's seed, used by inverse CDF. The global generator is never
touched.

References
----------
Ho & Salimans 2022, arXiv:2207.12598 (guidance); Salmon et al. 2011,
doi:10.1145/2063384.2063405 (Philox).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harness.plan import Generation

__all__ = ["guided", "sample", "uniforms"]


def uniforms(seeds: Sequence[int], *, steps: int, codebooks: int) -> np.ndarray:
    """Each clip's random numbers, float64 `(clips, steps, codebooks)` in [0, 1)."""
    streams = [np.random.Generator(np.random.Philox(key=seed)) for seed in seeds]
    return np.stack([stream.random((steps, codebooks)) for stream in streams])


def guided(logits: Tensor, cfg_coef: float) -> Tensor:
    """Classifier-free guidance, eq. 6: `(2 * clips, ...)` to `(clips, ...)` float32."""
    conditional, null = logits.float().chunk(2)
    return null + (conditional - null) * cfg_coef


def _kth_largest(values: Tensor, k: int) -> Tensor:
    """`(..., 1)`, found from the end that is nearer."""
    smallest = values.shape[-1] - k + 1
    if k <= smallest:
        return values.topk(k, sorted=False).values.amin(-1, keepdim=True)
    found = values.topk(smallest, largest=False, sorted=False).values
    return found.amax(-1, keepdim=True)


def sample(logits: Tensor, draws: Tensor, generation: Generation) -> Tensor:
    """Draw codes by inverse CDF, in vocabulary order.

    `logits` is `(clips, codebooks, vocabulary)`, `draws` `(clips, codebooks)` in [0,
    1). Top-p is used where it is set, else top-k, as in audiocraft; temperature 0 is
    greedy.
    """
    if generation.temperature == 0:
        return logits.argmax(-1)
    probabilities = torch.softmax(logits / generation.temperature, dim=-1)
    if generation.top_p > 0:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        beyond = ordered.cumsum(-1) - ordered > generation.top_p
        probabilities = probabilities.masked_fill(
            torch.zeros_like(beyond).scatter(-1, order, beyond), 0.0
        )
    elif 0 < generation.top_k < probabilities.shape[-1]:
        least = _kth_largest(probabilities, generation.top_k)
        probabilities = probabilities.masked_fill(probabilities < least, 0.0)
    cumulative = probabilities.double().cumsum(-1)
    target = draws[..., None] * cumulative[..., -1:]
    # The last code with any probability is the limit, should rounding go past it. The
    # sum does not grow after it, so it is the first to reach the whole.
    last = (cumulative < cumulative[..., -1:]).sum(-1)
    return torch.minimum((cumulative <= target).sum(-1), last)
