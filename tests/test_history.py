"""What earlier looks make of a look: spent, repeated, changed, free, or to be had."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from harness.claims import load_claims
from harness.history import (
    PastLook,
    Question,
    Sight,
    data_of,
    judged,
    looks_record,
    other_questions,
    past_looks,
    supported,
    take,
    write_result,
)
from harness.inference.looks import PLANNED, Look, look_for
from harness.ledger import Ledger, LedgerError

QUESTION = Question(
    model="f" * 32, emotions=("happy", "sad"), bank="b" * 32, seconds=8.0
)
MADE = {"engine": 9, "device": "cpu"}


class History:
    """Looks taken one after the other, in a ledger."""

    def __init__(self, path: Path) -> None:
        self.ledger = Ledger(path)

    def take(
        self,
        samples: int,
        data: str = "a",
        *,
        seed: int = 0,
        question: Question = QUESTION,
        made: dict[str, Any] | None = None,
    ) -> Look:
        sight = Sight(seed=seed, data=data, made=made or MADE)
        return take(self.ledger, look_for(samples), question, sight, design={})

    def end(
        self,
        samples: int,
        data: str = "a",
        *claims: dict[str, Any],
        seed: int = 0,
        verdict: str | None = "EXTEND",
    ) -> None:
        sight = Sight(seed=seed, data=data, made=MADE)
        planned = look_for(samples)
        found = claims or (claim("tempo_gap"),)
        write_result(
            self.ledger, planned, QUESTION, sight, verdict=verdict, claims=found
        )

    @property
    def past(self) -> list[PastLook]:
        return past_looks(self.ledger.entries(), QUESTION)

    @property
    def count(self) -> int:
        return len(self.ledger.entries())


def claim(
    name: str, status: str = "supported", member: str | None = None, **changes: Any
) -> dict[str, Any]:
    stated = load_claims()[name]
    return {
        "id": name,
        "member": member,
        "role": stated.role,
        "status": status,
        "qualifier": None,
        "p": 0.001,
        "threshold": asdict(stated.thresholds),
        "detail": {"curve": [1, 2], "measured": {"icc": 0.2}},
        **changes,
    }


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "ledger.jsonl")


# --- what a look is -----------------------------------------------------------------


@pytest.mark.parametrize("order", [PLANNED, PLANNED[::-1]])
def test_every_planned_look_is_to_be_had_once_in_any_order(
    history: History, order: tuple[int, ...]
) -> None:
    looks = [history.take(n, f"clips {n}") for n in order]
    assert [look.kind for look in looks] == ["planned"] * 4
    assert sum(look.alpha for look in looks) == pytest.approx(0.05)
    assert all(look.taken is None for look in looks)
    assert history.count == 4


def test_looking_again_at_the_same_clips_is_free(history: History) -> None:
    first = history.take(10)
    again = history.take(10)
    assert (again.kind, again.alpha) == ("planned", first.alpha) == ("planned", 0.005)
    assert again.taken is not None
    assert again.taken.endswith("UTC")
    assert history.count == 1


@pytest.mark.parametrize("verdict", ["EXTEND", "PIVOT", "GO", None])
def test_another_seed_repeats_a_look_that_was_taken(
    history: History, verdict: str | None
) -> None:
    history.take(10)
    history.end(10, verdict=verdict)
    for seed in (1, 2):
        look = history.take(10, "b", seed=seed)
        assert (look.kind, look.alpha) == ("repeated", 0.0)
        assert "Look 1 was taken with seed 0 on " in look.because
        assert f"with seed {seed} it is repeated" in look.because
        assert "--store of its own" in look.because
    assert history.take(10).kind == "planned"  # the first one stays what it was
    assert history.take(10, "b", seed=1).kind == "repeated"  # and so do these


def test_a_run_that_was_killed_has_spent_its_look(history: History) -> None:
    history.take(10)  # and no result
    assert history.take(10, "b", seed=1).kind == "repeated"


@pytest.mark.parametrize("first", [2, 10, 11])
def test_the_first_look_fixes_the_seed_of_all(history: History, first: int) -> None:
    history.take(first, seed=3)
    look = history.take(20, "b", seed=4)
    assert (look.kind, look.alpha) == ("repeated", 0.0)
    assert "first looked at with seed 3" in look.because
    assert "Give --seed 3" in look.because
    assert history.take(20, "c", seed=3).kind == "planned"


def test_a_replication_leaves_the_looks_that_remain_alone(history: History) -> None:
    history.take(10, seed=0)
    history.take(10, "b", seed=1)
    assert history.take(20, "c", seed=0).kind == "planned"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"engine": 10, "device": "cpu"}, "engine was 9, is 10"),
        ({"engine": 10, "device": "cuda"}, "engine was 9, is 10, device was cpu"),
        (MADE, "files were changed"),
    ],
)
def test_other_clips_of_the_same_seed_are_changed_data(
    history: History, made: dict[str, Any], why: str
) -> None:
    history.take(10)
    look = history.take(10, "b", made=made)
    assert (look.kind, look.alpha) == ("changed", 0.0)
    assert "The data under look 1 changed since " in look.because
    assert why in look.because


def test_a_look_that_ended_in_fix_is_not_spent(history: History) -> None:
    history.take(10)
    history.end(10, verdict="FIX")
    mended = history.take(10, "b")
    assert (mended.kind, mended.alpha) == ("planned", 0.005)
    assert history.take(10, "a").kind == "changed"  # the mended one counts


def test_a_look_that_was_cut_short_before_fix_is_spent(history: History) -> None:
    history.take(10)
    history.end(10, verdict=None)
    history.end(10, "a", claim("acoustic_match"), verdict="FIX")
    assert history.take(10, "b").kind == "changed"


@pytest.mark.parametrize(("samples", "kind"), [(3, "smoke"), (30, "unplanned")])
def test_what_is_not_planned_spends_nothing_and_is_on_record(
    history: History, samples: int, kind: str
) -> None:
    look = history.take(samples)
    assert (look.kind, look.alpha) == (kind, 0.0)
    assert history.count == 1
    assert history.take(samples).taken is not None
    assert history.take(10, "b").kind == "planned"


@pytest.mark.parametrize(
    "other",
    [
        Question(model="e" * 32, emotions=("happy", "sad"), bank="b" * 32, seconds=8.0),
        Question(model="f" * 32, emotions=("happy", "calm"), bank="b" * 32, seconds=8),
        Question(model="f" * 32, emotions=("happy", "sad"), bank="c" * 32, seconds=8),
        Question(model="f" * 32, emotions=("happy", "sad"), bank="b" * 32, seconds=4),
    ],
    ids=["model", "emotions", "bank", "duration"],
)
def test_another_question_has_looks_of_its_own(
    history: History, other: Question
) -> None:
    history.take(10)
    assert history.take(10, "b", seed=1, question=other).kind == "planned"


def test_the_order_of_the_emotions_is_no_other_question(history: History) -> None:
    history.take(10)
    turned = Question(
        model="f" * 32, emotions=("sad", "happy"), bank="b" * 32, seconds=8.0
    )
    assert history.take(10, "b", seed=1, question=turned).kind == "repeated"


def test_what_is_certain_before_there_are_clips_is_foreseen(history: History) -> None:
    history.take(10)

    def foreseen(samples: int, seed: int) -> Look:
        sight = Sight(seed=seed, data=None, made=MADE)
        return judged(look_for(samples), history.past, sight)

    assert foreseen(10, 0).kind == foreseen(20, 0).kind == "planned"
    assert foreseen(10, 0).taken is not None
    assert foreseen(10, 1).kind == foreseen(20, 1).kind == "repeated"
    assert history.count == 1


def test_a_broken_ledger_lets_no_look_be_taken_and_is_kept(history: History) -> None:
    history.take(10)
    text = history.ledger.path.read_text().replace('"seed": 0', '"seed": 1')
    history.ledger.path.write_text(text)
    for call in (lambda: history.take(20, "b"), lambda: history.end(10)):
        with pytest.raises(LedgerError, match=":1` is not as it was written"):
            call()
    assert history.ledger.path.read_text() == text


# --- what is on record --------------------------------------------------------------


def test_the_same_result_is_written_once_and_another_is_added(
    history: History,
) -> None:
    history.take(10)
    for _ in range(3):
        history.end(10)
    assert history.count == 2
    history.end(10, "a", claim("tempo_gap", "weak"))
    assert history.count == 3
    assert [c["status"] for c in history.past[0].claims] == ["weak"]


def test_results_of_parts_add_up(history: History) -> None:
    history.take(10)
    history.end(10, "a", claim("tempo_gap"), verdict=None)
    history.end(10, "a", claim("linear_probe", "weak"), verdict="EXTEND")
    (look,) = history.past
    assert look.gates() == {"tempo_gap": "supported", "linear_probe": "weak"}
    assert look.verdict == "EXTEND"


def test_curves_are_not_kept_and_what_was_measured_for_planning_is(
    history: History,
) -> None:
    history.take(10)
    history.end(10)
    assert history.past[0].claims[0]["detail"] == {"measured": {"icc": 0.2}}


def test_every_look_is_told_with_its_gates(history: History) -> None:
    history.take(10)
    history.end(10)
    history.take(20, "b")
    first, second = looks_record(history.past, data="b")
    assert first == {
        "number": 1,
        "samples": 10,
        "kind": "planned",
        "seed": 0,
        "time": first["time"],
        "alpha": 0.005,
        "verdict": "EXTEND",
        "same_data": False,
        "gates": {"tempo_gap": "supported"},
    }
    assert (second["number"], second["verdict"], second["same_data"]) == (2, None, True)
    said = history.past[0].sentence()
    assert said.startswith("look 1 of 10 clips per emotion, seed 0, 20")
    assert said.endswith(": EXTEND (tempo_gap supported)")
    assert history.past[1].sentence().endswith(": no verdict")


def test_data_are_audio_and_captures_whatever_their_names() -> None:
    def record(key: str, audio: str = "1", more: str = "3") -> dict[str, Any]:
        files = {f"audio/{key}.wav": audio, f"captures/{key}.parquet": "2"}
        return {
            "prompt": "a happy tune",
            "seed": 5,
            "files": {**files, f"resolved/{key}.safetensors": more},
        }

    plain = data_of([record("k")])
    assert data_of([record("other key")]) == plain
    assert data_of([record("k", more="9")]) == plain  # no claim is decided on it
    assert data_of([record("k", audio="9")]) != plain
    assert data_of([{**record("k"), "seed": 6}]) != plain
    assert data_of([record("k"), record("k")]) != plain


# --- what is carried on -------------------------------------------------------------


def test_what_the_last_look_supported_is_carried_with_its_look(
    history: History,
) -> None:
    history.take(10)
    history.end(
        10,
        "a",
        claim("tempo_gap", member="happy against sad"),
        claim("tempo_gap", "weak", member="energetic against calm"),
        claim("linear_probe", "inconclusive"),
        claim("mode_gap"),
        claim("audio_sound"),
    )
    found = supported(history.past)
    assert [(c["id"], c["member"], c["look"], c["carried"]) for c in found] == [
        ("tempo_gap", "happy against sad", 1, True),
        ("mode_gap", None, 1, True),
    ]


def test_a_later_look_that_did_not_support_it_has_the_last_word(
    history: History,
) -> None:
    history.take(10)
    history.end(10)
    history.take(20, "b")
    assert [c["look"] for c in supported(history.past)] == [1]
    history.end(20, "b", claim("tempo_gap", "weak"))
    assert supported(history.past) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"qualifier": "text-borne"},
        {"threshold": {"none": 0.0, "minimum": 0.0, "strong": 0.0}},
        {"status": "weak"},
    ],
)
def test_what_does_not_hold_is_not_carried(
    history: History, changes: dict[str, Any]
) -> None:
    history.take(10)
    history.end(10, "a", {**claim("tempo_gap"), **changes})
    assert supported(history.past) == []


@pytest.mark.parametrize(
    ("p", "p_gated", "carried"),
    [
        (0.004, 0.008, False),  # Holm held it back
        (0.002, 0.004, True),
        (0.004, None, False),  # behind a shut gate: twice .004 is above .005
        (0.002, None, True),
        (None, None, False),
    ],
)
def test_a_gate_is_carried_only_if_it_held_with_the_others_counted(
    history: History, p: float | None, p_gated: float | None, carried: bool
) -> None:
    history.take(10)
    history.end(10, "a", {**claim("layer_signal"), "p": p, "p_gated": p_gated})
    assert bool(supported(history.past)) is carried


def test_other_questions_of_the_same_model_are_named(history: History) -> None:
    history.take(10)
    entries = history.ledger.entries()
    longer = replace(QUESTION, seconds=8.1)
    (said,) = other_questions(entries, longer)
    assert "seconds 8" in said
    assert "look 1" in said
    assert other_questions(entries, QUESTION) == []
    assert other_questions(entries, replace(longer, model="another")) == []


@pytest.mark.parametrize("samples", [3, 30])
def test_what_is_no_evidence_carries_nothing(history: History, samples: int) -> None:
    history.take(samples)
    history.end(samples)
    assert supported(history.past) == []


def test_a_repeated_look_and_one_with_a_broken_instrument_carry_nothing(
    history: History,
) -> None:
    history.take(10)
    history.end(10, verdict="FIX")
    assert supported(history.past) == []
    history.take(20, "b", seed=1)
    history.end(20, "b", seed=1)
    assert supported(history.past) == []
