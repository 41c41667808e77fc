"""The documents' own tests find emotions in nothing; the suite's own do not.

The table is `reports/calibration/documents.md`.
"""

import pytest

from harness.calibration.cells import Budget
from harness.calibration.error_rates import measure_documents

pytestmark = pytest.mark.calibration
MINUTES = 2  # of 12


@pytest.fixture(scope="module")
def measured(pytestconfig):
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return measure_documents(Budget.from_environment(minutes=MINUTES))


def test_the_suites_own_tests_keep_their_error_rate_on_the_same_clips(measured):
    assert not measured.beyond()


@pytest.mark.parametrize(
    "test",
    [
        "t-test over pairs of clips, one layer",
        "labels dealt out to clips, max-T",
        "5-fold accuracy over clips > 70 %",
    ],
)
def test_what_takes_clips_for_independent_finds_emotions_in_nothing(measured, test):
    by_icc = {rate.about["icc"]: rate for rate in measured.rates[test]}
    assert by_icc[0.3].hits > by_icc[0.3].count / 2
