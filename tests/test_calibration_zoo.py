"""The zoo holds what was found against what is true, and does nothing twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from harness.calibration import repetitions, zoo
from harness.calibration.findings import Found, claim_names, rates
from harness.calibration.repetitions import Repetition, suite_digest, verdicts_of
from harness.calibration.truth import (
    TRUTH_FILE,
    Truth,
    TruthError,
    judge,
    load_truths,
)
from harness.calibration.zoo_tables import zoo_markdown, zoo_record
from harness.files import read_json, write_json
from harness.models.phantoms import names

TRUTHS = load_truths()
ENCODES, DEAF = TRUTHS["encodes"], TRUTHS["deaf"]


# --- the truth ----------------------------------------------------------------------


def test_the_truth_of_every_shipped_phantom_is_stated() -> None:
    assert set(names()) <= set(TRUTHS)


def test_only_encodes_may_get_a_go() -> None:
    assert ["GO" in t.never for t in TRUTHS.values() if t.model != "encodes"] == [
        True
    ] * (len(TRUTHS) - 1)
    assert ENCODES.right == ("GO",)


def test_no_verdict_is_both_right_and_forbidden() -> None:
    for truth in TRUTHS.values():
        assert not set(truth.right) & set(truth.never)


@pytest.mark.parametrize(
    ("word", "right", "open_", "wrong"),
    [
        ("effect", {"supported"}, {"weak", "inconclusive"}, {"refuted", "invalid"}),
        ("small", {"weak"}, {"inconclusive"}, {"supported", "refuted", "invalid"}),
        ("none", {"refuted"}, {"inconclusive"}, {"supported", "weak", "invalid"}),
    ],
)
def test_every_status_is_right_open_or_wrong(
    word: str, right: set[str], open_: set[str], wrong: set[str]
) -> None:
    truth = _truth(tempo_gap=word)
    outcomes = {
        s: judge(truth, "tempo_gap", [s]) for s in sorted(right | open_ | wrong)
    }
    assert {s for s, o in outcomes.items() if o == "right"} == right
    assert {s for s, o in outcomes.items() if o == "open"} == open_
    assert {s for s, o in outcomes.items() if o == "wrong"} == wrong


def test_a_claim_is_wrong_in_one_member_and_right_only_in_all() -> None:
    truth = _truth(tempo_gap="none")
    assert judge(truth, "tempo_gap", ["refuted", "refuted"]) == "right"
    assert judge(truth, "tempo_gap", ["refuted", "inconclusive"]) == "open"
    assert judge(truth, "tempo_gap", ["refuted", "supported"]) == "wrong"


def test_an_instrument_check_must_hold_in_every_phantom() -> None:
    assert judge(DEAF, "tempo_instrument", ["supported"]) == "right"
    assert judge(DEAF, "tempo_gap control", ["invalid"]) == "wrong"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('tempo_gap = "effect"', ""), "see tempo_gap"),
        (('tempo_gap = "effect"', 'tempo_gap = "some"'), "got some"),
    ],
    ids=["left out", "not a word for it"],
)
def test_a_truth_that_is_not_stated_is_refused(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    text = TRUTH_FILE.read_text(encoding="utf-8")
    assert change[0] in text
    other = tmp_path / "truth.toml"
    other.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(TruthError, match=said):
        load_truths(other)


# --- what was found -----------------------------------------------------------------


def test_verdicts_are_counted_at_the_first_and_the_last_look() -> None:
    first = [_record("GO"), _record("EXTEND"), _record("EXTEND")]
    last = [_record("GO"), _record("GO"), _record("EXTEND")]
    found = Found(truth=ENCODES, first=first, last=last)
    assert found.verdicts(at_first=True) == {"GO": 1, "EXTEND": 2}
    assert found.verdicts() == {"GO": 2, "EXTEND": 1}
    assert found.right() == 2


def test_one_miss_in_twenty_is_enough_and_two_are_not() -> None:
    go, extend = _record("GO"), _record("EXTEND")
    assert _found(ENCODES, [go] * 19 + [extend]).as_it_must_be()
    assert not _found(ENCODES, [go] * 18 + [extend] * 2).as_it_must_be()


def test_a_single_forbidden_verdict_is_too_many() -> None:
    extend = _record("EXTEND")
    assert _found(DEAF, [extend] * 20).as_it_must_be()
    assert not _found(DEAF, [extend] * 199 + [_record("GO")]).as_it_must_be()


def test_sensitivity_and_specificity_are_of_what_is_true() -> None:
    encodes = [_record("GO", tempo_gap=["supported", "supported"])] * 3
    encodes += [_record("EXTEND", tempo_gap=["supported", "inconclusive"])]
    deaf = [_record("EXTEND", tempo_gap=["refuted", "inconclusive"])] * 4
    deaf += [_record("GO", tempo_gap=["inconclusive", "supported"])]
    by_claim = {
        r.claim: r for r in rates([_found(ENCODES, encodes), _found(DEAF, deaf)])
    }
    tempo = by_claim["tempo_gap"]
    assert (tempo.found, tempo.there) == (3, 4)
    assert (tempo.silent, tempo.nothing) == (4, 5)
    probe = by_claim["linear_probe"]  # was not decided
    assert (probe.there, probe.nothing) == (0, 0)


def test_a_broken_control_is_a_false_alarm() -> None:
    sound = _record("EXTEND")
    sound["claims"].append(_claim("tempo_gap control", "supported", "instrument"))
    alarm = _record("FIX")
    alarm["claims"].append(_claim("tempo_gap control", "invalid", "instrument"))
    checks = rates([_found(DEAF, [sound, sound, alarm])])[-1]
    assert (checks.silent, checks.nothing) == (2, 3)


def test_qualifiers_are_counted_where_there_is_an_effect() -> None:
    heard = _record("GO")
    heard["claims"].append(_claim("layer_signal", "supported", qualifier="audio-borne"))
    read = _record("EXTEND")
    read["claims"].append(_claim("layer_signal", "weak", qualifier="text-borne"))
    found = _found(ENCODES, [heard, read])
    assert found.qualifiers("layer_signal") == {"audio-borne": 1}


def test_the_tables_say_what_was_counted() -> None:
    records = [_record("GO", tempo_gap=["supported", "supported"])] * 19
    records += [_record("EXTEND", tempo_gap=["supported", "weak"])]
    found = _found(ENCODES, records)
    lines = [" ".join(line.split()) for line in zoo_markdown([found]).splitlines()]
    assert (
        "| encodes | 20 | GO | GO 19, EXTEND 1 | GO 19, EXTEND 1 | "
        "19 of 20, 95.0 % [75.1, 99.9] | - |" in lines
    )
    assert "| tempo_gap | 95.0 [75.1, 99.9] | 20 | - | 0 |" in lines
    assert (
        "| encodes | tempo_gap | effect | supported 39, weak 1 | 19 | 0 | 1, 1 BPM |"
        in lines
    )
    data = json.loads(json.dumps(zoo_record([found])))
    assert data["models"]["encodes"]["claims"]["tempo_gap"]["judged"] == {
        "right": 19,
        "open": 1,
    }
    assert data["claims"]["tempo_gap"]["sensitivity"]["hits"] == 19


# --- repetitions --------------------------------------------------------------------


class FakeProgram:
    """Stands for pytest: writes the verdicts that it is told to."""

    def __init__(self, *verdicts: str | None) -> None:
        self.verdicts = list(verdicts)
        self.calls: list[dict[str, str]] = []
        self.resumed: list[bool] = []

    def __call__(self, arguments: Sequence[str], output: Path) -> None:
        options = dict(pairwise(arguments))
        self.calls.append(options)
        self.resumed.append("--lf" in arguments)
        store = Path(options["--store"])
        write_json(store / "model" / "clip.json", {})
        write_json(store / "ledger.jsonl", {"looks": len(self.calls)})
        output.write_text("said", encoding="utf-8")
        verdict = self.verdicts.pop(0)
        state = "complete" if verdict else "incomplete"
        report = Path(options["--report-dir"]) / "verdict.json"
        write_json(report, {"state": state, "verdict": verdict})


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> FakeProgram:
    program = FakeProgram()
    monkeypatch.setattr(repetitions, "_pytest", program)
    return program


def test_a_repetition_is_week_1_with_its_own_seed_and_store(
    program: FakeProgram, tmp_path: Path
) -> None:
    program.verdicts = ["GO", "GO"]
    for number in (0, 7):
        _run(_repetition(tmp_path, number=number))
    assert [c["--seed"] for c in program.calls] == ["0", "7"]
    assert [c["-m"] for c in program.calls] == ["week1", "week1"]
    assert {c["--model"] for c in program.calls} == {"phantom:deaf"}
    assert len({c["--store"] for c in program.calls}) == 2


def test_what_was_run_is_not_run_again(program: FakeProgram, tmp_path: Path) -> None:
    program.verdicts = ["PIVOT"]
    repetition = _repetition(tmp_path)
    assert _missing(repetition)
    _run(repetition)
    assert not _missing(repetition)
    assert [v["verdict"] for v in _taken(repetition)] == ["PIVOT"]


def test_looks_go_on_as_long_as_they_are_told_to(
    program: FakeProgram, tmp_path: Path
) -> None:
    program.verdicts = ["EXTEND", "GO"]
    repetition = _repetition(tmp_path, looks=(10, 20, 50))
    _run(repetition)
    assert [c["--samples"] for c in program.calls] == ["10", "20"]
    assert program.resumed == [False, True]
    assert [v["verdict"] for v in _taken(repetition)] == ["EXTEND", "GO"]
    assert not _missing(repetition)


def test_a_further_look_is_added_to_what_is_there(
    program: FakeProgram, tmp_path: Path
) -> None:
    program.verdicts = ["EXTEND", "PIVOT"]
    _run(_repetition(tmp_path))
    longer = _repetition(tmp_path, looks=(10, 20))
    assert _missing(longer)
    _run(longer)
    assert [c["--samples"] for c in program.calls] == ["10", "20"]


def test_other_sources_judge_anew_but_keep_the_clips(
    program: FakeProgram, tmp_path: Path
) -> None:
    program.verdicts = ["EXTEND", "PIVOT"]
    repetition = _repetition(tmp_path)
    _run(repetition, suite="before")
    for name in ("ledger.jsonl", "ledger.seal"):
        (repetition.store / name).write_text("old", encoding="utf-8")
    assert _taken(repetition) == []
    _run(repetition)
    assert [v["verdict"] for v in _taken(repetition)] == ["PIVOT"]
    assert (repetition.store / "model" / "clip.json").exists()
    assert read_json(repetition.store / "ledger.jsonl") == {"looks": 2}
    assert not (repetition.store / "ledger.seal").exists()


def test_clips_of_another_duration_are_removed(
    program: FakeProgram, tmp_path: Path
) -> None:
    program.verdicts = ["PIVOT", "PIVOT"]
    _run(_repetition(tmp_path))
    other = _repetition(tmp_path, duration=4.0)
    left = other.store / "model" / "old.json"
    write_json(left, {})
    _run(other)
    assert not left.exists()


def test_clips_go_where_they_are_not_to_be_kept(
    program: FakeProgram, tmp_path: Path
) -> None:
    program.verdicts = ["PIVOT"]
    repetition = _repetition(tmp_path, keep=False)
    _run(repetition)
    assert [p.name for p in repetition.store.iterdir()] == ["ledger.jsonl"]
    assert not _missing(repetition)


def test_a_repetition_without_a_verdict_says_where_to_read_why(
    program: FakeProgram, tmp_path: Path
) -> None:
    program.verdicts = [None]
    repetition = _repetition(tmp_path)
    with pytest.raises(
        repetitions.RepetitionError, match=r"no verdict at 10; see .*txt"
    ):
        _run(repetition)
    assert _missing(repetition)


def test_the_suite_is_everything_that_decides() -> None:
    assert suite_digest() == suite_digest()
    assert len(suite_digest()) == 16


def test_one_process_runs_the_real_program_again_and_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(repetitions, "suite_digest", lambda: "as it is now")
    tries = [_repetition(tmp_path, number=n, looks=(1,), duration=2.0) for n in (0, 1)]
    said: list[str] = []
    repetitions.repeat(tries, processes=1, say=said.append)
    assert [line.split(":")[0] for line in said] == ["1 of 2", "2 of 2"]
    for repetition in tries:
        (verdict,) = verdicts_of(repetition, "as it is now")
        assert verdict["design"]["seed"] == repetition.number
        assert verdict["verdict"] != "GO"  # one clip is never evidence
    repetitions.repeat(tries, processes=1, say=said.append)
    assert len(said) == 2


def test_after_its_minutes_no_more_is_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """But the first of each model is: a table must say something of all."""
    monkeypatch.setattr(repetitions, "_pool", lambda size: ThreadPoolExecutor(1))
    monkeypatch.setattr(repetitions, "_run", lambda repetition, suite: str(repetition))
    tries = [
        Repetition(model=model, number=number, place=tmp_path)
        for number in range(50)
        for model in ("deaf", "encodes")
    ]
    said: list[str] = []
    repetitions.repeat(tries, minutes=0.0, say=said.append)
    assert {line.split(": ")[1] for line in said} >= {"deaf 0", "encodes 0"}
    assert len(said) < 50
    repetitions.repeat(tries, say=said.append)
    assert len(said) > 100


def test_a_phantom_without_a_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="in nobody is not stated"):
        zoo.visit(["nobody"], repetitions=1, processes=1, place=tmp_path)


# --- helpers ------------------------------------------------------------------------


def _truth(**claims: str) -> Truth:
    return Truth(
        model="made up",
        why="",
        right=(),
        never=(),
        least=1.0,
        claims=claims,
        qualifiers={},
    )


def _claim(
    name: str, status: str, role: str = "gate", qualifier: str | None = None
) -> dict[str, Any]:
    return {
        "id": name,
        "member": None,
        "status": status,
        "role": role,
        "effect": 1.0,
        "qualifier": qualifier,
    }


def _record(verdict: str, **statuses: list[str]) -> dict[str, Any]:
    claims = [
        {**_claim(name, status), "member": str(member)}
        for name, by_member in statuses.items()
        for member, status in enumerate(by_member)
    ]
    assert set(statuses) <= set(claim_names())
    return {"verdict": verdict, "claims": claims}


def _found(truth: Truth, records: list[dict[str, Any]]) -> Found:
    return Found(truth=truth, first=records, last=records)


def _repetition(place: Path, *, number: int = 0, **others: Any) -> Repetition:
    return Repetition(model="deaf", number=number, place=place, **others)


def _run(repetition: Repetition, *, suite: str | None = None) -> None:
    repetitions._run(repetition, suite or suite_digest())


def _taken(repetition: Repetition) -> list[dict[str, Any]]:
    return verdicts_of(repetition, suite_digest())


def _missing(repetition: Repetition) -> bool:
    return repetitions._to_be_run(repetition, suite_digest())
