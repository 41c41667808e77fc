"""Planted worlds lead where they must, nothing leads to GO, and the counts are right.

Small versions of `pytest -m calibration`: 4 layers, and few repetitions.
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from harness.calibration.planted import (
    CELLS,
    PlantedCell,
    emotions_of,
    planted_repetition,
)
from harness.calibration.planted_rates import (
    claim_rates,
    effect_rates,
    few_rates,
    verdict_rates,
)
from harness.calibration.planted_report import PlantedRates, planted_markdown
from harness.calibration.rates import Rate, beyond, pooled
from harness.calibration.week import gate_decisions, see, verdict_of
from harness.calibration.worlds import EMOTIONS, WORLDS, Planted, plant
from harness.inference.gaussian import true_signal
from harness.inference.looks import PLANNED
from harness.verdict import TEXT_BORNE, Status, Verdict

CELL = PlantedCell(kind="verdicts", layers=4)
GO, EXTEND, PIVOT = (str(Verdict(name)) for name in ("GO", "EXTEND", "PIVOT"))


def planted(world: str, seed: int = 1) -> Planted:
    return plant(WORLDS[world], CELL.model, rng=np.random.default_rng(seed))


def where(rates: list[Rate], **about: Any) -> list[Rate]:
    return [r for r in rates if all(r.about.get(k) == v for k, v in about.items())]


# --- what a look sees -----------------------------------------------------------------


def test_a_look_sees_a_part_of_what_the_next_one_sees() -> None:
    data = planted("nothing")
    looks = [see(data, samples, seed=0) for samples in PLANNED]
    for earlier, later in pairwise(looks):
        assert set(earlier.rows) < set(later.rows)
    for samples, seen in zip(PLANNED, looks, strict=True):
        assert len(seen.rows) == len(set(seen.rows)) == 4 * samples


def test_rows_are_those_of_the_emotion_and_template_of_the_clip() -> None:
    data = planted("nothing")
    model, seen = data.model, see(data, 50, seed=0)
    per_emotion = model.prompts * model.seeds
    assert (seen.rows // per_emotion == seen.table.emotion_of_clip).all()
    turn = seen.rows % per_emotion // model.seeds
    sentences = seen.table.sentences
    assert sentences.template is not None
    template = sentences.template[sentences.prompt_of_clip]
    assert (turn == template).all()  # the k-th prompts of all emotions share one
    second = [spec.is_control for spec in seen.table.specs]
    assert (seen.rows % model.seeds == np.array(second)).all()


def test_what_is_heard_follows_the_emotion_where_the_music_does() -> None:
    by_emotion = {
        world: planted(world).heard["tempo_bpm"].reshape(len(EMOTIONS), -1).mean(axis=1)
        for world in ("music only", "nothing")
    }
    assert by_emotion["music only"] == pytest.approx([150, 55, 70, 155], abs=3)
    assert by_emotion["nothing"] == pytest.approx([105] * 4, abs=12)


@pytest.mark.parametrize(
    ("world", "carries"), [("everything", True), ("words only", False)]
)
def test_swapped_music_carries_the_emotion_where_the_music_does(
    world: str, carries: bool
) -> None:
    swap = planted(world).swap
    assert swap is not None
    assert swap.shape[:3] == (3, 4, 4)
    of_music = swap.mean(axis=(0, 2)).astype(np.float64)
    of_words = swap.mean(axis=(0, 1)).astype(np.float64)
    spread = [np.sum(each.var(axis=0)) for each in (of_music, of_words)]
    assert (spread[0] > spread[1] / 2) == WORLDS[world].through_music


# --- worlds ---------------------------------------------------------------------------


@pytest.mark.parametrize("samples", PLANNED[:3])
@pytest.mark.parametrize("world", WORLDS)
def test_only_where_everything_is_there_it_is_go(world: str, samples: int) -> None:
    seen = see(planted(world, seed=2), samples, seed=1)
    decisions = gate_decisions(seen)
    verdict = verdict_of(decisions, seen.look)
    assert (verdict is Verdict.GO) == (world == "everything")
    # Nor does the verdict need the probe, where it is not reached.
    reached = all(
        d.status is Status.SUPPORTED and d.evidence.qualifier != TEXT_BORNE
        for d in decisions
        if d.claim.id != "linear_probe"
    )
    if not reached:
        assert (
            verdict_of(gate_decisions(seen, probe=False), seen.look) is not Verdict.GO
        )
    qualifiers = {d.evidence.qualifier for d in decisions} - {None}
    assert (qualifiers == {TEXT_BORNE}) == (world == "words only")


def test_a_verdict_that_hangs_on_the_probe_is_not_given_without_it() -> None:
    seen = see(planted("everything"), 10, seed=1)
    with pytest.raises(ValueError, match="ask the next question, too"):
        verdict_of(gate_decisions(seen, probe=False), seen.look)


def test_a_repetition_is_the_same_every_time_and_can_be_kept() -> None:
    cell = replace(CELL, world="words only")
    first, again = (planted_repetition(cell, 3) for _ in range(2))
    assert first == again == json.loads(json.dumps(first))
    assert first != planted_repetition(cell, 4)
    assert first["qualifiers"] == [TEXT_BORNE] * 4
    assert GO not in first["anew"] + first["carrying"]


def test_the_grid_is_the_promised_one() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS)
    claims = [cell for cell in CELLS if cell.kind == "claims"]
    assert {cell.icc for cell in claims} == {0.0, 0.1, 0.3, 0.5}
    assert {cell.participation_ratio for cell in claims} == {2.5, 23.0}
    assert {cell.layers for cell in claims} == {24, 48}
    assert len([cell for cell in claims if not cell.word]) == 16
    # Each null once more with words that do something of their own.
    of_words = [cell for cell in CELLS if cell.word and cell.kind == "verdicts"]
    assert {cell.world for cell in of_words} == set(WORLDS) - {"everything"}


# --- error rates, small ---------------------------------------------------------------


def test_without_an_emotion_claims_are_found_as_seldom_as_they_may() -> None:
    cell = replace(CELL, world="music only")
    results = {cell.name: [planted_repetition(cell, n) for n in range(12)]}
    rates = claim_rates([cell], results)
    signal = where(rates, claim="layer_signal", what="p < .05")
    assert [rate.count for rate in signal] == [12] * 4
    assert not beyond(rates)
    assert pooled(where(verdict_rates([cell], results), user="anew")).hits == 0
    report = planted_markdown(PlantedRates([cell], results))
    assert "No rate is beyond its bound" in report


def test_three_prompts_support_no_claim() -> None:
    cell = PlantedCell(kind="few", prompts=3, layers=4)
    results = {cell.name: [planted_repetition(cell, n) for n in range(5)]}
    rates = few_rates([cell], results)
    assert pooled(where(rates, status="supported")).hits == 0
    gap = "tempo_gap [happy against sad]"
    (invalid,) = where(rates, claim=gap, status="invalid")
    assert (invalid.hits, invalid.count) == (5, 5)


def test_a_signal_has_the_size_that_its_cell_says() -> None:
    cell = PlantedCell(kind="effects", effect=0.02, layers=4)
    model = replace(cell.model, signal=cell.effect)
    truth = true_signal(model, emotions_of(cell), rng=np.random.default_rng(5))
    assert truth == pytest.approx([0.02] * 4, rel=0.04)


def test_a_strong_signal_is_found_and_within_its_intervals() -> None:
    cell = PlantedCell(kind="effects", effect=0.05, layers=4)
    results = {cell.name: [planted_repetition(cell, n) for n in range(12)]}
    rates = effect_rates([cell], results)
    (found,) = where(rates, what="found", look=50)
    assert found.hits >= 11
    (refuted,) = where(rates, what="refuted", look=50)
    assert refuted.hits == 0
    (covered,) = where(rates, what="in a layer's interval", look=50)
    assert covered.hits >= 8


# --- counting -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anew", "carrying", "users"),
    [
        ([EXTEND, GO, GO, GO], [EXTEND, GO, GO, GO], {"stops", "anew", "carrying"}),
        ([PIVOT, GO, PIVOT, PIVOT], [PIVOT, PIVOT, PIVOT, PIVOT], {"anew"}),
        ([EXTEND, EXTEND, EXTEND, PIVOT], [EXTEND, EXTEND, GO, GO], {"carrying"}),
        ([EXTEND, EXTEND, EXTEND, PIVOT], [EXTEND] * 3 + [PIVOT], set()),
    ],
)
def test_users_get_to_go_as_they_look(
    anew: list[str], carrying: list[str], users: set[str]
) -> None:
    results = {CELL.name: [{"anew": anew, "carrying": carrying}]}
    rates = [r for r in verdict_rates([CELL], results) if "user" in r.about]
    assert {rate.about["user"] for rate in rates if rate.hits} == users


def test_too_many_errors_are_said_to_be_too_many() -> None:
    everywhere = {str(n): {"layer_signal": [0.001, "supported"]} for n in PLANNED}
    found = {"anew": [GO] * 4, "carrying": [GO] * 4, "looks": everywhere}
    measured = PlantedRates([CELL], {CELL.name: [found] * 20})
    wrong = measured.beyond()
    assert {rate.about.get("user") for rate in wrong} >= {"stops", "anew", "carrying"}
    assert {rate.about.get("what") for rate in wrong} >= {"p < .05", "supported"}
    assert "Beyond their bound" in planted_markdown(measured)


def test_true_claims_are_no_errors() -> None:
    cell = replace(CELL, world="everything")
    found = {str(n): {"layer_signal": [0.001, "supported"]} for n in PLANNED}
    results = {cell.name: [{"anew": [GO] * 4, "carrying": [GO] * 4, "looks": found}]}
    assert claim_rates([cell], results) == []
    assert not beyond(verdict_rates([cell], results) * 20)
