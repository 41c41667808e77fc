"""Evidence of each rule by itself: are happy clips fast, are they in major?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.inference.minp import joint_min_p
from harness.inference.paired import rate_interval
from harness.inference.relabel import smallest_attainable_p
from harness.measures.emotion_rules import follows
from harness.verdict import Evidence

__all__ = ["MEDIAN", "Rule", "rule_evidences"]

Rule = tuple[str, str]  # an emotion, and the name of a bound of `emotion_rules`
MEDIAN = "median"  # the bound is the median over all clips of the run


def rule_evidences(
    heard: Sequence[Mapping[str, Any]],
    table: ClipTable,
    rules: Mapping[str, Mapping[str, Any]],
) -> dict[Rule, Evidence]:
    """Share of an emotion's prompts that keep one bound, against shuffled labels.

    p is corrected for all bounds of all emotions by stepping down.

    Parameters
    ----------
    heard
        What was measured of each clip; what could not be measured keeps no bound.
    table
        The clips.
    rules
        Of each emotion, its bounds by name. Emotions without clips are left out.
    """
    asked = [(e, name) for e in table.emotions for name in rules.get(e, {})]
    if not asked:
        return {}
    bounds = {rule: _number(rules[rule[0]][rule[1]], rule[1], heard) for rule in asked}
    kept = np.array(
        [[follows(h, {rule[1]: bounds[rule]}) for rule in asked] for h in heard]
    )
    rates = table.by_prompt(kept.astype(np.float64))
    codes = [table.emotions.index(emotion) for emotion, _ in asked]
    drawn = table.relabeled("rules")
    ranks = np.unique(table.emotion).searchsorted(codes)  # as `relabelings` has them
    statistics = np.empty((len(drawn.labels), len(asked)))
    for k, rank in enumerate(ranks):
        own = drawn.labels == rank
        statistics[:, k] = own @ rates[:, k] / own[0].sum()
    tested = joint_min_p(statistics, exact=drawn.exact)
    found = {}
    for k, rule in enumerate(asked):
        alone = _alone(rule, bounds[rule], kept[:, k], heard, table)
        shuffled = float(statistics[:, k].mean())
        detail = {
            **alone.detail,
            "with shuffled labels": shuffled,
            "p alone": float(tested.own[k]),
            "tested together": len(asked),
        }
        found[rule] = replace(
            alone, p=float(tested.step_down[k]), null=shuffled, detail=detail
        )
    return found


def _alone(
    rule: Rule,
    bound: Any,
    kept: npt.NDArray[np.bool_],
    heard: Sequence[Mapping[str, Any]],
    table: ClipTable,
) -> Evidence:
    """One rule, before it is compared with shuffled labels."""
    emotion, name = rule
    code = table.emotions.index(emotion)
    prompts, clips = table.emotion == code, table.emotion_of_clip == code
    rates = table.by_prompt(kept.astype(np.float64))[prompts]
    template = None if table.template is None else table.template[prompts]
    interval = rate_interval(rates, template)
    own = [h for h, mine in zip(heard, clips, strict=True) if mine]
    return Evidence(
        effect=float(rates.mean()),
        smallest_p=smallest_attainable_p(
            table.emotion,
            template=table.template,
            cohort=table.cohort,
            count=table.relabeling_count,
            symmetric=False,
        ),
        interval=(interval.low, interval.high),
        upper=interval.upper_one_sided,
        n_prompts=int(prompts.sum()),
        n_clips=len(own),
        as_documented={"clips that keep it": f"{int(kept[clips].sum())} of {len(own)}"},
        detail={
            "bound": bound,
            "clips in which it could not be measured": sum(
                _value(h, name) is None for h in own
            ),
        },
    )


def _number(bound: Any, name: str, heard: Sequence[Mapping[str, Any]]) -> Any:
    """The bound itself, or the median of its feature over all clips."""
    if bound != MEDIAN:
        return bound
    values = np.array([_value(h, name) for h in heard], np.float64)
    return float(np.nanmedian(values)) if np.isfinite(values).any() else 0.0


def _value(heard: Mapping[str, Any], name: str) -> Any:
    """Of the feature that the bound is on; None where it could not be measured."""
    return heard.get(name if name == "mode" else name.rpartition("_")[0])
