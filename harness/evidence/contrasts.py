"""Evidence of contrasts as extreme as can be: does *any* pair of emotions separate?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.design import ClipTable
from harness.evidence.common import Array
from harness.evidence.panel import Contrast
from harness.evidence.signals import signal_evidence
from harness.verdict import Evidence

__all__ = ["contrast_evidences"]


def contrast_evidences(
    activations: Array,
    table: ClipTable,
    contrasts: Sequence[Contrast],
    *,
    null: Array | None = None,
    alpha: float = 0.0,
) -> dict[Contrast, Evidence]:
    """`signal_evidence` of two emotions each, p corrected for all contrasts.

    Contrasts share emotions and so have no relabelings in common: their p-values are
    multiplied by their number (Bonferroni).
    """
    found = {}
    for pair in contrasts:
        own, clips = table.restricted(pair)
        alone = signal_evidence(
            activations[clips],
            own,
            null=None if null is None else null[clips],
            alpha=alpha / len(contrasts),
        )
        assert alone.p is not None
        assert alone.smallest_p is not None
        found[pair] = replace(
            alone,
            p=min(1.0, len(contrasts) * alone.p),
            smallest_p=min(1.0, len(contrasts) * alone.smallest_p),
            detail={
                **alone.detail,
                "p alone": alone.p,
                "tested together": len(contrasts),
                "prompts": {e: _texts(own, e) for e in pair},
            },
        )
    return found


def _texts(table: ClipTable, emotion: str) -> list[str]:
    specs = [spec for spec in table.specs if spec is not None]
    return sorted({s.prompt.text for s in specs if s.prompt.emotion == emotion})
