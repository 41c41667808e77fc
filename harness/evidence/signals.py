"""Evidence of claims about which activations resemble each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.design import ClipTable
from harness.evidence.common import (
    Array,
    Floats,
    emotion_similarities,
    smallest_p,
)
from harness.evidence.components import measured_components
from harness.evidence.qualifiers import Rung, as_detail, qualifier_of
from harness.evidence.swaps import swap_effects
from harness.inference.jackknife import jackknife_t
from harness.inference.maxt import MaxT, max_t
from harness.inference.selection import cross_fitted
from harness.measures.control import control_similarity
from harness.measures.gram import prompt_gram
from harness.measures.raw_cosine import raw_cosine_signal
from harness.measures.similarity import emotion_signals, signal_of_units
from harness.verdict import Evidence

__all__ = [
    "control_evidence",
    "layer_evidence",
    "layer_evidences",
    "signal_evidence",
]


def signal_evidence(
    activations: Array,
    table: ClipTable,
    *,
    null: Array | None = None,
    first_step: Array | None = None,
    swap: Array | None = None,
    controls: Array | None = None,
    alpha: float = 0.0,
) -> Evidence:
    """Within minus between emotions in the best layer, chosen on other templates.

    p is the family's max-T p over layers. It is looked for again in `null` (the half
    that never saw the words), at the `first_step` (before there is any music) and in
    `swap` (music under other words, see `swap_effects`), and qualified as
    `qualifier_of` says. `controls`, a row for each control clip, tell what the noise
    is made of.
    """
    gram, statistics, tested = _signal(activations, table)
    score = signal_of_units(
        gram, table.emotion, unit_of_prompt=table.units, template=table.template
    )
    chosen = cross_fitted(score, table.n_units, rng=table.rng("layers"))
    by_layer = jackknife_t(score, table.n_units)
    raw = raw_cosine_signal(activations, table.emotion_of_clip)
    detail: dict[str, Any] = {
        "layers": list(range(statistics.shape[1])),
        "signal": statistics[0],
        "null_low": np.quantile(statistics, 0.025, axis=0),
        "null_high": np.quantile(statistics, 0.975, axis=0),
        "p_adjusted": tested.p,
        "within": raw.within,
        "between": raw.between,
        "best_layer": chosen.best,
        "best_layer_chosen_in": chosen.share,
        "emotions": table.emotions,
        "similarity of emotions": emotion_similarities(gram[chosen.best], table),
    }
    rungs = [_rung("conditional", statistics, tested, table)]
    if table.words_recur:
        _, by_sentence, apart = _signal(activations, table.sentences)
        rungs.append(
            _rung("every sentence for itself", by_sentence, apart, table.sentences)
        )
    if null is not None:
        _, without_words, heard = _signal(null, table)
        detail |= {"null_half_signal": without_words[0], "null_half_p": heard.p_any}
        rungs.append(_rung("null half", without_words, heard, table))
    if first_step is not None:
        _, words_only, read = _signal(first_step, table)
        detail |= {"first_step_signal": words_only[0], "first_step_p": read.p_any}
        rungs.append(_rung("first step", words_only, read, table))
    if swap is not None:
        for effect in swap_effects(swap, table):
            rungs.append(effect.rung)
            name = effect.rung.rung
            detail |= {name: effect.signal, f"{name}, p": effect.p_by_layer}
    if controls is not None:
        detail["measured"] = measured_components(controls, table.sentences)
    detail["ladder"] = as_detail(rungs)
    return Evidence(
        effect=chosen.effect,
        p=tested.p_any,
        smallest_p=smallest_p(table),
        interval=(chosen.interval.low, chosen.interval.high),
        upper=float(np.max(by_layer.upper_one_sided)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={
            "raw cosine within - between, best layer": float(raw.signal.max()),
            "t-test over pairs of clips, p": float(raw.p[int(raw.signal.argmax())]),
        },
        qualifier=qualifier_of(rungs, alpha),
        detail=detail,
    )


def layer_evidence(activations: Array, table: ClipTable, layer: int) -> Evidence:
    """Within minus between emotions in one layer, p corrected for all layers."""
    return layer_evidences(activations, table)[layer]


def layer_evidences(activations: Array, table: ClipTable) -> tuple[Evidence, ...]:
    """`layer_evidence` of every layer, at the cost of one."""
    gram, statistics, tested = _signal(activations, table)
    score = signal_of_units(
        gram, table.emotion, unit_of_prompt=table.units, template=table.template
    )
    interval = jackknife_t(score, table.n_units)
    return tuple(
        Evidence(
            effect=float(statistics[0, layer]),
            p=float(tested.p[layer]),
            smallest_p=smallest_p(table),
            interval=(float(interval.low[layer]), float(interval.high[layer])),
            upper=float(interval.upper_one_sided[layer]),
            n_prompts=table.n_prompts,
            n_clips=table.n_clips,
        )
        for layer in range(statistics.shape[1])
    )


def control_evidence(activations: Array, table: ClipTable) -> Evidence:
    """Same prompt with another seed, against different emotions.

    `activations` has one row per control clip of `table`.
    """
    found = control_similarity(
        activations,
        table.prompt_of_control,
        table.emotion,
        template=table.template,
        count=table.relabeling_count,
        rng=table.rng("controls"),
    )
    tested = max_t(found.statistics, exact=found.exact)
    best = tested.best
    raw = raw_cosine_signal(activations, table.prompt_of_control)
    return Evidence(
        effect=float(found.effect[best]),
        p=tested.p_any,
        n_prompts=found.pairs,
        n_clips=len(activations),
        as_documented={
            "raw cosine, same prompt": float(raw.within[best]),
            "raw cosine, different prompts": float(raw.between[best]),
        },
        detail={
            "layer": best,
            "same prompt, by layer": found.same_prompt,
            "different emotions, by layer": found.different_emotion,
            "p by layer": tested.p,
        },
    )


def _signal(activations: Array, table: ClipTable) -> tuple[Floats, Floats, MaxT]:
    """Gram, signal of every relabeling and layer, and its corrected p."""
    gram = prompt_gram(activations, table.prompt_of_clip)
    statistics = emotion_signals(
        gram, table.relabelings.labels, template=table.template
    )
    return gram, statistics, max_t(statistics, exact=table.relabelings.exact)


def _rung(name: str, statistics: Floats, tested: MaxT, table: ClipTable) -> Rung:
    return Rung(
        rung=name,
        effect=float(statistics[0, tested.best]),
        p=tested.p_any,
        smallest_p=smallest_p(table),
    )
