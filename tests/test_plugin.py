"""What pytest makes of claims: marks, verdict, exit codes, in projects without a model.

Every test writes a small project whose claims are decided on evidence that is typed in,
and runs pytest on it. The plugin, the record and the reports are the real ones.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from projects_for_tests import (
    CONFTEST,
    INCONCLUSIVE,
    INVALID,
    REFUTED,
    SUPPORTED,
    TEXT_BORNE,
    WEAK,
    WORKERS,
    Go,
    verdict_of,
)

import harness.record
from harness.planfile import read_plan

pytest_plugins = ["pytester"]


def leave_stale_go(pytester: pytest.Pytester) -> Path:
    directory = pytester.path / "reports" / "latest"
    directory.mkdir(parents=True)
    (directory / "verdict.json").write_text('{"state": "complete", "verdict": "GO"}')
    (directory / "report.html").write_text("GO")
    (directory / "report.md").write_text("GO")
    return directory


# --- verdicts and exit codes --------------------------------------------------------


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


# --- what is on disk ----------------------------------------------------------------

READS_THE_VERDICT = (
    'there = pathlib.Path("reports/latest")\n'
    '    record = json.loads((there / "verdict.json").read_text())\n'
    '    assert record["state"] == "running"\n'
    '    assert record["verdict"] is None\n'
    '    assert not (there / "report.html").exists()\n'
    '    assert not (there / "report.md").exists()\n'
    '    decide_claim(given("{name}"))'
)


def test_while_a_run_is_on_the_file_says_so_and_no_old_report_is_left(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    result = go("-m", "week1", bodies={"every_step_captured": READS_THE_VERDICT})
    assert result.ret == 0
    assert verdict_of(pytester)["state"] == "complete"


def test_an_interrupted_run_leaves_no_verdict(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    result = go("-m", "week1", bodies={"linear_probe": "raise KeyboardInterrupt"})
    assert result.ret == pytest.ExitCode.INTERRUPTED
    record = verdict_of(pytester)
    assert (record["state"], record["verdict"]) == ("incomplete", None)
    assert "interrupted" in record["reason"]


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", SUPPORTED])
def test_clips_that_are_not_there_are_left_out_of_the_verdict(
    pytester: pytest.Pytester, go: Go, body: str
) -> None:
    store = f"--store=memory://{pytester.path.name}"
    result = go("-m", "week1", store, bodies={"linear_probe": body})
    assert result.ret == (0 if body == SUPPORTED else pytest.ExitCode.INTERRUPTED)
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert verdict_of(pytester)["clips"] == []


def test_a_file_that_cannot_be_collected_leaves_no_verdict(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    assert go(more="import no_such_module").ret == pytest.ExitCode.INTERRUPTED
    assert verdict_of(pytester)["verdict"] is None


def test_a_killed_run_leaves_a_file_that_says_running(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    go("--collect-only", bodies={"linear_probe": "os._exit(9)"})
    result = pytester.runpytest_subprocess("-m", "week1", "-p", "no:cacheprovider")
    assert result.ret == 9
    record = verdict_of(pytester)
    assert (record["state"], record["verdict"]) == ("running", None)


def test_a_verdict_is_written_with_its_reports(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(
        harness.record.VerdictRecord,
        "_write_reports",
        lambda record, verdict: written.append(verdict),
    )
    go("-m", "week1", "--report-dir=elsewhere")
    path = pytester.path / "elsewhere" / "verdict.json"
    assert written == [json.loads(path.read_text(encoding="utf-8"))]
    assert not (pytester.path / "reports").exists()


# --- marks --------------------------------------------------------------------------


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


# --- with workers -------------------------------------------------------------------


def decided(record: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(record["claims"], key=lambda c: (c["id"], c["member"] or ""))


def test_workers_come_to_the_same_verdict(pytester: pytest.Pytester, go: Go) -> None:
    bodies = {"layer_signal": WEAK, "linear_probe": INVALID}
    more = (
        '@pytest.mark.claim("mode_gap")\n'
        "def test_mode(broken_microphone, decide_claim): pass"
    )
    alone = go("-m", "week1", bodies=bodies, more=more)
    first = verdict_of(pytester)
    together = pytester.runpytest_inprocess("-m", "week1", *WORKERS)
    second = verdict_of(pytester)
    assert alone.ret == together.ret == 11
    assert decided(first) == decided(second)
    for part in ("state", "verdict", "path", "reason", "model", "design"):
        assert first[part] == second[part]


def test_a_worker_that_crashed_leaves_no_verdict(
    pytester: pytest.Pytester, go: Go
) -> None:
    leave_stale_go(pytester)
    result = go("-m", "week1", *WORKERS, bodies={"linear_probe": "os._exit(1)"})
    assert result.ret == 12
    record = verdict_of(pytester)
    assert (record["state"], record["verdict"]) == ("incomplete", None)
    assert "test_linear_probe" in record["reason"]


def test_workers_tell_what_was_left_out(pytester: pytest.Pytester, go: Go) -> None:
    result = go(
        "-m", "week1", "-p", "xdist", "-n", "1", "-k", "not energetic and not shuffled"
    )
    assert result.ret == 12
    reason = verdict_of(pytester)["reason"]
    assert "energetic against calm" in reason
    assert "test_shuffled_labels_are_silent" in reason


# --- what does not aim at claims ----------------------------------------------------


def test_other_tests_have_no_header_and_leave_the_verdict_alone(
    pytester: pytest.Pytester, go: Go
) -> None:
    directory = leave_stale_go(pytester)
    before = {path: path.read_text() for path in directory.iterdir()}
    go("--collect-only")
    (pytester.mkdir("tests") / "test_other.py").write_text("def test_other(): pass")
    result = pytester.runpytest_inprocess("tests")
    assert result.ret == 0
    assert "model: " not in result.stdout.str()
    assert "= verdict =" not in result.stdout.str()
    assert {path: path.read_text() for path in directory.iterdir()} == before
    assert not (pytester.path / ".skeptic").exists()


@pytest.mark.parametrize(
    "question",
    [
        "--help",
        "--version",
        "--markers",
        "--collect-only",
        "--fixtures",
        "--cache-show",
    ],
)
def test_asking_pytest_something_is_not_a_run(
    pytester: pytest.Pytester, go: Go, question: str
) -> None:
    directory = leave_stale_go(pytester)
    before = {path: path.read_text() for path in directory.iterdir()}
    assert go(question).ret == 0
    assert {path: path.read_text() for path in directory.iterdir()} == before
    assert not (pytester.path / ".skeptic").exists()


@pytest.mark.parametrize(
    "target", ["hypotheses", ".", "hypotheses/test_claims_here.py::test_tempo_gap"]
)
def test_claims_can_be_aimed_at_by_folder_file_or_name(
    pytester: pytest.Pytester, go: Go, target: str
) -> None:
    go("--collect-only")
    result = pytester.runpytest_inprocess(target)
    result.stdout.fnmatch_lines(["model: made up *"])
    assert (result.ret == 0) == (target in (".", "hypotheses"))


# --- options ------------------------------------------------------------------------

DEFAULTS = {
    "--model": "phantom:encodes",
    "--samples": "10",
    "--duration": "8.0",
    "--emotions": "happy,sad,calm,energetic",
    "--prompts": "matched",
    "--store": ".skeptic",
    "--report-dir": "reports/latest",
    "--device": "auto",
    "--dtype": "auto",
    "--batch-size": "auto",
    "--seed": "0",
    "--engine": "local",
    "--workers": "auto",
    "--capture-sites": "resid_post",
    "--resolved-layers": "none",
    "--resolved-sites": "resid_post",
    "--attention-layers": "none",
    "--plan-only": "generate here",
}


def test_help_has_groups_with_every_option_its_value_and_its_default(go: Go) -> None:
    text = go("--help").stdout.str()
    options = {}
    groups = re.split(r"\n(?=\S)", text)
    ours = [group for group in groups if group.startswith("Skeptic: ")]
    assert len(ours) == 4
    for group in ours:
        for entry in re.split(r"\n  (?=-)", group)[1:]:
            words = entry.split()
            options[words[0].split("=")[0]] = " ".join(words)
    assert set(options) == set(DEFAULTS)
    for name, entry in options.items():
        assert re.match(rf"{name}[= ][A-Z]+ ", entry), f"{name} has no metavar"
        assert re.search(rf"\(default: .*{re.escape(DEFAULTS[name])}", entry), entry


def test_the_store_can_be_named_by_the_environment(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKEPTIC_STORE", "kept")
    result = go("-m", "week1")
    result.stdout.fnmatch_lines(["store: kept (has *"])
    assert (pytester.path / "kept").is_dir()


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        (
            "--samples",
            "0",
            "`--samples` must be a whole number of clips per emotion*0.",
        ),
        ("--samples", "-1", "`--samples` must be *at least 1, got -1."),
        ("--samples", "x", "`--samples` must be *, got x."),
        ("--samples", "1.5", "`--samples` must be *, got 1.5."),
        ("--duration", "0", "`--duration` must be a number of seconds above 0, got 0."),
        ("--duration", "-3", "`--duration` must be *, got -3."),
        ("--duration", "nan", "`--duration` must be *, got nan."),
        ("--duration", "inf", "`--duration` must be *, got inf."),
        ("--batch-size", "0", "`--batch-size` must be *at least 1 or auto, got 0."),
        ("--batch-size", "all", "`--batch-size` must be *1 or auto, got all."),
        ("--workers", "0", "`--workers` must be *at least 1 or auto, got 0."),
        ("--seed", "-1", "`--seed` must be a whole number, 0 or more, got -1."),
        ("--seed", "²", "`--seed` must be a whole number, 0 or more, got ²."),
        ("--emotions", ",", "`--emotions` must name emotions, *got `,`."),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_one_line(
    pytester: pytest.Pytester, go: Go, option: str, value: str, said: str
) -> None:
    result = go(f"{option}={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    errors = [line for line in result.stderr.lines if line.startswith("ERROR: ")]
    assert len(errors) == 1
    result.stderr.fnmatch_lines([f"ERROR: {said}"])
    assert not (pytester.path / ".skeptic").exists()


@pytest.mark.parametrize(
    ("option", "value"), [("--device", "tpu"), ("--dtype", "int8")]
)
def test_a_choice_that_does_not_exist_is_refused_with_those_that_do(
    go: Go, option: str, value: str
) -> None:
    result = go(f"{option}={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert re.search(rf"{option}.*{value}.*auto", result.stderr.str())


def test_a_plan_can_be_written_and_no_test_is_run(
    pytester: pytest.Pytester, go: Go
) -> None:
    directory = leave_stale_go(pytester)
    before = {path: path.read_text() for path in directory.iterdir()}
    result = go(
        "-m", "week1", "--plan-only", "week 1.json", "--store=kept", "--device=cuda"
    )
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "model: made up *",
            "plan: week 1.json: 60 clips, 0 are missing",
            "generate them with any number of: python -m harness.sampling "
            "--plan 'week 1.json' --store kept",
        ]
    )
    assert "passed" not in result.stdout.str()
    found = read_plan(pytester.path / "week 1.json")
    assert found.model == "phantom:encodes"
    assert len(found.plan.clips) == 60
    assert {path: path.read_text() for path in directory.iterdir()} == before


def test_a_plan_that_cannot_be_written_is_refused(
    pytester: pytest.Pytester, go: Go
) -> None:
    (pytester.path / "file").write_text("")
    result = go("-m", "week1", "--plan-only=file/plan.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: `file/plan.json` cannot be written *"])


def test_workers_of_ray_and_of_pytest_are_not_mixed(go: Go) -> None:
    result = go("-m", "week1", *WORKERS, "--engine=ray")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: `--engine ray` must not come with -n. *"])


def test_a_verdict_that_cannot_be_written_is_no_pivot(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise KeyError("no such clip")

    monkeypatch.setattr(harness.record.VerdictRecord, "_clips", fail)
    result = go("-m", "week1")
    assert result.ret == 12
    assert "There is no verdict" in result.stdout.str() + result.stderr.str()
    assert "no such clip" in result.stderr.str()
    assert verdict_of(pytester)["state"] == "running"


def test_workers_need_a_store_that_all_of_them_see(go: Go) -> None:
    result = go("-m", "week1", *WORKERS, "--store=memory://week1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: `--store memory://week1` must be a place that all workers see*"]
    )


NO_MEMORY = """

from harness.sampling.workers import WorkerError

pytest_plugins.append("fixtures.clips")


class Run(Run):
    def collect(self, *listeners):
        raise WorkerError("Memory does not hold a single clip.")
"""


@pytest.mark.parametrize(
    ("workers", "code"), [((), pytest.ExitCode.USAGE_ERROR), (WORKERS, 12)]
)
def test_what_stops_generation_is_one_line_with_and_without_workers(
    pytester: pytest.Pytester, go: Go, workers: tuple[str, ...], code: int
) -> None:
    pytester.makeconftest(CONFTEST + NO_MEMORY)
    more = "def test_generated(clips):\n    pass\n"
    result = go("-k", "test_generated", *workers, more=more)
    assert result.ret == code
    said = result.stdout.str() + result.stderr.str()
    assert "Memory does not hold a single clip." in said
    assert "Traceback" not in said
    assert "def collect" not in said
    assert verdict_of(pytester)["verdict"] is None


def test_each_worker_sees_one_gpu_of_those_that_may_be_used(
    pytester: pytest.Pytester, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    more = """
@pytest.mark.parametrize("n", range(20))
def test_gpu(n):
    import pathlib, sys
    worker = os.environ["PYTEST_XDIST_WORKER"]
    pathlib.Path(worker).write_text(os.environ["CUDA_VISIBLE_DEVICES"])
    assert "torch" not in sys.modules
"""
    go("-k", "test_gpu", "-p", "xdist", "-n", "3", more=more)
    seen = {path.name: path.read_text() for path in pytester.path.glob("gw*")}
    assert seen == {"gw0": "4", "gw1": "7", "gw2": "4"}
    for path in pytester.path.glob("gw*"):
        path.unlink()
    pytester.runpytest_inprocess("-k", "test_gpu", *WORKERS, "--device=cpu")
    assert {path.read_text() for path in pytester.path.glob("gw*")} == {"4,7"}


# --- the real project ---------------------------------------------------------------


def test_workers_find_our_settings_though_the_run_has_made_its_directories(
    tmp_path: Path,
) -> None:
    """pytest takes existing directories after unknown options for places of tests."""
    arguments = ("--samples=2", "--duration=2", "-k", "captured_once", "-n", "1")
    places = ("--store", str(tmp_path / "store"), "--report-dir", str(tmp_path / "out"))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "week1", *arguments, *places],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in run.stdout, run.stdout
    assert run.returncode == 12  # the other claims were not decided
