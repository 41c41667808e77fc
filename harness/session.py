"""The process that decides: gathers decisions, writes the verdict, sets the exit code.

A pytest plugin object that exists once per run, never in an xdist worker. The set of
tests that must decide is fixed at collection; a test that never reported is missing.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.claims import load_claims
from harness.heartbeats import heartbeats
from harness.progress import watched
from harness.record import VerdictRecord
from harness.run import Run
from harness.verdict import EXIT_CODES, Verdict
from harness.weeks import WEEKS, weeks_asking

__all__ = [
    "BEATS",
    "CARRIED",
    "CARRIES",
    "DESELECTED",
    "EXIT_NO_VERDICT",
    "DecidingSession",
    "names_of",
    "weeks_of",
]

CARRIED = pytest.StashKey[bool]()  # of tests whose claim an earlier look supported
BEATS = "skeptic_beats"  # where an xdist worker tells how far it is
CARRIES = "skeptic_carries"  # where it is told which claims are carried on
DESELECTED = "skeptic_deselected"  # what an xdist worker left out

EXIT_NO_VERDICT = 12  # something that had to be decided was not
_FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def weeks_of(items: Iterable[pytest.Item]) -> dict[str, list[int]]:
    """Node ids of the tests that decide a claim or control one, and their weeks.

    What is carried on from an earlier look is decided.
    """
    weeks = {}
    for item in items:
        if CARRIED in item.stash:
            continue
        for name in ("claim", "control"):
            for marker in item.iter_markers(name):
                weeks[item.nodeid] = weeks_asking(load_claims()[marker.args[0]])
    return weeks


def names_of(claims: Iterable[Mapping[str, Any]]) -> list[list[str | None]]:
    """Id and member of each claim, as they can be told to a worker."""
    return [[claim["id"], claim["member"]] for claim in claims]


class DecidingSession:
    """Hooks of the deciding process; says `running` on disk from the start."""

    def __init__(
        self,
        run: Run,
        *,
        weeks: Sequence[int] = WEEKS,
        carried: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.run = run
        self.weeks = frozenset(weeks)  # that are asked
        self.record = VerdictRecord(run, week=max(weeks), carried=carried)
        self.record.write_running()
        self.started = time.monotonic()
        self._began = time.time()
        self.collected: set[str] = set()
        self.deselected: dict[str, list[int]] = {}  # node id -> weeks that ask it
        self.decisions: dict[str, dict[str, Any]] = {}
        self.failed: set[str] = set()  # without having decided
        self.seconds: dict[str, float] = {}  # node id -> to set up and to decide
        self.verdict: dict[str, Any] | None = None
        self._exits = ExitStack()
        self._beats: Path | None = None  # of xdist workers
        self._allure_notes: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        if self._beats is None:
            folder = tempfile.TemporaryDirectory(prefix="skeptic-")
            self._beats = Path(self._exits.enter_context(folder))
        node.workerinput[BEATS] = str(self._beats)
        node.workerinput[CARRIES] = names_of(self.record.carried)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.collected.update(weeks_of(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        first = not self.collected
        self.collected.update(
            nodeid for nodeid in ids if nodeid.startswith("hypotheses/")
        )
        missing = self.run.missing() if first else 0
        if missing and self._beats is not None:
            look = partial(heartbeats, self._beats)
            self._exits.enter_context(watched(look, missing))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        self.deselected.update(getattr(node, "workeroutput", {}).get(DESELECTED, {}))

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.deselected.update(weeks_of(items))

    def _undecided(self) -> list[str]:
        """What had to decide and did not: collected, or deselected from its week."""
        left_out = {
            nodeid
            for nodeid, weeks in self.deselected.items()
            if self.weeks.intersection(weeks)
        }
        silent = (self.collected | left_out) - set(self.decisions)
        return sorted(silent | self.failed)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        spent = self.seconds.get(report.nodeid, 0.0) + report.duration
        self.seconds[report.nodeid] = spent
        decided = getattr(report, "skeptic", None)
        if decided is not None:
            self.decisions[report.nodeid] = decided
        elif report.failed:
            self.failed.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        self._exits.close()
        try:
            self._finish(interrupted=exitstatus not in _FINISHED)
        finally:
            if self.verdict is None:
                # An error here would end with Python's own 1, which means PIVOT.
                traceback.print_exc()
                why = "There is no verdict: it could not be written down."
                pytest.exit(why, returncode=EXIT_NO_VERDICT)
        self._allure_notes = self._tell_allure(session.config)
        if exitstatus in _FINISHED:
            verdict = self.verdict["verdict"]
            session.exitstatus = (
                EXIT_CODES[Verdict(verdict)] if verdict else EXIT_NO_VERDICT
            )

    def _finish(self, *, interrupted: bool) -> None:
        self.run.settle()  # workers may have made clips of another size
        self.verdict = self.record.finish(
            self.decisions,
            undecided=self._undecided(),
            interrupted=interrupted,
            seconds=time.monotonic() - self.started,
            seconds_of_tests=self.seconds,
        )

    def _tell_allure(self, config: pytest.Config) -> list[str]:
        """With `--alluredir`: complete its results; returns complaints."""
        directory = config.getoption("allure_report_dir", None)
        if not directory or self.verdict is None:
            return []
        from harness.report.allure_results import complete_results

        return complete_results(
            Path(directory),
            self.verdict,
            decided={
                nodeid: (claim["id"], claim["member"] or "")
                for nodeid, claim in self.decisions.items()
            },
            audio_root=self.record.directory,
            since=self._began,
        )

    def _allure_site(self, config: pytest.Config) -> list[str]:
        """Say how Allure's site is made of the results, if there are any."""
        directory = config.getoption("allure_report_dir", None)
        command = f"uv run python -m harness.report allure {directory} allure-report"
        return [f"allure: {command}"] if directory else []

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self.verdict is None:
            return
        from harness.report.terminal import coloured, quiet_line, summary_lines

        width = shutil.get_terminal_size().columns
        if terminalreporter.verbosity < 0:
            wide = width if terminalreporter.isatty else None
            lines = [quiet_line(self.verdict, width=wide), *self._allure_notes]
        else:
            terminalreporter.section("verdict")
            report = str(self.record.directory / "report.html")
            lines = summary_lines(self.verdict, width=width, report=report)
            lines += [*self._allure_notes, *self._allure_site(terminalreporter.config)]
        for line in lines:
            for text, tone in coloured(line):
                terminalreporter.write(text, **tone)
            terminalreporter.line("")
