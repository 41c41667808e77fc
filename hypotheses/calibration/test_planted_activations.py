"""The suite errs no more often than it says, on activations whose truth is known.

The table is `reports/calibration/planted.md`. What was measured before with the same
sources is kept; SKEPTIC_CALIBRATION_MINUTES says how much is added. No bound below has
been widened for luck: a rate fails where luck does not explain it, with all rates of
its table counted.
"""

import pytest

from harness.calibration.cells import Budget
from harness.calibration.error_rates import measure_planted
from harness.calibration.planted import CELLS
from harness.calibration.planted_rates import POWER
from harness.calibration.rates import Rate, beyond, pooled
from harness.calibration.worlds import EVERYTHING

pytestmark = pytest.mark.calibration
MINUTES = 7  # of 12


@pytest.fixture(scope="module")
def measured(pytestconfig):
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return measure_planted(Budget.from_environment(minutes=MINUTES))


def test_every_cell_was_repeated(measured):
    cells = {rate.about["cell"] for rate in measured.verdicts + measured.claims}
    cells |= {rate.about["cell"] for rate in measured.few + measured.effects}
    assert cells == {cell.name for cell in CELLS}


def test_the_verdict_is_go_in_at_most_one_null_model_out_of_twenty(measured):
    assert not beyond([rate for rate in measured.verdicts if "user" in rate.about])


def test_the_verdict_is_go_where_everything_is_there(measured):
    right = [
        rate
        for rate in measured.verdicts
        if rate.about["planted"] == EVERYTHING and rate.about.get("user") == "stops"
    ]
    everything = pooled(right)
    assert everything.hits == everything.count > 0


@pytest.mark.parametrize("what", ["p < .05", "p < alpha", "supported"])
def test_no_claim_is_found_too_often_where_it_is_not_true(measured, what):
    assert not beyond([r for r in measured.claims if r.about["what"] == what])


def test_no_claim_is_supported_on_fewer_prompts_than_can_support_it(measured):
    assert not beyond(measured.few)


def test_a_true_signal_of_one_percent_is_seldom_refuted(measured):
    wrong = [r for r in measured.effects if r.about["what"] == "refuted"]
    assert not beyond([rate for rate in wrong if rate.about["effect"] > 0])


def test_a_signal_of_two_percent_is_found_with_25_prompts_of_two_clips(measured):
    planted = [
        Rate(at_least=POWER, hits=rate.hits, count=rate.count)
        for rate in measured.effects
        if rate.about["what"] == "found"
        and rate.about["effect"] == 0.02
        and rate.about["look"] == 50
        and rate.about["icc"] == 0.3
        and rate.about["participation_ratio"] == 23.0
    ]
    assert planted
    assert not beyond(planted)
