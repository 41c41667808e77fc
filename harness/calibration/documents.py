"""The documents' own tests where there is no emotion, beside the suite's.

Each test is made as the documents make it (Next Steps, 'Minimum Viable Signal'; Reality
Check, 'Statistical Test FAILED' and 'Acoustic Reality Check'; Strategy, 'Phase 1'), on
the same clips as the suite's: 4 emotions x 5 prompts x 4 clips that owe nothing to
their emotion.

Conventions
-----------
`icc` is the prompt's share of the variance. A test finds something where it says yes;
what says yes is a false positive, always.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from harness.calibration.week import design, rows_of, see
from harness.calibration.worlds import EMOTIONS, WORLDS, Planted, plant
from harness.claims import load_claims
from harness.design import ClipTable
from harness.evidence import gap_evidence, probe_evidence, signal_evidence
from harness.evidence.common import Array, Floats
from harness.inference.gaussian import GaussianModel, draw
from harness.inference.looks import PLANNED, design_for
from harness.inference.maxt import max_t
from harness.inference.relabel import relabelings
from harness.measures.dimensions import documented_shares
from harness.measures.gram import prompt_gram
from harness.measures.probe import pairwise_accuracy, probe_folds
from harness.measures.probe_documented import documented_accuracy
from harness.measures.raw_cosine import raw_cosine_signal
from harness.measures.similarity import emotion_signals

__all__ = ["CELLS", "CHANCE", "DIFFERS", "DocumentsCell", "documents_repetition"]

CHANCE = 0.05  # what the documents call significant
DIFFERS = 0.1  # by how much a dimension must differ
ICCS = (0.0, 0.1, 0.3, 0.5)
SAMPLES = (5, *PLANNED)  # the reruns of Next Steps: 5, then 10, then 20, ...
PROMPTS, SEEDS, LAYERS = 5, 4, 48
PROBED_LAYERS = 12  # Strategy, 'Phase 1', tries every fourth of 48
_RELABELINGS = 201  # p < .05 is ten of them
_OCTAVE_ERRORS = 0.25
_PAIR = EMOTIONS[:2]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsCell:
    """One column: how much of a clip is its prompt's."""

    icc: float
    per_round: int = 10

    @property
    def name(self) -> str:
        return f"ICC {self.icc:g}"


CELLS = tuple(DocumentsCell(icc=icc) for icc in ICCS)


def documents_repetition(cell: DocumentsCell, number: int) -> dict[str, float]:
    """Every test once; p-values, accuracies, shares and gaps by name."""
    rng = np.random.default_rng([crc32(cell.name.encode()), number])
    table = replace(
        design(PROMPTS, SEEDS, bank="generic"),
        relabeling_count=_RELABELINGS,
        relabeling_seed=number,
    )
    model = GaussianModel(
        prompts=PROMPTS,
        seeds=SEEDS,
        layers=LAYERS,
        dimensions=256,
        matched=False,
        template=0.0,
        icc=cell.icc,
    )
    planted = plant(WORLDS["nothing"], model, rng=rng)
    rows = rows_of(table, table.specs, model)
    activations, tempo = planted.conditional[rows], planted.heard["tempo_bpm"][rows]
    return {
        **_similarity(activations, table, rng),
        **_probes(activations, table),
        **_tempo(tempo, table, rng),
        **_dimensions(cell.icc, rng),
        **_reruns(cell.icc, number, rng),
    }


def _similarity(
    activations: Array, table: ClipTable, rng: np.random.Generator
) -> dict[str, float]:
    emotion = table.emotion_of_clip
    raw = raw_cosine_signal(activations, emotion)
    centred = raw_cosine_signal(activations - activations.mean(axis=0), emotion)
    minimum = load_claims()["layer_signal"].thresholds.minimum or 0.0
    clips = np.arange(table.n_clips)
    drawn = relabelings(emotion, count=_RELABELINGS, rng=rng)
    by_clip = emotion_signals(prompt_gram(activations, clips), drawn.labels)
    ours = signal_evidence(activations, table)
    assert ours.p is not None
    return {
        "t-test over pairs, one layer": float(raw.p[0]),
        "t-test over pairs, best layer": float(raw.p.min()),
        "t-test over pairs, best layer with enough signal": _least(
            raw.p[raw.signal > minimum]
        ),
        "centred t-test over pairs, one layer": float(centred.p[0]),
        "centred t-test over pairs, best layer": float(centred.p.min()),
        "centred t-test over pairs, best layer with enough signal": _least(
            centred.p[centred.signal > minimum]
        ),
        "labels dealt out to clips, max-T": max_t(by_clip, exact=drawn.exact).p_any,
        "ours: signal": ours.p,
    }


def _least(p: Floats) -> float:
    return float(p.min(initial=1.0))


def _probes(activations: Array, table: ClipTable) -> dict[str, float]:
    """Two emotions, as in the documents; every fourth layer, where layers are tried.

    The suite's own has all four: five prompts of two emotions can never reach p < .05.
    """
    # Logistic regression depends on the scale: dimensions get a variance of about 1.
    scaled = activations[:, :: LAYERS // PROBED_LAYERS] * np.sqrt(activations.shape[2])
    pair, kept = table.restricted(_PAIR)
    some = scaled[kept]
    five_fold = documented_accuracy(some, pair.emotion_of_clip, layers=[0])
    folds = probe_folds(pair.emotion, template=pair.template)
    held_out = pairwise_accuracy(
        some,
        pair.emotion[None],
        fold_of_prompt=folds,
        prompt_of_clip=pair.prompt_of_clip,
    )[0]
    ours = probe_evidence(scaled, table)
    assert ours.p is not None
    assert ours.effect is not None
    return {
        "5-fold accuracy over clips, one layer": float(five_fold[0]),
        "accuracy on other prompts, one layer": float(held_out[0]),
        "accuracy on other prompts, best layer": float(held_out.max()),
        "ours: accuracy": ours.effect,
        "ours: probe": ours.p,
    }


def _tempo(
    tempo: Floats, table: ClipTable, rng: np.random.Generator
) -> dict[str, float]:
    misread = rng.random(tempo.size) < _OCTAVE_ERRORS
    octaves = np.where(misread, rng.choice([0.5, 2.0], tempo.size), 1.0)
    ours = gap_evidence(tempo, table, _PAIR)
    assert ours.p is not None
    return {
        "tempo gap": _gap(tempo, table),
        "tempo gap with octave errors": _gap(tempo * octaves, table),
        "ours: tempo": ours.p,
    }


def _gap(tempo: Floats, table: ClipTable) -> float:
    more, less = (
        tempo[table.emotion_of_clip == table.emotions.index(e)].mean() for e in _PAIR
    )
    return float(abs(more - less))


def _dimensions(icc: float, rng: np.random.Generator) -> dict[str, float]:
    """Two emotions of N clips whose every dimension has a variance of 1."""
    shares = {}
    for samples in SAMPLES:
        counts = design_for(samples)
        shape = (2, counts.prompts_per_emotion, counts.seeds_per_prompt, 1, 256)
        prompt = np.sqrt(icc) * rng.standard_normal((*shape[:2], 1, *shape[3:]))
        clips = prompt + np.sqrt(1 - icc) * rng.standard_normal(shape)
        emotion = np.repeat(
            [0, 1], counts.prompts_per_emotion * counts.seeds_per_prompt
        )
        found = documented_shares(
            clips.reshape(-1, 1, 256), emotion, difference=DIFFERS
        )
        shares[f"dimensions that differ, N = {samples}"] = float(found[0, 0])
    return shares


def _reruns(icc: float, number: int, rng: np.random.Generator) -> dict[str, float]:
    """P of the signal at every sample size of one growing data set."""
    most = design_for(SAMPLES[-1])
    model = GaussianModel(
        prompts=most.prompts_per_emotion,
        seeds=most.seeds_per_prompt,
        layers=24,
        icc=icc,
        template=0.2 if icc else 0.0,
    )
    drawn = draw(model, rng=rng).activations
    planted = Planted.of_activations(model, drawn)
    p = {}
    for samples in SAMPLES:
        seen = see(planted, samples, seed=number, relabelings=_RELABELINGS)
        table = seen.table
        gram = prompt_gram(drawn[seen.rows], table.prompt_of_clip)
        signals = emotion_signals(
            gram, table.relabelings.labels, template=table.template
        )
        tested = max_t(signals, exact=table.relabelings.exact)
        p[f"signal rerun at N = {samples}"] = tested.p_any
    return p
