"""What figures are drawn from is measured where evidence and verdict are made."""

from __future__ import annotations

from dataclasses import asdict, replace
from math import sqrt
from typing import Any

import numpy as np
import pytest
from decisions_for_tests import all_in_favour, settled
from scipy import stats
from tables_for_tests import table_of

from harness.claims import load_claims
from harness.evidence.common import emotion_similarities
from harness.evidence.signals import signal_evidence
from harness.inference.looks import PLANNED, look_for
from harness.measures.gram import prompt_gram
from harness.report.record import read_record
from harness.verdict import plain
from harness.verdict.prospects import need_of, power_by_look
from harness.verdict.status import Decision, Evidence, Status

FIRST = look_for(10)


def decision(status: Status = Status.INCONCLUSIVE, **evidence: Any) -> Decision:
    """A tempo gap whose interval is that of a jackknife with 10 prompts."""
    return Decision(
        claim=load_claims()["tempo_gap"],
        member=None,
        status=status,
        strength=None,
        because="It is open.",
        evidence=Evidence(**{"p": 0.05, "n_prompts": 40, **evidence}),
    )


def spread(between: float, *, effect: float = 10.0) -> dict[str, Any]:
    half = between / sqrt(10) * float(stats.t.ppf(0.975, 9))
    return {"effect": effect, "interval": (effect - half, effect + half)}


def test_power_is_that_of_the_t_test_at_each_look() -> None:
    found = power_by_look(decision(**spread(40.0)), FIRST)
    assert [point["samples"] for point in found] == list(PLANNED)
    for point in found[:2]:  # those with one clip of each prompt
        samples = int(point["samples"])
        critical = stats.t.isf(look_for(samples).alpha, samples - 1)
        shift = 20 / (40 / sqrt(samples))
        power = stats.nct.sf(critical, samples - 1, shift)
        assert point["power"] == pytest.approx(power, abs=1e-3)


def test_power_reaches_eighty_per_cent_at_the_look_that_is_needed() -> None:
    open_one = decision(**spread(40.0))
    need = need_of(open_one, FIRST)
    assert need is not None
    enough = [p["samples"] for p in power_by_look(open_one, FIRST) if p["power"] >= 0.8]
    assert need.samples == min(enough)


def test_power_is_of_the_minimum_and_known_of_decided_claims_too() -> None:
    """Whatever was found: it rests on the spread alone."""
    points = power_by_look(decision(**spread(40.0)), FIRST)
    sure = decision(Status.SUPPORTED, **spread(40.0, effect=70.0))
    assert power_by_look(sure, FIRST) == points


@pytest.mark.parametrize("look", [look_for(4), look_for(15)])
def test_looks_that_are_no_evidence_have_no_power(look: Any) -> None:
    assert power_by_look(decision(**spread(40.0)), look) == []


def test_without_a_spread_power_is_not_known() -> None:
    assert power_by_look(decision(effect=10.0), FIRST) == []


def test_a_page_reads_the_power_that_the_verdict_has_written() -> None:
    decisions = all_in_favour()
    key = ("tempo_gap", "happy against sad")
    evidence = replace(decisions[key].evidence, **spread(40.0, effect=25.0))
    decisions[key] = replace(decisions[key], evidence=evidence)
    outcome = settled(decisions)
    stated = {"id": key[0], "member": key[1], "role": "gate"}
    claim = read_record({"claims": [plain(outcome.annotated(stated))]}).claims[0]
    wanted = [tuple(p.values()) for p in power_by_look(decisions[key], FIRST)]
    assert list(claim.power) == wanted
    assert wanted
    other = outcome.annotated({"id": "audio_sound", "member": None})
    assert other["power"] == []
    assert "power" not in asdict(decisions[key].evidence)


def test_emotions_are_as_alike_as_a_double_loop_says() -> None:
    table = table_of(4, emotions=("happy", "sad"))
    rng = np.random.default_rng(3)
    activations = rng.normal(size=(table.n_clips, 2, 5))
    gram = prompt_gram(activations, table.prompt_of_clip)[1]
    found = emotion_similarities(gram, table)
    assert table.template is not None
    for a in range(2):
        for b in range(2):
            pairs = [
                gram[i, j]
                for i in range(table.n_prompts)
                for j in range(table.n_prompts)
                if (table.emotion[i], table.emotion[j]) == (a, b)
                and table.template[i] != table.template[j]
            ]
            assert found[a, b] == pytest.approx(np.mean(pairs))


def test_the_matrix_is_that_of_the_best_layer_and_adds_up_to_its_signal() -> None:
    table = table_of(10, emotions=("happy", "sad"), count=200)
    rng = np.random.default_rng(4)
    directions = rng.normal(size=(2, 12))
    activations = rng.normal(size=(table.n_clips, 3, 12))
    activations[:, 2] += 2 * directions[table.emotion_of_clip]
    detail = signal_evidence(activations, table).detail
    matrix = np.asarray(detail["similarity of emotions"])
    assert (detail["best_layer"], detail["emotions"]) == (2, ("happy", "sad"))
    within, between = matrix.diagonal().mean(), matrix[0, 1]
    assert within - between == pytest.approx(detail["signal"][2])
