"""The acoustic instruments hear what was played.

Tempo must be right as often as `tempo_instrument` of claims.toml asks, in every kind of
music that hiss does not cover; mode more often than not.
"""

import pytest

from harness.calibration.instrument_tables import (
    instruments_markdown,
    instruments_record,
)
from harness.calibration.instruments import MODE, TEMPO, listen
from harness.calibration.rates import Rate, beyond
from harness.calibration.summary import write_summary
from harness.calibration.tables import REPORTS, write_report
from harness.claims import load_claims

pytestmark = pytest.mark.calibration
SOUNDS = 40
SEED = 1


@pytest.fixture(scope="module")
def heard(pytestconfig):
    found = listen(SOUNDS, seed=SEED)
    text = instruments_markdown(found)
    record = instruments_record(found)
    write_report("instruments", text, {"seed": SEED, **record})
    write_summary("instruments", record, directory=REPORTS)
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{text}")
    return found


def rates(heard, question, at_least):
    return [
        Rate(
            at_least=at_least,
            hits=answers.counts["right"],
            count=answers.count,
            about={"kind": answers.kind},
        )
        for answers in heard.answers
        if answers.question == question and "loud hiss" not in answers.kind
    ]


def test_tempo_is_read_right_in_every_kind_of_music(heard):
    asked = load_claims()["tempo_instrument"].thresholds.minimum
    assert not beyond(rates(heard, TEMPO, asked))


@pytest.mark.parametrize("question", [MODE, "silence", "clipping"])
def test_what_is_told_is_more_often_right_than_not(heard, question):
    by_kind = rates(heard, question, 0.5)
    assert by_kind
    assert not beyond(by_kind)


def test_brightness_and_loudness_are_without_bias(heard):
    """Less than 1 % or 0.1 dB, the tolerance of EBU Tech 3341."""
    for errors in heard.errors:
        greatest = 1.0 if "%" in errors.unit else 0.1
        assert abs(sum(errors.errors) / len(errors.errors)) < greatest, errors.question
