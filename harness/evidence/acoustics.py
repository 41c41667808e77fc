"""Evidence of claims about what can be heard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.design import ClipTable
from harness.inference.paired import paired_gap, rate_over_chance
from harness.verdict import Evidence

__all__ = ["gap_evidence", "match_evidence"]

_FEWEST_MEASURED = 2


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
        cohorts=(
            table.of_emotion(table.cohort, more),
            table.of_emotion(table.cohort, less),
        ),
        count=table.relabeling_count,
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
        cohort=table.cohort,
        count=table.relabeling_count,
        rng=table.rng("match"),
    )
    own = matches[np.arange(table.n_clips), table.emotion_of_clip]
    by_emotion = {
        e: float(own[table.emotion_of_clip == k].mean())
        for k, e in enumerate(table.emotions)
    }
    return Evidence(
        effect=found.rate,
        null=found.shuffled,
        p=found.p,
        smallest_p=found.smallest_p,
        interval=(found.interval.low, found.interval.high),
        upper=found.interval.upper_one_sided,
        n_prompts=table.n_prompts,
        n_clips=table.n_clips,
        as_documented={"clips that match": f"{int(own.sum())} of {len(own)}"},
        detail={"by emotion": by_emotion, "with shuffled labels": found.shuffled},
    )
