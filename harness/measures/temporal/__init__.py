"""How activations move while a clip is made: windows, variance, strength, frequencies.

One file for each idea: `windows` (resemblance in parts of the clip), `levels` (one
number for each clip and layer), `spread` (emotions against prompts), `spectrum`.
"""

from harness.measures.temporal.levels import log_levels, log_shares
from harness.measures.temporal.spectrum import band_powers, band_sums, octave_bands
from harness.measures.temporal.spread import explained_shares, f_ratio
from harness.measures.temporal.windows import (
    TemporalError,
    early_minus_late,
    rise_along_line,
    window_gram,
)

__all__ = [
    "TemporalError",
    "band_powers",
    "band_sums",
    "early_minus_late",
    "explained_shares",
    "f_ratio",
    "log_levels",
    "log_shares",
    "octave_bands",
    "rise_along_line",
    "window_gram",
]
