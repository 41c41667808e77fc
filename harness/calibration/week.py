"""Week 1 on planted data: the claims as their tests decide them, and the verdict.

What the tests under `hypotheses/` do with clips from a store is done here with planted
ones, by the same functions: the plan's own design, `harness.evidence`, `decide` and
`settle`. Instrument checks have nothing to check here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from harness.calibration.worlds import EMOTIONS, Planted
from harness.claims import acoustic_rules, load_claims
from harness.design import ClipTable, clip_table
from harness.evidence import (
    control_evidence,
    dimension_evidence,
    gap_evidence,
    layer_evidence,
    match_evidence,
    panel_evidence,
    probe_evidence,
    signal_evidence,
)
from harness.evidence.panel import Contrast
from harness.inference import InferenceError
from harness.inference.gaussian import GaussianModel
from harness.inference.looks import Look, design_for, look_for
from harness.measures.dimensions import DimensionError
from harness.measures.emotion_rules import follows
from harness.measures.gram import SimilarityError
from harness.measures.probe import ProbeError
from harness.plan import ClipSpec, Generation, make_plan
from harness.prompts import load_bank
from harness.verdict import Decision, Evidence, Verdict, decide, settle

__all__ = [
    "Seen",
    "claim_decision",
    "design",
    "gate_decisions",
    "panel_decisions",
    "rows_of",
    "see",
    "verdict_of",
]

_INVALIDATING = (InferenceError, DimensionError, ProbeError, SimilarityError)
# p below .005 is then two relabelings, the observed one and another, and below .0025,
# which Holm may ask for, the observed one alone: small p-values cost the fewest draws.
RELABELINGS = 401
PANEL_RELABELINGS = 1_024  # five features and contrasts share the smallest p


def see(
    planted: Planted,
    samples: int,
    *,
    seed: int,
    prompts: int | None = None,
    relabelings: int = RELABELINGS,
) -> Seen:
    """What a look with `samples` clips per emotion sees of a planted data set.

    Parameters
    ----------
    planted : Planted
    samples : int
        Clips per emotion, which give the look and the design.
    seed : int
        Of the relabelings. A user's are always the same, but many and so as good as
        any; few would have an error rate of their own if they were always the same.
    prompts : int, optional
        Per emotion, if another number than the look asks for.
    relabelings : int
    """
    counts = design_for(samples)
    table = replace(
        design(prompts or counts.prompts_per_emotion, counts.seeds_per_prompt),
        relabeling_count=relabelings,
        relabeling_seed=seed,
    )
    return Seen(
        look=look_for(samples),
        table=table,
        planted=planted,
        rows=rows_of(table, table.specs, planted.model),
        control_rows=rows_of(table, table.controls, planted.model),
    )


@cache
def design(
    prompts_per_emotion: int, seeds_per_prompt: int, *, bank: str = "matched"
) -> ClipTable:
    """The table of clips of a plan with the four emotions of the planted worlds."""
    loaded = load_bank(bank)
    plan = make_plan(
        loaded.select(EMOTIONS, prompts_per_emotion, seed=0),
        seeds_per_prompt=seeds_per_prompt,
        seed=0,
        fingerprint="planted",
        generation=Generation(duration_seconds=8.0),
    )
    return clip_table(plan, bank=loaded)


def rows_of(
    table: ClipTable, specs: Sequence[ClipSpec], model: GaussianModel
) -> npt.NDArray[np.intp]:
    """Where the clips of a design stand in data that were drawn from `model`."""
    turns: dict[str, list[str]] = {emotion: [] for emotion in EMOTIONS}
    for spec in table.specs:
        known = turns[spec.prompt.emotion]
        if spec.prompt.template not in known:
            known.append(spec.prompt.template)

    def row(spec: ClipSpec) -> int:
        emotion = EMOTIONS.index(spec.prompt.emotion)
        turn = turns[spec.prompt.emotion].index(spec.prompt.template)
        return (emotion * model.prompts + turn) * model.seeds + spec.replicate

    return np.array([row(spec) for spec in specs])


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The part of a data set that one look sees."""

    look: Look
    table: ClipTable
    planted: Planted
    rows: npt.NDArray[np.intp]  # (clips,)
    control_rows: npt.NDArray[np.intp]

    def heard(self, name: str) -> npt.NDArray[np.float64]:
        return self.planted.heard[name][self.rows]

    @property
    def acoustics(self) -> npt.NDArray[np.float64]:
        """Tempo, loudness and brightness, `(clips, 3)`."""
        names = ("tempo_bpm", "rms", "brightness_hz")
        return np.stack([self.heard(name) for name in names], axis=1)


def gate_decisions(seen: Seen, *, probe: bool = True) -> list[Decision]:
    """The gates of week 1, in the order of the decision tree.

    `probe` says whether the last of them is asked for, which costs most.
    """
    decisions = [
        *_tempo_gaps(seen),
        _decided(seen, "acoustic_match", _matches),
        claim_decision(seen, "layer_signal"),
    ]
    return [*decisions, claim_decision(seen, "linear_probe")] if probe else decisions


def claim_decision(seen: Seen, claim: str, *, halves: bool = True) -> Decision:
    """One of the gates on activations, with or without the half that saw no words."""
    measure = {"layer_signal": _signal, "linear_probe": _probe}[claim]
    return _decided(seen, claim, partial(measure, halves=halves))


def _matches(seen: Seen) -> Evidence:
    rules = acoustic_rules()
    modes = np.where(seen.heard("major") > 0, "major", "minor")
    heard = zip(seen.heard("tempo_bpm"), seen.heard("rms"), modes, strict=True)
    clips = [dict(zip(("tempo_bpm", "rms", "mode"), h, strict=True)) for h in heard]
    met = np.array([[follows(clip, rules[e]) for e in EMOTIONS] for clip in clips])
    return match_evidence(met, seen.table)


def _signal(seen: Seen, *, halves: bool) -> Evidence:
    planted, rows = seen.planted, seen.rows
    return signal_evidence(
        planted.conditional[rows],
        seen.table,
        null=planted.null[rows] if halves else None,
        first_step=planted.first_step[rows] if halves else None,
        swap=planted.swap if halves else None,
        controls=planted.conditional[seen.control_rows],
        alpha=seen.look.alpha,
    )


def _probe(seen: Seen, *, halves: bool) -> Evidence:
    planted, rows = seen.planted, seen.rows
    return probe_evidence(
        planted.conditional[rows],
        seen.table,
        null=planted.null[rows] if halves else None,
        acoustics=seen.acoustics if halves else None,
        alpha=seen.look.alpha,
    )


def panel_decisions(seen: Seen) -> list[Decision]:
    """The claims of week 1 that are reported and do not decide.

    Of the claims that are the same for all layers or all pairs of emotions but for
    their number, only the first layer's and the first pair's.
    """
    activations = seen.planted.conditional
    return [
        *_acoustic_panel(seen),
        _decided(
            seen,
            "layer_signal_by_layer",
            lambda seen: layer_evidence(activations[seen.rows], seen.table, 0),
        ),
        _decided(
            seen,
            "permutation_baseline",
            lambda seen: dimension_evidence(
                activations[seen.rows], seen.table, EMOTIONS[:2]
            ),
        ),
        _decided(
            seen,
            "control_similarity",
            lambda seen: control_evidence(
                activations[seen.control_rows], seen.table.sentences
            ),
        ),
    ]


def _tempo_gaps(seen: Seen) -> Iterator[Decision]:
    for contrast in load_claims()["tempo_gap"].contrasts:
        measure = partial(_tempo_gap, contrast=contrast)
        yield _decided(seen, "tempo_gap", measure, member=_member(contrast))


def _tempo_gap(seen: Seen, *, contrast: Contrast) -> Evidence:
    return gap_evidence(seen.heard("tempo_bpm"), seen.table, contrast)


def _acoustic_panel(seen: Seen) -> Iterator[Decision]:
    major = (seen.heard("major") > 0).astype(np.float64)
    features = {
        "brightness_gap": seen.heard("brightness_hz"),
        "loudness_gap": seen.heard("rms"),
        "mode_gap": major,
    }
    contrasts = {claim: load_claims()[claim].contrasts for claim in features}
    table = replace(seen.table, relabeling_count=PANEL_RELABELINGS)
    found = panel_evidence(features, table, contrasts)
    for (claim, contrast), evidence in found.items():
        member = _member(contrast)
        yield decide(load_claims()[claim], evidence, seen.look, member=member)


def _member(contrast: Contrast) -> str:
    return " against ".join(contrast)


def _decided(
    seen: Seen,
    claim: str,
    measure: Callable[[Seen], Evidence],
    *,
    member: str | None = None,
) -> Decision:
    """As the tests of the claims do it: what cannot be measured is invalid."""
    try:
        evidence = measure(seen)
    except _INVALIDATING as error:
        evidence = Evidence(effect=None, problem=str(error))
    return decide(load_claims()[claim], evidence, seen.look, member=member)


def verdict_of(decisions: Sequence[Decision], look: Look) -> Verdict:
    """What `settle` makes of the gates, as far as they were asked."""
    verdict = settle(decisions, expected=(), undecided=(), look=look).verdict
    if verdict is None:
        msg = "The gates must lead to a verdict, got none: ask the next question, too."
        raise ValueError(msg)
    return verdict
