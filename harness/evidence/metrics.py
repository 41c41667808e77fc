"""Evidence of other metrics than cosine: does one of them separate the emotions?"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from harness.evidence.common import smallest_p
from harness.evidence.metric_panel import METRICS, OTHER_METRICS, MetricPanel
from harness.inference.selection import CrossFitted
from harness.verdict import Evidence

__all__ = [
    "metric_evidences",
    "other_metrics_evidence",
    "sensitivity_evidence",
]


def metric_evidences(panel: MetricPanel) -> dict[str, Evidence]:
    """Whether each metric but cosine separates; p corrected for layers and metrics."""
    return {
        name: _evidence(
            panel,
            panel.held_out[name],
            p=float(panel.joint.step_down[k]),
            detail={
                "value in its own unit, by layer": panel.values[name],
                "SD beyond shuffled labels, by layer": panel.beyond[name],
                "p of this metric alone": panel.p_alone[name],
                "best layer": panel.held_out[name].best,
                "best layer chosen in": panel.held_out[name].share,
                "tested together": len(OTHER_METRICS),
            },
            documented=(name,),
        )
        for k, name in enumerate(OTHER_METRICS)
    }


def other_metrics_evidence(panel: MetricPanel) -> Evidence:
    """Whether any metric but cosine separates, metric and layer chosen elsewhere."""
    layers = len(panel.values["cosine"])
    metric, layer = divmod(panel.together.best, layers)
    return _evidence(
        panel,
        panel.together,
        p=float(panel.joint.step_down.min()),
        detail={
            "metric chosen most often": OTHER_METRICS[metric],
            "in layer": layer,
            "p by metric": dict(
                zip(OTHER_METRICS, panel.joint.step_down.tolist(), strict=True)
            ),
            "p of cosine alone": panel.p_alone["cosine"],
            "SD beyond shuffled labels, cosine": panel.held_out["cosine"].effect,
        },
        documented=tuple(panel.documented),
    )


def sensitivity_evidence(panel: MetricPanel) -> Evidence:
    """How much further beyond shuffled labels the best other metric is than cosine.

    The metric is chosen on other templates than the difference is read on. Every two
    metrics are compared in `detail`, on all clips, each in its own best layer.
    """
    found, apart = panel.sensitivity, panel.differences
    layers = {name: fitted.best for name, fitted in panel.held_out.items()}
    advantage = panel.advantage
    return Evidence(
        effect=advantage.effect,
        interval=(advantage.interval.low, advantage.interval.high),
        n_prompts=panel.table.n_prompts,
        n_clips=panel.table.n_clips,
        detail={
            "most sensitive": METRICS[int(found.estimate.argmax())],
            "chosen against cosine": OTHER_METRICS[advantage.best],
            "metrics": {
                name: {
                    "SD beyond shuffled labels": found.estimate[k],
                    "low": found.low[k],
                    "high": found.high[k],
                    "layer": layers[name],
                    "p of this metric alone": panel.p_alone[name],
                }
                for k, name in enumerate(METRICS)
            },
            "differences": {
                f"{METRICS[a]} - {METRICS[b]}": {
                    "difference": apart.estimate[a, b],
                    "low": apart.low[a, b],
                    "high": apart.high[a, b],
                }
                for a, b in combinations(range(len(METRICS)), 2)
            },
        },
    )


def _evidence(
    panel: MetricPanel,
    fitted: CrossFitted,
    *,
    p: float,
    detail: Mapping[str, Any],
    documented: tuple[str, ...],
) -> Evidence:
    said = {"Euclidean": "norm of the difference of means", "CKA": "CKA, not debiased"}
    return Evidence(
        effect=fitted.effect,
        p=p,
        smallest_p=smallest_p(panel.table),
        interval=(fitted.interval.low, fitted.interval.high),
        n_prompts=panel.table.n_prompts,
        n_clips=panel.table.n_clips,
        as_documented={
            f"{said[name]}, {which} layer": float(choose(panel.documented[name]))
            for name in documented
            if name in panel.documented
            for which, choose in (("smallest", np.nanmin), ("largest", np.nanmax))
        },
        detail=detail,
    )
