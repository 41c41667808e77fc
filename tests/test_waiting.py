"""A claim that still waits for its data stops nobody, and is no look at the data."""

from __future__ import annotations

import json

import pytest
from projects_for_tests import Go, verdict_of

pytest_plugins = ["pytester"]

LISTENERS = """
WAITING = dict(effect=None, awaits="No ratings yet: make a listening test.")


@pytest.mark.claim("emotion_heard")
def test_listeners(decide_claim):
    decide_claim(Evidence(**WAITING))


@pytest.mark.control("emotion_heard")
def test_guesses_are_silent(decide_claim):
    decide_claim(Evidence(effect=0.4))
"""
BODY = {"listeners_agree": "decide_claim(Evidence(effect=None, awaits='No ratings.'))"}


def test_week_2_is_a_go_without_ratings(pytester: pytest.Pytester, go: Go) -> None:
    result = go("-m", "week2", bodies=BODY, more=LISTENERS)
    assert result.ret == 0
    verdict = verdict_of(pytester)
    assert verdict["verdict"] == "GO"
    waiting = {
        c["id"]: (c["status"], c["because"])
        for c in verdict["claims"]
        if c["id"] in ("emotion_heard", "listeners_agree")
    }
    assert waiting == {
        "emotion_heard": ("inconclusive", "No ratings yet: make a listening test."),
        "listeners_agree": ("inconclusive", "No ratings."),
    }
    result.stdout.fnmatch_lines(["*2 inconclusive*"])


def test_waiting_alone_spends_no_look(pytester: pytest.Pytester, go: Go) -> None:
    go("-m", "week2", "-k", "listeners", bodies=BODY, more=LISTENERS)
    ledger = pytester.path / ".skeptic" / "ledger.jsonl"
    lines = ledger.read_text().splitlines() if ledger.exists() else []
    assert [json.loads(line)["event"] for line in lines] == []
