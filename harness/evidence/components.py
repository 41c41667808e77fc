"""What was measured of a model that the power of its later looks hangs on."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.design import ClipTable
from harness.evidence.common import Array
from harness.measures.components import variance_components

__all__ = ["measured_components"]


def measured_components(controls: Array, table: ClipTable) -> dict[str, Any]:
    """ICC, template share and participation ratio: the medians over layers.

    `controls` has one row per control clip of `table`: the second clips say what of
    the noise is the seed's.
    """
    found = variance_components(
        controls, table.prompt_of_control, table.emotion, template=table.template
    )
    return {
        "icc": float(np.median(found.icc)),
        "template_share": float(np.median(found.template_share)),
        "participation_ratio": float(np.median(found.participation_ratio)),
        "emotions": len(table.emotions),
        "matched": table.template is not None,
        "prompts with two clips": found.pairs,
    }
