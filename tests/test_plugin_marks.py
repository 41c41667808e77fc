"""Claims and controls as pytest's tests: their marks, markers and properties."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from projects_for_tests import INCONCLUSIVE, INVALID, REFUTED, Go, verdict_of

pytest_plugins = ["pytester"]


def test_every_status_has_its_mark(go: Go) -> None:
    result = go(
        "-v",
        "-m",
        "week1",
        bodies={
            "acoustic_match": 'decide_claim(given("{name}", effect=0.6))',
            "layer_signal": REFUTED,
            "linear_probe": INCONCLUSIVE,
            "halves_apart": INVALID,
        },
    )
    marks = dict(re.findall(r"::(test_\w+)\S* ([A-Z]+) ", result.stdout.str()))
    assert marks["test_acoustic_match"] == "WEAK"
    assert marks["test_layer_signal"] == "REFUTED"
    assert marks["test_linear_probe"] == "INCONCLUSIVE"
    assert marks["test_halves_apart"] == "INVALID"
    assert marks["test_captures_finite"] == "SUPPORTED"
    result.stdout.fnmatch_lines(
        ["*12 passed,*1 invalid, 1 weak, 1 refuted, 1 inconclusive*"]
    )


def test_what_rests_on_a_broken_instrument_is_invalid_and_nothing_else(
    pytester: pytest.Pytester, go: Go
) -> None:
    more = """
@pytest.mark.claim("mode_gap")
def test_mode(broken_microphone, decide_claim):
    decide_claim(given("mode_gap"))


@pytest.mark.claim("loudness_gap")
def test_loudness(broken_microphone, decide_claim):
    decide_claim(given("loudness_gap"))
"""
    result = go("-m", "week1", "-v", more=more)
    broken = {
        c["id"] for c in verdict_of(pytester)["claims"] if c["status"] == "invalid"
    }
    assert broken == {"mode_gap", "loudness_gap"}
    reasons = {
        c["because"] for c in verdict_of(pytester)["claims"] if c["id"] in broken
    }
    assert reasons == {"The microphone is off."}
    marks = dict(re.findall(r"::(test_\w+)\S* ([A-Z]+) ", result.stdout.str()))
    assert marks["test_mode"] == marks["test_loudness"] == "INVALID"
    assert "Traceback" not in result.stdout.str()


def test_a_gate_that_rests_on_a_broken_instrument_is_to_be_mended(
    pytester: pytest.Pytester, go: Go
) -> None:
    more = """
@pytest.mark.claim("tempo_gap")
def test_tempo_again(broken_microphone, decide_claim):
    decide_claim(given("tempo_gap"))
"""
    assert go("-m", "week1", more=more).ret == 11
    assert "The microphone is off." in verdict_of(pytester)["reason"]


def test_claim_and_status_reach_a_junit_file(pytester: pytest.Pytester, go: Go) -> None:
    go("-m", "week1", "--junitxml=out.xml", bodies={"layer_signal": REFUTED})
    found = {}
    for case in ElementTree.parse(pytester.path / "out.xml").iter("testcase"):
        properties = {p.get("name"): p.get("value") for p in case.iter("property")}
        found[case.get("name")] = (properties["claim"], properties["status"])
    assert found["test_layer_signal"] == ("layer_signal", "refuted")
    assert found["test_captures_finite"] == ("captures_finite", "supported")
    assert found["test_shuffled_labels_are_silent"][0] == "layer_signal control"


def test_claims_get_the_marker_of_their_week(pytester: pytest.Pytester, go: Go) -> None:
    result = go("--collect-only", "-q", "-m", "week1", more="def test_other(): pass")
    assert "test_linear_probe" in result.stdout.str()
    assert "test_other" not in result.stdout.str()
    second = pytester.runpytest_inprocess("--collect-only", "-q", "-m", "week2")
    again = second.stdout.str()  # what decides is asked again, and a panel is not
    assert "::test_linear_probe" in again
    assert "::test_audio_sound" in again
    assert "::test_layer_signal_by_layer" not in again


@pytest.mark.parametrize("kind", ["claim", "control"])
def test_a_marker_with_an_unknown_claim_is_refused(go: Go, kind: str) -> None:
    more = f'@pytest.mark.{kind}("no_such")\ndef test_x(decide_claim): pass'
    result = go("-m", "week1", more=more)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: *test_x: claim `no_such` is not in claims.toml."]
    )
