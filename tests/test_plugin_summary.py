"""What pytest prints of a run: the summary, in colour or not, or one line of it."""

from __future__ import annotations

import re

import pytest
from projects_for_tests import REFUTED, Go, verdict_of

pytest_plugins = ["pytester"]


def test_quiet_prints_one_line_of_the_verdict(
    go: Go, pytester: pytest.Pytester
) -> None:
    result = go("-q", bodies={"layer_signal": REFUTED})
    verdict = verdict_of(pytester)
    said = [line for line in result.outlines if line.startswith(verdict["verdict"])]
    assert len(said) == 1
    assert verdict["reason"] in said[0]
    assert " Next: " in said[0]
    text = "\n".join(result.outlines)
    assert "instrument:" not in text
    assert "= verdict =" not in text


def test_what_is_no_terminal_gets_no_colour(go: Go) -> None:
    text = "\n".join(go(bodies={"layer_signal": REFUTED}).outlines)
    assert "\x1b" not in text
    assert re.search(r"layer_signal.* REFUTED ", text)


def test_a_terminal_has_colour_and_the_same_words(go: Go) -> None:
    plain = go(bodies={"layer_signal": REFUTED}).outlines
    drawn = go("--color=yes", bodies={"layer_signal": REFUTED}).outlines
    assert any("\x1b[31mREFUTED\x1b[0m" in line for line in drawn)
    start = next(i for i, line in enumerate(plain) if line.startswith("gates"))
    stripped = [re.sub(r"\x1b\[\d+m", "", line) for line in drawn]
    assert plain[start : start + 4] == [
        line for line in stripped if line in plain[start : start + 4]
    ]


def test_with_allure_it_says_how_the_site_is_made(go: Go) -> None:
    lines = go("-p", "allure_pytest.plugin", "--alluredir=here").outlines
    assert "allure: uv run python -m harness.report allure here allure-report" in lines


def test_results_that_cannot_be_read_are_named_even_if_quiet(
    go: Go, pytester: pytest.Pytester
) -> None:
    (pytester.path / "here").mkdir()
    (pytester.path / "here" / "half-result.json").write_text("{", encoding="utf-8")
    lines = go("-q", "-p", "allure_pytest.plugin", "--alluredir=here").outlines
    assert any("half-result.json is no result of Allure" in line for line in lines)
