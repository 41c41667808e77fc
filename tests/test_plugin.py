"""What pytest makes of decisions: the verdict and its exit code."""

from __future__ import annotations

import pytest
from projects_for_tests import (
    INCONCLUSIVE,
    INVALID,
    REFUTED,
    SUPPORTED,
    TEXT_BORNE,
    WEAK,
    Go,
    verdict_of,
)

pytest_plugins = ["pytester"]


def test_all_in_favour_is_go(pytester: pytest.Pytester, go: Go) -> None:
    result = go("-m", "week1")
    assert result.ret == 0
    record = verdict_of(pytester)
    assert (record["state"], record["verdict"]) == ("complete", "GO")
    assert record["schema"] == 1
    assert record["stage"] == "week1"
    assert record["model"]["name"] == "made up"
    assert record["design"]["clips_per_emotion"] == 10
    assert record["design"]["alpha_spent"] == 0.005
    members = {c["member"] for c in record["claims"] if c["id"] == "tempo_gap"}
    assert members == {"happy against sad", "energetic against calm"}
    layers = [c["member"] for c in record["claims"] if c["unit"] == "cosine"]
    assert layers == [None, "layer 0", "layer 1"]
    result.stdout.fnmatch_lines(["model: made up (1.5 M parameters, 2 layers x 4,*"])
    result.stdout.fnmatch_lines(["*= verdict =*"])


@pytest.mark.parametrize(
    ("body", "code", "verdict"),
    [
        (SUPPORTED, 0, "GO"),
        (REFUTED, 1, "PIVOT"),
        ('decide_claim(given("{name}", effect=0.001))', 1, "PIVOT"),  # trifling
        (INCONCLUSIVE, 10, "EXTEND"),
        (WEAK, 10, "EXTEND"),
        (TEXT_BORNE, 10, "EXTEND"),
        (INVALID, 11, "FIX"),
        ('raise BrokenInstrument("The microphone is off.")', 11, "FIX"),
        ('raise ValueError("oh")', 12, None),
        ("assert decide_claim is None", 12, None),
        ('pytest.skip("not today")', 12, None),
        ("pass", 12, None),
        ('decide_claim(given("{name}")); raise ValueError("oh")', 12, None),
        ('decide_claim(given("{name}")); pytest.fail("oh")', 12, None),
        ('decide_claim(given("{name}")); pytest.skip("oh")', 12, None),
    ],
)
def test_the_exit_code_is_the_verdict(
    pytester: pytest.Pytester, go: Go, body: str, code: int, verdict: str | None
) -> None:
    result = go("-m", "week1", bodies={"layer_signal": body})
    assert result.ret == code
    record = verdict_of(pytester)
    assert record["verdict"] == verdict
    assert record["state"] == ("complete" if verdict else "incomplete")
    assert (verdict is not None) or "test_layer_signal" in record["reason"]


def test_extending_says_with_which_command(pytester: pytest.Pytester, go: Go) -> None:
    go("-m", "week1", "--seed", "7", bodies={"linear_probe": INCONCLUSIVE})
    expected = "uv run pytest -m week1 --samples 20 --model made up --seed 7"
    command = verdict_of(pytester)["next_command"]
    assert command in (expected, expected.replace(" --model made up", ""))


def test_a_smoke_run_is_never_go(pytester: pytest.Pytester, go: Go) -> None:
    assert go("-m", "week1", "--samples", "2").ret == 10
    gates = [c for c in verdict_of(pytester)["claims"] if c["role"] == "gate"]
    assert {c["status"] for c in gates} == {"inconclusive"}


def test_a_broken_instrument_is_to_be_mended_though_another_test_crashed(
    pytester: pytest.Pytester, go: Go
) -> None:
    bodies = {"captures_finite": INVALID, "linear_probe": 'raise ValueError("oh")'}
    assert go("-m", "week1", bodies=bodies).ret == 11
    assert verdict_of(pytester)["verdict"] == "FIX"


def test_a_failing_test_without_a_claim_is_not_hidden_by_go(
    pytester: pytest.Pytester, go: Go
) -> None:
    assert go(more="def test_something_else():\n    assert 1 == 2").ret not in (0, 10)
    assert verdict_of(pytester)["verdict"] != "GO"


def test_an_error_in_teardown_is_not_hidden_by_go(
    pytester: pytest.Pytester, go: Go
) -> None:
    more = """
@pytest.fixture
def leaking():
    yield
    raise ValueError("oh")


@pytest.mark.claim("layer_signal")
def test_with_a_leak(leaking, decide_claim):
    decide_claim(given("layer_signal"))
"""
    assert go("-m", "week1", more=more).ret == 12
    assert verdict_of(pytester)["verdict"] is None


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [
        ("not linear_probe", "linear_probe"),
        ("not tempo_gap", "tempo_gap"),
        ("not captures_finite", "captures_finite"),
        ("not energetic", "energetic against calm"),
        ("not shuffled", "test_shuffled_labels_are_silent"),
        ("test_tempo_gap", "acoustic_match"),
    ],
)
def test_what_is_left_out_by_hand_leaves_no_verdict(
    pytester: pytest.Pytester, go: Go, chosen: str, missing: str
) -> None:
    assert go("-m", "week1", "-k", chosen).ret == 12
    record = verdict_of(pytester)
    assert (record["state"], record["verdict"]) == ("incomplete", None)
    if chosen.startswith("not"):
        assert missing in record["reason"]


def test_stopping_at_the_first_failure_leaves_no_verdict(
    pytester: pytest.Pytester, go: Go
) -> None:
    assert go("-m", "week1", "-x", bodies={"acoustic_match": REFUTED}).ret == 12
    assert verdict_of(pytester)["verdict"] is None
