"""What may be concluded from measures: arrays in, frozen records out.

The unit of every test is the prompt (or the template, where the prompts of all
emotions share one), never the clip: clips of one prompt resemble each other, and a
test that counts them as independent finds an emotion in any model.

- `relabel`: relabelings of prompts, and p-values that are never zero
- `maxt`: the corrected p-value of a statistic with one value per layer
- `minp`: the same of statistics that differ in scale
- `gatekeeping`: p-values across claims: Holm, and one family after the other
- `jackknife`: intervals
- `selection`: the effect of the best layer without the optimism of choosing it
- `looks`: when to look, and what a look costs
- `paired`: one number per prompt, compared between emotions
- `gaussian`: activations whose truth is known, to check all of the above
"""

from __future__ import annotations

__all__ = ["InferenceError"]


class InferenceError(ValueError):
    """The design or the data cannot carry the inference asked for."""
