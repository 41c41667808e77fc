"""Planted data sets again and again: how often claims and the verdict err.

Four kinds of cells, for the four things to know:

- claims: nothing is there; every claim of week 1 at every look
- verdicts: in each world, the verdict at every look and what users make of it
- few: nothing is there, and fewer prompts than any look has
- effects: a signal of known size; how often it is found, covered and refuted
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Literal
from zlib import crc32

import numpy as np
import numpy.typing as npt

from harness.calibration.week import (
    Seen,
    claim_decision,
    gate_decisions,
    panel_decisions,
    see,
    verdict_of,
)
from harness.calibration.worlds import EVERYTHING, WORLDS, Planted, plant
from harness.evidence import layer_evidence
from harness.inference.gaussian import (
    GaussianModel,
    draw,
    emotion_vectors,
    true_signal,
)
from harness.inference.looks import PLANNED, design_for
from harness.verdict import TEXT_BORNE, Decision, Status, Verdict

__all__ = ["CELLS", "PlantedCell", "emotions_of", "planted_repetition"]

ICCS = (0.0, 0.1, 0.3, 0.5)
RATIOS = (2.5, 23.0)
LAYERS = (24, 48)
WORD = 0.6  # of the prompt's share: 30 % of the noise is the word's at an ICC of .5
FEW = (3, 5)  # prompts per emotion, below the first look's
EFFECTS = (0.0, 0.01, 0.02, 0.05)  # in the unit of `layer_signal`
PLAINLY = 3.0  # variance of emotions that no look can overlook
FAINTLY = (0.05, 0.1)  # of which 1 / 1.2 is signal: templates have a variance of .2
_MOST = design_for(PLANNED[-1])
_PROBED = 4  # every fourth repetition asks for the probe at every look
_PANEL = ("brightness_gap", "loudness_gap", "mode_gap")
_EXACT = 1_001  # relabelings where power is measured: few cost some of it

Kind = Literal["claims", "verdicts", "few", "effects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedCell:
    """One row: what is true, and how the data are."""

    kind: Kind
    world: str = "nothing"
    icc: float = 0.3
    participation_ratio: float = 23.0
    layers: int = 24
    word: float = 0.0  # the word's share of what is the prompt's
    prompts: int | None = None  # per emotion, if not those of the looks
    effect: float = 0.0  # the true signal
    variance: float = PLAINLY  # of the emotions, where a world plants them
    per_round: int = 1

    @property
    def name(self) -> str:
        what = {
            "claims": "",
            "verdicts": f"{self.planted}, ",
            "few": f"{self.prompts} prompts, ",
            "effects": f"signal {self.effect:g}, ",
        }[self.kind]
        words = f", words {self.word:g}" if self.word else ""
        return (
            f"{self.kind}: {what}ICC {self.icc:g}, PR {self.participation_ratio:g},"
            f" {self.layers} layers{words}"
        )

    @property
    def planted(self) -> str:
        """The world, and how faint its emotions are if they are not plain."""
        faintly = "" if self.variance == PLAINLY else f", variance {self.variance:g}"
        return f"{self.world}{faintly}"

    @property
    def model(self) -> GaussianModel:
        """The Gaussian model, for the last look; `signal` where a world plants one."""
        return GaussianModel(
            prompts=_MOST.prompts_per_emotion,
            seeds=_MOST.seeds_per_prompt,
            layers=self.layers,
            signal=self.variance,
            # At an ICC of 0 a clip owes nothing to its prompt, not even its template.
            template=0.2 if self.icc else 0.0,
            icc=self.icc,
            word=self.word,
            participation_ratio=self.participation_ratio,
        )

    def rng(self, number: int) -> np.random.Generator:
        """Of one repetition: the same today and tomorrow, here and elsewhere."""
        return np.random.default_rng([crc32(self.name.encode()), number])


def _cells() -> Iterator[PlantedCell]:
    for icc, ratio, layers in product(ICCS, RATIOS, LAYERS):
        yield PlantedCell(
            kind="claims", icc=icc, participation_ratio=ratio, layers=layers
        )
    for world, (i, icc), (r, ratio) in product(
        WORLDS, enumerate(ICCS), enumerate(RATIOS)
    ):
        if world != EVERYTHING:
            yield PlantedCell(
                kind="verdicts",
                world=world,
                icc=icc,
                participation_ratio=ratio,
                layers=LAYERS[(i + r) % 2],  # both with every ICC and every ratio
                per_round=4,
            )
    for world in WORLDS:
        if world != EVERYTHING:
            yield PlantedCell(
                kind="verdicts", world=world, icc=0.5, word=WORD, per_round=4
            )
    yield PlantedCell(kind="claims", icc=0.5, word=WORD)
    for ratio in RATIOS:
        yield PlantedCell(kind="verdicts", world=EVERYTHING, participation_ratio=ratio)
    for variance in FAINTLY:
        yield PlantedCell(
            kind="verdicts", world=EVERYTHING, variance=variance, per_round=2
        )
    for prompts, icc in product(FEW, ICCS):
        yield PlantedCell(kind="few", prompts=prompts, icc=icc, per_round=4)
    for effect in EFFECTS:
        yield PlantedCell(kind="effects", effect=effect, per_round=8)
    for icc, ratio, word in (
        (0.0, 23.0, 0.0),
        (0.5, 23.0, 0.0),
        (0.3, 2.5, 0.0),
        (0.5, 23.0, WORD),
    ):
        for effect in (0.01, 0.02):
            yield PlantedCell(
                kind="effects",
                effect=effect,
                icc=icc,
                participation_ratio=ratio,
                word=word,
                per_round=8,
            )


CELLS = tuple(_cells())


def planted_repetition(cell: PlantedCell, number: int) -> dict[str, Any]:
    """What one repetition of a cell found, as JSON can hold it."""
    found: dict[str, Any] = _REPETITIONS[cell.kind](cell, number)
    return found


# --- claims ---------------------------------------------------------------------------


def _claims(cell: PlantedCell, number: int) -> dict[str, Any]:
    planted = plant(WORLDS[cell.world], cell.model, rng=cell.rng(number))
    looks = {}
    for samples in PLANNED:
        seen = see(planted, samples, seed=number)
        # At the large looks the probe costs ten times as much as all the rest.
        probe = samples in PLANNED[:2] or number % _PROBED == _PROBED - 1
        decisions = [*gate_decisions(seen, probe=probe), *panel_decisions(seen)]
        looks[str(samples)] = _records(decisions)
    return {"looks": looks}


def _few(cell: PlantedCell, number: int) -> dict[str, Any]:
    """At the first look's alpha, as if it had no more prompts than these."""
    planted = plant(WORLDS[cell.world], cell.model, rng=cell.rng(number))
    seen = see(planted, PLANNED[0], prompts=cell.prompts, seed=number)
    gates = gate_decisions(seen)
    return {
        "verdict": str(verdict_of(gates, seen.look)),
        "looks": {str(PLANNED[0]): _records([*gates, *panel_decisions(seen)])},
    }


def _records(decisions: Iterable[Decision]) -> dict[str, Any]:
    """P and status by claim, and p of the null half beside that of the signal."""
    records: dict[str, Any] = {}
    for decision in decisions:
        evidence = decision.evidence
        records[decision.name] = [evidence.p, str(decision.status)]
        without_words = evidence.detail.get("null_half_p")
        if without_words is not None:
            records[f"{decision.name}, null half"] = [without_words, ""]
    panel = [p for name, (p, _) in records.items() if name.startswith(_PANEL)]
    if panel:
        records["any of the acoustic panel"] = [min(panel), ""]
    return records


# --- verdicts -------------------------------------------------------------------------


def _verdicts(cell: PlantedCell, number: int) -> dict[str, Any]:
    planted = plant(WORLDS[cell.world], cell.model, rng=cell.rng(number))
    looks = [see(planted, samples, seed=number) for samples in PLANNED]
    decisions = _decided(looks)
    anew = [verdict_of(d, seen.look) for d, seen in zip(decisions, looks, strict=True)]
    carrying = _carrying(decisions, looks)
    return {
        "anew": [str(verdict) for verdict in anew],
        "carrying": [str(verdict) for verdict in carrying],
        "qualifiers": [
            next(d.evidence.qualifier for d in each if d.claim.id == "layer_signal")
            for each in decisions
        ],
        "looks": {
            str(seen.look.samples): _records(each)
            for each, seen in zip(decisions, looks, strict=True)
        },
    }


def _decided(looks: Sequence[Seen]) -> list[list[Decision]]:
    """The gates at every look; the probe, which costs most, where GO hangs on it.

    Without the music, or with a signal that is not there or only in the words, there is
    no GO whatever the probe finds, and the tree does not ask for it.
    """
    asked = [gate_decisions(seen, probe=False) for seen in looks]
    if not _every_gate_held_once(asked):
        return asked
    return [
        [*each, claim_decision(seen, "linear_probe")]
        for each, seen in zip(asked, looks, strict=True)
    ]


def _every_gate_held_once(asked: Sequence[Sequence[Decision]]) -> bool:
    held = {d.name for each in asked for d in each if _holds(d)}
    return held == {d.name for d in asked[0]}


def _holds(decision: Decision) -> bool:
    return (
        decision.status is Status.SUPPORTED
        and decision.evidence.qualifier != TEXT_BORNE
    )


def _carrying(
    decisions: Sequence[Sequence[Decision]], looks: Sequence[Seen]
) -> list[Verdict]:
    """Verdicts of a user who reruns with `--lf`: what held once is not tested again."""
    carried: dict[str, Decision] = {}
    verdicts = []
    for each, seen in zip(decisions, looks, strict=True):
        here = [carried.get(d.name, d) for d in each]
        verdicts.append(verdict_of(here, seen.look))
        for decision in here:
            if _holds(decision) and decision.name not in carried:
                carried[decision.name] = replace(
                    decision, carried_from=seen.look.number
                )
    return verdicts


# --- effects --------------------------------------------------------------------------


def _effects(cell: PlantedCell, number: int) -> dict[str, Any]:
    model, vectors = cell.model, emotions_of(cell)
    drawn = draw(model, rng=cell.rng(number), emotions=vectors).activations
    planted = Planted.of_activations(model, drawn)
    looks = {}
    for samples in PLANNED:
        seen = see(planted, samples, seed=number, relabelings=_EXACT)
        decision = claim_decision(seen, "layer_signal", halves=False)
        layer = layer_evidence(drawn[seen.rows], seen.table, 0)
        looks[str(samples)] = {
            "p": decision.evidence.p,
            "status": str(decision.status),
            "effect": decision.evidence.effect,
            "interval": decision.evidence.interval,
            "layer": [layer.effect, *(layer.interval or ()), layer.upper],
        }
    return {"looks": looks}


@cache
def emotions_of(cell: PlantedCell) -> npt.NDArray[np.float64]:
    """Emotions whose true signal is the cell's effect in every layer."""
    if cell.effect == 0:
        return np.zeros((cell.model.emotions, cell.layers, cell.model.dimensions))
    rng = np.random.default_rng(crc32(cell.name.encode()))
    model = replace(cell.model, signal=cell.effect)
    vectors = emotion_vectors(model, rng=rng)
    for _ in range(2):  # nearly linear: the second turn changes it by a percent
        truth = true_signal(model, vectors, rng=rng)
        vectors = vectors * np.sqrt(cell.effect / truth)[:, None]
    return vectors


_REPETITIONS: Mapping[Kind, Any] = {
    "claims": _claims,
    "verdicts": _verdicts,
    "few": _few,
    "effects": _effects,
}
