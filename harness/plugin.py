"""All that ties the suite to pytest: options, markers, header, marks, exit codes.

Claims are decided by tests under `hypotheses/`; each carries `@pytest.mark.claim(id)`
and calls the `decide` fixture once. The decisions travel with the test reports (so they
arrive from xdist workers, too), are added up at the end, and the verdict becomes the
exit code. Whatever was collected and did not decide is missing, and missing is not a
pass.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from harness.claims import Claim, load_claims, single_rules
from harness.files import FileError
from harness.header import header_lines, rerun_line
from harness.history import past_looks, supported
from harness.inference import InferenceError
from harness.ledger import LedgerError
from harness.measures.attention import AttentionError
from harness.measures.dimensions import DimensionError
from harness.measures.probe import ProbeError
from harness.measures.similarity import SimilarityError
from harness.measures.temporal import TemporalError
from harness.options import add_options, request_of
from harness.planfile import write_plan
from harness.properties import properties_of
from harness.request import Request
from harness.run import Run, RunError, open_run
from harness.sampling.devices import take_gpu
from harness.sampling.workers import WorkerError, refuse_private
from harness.session import (
    CARRIED,
    CARRIES,
    DESELECTED,
    DecidingSession,
    names_of,
    weeks_of,
)
from harness.store import StoreError
from harness.verdict import BrokenInstrument, Decision, Evidence, Status, decide
from harness.weeks import WEEKS, asked_weeks, excludes_a_week

__all__ = ["RUN"]

RUN = pytest.StashKey[Run]()
_DECISION = pytest.StashKey[Decision]()
_CARRIED_CLAIMS = pytest.StashKey[list[list[str | None]]]()
_CALIBRATION = "hypotheses/calibration"
# What a measure says when the design or the data cannot carry it: invalid, not failed.
_INVALIDATING = (
    BrokenInstrument,
    LedgerError,
    StoreError,
    InferenceError,
    AttentionError,
    DimensionError,
    ProbeError,
    SimilarityError,
    TemporalError,
)

_MARKS = {
    Status.SUPPORTED: ("passed", ".", ("SUPPORTED", {"green": True})),
    Status.WEAK: ("weak", "w", ("WEAK", {"yellow": True})),
    Status.REFUTED: ("refuted", "r", ("REFUTED", {"red": True})),
    Status.INCONCLUSIVE: ("inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})),
    Status.INVALID: ("invalid", "!", ("INVALID", {"red": True, "bold": True})),
}


# --- options ------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | pytest.ExitCode | None:
    """Start again with our settings if pytest, or a worker of it, may find others.

    pytest looks for its settings before it knows our options, and so takes an existing
    directory after `--store` or `--model` for a place of tests. Workers look again when
    the run has made those directories.
    """
    ours = config.invocation_params.dir / "pytest.ini"
    workers = getattr(config.option, "numprocesses", None)
    settled = config.option.inifilename or (config.inipath == ours and not workers)
    if not settled and not hasattr(config, "workerinput") and ours.exists():
        return pytest.main(["-c", str(ours), *map(str, config.invocation_params.args)])
    if config.option.plan_only is not None:
        return _write_plan_only(config, Path(config.option.plan_only))
    if getattr(config.option, "lf", False) and _aims_at_claims(config):
        # pytest's own would skip whole files, and with them the instrument checks.
        config.option.lf = False
        config.option.skeptic_rerun = True
    return None


def _write_plan_only(config: pytest.Config, path: Path) -> pytest.ExitCode:
    """Write the plan and say what is to be done with it; no test is run."""
    request = request_of(config)
    try:
        run = open_run(request, generates=False)
        write_plan(path, run.plan, model=request.model)
    except (RunError, FileError) as error:
        raise pytest.UsageError(str(error)) from error
    command = f"python -m harness.sampling --plan {shlex.quote(str(path))}"
    if request.store != Request().store:
        command += f" --store {shlex.quote(request.store)}"
    for line in header_lines(run):
        print(line)
    print(f"plan: {path}: {len(run.plan.clips)} clips, {run.missing()} are missing")
    print(f"generate them with any number of: {command}")
    return pytest.ExitCode.OK


# --- markers and parameters ---------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is not None and config.option.device != "cpu":
        take_gpu(int(worker["workerid"].removeprefix("gw")))
    config.addinivalue_line(
        "markers",
        "claim(id): the test decides the claim `id` of hypotheses/claims.toml",
    )
    config.addinivalue_line(
        "markers",
        "control(id): the test checks that the measure of claim `id` stays silent",
    )
    config.addinivalue_line(
        "markers",
        "calibration: measures the error rates of the suite itself; takes minutes, runs"
        " only when asked for",
    )
    for week in WEEKS:
        config.addinivalue_line(
            "markers",
            f"week{week}: claims of week {week} of the plan, and what decides of the "
            "weeks before (set from claims.toml)",
        )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Calibration takes minutes and decides no claim: it runs when asked for."""
    if collection_path != config.rootpath / _CALIBRATION:
        return None
    asked = "calibration" in config.option.markexpr or _aims_at_calibration(config)
    return None if asked else True


def pytest_itemcollected(item: pytest.Item) -> None:
    _claim_of(item)  # refuses one that is not stated
    for weeks in weeks_of([item]).values():
        for week in weeks:
            item.add_marker(f"week{week}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parameters that the run decides: `layer`, `pair`, `contrast` and `rule`."""
    run = metafunc.config.stash.get(RUN, None)
    if run is None:
        return
    emotions = run.request.emotions
    if "layer" in metafunc.fixturenames:
        layers = range(run.card.layers)
        metafunc.parametrize("layer", layers, ids=[f"layer {k}" for k in layers])
    if "pair" in metafunc.fixturenames:
        pairs = [(a, b) for i, a in enumerate(emotions) for b in emotions[i + 1 :]]
        metafunc.parametrize("pair", pairs, ids=[f"{a} against {b}" for a, b in pairs])
    if "rule" in metafunc.fixturenames:
        rules = [(e, name) for e in emotions for name in single_rules().get(e, {})]
        metafunc.parametrize("rule", rules, ids=[f"{e}: {name}" for e, name in rules])
    if "contrast" in metafunc.fixturenames:
        marker = next(metafunc.definition.iter_markers("claim"))
        contrasts = load_claims()[marker.args[0]].contrasts
        here = [pair for pair in contrasts if set(pair) <= set(emotions)]
        metafunc.parametrize(
            "contrast", here, ids=[f"{a} against {b}" for a, b in here]
        )


def _claim_of(item: pytest.Item) -> Claim | None:
    """The claim that the test decides; for a negative control, the claim of silence."""
    for name in ("claim", "control"):
        marker = item.get_closest_marker(name)
        if marker is not None:
            claims = load_claims()
            if marker.args[0] not in claims:
                msg = f"{item.nodeid}: claim `{marker.args[0]}` is not in claims.toml."
                raise pytest.UsageError(msg)
            claim = claims[marker.args[0]]
            return claim.control() if name == "control" else claim
    return None


def _claim_id(item: pytest.Item) -> str | None:
    """The claim that the test decides, if it is no control."""
    marker = item.get_closest_marker("claim")
    return None if marker is None else marker.args[0]


def _member(item: pytest.Item) -> str | None:
    spec = getattr(item, "callspec", None)
    return spec.id if spec else None


# --- the session --------------------------------------------------------------------


def _aims_at_claims(config: pytest.Config) -> bool:
    """Is `hypotheses/`, or something in it, what was asked to be run?"""
    option = config.option
    looks = ("help", "version", "collectonly", "showfixtures", "show_fixtures_per_test")
    more = ("cacheshow", "setupplan", "setuponly", "markers")
    if any(getattr(option, name, None) for name in (*looks, *more)):
        return False  # somebody looks around; nothing is to be run
    if config.option.markexpr == "calibration" or _aims_at_calibration(config):
        return False
    claims = config.rootpath / "hypotheses"
    return any(
        path == claims or claims in path.parents or path in claims.parents
        for path in _asked_places(config)
    )


def _aims_at_calibration(config: pytest.Config) -> bool:
    """Is the calibration of the suite all that was asked for by its place?"""
    calibration = config.rootpath / _CALIBRATION
    places = _asked_places(config)
    return bool(places) and all(
        path == calibration or calibration in path.parents for path in places
    )


def _asked_places(config: pytest.Config) -> list[Path]:
    here = config.invocation_params.dir
    return [(here / argument.split("::")[0]).resolve() for argument in config.args]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if not _aims_at_claims(config):
        return
    if excludes_a_week(config.option.markexpr):
        msg = (
            f"`-m {config.option.markexpr}` must name the weeks to be asked, such as "
            "`week1 or week2`: what decides belongs to each later week, too."
        )
        raise pytest.UsageError(msg)
    request = request_of(config)
    if request.engine == "ray" and getattr(config.option, "numprocesses", None):
        msg = "`--engine ray` must not come with -n. Give `--workers N` instead."
        raise pytest.UsageError(msg)
    try:
        if getattr(config.option, "numprocesses", None):
            refuse_private(request.store)
        run = open_run(request)
        config.stash[RUN] = run
        if not hasattr(config, "workerinput"):  # an xdist worker decides nothing
            carried = _carried(config, run)
            config.stash[_CARRIED_CLAIMS] = names_of(carried)
            weeks = asked_weeks(config.option.markexpr)
            deciding = DecidingSession(run, weeks=weeks, carried=carried)
            config.pluginmanager.register(deciding, "skeptic-session")
    except (RunError, WorkerError) as error:
        raise pytest.UsageError(str(error)) from error


def _carried(config: pytest.Config, run: Run) -> list[dict[str, Any]]:
    """With `--lf`, what an earlier look supported."""
    if not getattr(config.option, "skeptic_rerun", False):
        return []
    try:
        return supported(past_looks(run.ledger.entries(), run.question))
    except LedgerError:  # the claim that looks are counted says so
        return []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Leave out what does not apply to these emotions, and with `--lf` what held."""
    items[:] = [item for item in items if not _does_not_apply(item)]
    worker = getattr(config, "workerinput", {})
    carried = worker.get(CARRIES, config.stash.get(_CARRIED_CLAIMS, []))
    left_out = [i for i in items if [_claim_id(i), _member(i)] in carried]
    for item in left_out:
        item.stash[CARRIED] = True
    if left_out:
        items[:] = [item for item in items if CARRIED not in item.stash]
        config.hook.pytest_deselected(items=left_out)


def _does_not_apply(item: pytest.Item) -> bool:
    """Is it of a claim that decides nothing and has no member among the emotions?"""
    if _member(item) != "NOTSET":  # pytest's name for an empty set of parameters
        return False
    markers = [*item.iter_markers("claim"), *item.iter_markers("control")]
    return all(
        load_claims()[m.args[0]].role in ("panel", "descriptive") for m in markers
    )


def pytest_deselected(items: list[pytest.Item]) -> None:
    """In an xdist worker: remember for the deciding process what was left out."""
    for item in items:
        output = getattr(item.config, "workeroutput", None)
        if output is not None:
            output.setdefault(DESELECTED, {}).update(weeks_of([item]))


def pytest_report_header(config: pytest.Config) -> list[str]:
    run = config.stash.get(RUN, None)
    if run is None:
        return []
    rerun = getattr(config.option, "skeptic_rerun", False)
    return [*header_lines(run), *([rerun_line(run)] if rerun else [])]


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest) -> Run:
    """What is under test."""
    return request.config.stash[RUN]


@pytest.fixture
def decide_claim(request: pytest.FixtureRequest) -> Callable[[Evidence], None]:
    """Decide the test's claim on evidence; what is not supported fails the test."""
    item = request.node

    def decide_on(evidence: Evidence) -> None:
        decision = _decision(item, evidence)
        if decision.status is not Status.SUPPORTED:
            pytest.fail(f"{decision.status.upper()}: {decision.because}", pytrace=False)

    return decide_on


def _decision(item: pytest.Item, evidence: Evidence) -> Decision:
    claim = _claim_of(item)
    if claim is None:
        msg = f"{item.nodeid} decides a claim but has no @pytest.mark.claim(id)."
        raise pytest.UsageError(msg)
    run = item.config.stash[RUN]
    # What says nothing about the claim is no look at the data.
    silent = evidence.problem is not None or evidence.awaits is not None
    mute = claim.role == "instrument" or silent
    look = run.planned if mute else run.look
    decision = decide(claim, evidence, look, member=_member(item))
    item.stash[_DECISION] = decision
    item.user_properties[:] = properties_of(decision)
    return decision


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the decision along; what rests on a broken instrument is invalid."""
    report = yield
    broken = call.excinfo is not None and isinstance(call.excinfo.value, _INVALIDATING)
    if broken and _claim_of(item) is not None:
        assert call.excinfo is not None
        problem = str(call.excinfo.value)
        _decision(item, Evidence(effect=None, problem=problem))
        report.longrepr = f"INVALID: {problem}"
    decision = item.stash.get(_DECISION, None)
    if decision is not None and (broken or _ended_as_decided(call, decision)):
        report.skeptic = decision.as_record()  # type: ignore[attr-defined]
    return report


def _ended_as_decided(call: pytest.CallInfo[None], decision: Decision) -> bool:
    """Did the test do nothing but decide? A test that then breaks has not decided."""
    if call.when != "call":
        return False
    if decision.status is Status.SUPPORTED:
        return call.excinfo is None
    return call.excinfo is not None and call.excinfo.errisinstance(
        pytest.fail.Exception
    )


def pytest_report_teststatus(report: pytest.TestReport | pytest.CollectReport) -> Any:
    decided = getattr(report, "skeptic", None)
    return None if decided is None else _MARKS[Status(decided["status"])]
