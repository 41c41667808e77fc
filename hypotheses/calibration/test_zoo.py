"""The suite finds in every phantom what is true of it, and nothing else.

What was run before is in the tables; how much is run now is limited by
SKEPTIC_CALIBRATION_MINUTES. By hand, as long as it takes:
`python -m harness.calibration.zoo --repetitions 20`.
"""

import pytest

from harness.calibration import zoo
from harness.calibration.cells import Budget
from harness.calibration.findings import rates
from harness.calibration.rates import Rate, beyond
from harness.inference.looks import CUMULATIVE_ALPHA
from harness.models.phantoms import names

pytestmark = pytest.mark.calibration
REPETITIONS = 20


@pytest.fixture(scope="module")
def found(pytestconfig):
    budget = Budget.from_environment(minutes=5)
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print()
        seen = zoo.visit(
            names(),
            repetitions=REPETITIONS,
            processes=budget.processes,
            minutes=budget.minutes,
        )
        print(zoo.report(seen))
    return seen


@pytest.mark.parametrize("index", range(len(names())), ids=names())
def test_the_verdict_is_right(found, index):
    phantom = found[index]
    assert phantom.last, "Not one repetition was finished in the time that there was."
    assert not phantom.forbidden()
    assert phantom.as_it_must_be(), phantom.verdicts()


def test_nothing_is_found_where_nothing_is(found):
    """Not more often than alpha, all claims counted."""
    false = [
        Rate(
            at_most=CUMULATIVE_ALPHA[-1],
            hits=r.nothing - r.silent,
            count=r.nothing,
            about={"claim": r.claim},
        )
        for r in rates(found)
    ]
    assert not beyond(false)
