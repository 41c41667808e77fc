"""From measures and inference to `Evidence`: one function for each kind of claim.

Claim files call these with what the fixtures give. Everything here is about clips whose
design is a `ClipTable`; effects are in the unit of the claim.
"""

from harness.evidence.acoustics import gap_evidence, match_evidence
from harness.evidence.attention import any_words, head_evidence, word_evidence
from harness.evidence.change import early_evidence, growth_evidence
from harness.evidence.clustering import (
    emotion_cluster_evidence,
    plane_evidence,
    template_cluster_evidence,
)
from harness.evidence.common import silence
from harness.evidence.components import measured_components
from harness.evidence.curves import frequency_evidence, ratio_evidence, spread_evidence
from harness.evidence.dataset import dataset_evidence
from harness.evidence.depth import depth_evidence, stability_evidence
from harness.evidence.dimensions import dimension_evidence, dimension_evidences
from harness.evidence.panel import panel_evidence
from harness.evidence.probe_panel import (
    learning_evidence,
    multiclass_evidence,
    probe_time_evidence,
)
from harness.evidence.probes import probe_evidence
from harness.evidence.qualifiers import qualified, qualified_each
from harness.evidence.replication import replication_evidence
from harness.evidence.signals import (
    control_evidence,
    layer_evidence,
    layer_evidences,
    signal_evidence,
)
from harness.evidence.time import emergence_evidence

__all__ = [
    "replication_evidence",
    "stability_evidence",
    "depth_evidence",
    "dataset_evidence",
    "any_words",
    "control_evidence",
    "dimension_evidence",
    "dimension_evidences",
    "early_evidence",
    "emotion_cluster_evidence",
    "emergence_evidence",
    "frequency_evidence",
    "gap_evidence",
    "growth_evidence",
    "head_evidence",
    "layer_evidence",
    "layer_evidences",
    "learning_evidence",
    "match_evidence",
    "measured_components",
    "multiclass_evidence",
    "panel_evidence",
    "plane_evidence",
    "probe_evidence",
    "probe_time_evidence",
    "qualified",
    "qualified_each",
    "ratio_evidence",
    "signal_evidence",
    "silence",
    "spread_evidence",
    "template_cluster_evidence",
    "word_evidence",
]
