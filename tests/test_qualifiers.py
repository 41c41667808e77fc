"""Text or music: what was planted in the words, the music or its loudness is so called.

Conventions
-----------
A planted clip is noise, an emotion's direction in what the music leaves, and another in
what the words leave; the null half has all but the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tables_for_tests import table_of_draw

from harness.design import ClipTable
from harness.evidence import probe_evidence, signal_evidence
from harness.evidence.qualifiers import (
    RUNGS,
    Rung,
    as_detail,
    qualified,
    qualified_each,
    qualifier_of,
)
from harness.evidence.swaps import swap_effects
from harness.inference.gaussian import GaussianModel, draw
from harness.inference.looks import look_for
from harness.verdict import Evidence

ALPHA = look_for(10).alpha
NOISE = GaussianModel(emotions=4, prompts=10, seeds=1, layers=3, dimensions=64)
TEMPLATES = 3

Floats = npt.NDArray[np.float64]


def rung(name: str, p: float, smallest: float = 1e-4) -> Rung:
    return Rung(rung=name, effect=0.1, p=p, smallest_p=smallest)


def called(alpha: float = ALPHA, **p: float) -> str | None:
    """The qualifier of rungs that are named by their first words."""
    names = {name.split()[0]: name for name in RUNGS}
    smallest = {"music": 1 / 576}
    rungs = [rung(names[k], v, smallest.get(k, 1e-4)) for k, v in p.items()]
    return qualifier_of(rungs, alpha)


# --- the rule -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ({"conditional": 0.2, "null": 1e-4}, None),
        ({"conditional": 1e-4}, None),
        ({"conditional": 1e-4, "null": 0.2}, "text-borne"),
        ({"conditional": 1e-4, "null": 1e-4}, "audio-borne"),
        # Two chances: .004 would do alone and does not as the smaller of two.
        ({"conditional": 1e-4, "null": 0.004}, "audio-borne"),
        ({"conditional": 1e-4, "null": 0.004, "music": 0.5}, "text-borne"),
        ({"conditional": 1e-4, "null": 0.002, "music": 0.5}, "audio-borne"),
        ({"conditional": 1e-4, "null": 0.5, "music": 1 / 576}, "audio-borne"),
        ({"conditional": 1e-4, "null": 0.5, "music": 0.5}, "text-borne"),
        # Words say nothing about the music, however loud they are.
        (
            {"conditional": 1e-4, "null": 0.5, "words": 1e-4, "first": 1e-4},
            "text-borne",
        ),
        ({"conditional": 1e-4, "null": 1e-4, "acoustics": 0.3}, "acoustics-mediated"),
        ({"conditional": 1e-4, "null": 1e-4, "acoustics": 1e-4}, "audio-borne"),
        ({"conditional": 1e-4, "null": 0.3, "acoustics": 0.3}, "text-borne"),
        # What was never there without the words cannot be lost with the loudness.
        (
            {"conditional": 1e-4, "null": 0.3, "music": 1 / 576, "acoustics": 0.3},
            "audio-borne",
        ),
        # What is left of the text decides nothing.
        ({"conditional": 1e-4, "null": 1e-4, "text": 0.9}, "audio-borne"),
    ],
)
def test_the_rule(p: dict[str, float], expected: str | None) -> None:
    assert called(**p) == expected


def test_a_swap_that_cannot_reach_alpha_has_no_say_and_costs_nothing() -> None:
    found = [rung("conditional", 1e-4), rung("null half", 0.004)]
    small = rung("music effect (swap)", 0.25, smallest=0.25)
    assert qualifier_of([*found, small], ALPHA) == "audio-borne"
    hopeless = [rung("conditional", 1e-4), rung("null half", 0.3)]
    least = rung("music effect (swap)", 0.004, smallest=0.004)
    assert qualifier_of([*hopeless, least], ALPHA) == "text-borne"


def test_the_ladder_goes_from_words_to_music() -> None:
    rungs = [rung(name, 0.5) for name in RUNGS[::-1]]
    assert [entry["rung"] for entry in as_detail(rungs)] == list(RUNGS)


# --- planted truth and planted nulls ------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class World:
    """What one model's clips leave behind."""

    table: ClipTable
    conditional: Floats
    null: Floats
    first_step: Floats
    swap: Floats
    acoustics: Floats
    text: Floats

    def signal(self) -> Evidence:
        return signal_evidence(
            self.conditional,
            self.table,
            null=self.null,
            first_step=self.first_step,
            swap=self.swap,
            alpha=ALPHA,
        )

    def probe(self) -> Evidence:
        return probe_evidence(
            self.conditional,
            self.table,
            null=self.null,
            acoustics=self.acoustics,
            text=self.text,
            alpha=ALPHA,
        )


def world(
    seed: int = 0, *, words: float = 0.0, music: float = 0.0, loudness: float = 0.0
) -> World:
    """Strengths are of the emotions' directions, in units of the noise's SD."""
    rng = np.random.default_rng(seed)
    noise = draw(NOISE, rng=rng)
    emotion, clips = noise.emotion, len(noise.activations)
    table = table_of_draw(noise, count=1_000)
    base = noise.activations.astype(np.float64)
    scale = base.std()
    of_words, of_music = scale * rng.normal(size=(2, 4, 1, 64))
    loud = loudness * emotion + rng.normal(0, 0.2, clips)
    heard = base + music * of_music[emotion]
    heard += loud[:, None, None] * scale * rng.normal(size=64)
    read = words * of_words[emotion]
    assert noise.template is not None
    order = [
        [
            int(np.flatnonzero((noise.template == t) & (emotion == e))[0])
            for e in range(4)
        ]
        for t in range(TEMPLATES)
    ]
    swap = heard[order][:, :, None] + read[order][:, None]
    return World(
        table=table,
        conditional=heard + read,
        null=heard,
        first_step=read + 0.3 * scale * rng.normal(size=(clips, 1, 64)),
        swap=swap,
        acoustics=np.column_stack(
            [rng.normal(100, 20, clips), loud, rng.normal(900, 90, clips)]
        ),
        text=rng.normal(size=(clips, 16)) + emotion[:, None],
    )


def ladder_of(evidence: Evidence) -> dict[str, float]:
    return {entry["rung"]: entry["p"] for entry in evidence.detail["ladder"]}


def test_words_that_the_music_ignores_are_text_borne() -> None:
    echo = world(words=1.0)
    signal, probe = echo.signal(), echo.probe()
    assert signal.qualifier == probe.qualifier == "text-borne"
    ladder = ladder_of(signal)
    assert list(ladder) == list(RUNGS[1:6])
    for name in ("first step", "conditional", "words effect (swap)"):
        assert ladder[name] < ALPHA, name
    for name in ("music effect (swap)", "null half"):
        assert ladder[name] > 0.01, name


def test_what_the_music_carries_is_audio_borne() -> None:
    encodes = world(1, words=0.6, music=1.0)
    signal, probe = encodes.signal(), encodes.probe()
    assert signal.qualifier == probe.qualifier == "audio-borne"
    assert ladder_of(signal)["music effect (swap)"] == pytest.approx(1 / 576)
    ladder = ladder_of(probe)
    assert list(ladder) == ["conditional", "null half", *RUNGS[6:]]
    assert ladder["acoustics regressed out"] < ALPHA


def test_music_without_any_words_has_no_words_effect() -> None:
    ladder = ladder_of(world(2, music=1.0).signal())
    assert ladder["words effect (swap)"] > 0.01
    assert ladder["first step"] > 0.01
    assert ladder["music effect (swap)"] < ALPHA


def test_what_is_loudness_and_nothing_else_is_acoustics_mediated() -> None:
    loud = world(3, words=0.6, loudness=1.0)
    probe = loud.probe()
    assert probe.qualifier == "acoustics-mediated"
    ladder = ladder_of(probe)
    assert ladder["null half"] < ALPHA < ladder["acoustics regressed out"]


def test_loudness_that_activations_are_not_straight_in_is_regressed_out_too() -> None:
    loud = world(4, loudness=1.0)
    bent = 2.0 * (loud.acoustics[:, 1] - 1.5) ** 2
    shape = loud.null.std() * np.random.default_rng(1).normal(size=64)
    curved = loud.null + bent[:, None, None] * shape
    evidence = probe_evidence(
        curved, loud.table, null=curved, acoustics=loud.acoustics, alpha=ALPHA
    )
    assert evidence.qualifier == "acoustics-mediated"


def test_where_nothing_was_planted_there_is_nothing_to_qualify() -> None:
    silent = world(5)
    for evidence in (silent.signal(), silent.probe()):
        assert evidence.qualifier is None
        assert min(ladder_of(evidence).values()) > 0.01


def test_clips_without_a_tempo_are_no_obstacle() -> None:
    loud = world(3, words=0.6, loudness=1.0)
    acoustics = loud.acoustics.copy()
    acoustics[::3, 0] = np.nan
    evidence = probe_evidence(
        loud.conditional, loud.table, null=loud.null, acoustics=acoustics, alpha=ALPHA
    )
    assert evidence.qualifier == "acoustics-mediated"


def test_words_are_called_music_no_more_often_than_alpha_says() -> None:
    audio = sum(
        world(seed, words=1.0).signal().qualifier == "audio-borne" for seed in range(12)
    )
    assert audio <= 1  # of 12 at .005: more has a probability of 1 in 600


def test_swap_effects_are_those_of_their_own_factor() -> None:
    rng = np.random.default_rng(6)
    table = world().table
    shape: tuple[Any, ...] = (3, 4, 4, 2, 64)
    noise = rng.normal(size=shape)
    direction = 3 * rng.normal(size=(4, 2, 64))
    by_words = noise + direction[None, None, :]
    by_music = noise + direction[None, :, None]
    for cells, ps in ((by_words, (True, False)), (by_music, (False, True))):
        effects = swap_effects(cells, table)
        assert tuple(e.rung.p < 1 / 500 for e in effects) == ps
        assert effects[0].rung.smallest_p == pytest.approx(1 / 576)
        assert effects[0].signal.shape == effects[1].p_by_layer.shape == (2,)


# --- any measure, asked again without the words -------------------------------------


def of_p(p: float | None) -> Evidence:
    return Evidence(effect=0.3, p=p, smallest_p=1e-4, detail={"layer": 2})


@pytest.mark.parametrize(
    ("p", "without_words", "expected"),
    [
        (1e-4, 1e-4, "audio-borne"),
        (1e-4, 0.3, "text-borne"),
        (1e-4, None, "text-borne"),
    ],
)
def test_a_measure_is_asked_again_without_the_words(
    p: float, without_words: float | None, expected: str
) -> None:
    found = qualified(of_p(p), lambda: of_p(without_words), alpha=ALPHA)
    assert found.qualifier == expected
    assert found.detail["layer"] == 2
    assert [rung["rung"] for rung in found.detail["ladder"]] == [
        "conditional",
        "null half",
    ]
    assert (found.effect, found.p) == (0.3, p)


@pytest.mark.parametrize("p", [0.2, None])
def test_nobody_is_asked_where_nothing_was_found(p: float | None) -> None:
    def asked() -> Evidence:
        raise AssertionError

    assert qualified(of_p(p), asked, alpha=ALPHA) == of_p(p)


def test_a_family_is_measured_again_once() -> None:
    times = []

    def heard() -> dict[str, Evidence]:
        times.append(1)
        return {"a": of_p(1e-4), "b": of_p(0.5), "c": of_p(0.5)}

    family = {"a": of_p(1e-4), "b": of_p(1e-4), "c": of_p(0.5)}
    found = qualified_each(family, heard, alpha=ALPHA)
    qualifiers = {name: evidence.qualifier for name, evidence in found.items()}
    assert qualifiers == {"a": "audio-borne", "b": "text-borne", "c": None}
    assert len(times) == 1


def test_what_recurs_with_its_words_alone_is_lexical() -> None:
    assert called(conditional=0.2, every=1e-4) == "prompt-lexical"
    assert called(conditional=0.2, every=0.2) is None
    assert called(conditional=1e-4, every=1e-4, null=1e-4) == "audio-borne"
