"""Looks and `--lf` through the whole of pytest, in projects without a model."""

from __future__ import annotations

import re
from typing import Any

import pytest
from projects_for_tests import (
    INCONCLUSIVE,
    INVALID,
    REFUTED,
    SUPPORTED,
    TEXT_BORNE,
    WEAK,
    WORKERS,
    Go,
    verdict_of,
)

from harness.claims import load_claims
from harness.ledger import Ledger, chained, later

pytest_plugins = ["pytester"]

WEEK = ("-m", "week1")
FOUR_GATES = ["tempo_gap", "acoustic_match", "layer_signal", "linear_probe"]
INSTRUMENTS = [c.id for c in load_claims().values() if c.role == "instrument"]


def ledger_of(pytester: pytest.Pytester) -> Ledger:
    return Ledger(pytester.path / ".skeptic" / "ledger.jsonl")


def run_tests(result: pytest.RunResult) -> set[str]:
    """Claims whose tests were run."""
    return set(re.findall(r"::test_(\w+)", result.stdout.str()))


def said(result: pytest.RunResult, start: str) -> list[str]:
    return [line for line in result.stdout.lines if line.startswith(start)]


def gates(pytester: pytest.Pytester) -> dict[str, dict[str, Any]]:
    claims = verdict_of(pytester)["claims"]
    return {c["id"]: c for c in claims if c["role"] == "gate"}


# --- looks --------------------------------------------------------------------------


def test_the_same_look_is_on_record_once_and_gives_the_same_answer(
    pytester: pytest.Pytester, go: Go
) -> None:
    first = go(*WEEK, bodies={"linear_probe": INCONCLUSIVE})
    before = verdict_of(pytester)
    look, result = ledger_of(pytester).entries()
    assert (look["event"], look["look"], look["alpha"]) == ("look", 1, 0.005)
    assert (result["event"], result["verdict"]) == ("result", "EXTEND")
    again = go(*WEEK, bodies={"linear_probe": INCONCLUSIVE})
    assert len(ledger_of(pytester).entries()) == 2
    assert first.ret == again.ret == 10
    for part in ("verdict", "reason", "path", "claims", "design"):
        assert verdict_of(pytester)[part] == before[part]
    assert not said(first, "before: ")
    (line,) = said(again, "before: ")
    assert line.startswith("before: look 1 of 10 clips per emotion, seed 0, 2")
    assert "EXTEND (" in line
    assert "linear_probe inconclusive" in line
    (line,) = said(again, "look: ")
    assert re.search(r"look 1 of 4.*; taken on .* the same answer, and cost noth", line)


NEEDS = """decide_claim(
        given("{name}", effect=10.0, p=0.2, upper=30.0, interval=(-10.0, 30.0))
    )"""


def test_what_was_undecided_needs_is_said_before_the_next_look(
    pytester: pytest.Pytester, go: Go
) -> None:
    assert not said(go(*WEEK, bodies={"tempo_gap": NEEDS}), "tempo_gap[")
    lines = said(go(*WEEK, "--lf", "--samples=20"), "tempo_gap[")
    pairs = ("happy against sad", "energetic against calm")
    assert [line.split(": needs ")[0] for line in lines] == [
        f"tempo_gap[{pair}]" for pair in pairs
    ]


def test_trying_other_seeds_is_a_repeated_look_and_never_go(
    pytester: pytest.Pytester, go: Go
) -> None:
    go(*WEEK, bodies={"linear_probe": INCONCLUSIVE})
    result = go(*WEEK, "--seed=1")  # on which everything would be supported
    assert result.ret == 10
    (line,) = said(result, "look: ")  # before anything is generated
    assert "repeated, no evidence. Look 1 was taken with seed 0 on " in line
    for claim in gates(pytester).values():
        assert claim["status"] == "inconclusive"
        assert "Look 1 was taken with seed 0 on " in claim["because"]
    earlier, this = verdict_of(pytester)["looks"]
    assert (earlier["kind"], earlier["seed"], earlier["same_data"]) == (
        "planned",
        0,
        False,
    )
    assert earlier["gates"]["linear_probe"] == "inconclusive"
    assert (this["kind"], this["seed"], this["alpha"]) == ("repeated", 1, 0.0)
    assert this["same_data"]
    assert go(*WEEK, "--seed=1", "--store=another").ret == 0


@pytest.mark.parametrize("workers", [(), WORKERS])
def test_data_that_changed_under_a_spent_look_are_named(
    pytester: pytest.Pytester,
    go: Go,
    monkeypatch: pytest.MonkeyPatch,
    workers: tuple[str, ...],
) -> None:
    assert go(*WEEK, *workers).ret == 0
    monkeypatch.setenv("BYTES", "others ")
    assert go(*WEEK, *workers).ret == 10
    for claim in gates(pytester).values():
        assert claim["status"] == "inconclusive"
        assert "data under look 1 changed since" in claim["because"]
    monkeypatch.delenv("BYTES")
    assert go(*WEEK, *workers).ret == 0  # the clips of then


def test_peeking_at_a_part_spends_the_look(pytester: pytest.Pytester, go: Go) -> None:
    assert go(*WEEK, "-k", "linear_probe").ret == 12
    look, result = ledger_of(pytester).entries()
    assert (look["look"], result["verdict"]) == (1, None)
    assert go(*WEEK, "--seed=1").ret == 10  # another seed comes too late
    assert go(*WEEK).ret == 0  # the same clips are free


def test_an_interrupted_run_has_looked(pytester: pytest.Pytester, go: Go) -> None:
    go(*WEEK, bodies={"linear_probe": "raise KeyboardInterrupt"})
    events = [e["event"] for e in ledger_of(pytester).entries()]
    assert events == ["look", "result"]
    assert go(*WEEK, "--seed=1").ret == 10


def test_checking_the_instrument_is_no_look(pytester: pytest.Pytester, go: Go) -> None:
    assert go(*WEEK, "-k", "captured or finite or shuffled").ret == 12
    assert ledger_of(pytester).entries() == []
    bodies = dict.fromkeys(FOUR_GATES, 'raise BrokenInstrument("It is off.")')
    bodies |= dict.fromkeys(["layer_signal_by_layer"], bodies["tempo_gap"])
    assert go(*WEEK, bodies=bodies).ret == 11
    assert ledger_of(pytester).entries() == []


def test_a_look_with_a_broken_instrument_can_be_had_again(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert go(*WEEK, bodies={"audio_sound": INVALID}).ret == 11
    assert len(ledger_of(pytester).entries()) == 2
    monkeypatch.setenv("BYTES", "mended ")
    assert go(*WEEK).ret == 0


# --- a ledger that cannot be believed -----------------------------------------------

CHECKED = """
@pytest.fixture
def ledger_problem(request):
    from fixtures.looks import ledger_problem
    from harness.plugin import RUN
    return ledger_problem.__wrapped__(request.config.stash[RUN])


@pytest.mark.claim("looks_counted")
def test_looks(ledger_problem, decide_claim):
    decide_claim(given("looks_counted", problem=ledger_problem))
"""


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda text: text.replace('"seed": 0', '"seed": 9'), ":1` is not as it was"),
        (lambda text: text[: len(text) // 2], "is not as it was written"),
        (lambda text: text + "{oh\n", ":3` is not as it was"),
        (lambda text: text.splitlines()[0] + "\n", "had 2 lines and has 1"),
        (lambda text: "", "had 2 lines and has 0"),
    ],
    ids=["edited", "half", "broken line", "line removed", "emptied"],
)
def test_a_spoilt_ledger_is_to_be_mended_and_not_lost(
    pytester: pytest.Pytester, go: Go, spoil: Any, sentence: str
) -> None:
    go(*WEEK, more=CHECKED)
    path = ledger_of(pytester).path
    spoilt = spoil(path.read_text(encoding="utf-8"))
    path.write_text(spoilt, encoding="utf-8")
    result = go(*WEEK, "--lf", more=CHECKED)
    assert result.ret == 11
    record = verdict_of(pytester)
    assert sentence in record["reason"]
    assert {c["status"] for c in gates(pytester).values()} == {"invalid"}
    assert record["looks"] == []
    assert "Traceback" not in result.stdout.str()
    assert sentence in " ".join(said(result, "ledger: "))
    assert path.read_text(encoding="utf-8") == spoilt


def test_a_ledger_from_the_future_is_to_be_mended(
    pytester: pytest.Pytester, go: Go
) -> None:
    go(*WEEK, more=CHECKED)
    ledger = ledger_of(pytester)
    time = later(days=400)
    entries = [{**entry, "time": time} for entry in ledger.entries()]
    ledger.path.write_text("\n".join(chained(entries)) + "\n")
    ledger.seal.unlink()
    assert go(*WEEK, more=CHECKED).ret == 11
    reason = verdict_of(pytester)["reason"]
    assert f":1` is from the future, of {time}: " in reason


# --- only what is not supported -----------------------------------------------------


@pytest.mark.parametrize("workers", [(), WORKERS], ids=["alone", "workers"])
def test_rerunning_tests_what_is_not_supported_and_the_instrument(
    pytester: pytest.Pytester, go: Go, workers: tuple[str, ...]
) -> None:
    bodies = {"acoustic_match": REFUTED, "linear_probe": INCONCLUSIVE}
    bodies["layer_signal_by_layer"] = (
        'decide_claim(given("{name}", p=0.9 if layer else 0.001))'
    )
    go(*WEEK, bodies=bodies)
    result = go(*WEEK, "-v", "--lf", "--samples=20", *workers)  # all is supported now
    assert result.ret == 0
    expected = {*INSTRUMENTS, "shuffled_labels_are_silent"}
    expected |= {"acoustic_match", "linear_probe", "layer_signal_by_layer"}
    assert run_tests(result) == expected
    assert "test_layer_signal_by_layer[layer 1]" in result.stdout.str()
    assert "test_layer_signal_by_layer[layer 0]" not in result.stdout.str()
    record = verdict_of(pytester)
    assert record["verdict"] == "GO"
    assert record["design"]["alpha"] == 0.01
    carried = {
        (c["id"], c["member"]): c["look"] for c in record["claims"] if c.get("carried")
    }
    assert carried == {
        ("tempo_gap", "happy against sad"): 1,
        ("tempo_gap", "energetic against calm"): 1,
        ("layer_signal", None): 1,
        ("layer_signal_by_layer", "layer 0"): 1,
    }
    assert [look["number"] for look in record["looks"]] == [1, 2]
    assert [look["verdict"] for look in record["looks"]] == ["PIVOT", "GO"]
    assert "rerun: 4 supported decisions are carried on, the rest is tested" in (
        result.stdout.lines
    )


def test_rerunning_the_same_clips_is_free_and_carries_on(
    pytester: pytest.Pytester, go: Go
) -> None:
    go(*WEEK, bodies={"linear_probe": INCONCLUSIVE})
    before = verdict_of(pytester)
    result = go(*WEEK, "-v", "--lf", bodies={"linear_probe": INCONCLUSIVE})
    assert result.ret == 10
    assert "tempo_gap" not in run_tests(result)
    assert verdict_of(pytester)["verdict"] == before["verdict"]
    assert len(ledger_of(pytester).entries()) == 2


def test_with_every_gate_carried_only_the_instrument_is_tested(
    pytester: pytest.Pytester, go: Go
) -> None:
    go(*WEEK)
    result = go(*WEEK, "-v", "--lf", "--samples=20")
    assert result.ret == 0
    assert run_tests(result) == {*INSTRUMENTS, "shuffled_labels_are_silent"}
    assert all(c["carried"] and c["look"] == 1 for c in gates(pytester).values())
    assert len(ledger_of(pytester).entries()) == 2  # nothing was looked at


def test_without_an_earlier_look_everything_is_tested_and_it_says_so(
    pytester: pytest.Pytester, go: Go
) -> None:
    result = go(*WEEK, "-v", "--lf")
    assert result.ret == 0
    assert set(FOUR_GATES) <= run_tests(result)
    (line,) = said(result, "rerun: ")
    assert "has no earlier look: everything is tested" in line


def test_where_nothing_was_supported_everything_is_tested(
    pytester: pytest.Pytester, go: Go
) -> None:
    names = [c.id for c in load_claims().values() if c.role != "instrument"]
    go(*WEEK, bodies=dict.fromkeys(names, INCONCLUSIVE))
    result = go(*WEEK, "-v", "--lf", "--samples=20")
    assert set(FOUR_GATES) <= run_tests(result)
    (line,) = said(result, "rerun: ")
    assert "no earlier look supported anything" in line


def test_text_borne_support_is_looked_at_again(
    pytester: pytest.Pytester, go: Go
) -> None:
    go(*WEEK, bodies={"layer_signal": TEXT_BORNE})
    result = go(*WEEK, "-v", "--lf", "--samples=20")
    assert "layer_signal" in run_tests(result)
    assert result.ret == 0


@pytest.mark.parametrize(
    ("body", "code", "verdict"),
    [
        (REFUTED, 1, "PIVOT"),
        (INCONCLUSIVE, 10, "EXTEND"),
        (INVALID, 11, "FIX"),
        ("pass", 12, None),
    ],
)
def test_a_rerun_has_the_exit_codes_of_any_run(
    pytester: pytest.Pytester, go: Go, body: str, code: int, verdict: str | None
) -> None:
    go(*WEEK, bodies={"linear_probe": INCONCLUSIVE})
    assert go(*WEEK, "--lf", "--samples=20", bodies={"linear_probe": body}).ret == code
    assert verdict_of(pytester)["verdict"] == verdict


def test_what_is_left_out_by_hand_is_not_carried(
    pytester: pytest.Pytester, go: Go
) -> None:
    go(*WEEK, bodies={"linear_probe": INCONCLUSIVE})
    result = go(*WEEK, "--lf", "--samples=20", "-k", "not linear_probe")
    assert result.ret == 12
    assert "linear_probe" in verdict_of(pytester)["reason"]


def test_a_repeated_look_supports_nothing_that_could_be_carried(
    pytester: pytest.Pytester, go: Go
) -> None:
    names = [c.id for c in load_claims().values() if c.role != "instrument"]
    go(*WEEK, bodies=dict.fromkeys(names, INCONCLUSIVE))
    go(*WEEK, "--seed=1", bodies=dict.fromkeys(names, SUPPORTED))
    result = go(*WEEK, "--lf", "-v", "--samples=20", bodies={"linear_probe": WEAK})
    assert set(FOUR_GATES) <= run_tests(result)


def test_pytests_own_tests_rerun_as_ever(pytester: pytest.Pytester, go: Go) -> None:
    go("--collect-only")
    text = "def test_good(): pass\ndef test_bad(): assert 0\n"
    (pytester.mkdir("tests") / "test_other.py").write_text(text)
    pytester.runpytest_inprocess("tests")
    result = pytester.runpytest_inprocess("tests", "--lf", "-v")
    assert "test_bad" in result.stdout.str()
    assert "test_good" not in result.stdout.str()
    assert not (pytester.path / ".skeptic").exists()
