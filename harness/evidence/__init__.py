"""From measures and inference to `Evidence`: one function for each kind of claim.

Claim files call these with what the fixtures give. Everything here is about clips whose
design is a `ClipTable`; effects are in the unit of the claim.
"""

from harness.evidence.acoustics import gap_evidence, match_evidence
from harness.evidence.common import silence
from harness.evidence.components import measured_components
from harness.evidence.dimensions import dimension_evidence, dimension_evidences
from harness.evidence.panel import panel_evidence
from harness.evidence.probes import probe_evidence
from harness.evidence.signals import (
    control_evidence,
    layer_evidence,
    layer_evidences,
    signal_evidence,
)

__all__ = [
    "control_evidence",
    "dimension_evidence",
    "dimension_evidences",
    "gap_evidence",
    "layer_evidence",
    "layer_evidences",
    "match_evidence",
    "measured_components",
    "panel_evidence",
    "probe_evidence",
    "signal_evidence",
    "silence",
]
