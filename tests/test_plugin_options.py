"""Options: what they are by default, and values that make no sense."""

from __future__ import annotations

import re

import pytest
from projects_for_tests import Go

pytest_plugins = ["pytester"]


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
