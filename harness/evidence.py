"""From measures and inference to `Evidence`: one function for each kind of claim.

Claim files call these with what the fixtures give. Everything here is about clips whose
design is a `ClipTable`; effects are in the unit of the claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.design import RELABELINGS, ClipTable
from harness.inference.jackknife import jackknife_interval, jackknife_t
from harness.inference.maxt import MaxT, max_t
from harness.inference.paired import paired_gap, rate_over_chance
from harness.inference.relabel import p_value, relabelings, smallest_attainable_p
from harness.inference.selection import cross_fitted
from harness.measures.dimensions import (
    differing_shares,
    documented_shares,
    emotion_pairs,
    excess_share,
)
from harness.measures.probe import (
    confusion,
    documented_accuracy,
    nested_accuracy,
    pairwise_accuracy,
    probe_folds,
    selectivity,
)
from harness.measures.similarity import (
    control_similarity,
    emotion_signals,
    prompt_gram,
    raw_cosine_signal,
    signal_of_units,
)
from harness.verdict import TEXT_BORNE, Evidence

__all__ = [
    "control_evidence",
    "dimension_evidence",
    "gap_evidence",
    "layer_evidence",
    "match_evidence",
    "probe_evidence",
    "signal_evidence",
    "silence",
]

Array = npt.NDArray[np.floating[Any]]
Floats = npt.NDArray[np.float64]
AUDIO_BORNE = "audio-borne"
_FEWEST_MEASURED = 2
FEWER_RELABELINGS = 2_000  # where each costs a fit or a sweep over dimensions


def gap_evidence(
    values: npt.NDArray[np.float64], table: ClipTable, contrast: tuple[str, str]
) -> Evidence:
    """By how much one emotion exceeds another in a value heard in each clip."""
    more, less = contrast
    by_prompt = table.by_prompt(values)
    a, b = (table.of_emotion(by_prompt, emotion) for emotion in contrast)
    measured = [np.isfinite(a), np.isfinite(b)]
    if table.template is not None:
        measured = [measured[0] & measured[1]] * 2
    unmeasured = sum(int((~m).sum()) for m in measured)
    if unmeasured and min(int(m.sum()) for m in measured) < _FEWEST_MEASURED:
        return Evidence(effect=None, n_prompts=a.size + b.size, unmeasured=unmeasured)
    gap = paired_gap(
        a,
        b,
        template_matched=table.template is not None,
        count=RELABELINGS,
        rng=table.rng("gap"),
    )
    clips = {
        e: values[table.emotion_of_clip == table.emotions.index(e)] for e in contrast
    }
    return Evidence(
        effect=gap.effect,
        p=gap.p,
        smallest_p=gap.smallest_p,
        interval=(gap.interval.low, gap.interval.high),
        upper=gap.interval.upper_one_sided,
        n_prompts=sum(gap.prompts),
        n_clips=sum(len(v) for v in clips.values()),
        as_documented={f"{e}, first clip": v[0] for e, v in clips.items()},
        detail={
            f"{more} by prompt": a,
            f"{less} by prompt": b,
            "prompts left out because unmeasured": unmeasured,
        },
        unmeasured=unmeasured,
    )


def match_evidence(matches: npt.NDArray[np.bool_], table: ClipTable) -> Evidence:
    """Share of clips that meet their own rule; `matches` is `(clips, emotions)`."""
    rates = table.by_prompt(matches.astype(np.float64))
    found = rate_over_chance(
        rates,
        table.emotion,
        template=table.template,
        count=RELABELINGS,
        rng=table.rng("match"),
    )
    own = matches[np.arange(table.n_clips), table.emotion_of_clip]
    by_emotion = {
        e: float(own[table.emotion_of_clip == k].mean())
        for k, e in enumerate(table.emotions)
    }
    return Evidence(
        effect=found.rate,
        p=found.p,
        smallest_p=found.smallest_p,
        interval=(found.interval.low, found.interval.high),
        upper=found.interval.upper_one_sided,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"clips that match": f"{int(own.sum())} of {len(own)}"},
        detail={"by emotion": by_emotion, "with shuffled labels": found.shuffled},
    )


def silence(found: Evidence) -> Evidence:
    """What a measure found where nothing was put: its p, which should be large."""
    return Evidence(
        effect=1.0 if found.p is None else found.p,  # no p: it found nothing
        n_prompts=found.n_prompts,
        n_clips=found.n_clips,
        detail={"effect with shuffled labels": found.effect},
    )


def _smallest_p(table: ClipTable, count: int = RELABELINGS) -> float:
    return smallest_attainable_p(table.emotion, template=table.template, count=count)


def _qualifier(p: float, p_without_words: float, alpha: float) -> str | None:
    """How a found effect came: with the words only, or also through the music."""
    if p >= alpha:
        return None  # nothing was found, so it came in no way
    return AUDIO_BORNE if p_without_words < alpha else TEXT_BORNE


def _units(table: ClipTable) -> int:
    return int(table.units.max()) + 1


def _signal(activations: Array, table: ClipTable) -> tuple[Floats, Floats, MaxT]:
    """Gram, signal of every relabeling and layer, and its corrected p."""
    gram = prompt_gram(activations, table.prompt_of_clip)
    statistics = emotion_signals(
        gram, table.relabelings.labels, template=table.template
    )
    return gram, statistics, max_t(statistics, exact=table.relabelings.exact)


def signal_evidence(
    activations: Array,
    table: ClipTable,
    *,
    null: Array | None = None,
    first_step: Array | None = None,
    alpha: float = 0.0,
) -> Evidence:
    """Within minus between emotions in the best layer, chosen on other templates.

    p is the family's max-T p over layers. With `null` (the half that never saw the
    words) the effect is called audio-borne if it is there too, at `alpha`, else
    text-borne.
    """
    gram, statistics, tested = _signal(activations, table)
    score = signal_of_units(
        gram, table.emotion, unit_of_prompt=table.units, template=table.template
    )
    chosen = cross_fitted(score, _units(table), rng=table.rng("layers"))
    by_layer = jackknife_t(score, _units(table))
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
    }
    qualifier = None
    if null is not None:
        _, without_words, heard = _signal(null, table)
        detail |= {"null_half_signal": without_words[0], "null_half_p": heard.p_any}
        qualifier = _qualifier(tested.p_any, heard.p_any, alpha)
    if first_step is not None:
        _, words_only, read = _signal(first_step, table)
        detail |= {"first_step_signal": words_only[0], "first_step_p": read.p_any}
    return Evidence(
        effect=chosen.effect,
        p=tested.p_any,
        smallest_p=_smallest_p(table),
        interval=(chosen.interval.low, chosen.interval.high),
        upper=float(np.max(by_layer.upper_one_sided)),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={
            "raw cosine within - between, best layer": float(raw.signal.max()),
            "t-test over pairs of clips, p": float(raw.p[int(raw.signal.argmax())]),
        },
        qualifier=qualifier,
        detail=detail,
    )


def layer_evidence(activations: Array, table: ClipTable, layer: int) -> Evidence:
    """Within minus between emotions in one layer, p corrected for all layers."""
    gram, statistics, tested = _signal(activations, table)
    score = signal_of_units(
        gram[layer : layer + 1],
        table.emotion,
        unit_of_prompt=table.units,
        template=table.template,
    )
    interval = jackknife_t(score, _units(table))
    return Evidence(
        effect=float(statistics[0, layer]),
        p=float(tested.p[layer]),
        smallest_p=_smallest_p(table),
        interval=(float(interval.low[0]), float(interval.high[0])),
        upper=float(interval.upper_one_sided[0]),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
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


def dimension_evidence(
    activations: Array, table: ClipTable, pair: tuple[str, str]
) -> Evidence:
    """Share of dimensions that differ between two emotions, beyond shuffled labels.

    p is corrected for all pairs and layers.
    """
    by_prompt = np.stack(
        [activations[table.prompt_of_clip == k].mean(0) for k in range(table.n_prompts)]
    )
    drawn = relabelings(
        table.emotion,
        template=table.template,
        count=FEWER_RELABELINGS,
        rng=table.rng("dimensions"),
    )
    shares = differing_shares(by_prompt, drawn.labels)
    layers, pairs = shares.shape[1:]
    tested = max_t(shares.reshape(len(shares), -1), exact=drawn.exact)
    first, second = sorted(table.emotions.index(e) for e in pair)
    column = emotion_pairs(len(table.emotions)).index((first, second))
    p = tested.p.reshape(layers, pairs)[:, column]
    excess = excess_share(shares)[:, column]
    best = int(np.argmin(p - 1e-9 * excess))
    documented = documented_shares(activations, table.emotion_of_clip)[best, column]
    return Evidence(
        effect=float(excess[best]),
        p=float(p[best]),
        smallest_p=_smallest_p(table, FEWER_RELABELINGS),
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"share of dimensions that differ by > 0.1": float(documented)},
        detail={
            "layer": best,
            "share by layer": shares[0, :, column],
            "share with shuffled labels, by layer": shares[:, :, column].mean(0),
            "p by layer": p,
        },
    )


def probe_evidence(
    activations: Array,
    table: ClipTable,
    *,
    null: Array | None = None,
    alpha: float = 0.0,
) -> Evidence:
    """Accuracy of a linear probe for two emotions on templates it has not seen.

    The layer is chosen on the training templates; p is for the best layer of every
    relabeling, refitted. Qualified as `signal_evidence` is.
    """
    folds = probe_folds(table.emotion, template=table.template)
    nested = nested_accuracy(
        activations,
        table.emotion,
        fold_of_prompt=folds,
        template=table.template,
        prompt_of_clip=table.prompt_of_clip,
    )
    accuracies, p = _probe_p(activations, table, folds)
    interval = jackknife_interval(nested.accuracy, nested.left_out_accuracy)
    best = int(np.argmax(accuracies[0]))
    detail: dict[str, Any] = {
        "accuracy by layer": accuracies[0],
        "accuracy with shuffled labels": float(accuracies.mean()),
        "selectivity": float(selectivity(accuracies)[best]),
        "layer chosen in each fold": nested.layer_of_fold,
        "confusion": _confusion(activations, table, folds, best),
    }
    qualifier = None
    if null is not None:
        heard, p_heard = _probe_p(null, table, folds)
        detail |= {
            "null half, best layer": float(heard[0].max()),
            "null half, p": p_heard,
        }
        qualifier = _qualifier(p, p_heard, alpha)
    documented = documented_accuracy(activations, table.emotion_of_clip, layers=[best])
    return Evidence(
        effect=nested.accuracy,
        p=p,
        smallest_p=_smallest_p(table, FEWER_RELABELINGS),
        interval=tuple(np.clip([interval.low, interval.high], 0.0, 1.0).tolist()),
        upper=interval.upper_one_sided,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"5-fold accuracy over clips, best layer": float(documented[0])},
        qualifier=qualifier,
        detail=detail,
    )


def _probe_p(
    activations: Array, table: ClipTable, folds: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.float64], float]:
    """Accuracy `(relabelings, layers)`, and the p of its maximum over layers."""
    drawn = relabelings(
        table.emotion,
        template=table.template,
        # Without templates, labels move within folds, so that folds stay balanced.
        cohort=None if table.template is not None else folds,
        count=FEWER_RELABELINGS,
        rng=table.rng("probe"),
    )
    accuracies = pairwise_accuracy(
        activations,
        drawn.labels,
        fold_of_prompt=folds,
        prompt_of_clip=table.prompt_of_clip,
    )
    return accuracies, p_value(accuracies.max(axis=1))


def _confusion(
    activations: Array, table: ClipTable, folds: npt.NDArray[np.intp], layer: int
) -> Mapping[str, Any]:
    counts = confusion(
        activations[:, layer : layer + 1],
        table.emotion,
        fold_of_prompt=folds,
        prompt_of_clip=table.prompt_of_clip,
    )
    return {"emotions": table.emotions, "share": np.squeeze(counts)}
