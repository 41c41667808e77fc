"""The options of a run, as pytest shows and reads them.

A value that makes no sense is refused where it is read, in one line.
"""

from __future__ import annotations

import os
from dataclasses import fields
from typing import Any

import pytest

from harness.captures import SITES
from harness.request import DTYPES, ENGINES, Request
from harness.weeks import asked_weeks, samples_for

__all__ = ["add_options", "request_of"]

DEFAULTS = Request()
_AUTO = "auto"


def add_options(parser: pytest.Parser) -> None:
    """Add the options in groups: what, how, what is kept, and where."""
    _what(parser.getgroup("skeptic", "Skeptic: what is under test"))
    _how(parser.getgroup("skeptic-engine", "Skeptic: how clips are generated"))
    _kept(parser.getgroup("skeptic-capture", "Skeptic: what is kept of activations"))
    _where(parser.getgroup("skeptic-files", "Skeptic: where everything goes"))


def _what(group: pytest.OptionGroup) -> None:
    add = group.addoption
    add(
        "--model",
        metavar="NAME",
        default=DEFAULTS.model,
        help="phantom:NAME, a Hugging Face name in the cache "
        "(facebook/musicgen-small) or a directory with an audiocraft checkpoint "
        "(default: %(default)s)",
    )
    add(
        "--samples",
        metavar="N",
        type=_at_least_one("--samples", "clips per emotion"),
        default=None,
        help="clips per emotion; planned looks are 10, 20, 50, 100 "
        f"(default: {samples_for(1)}, and {samples_for(2)} where -m asks for week 2 or "
        "3)",
    )
    add(
        "--duration",
        metavar="SECONDS",
        type=_positive("--duration", "seconds"),
        default=DEFAULTS.duration,
        help="length of a clip in s (default: %(default)s)",
    )
    add(
        "--emotions",
        metavar="LIST",
        type=_emotions,
        default=DEFAULTS.emotions,
        help="emotions to compare, separated by commas (default: "
        f"{','.join(DEFAULTS.emotions)})",
    )
    add(
        "--prompts",
        metavar="BANK",
        default=DEFAULTS.prompts,
        help="prompt bank: matched, extreme, generic, or a TOML file of your own "
        "(default: %(default)s)",
    )
    add(
        "--seed",
        metavar="N",
        type=_seed,
        default=DEFAULTS.seed,
        help="seed of the design: which prompts, and each clip's own seed "
        "(default: %(default)s)",
    )


def _how(group: pytest.OptionGroup) -> None:
    add = group.addoption
    add(
        "--device",
        choices=("auto", "cpu", "cuda"),
        metavar="NAME",
        default=DEFAULTS.device,
        help="auto, cpu or cuda (default: %(default)s: cuda where there is one)",
    )
    add(
        "--dtype",
        choices=DTYPES,
        metavar="NAME",
        default=DEFAULTS.dtype,
        help="float32, bfloat16 or float16 (default: %(default)s: float32 on the CPU, "
        "float16 on CUDA)",
    )
    add(
        "--batch-size",
        metavar="N",
        type=_or_auto("--batch-size", "clips"),
        default=_AUTO,
        help="clips in a micro-batch (default: %(default)s: what the store uses, or "
        "what fits into free memory; halved when memory runs out)",
    )
    add(
        "--engine",
        choices=ENGINES,
        metavar="NAME",
        default=DEFAULTS.engine,
        help="local, or ray for many machines: needs `skeptic[ray]`, joins the cluster "
        "of $RAY_ADDRESS (default: %(default)s)",
    )
    add(
        "--workers",
        metavar="N",
        type=_or_auto("--workers", "workers"),
        default=_AUTO,
        help="workers of --engine ray (default: %(default)s: one for each GPU, or for "
        "each CPU where there is none); without it, give pytest's own -n",
    )


def _kept(group: pytest.OptionGroup) -> None:
    add = group.addoption
    sites = ", ".join(SITES)
    add(
        "--capture-sites",
        metavar="LIST",
        default=DEFAULTS.capture_sites,
        help=f"where moments of all layers are taken: {sites}, or all; resid_post is "
        "always among them (default: %(default)s)",
    )
    add(
        "--resolved-layers",
        metavar="LIST",
        default=DEFAULTS.resolved_layers,
        help="layers that are kept step by step, such as 0,3 or all (default: none)",
    )
    add(
        "--resolved-sites",
        metavar="LIST",
        default=DEFAULTS.resolved_sites,
        help="sites of --resolved-layers (default: %(default)s)",
    )
    add(
        "--attention-layers",
        metavar="LIST",
        default=DEFAULTS.attention_layers,
        help="layers whose attention maps are kept, such as 0,3 or all (default: none)",
    )


def _where(group: pytest.OptionGroup) -> None:
    add = group.addoption
    add(
        "--store",
        metavar="DIR",
        default=os.environ.get("SKEPTIC_STORE", DEFAULTS.store),
        help="where clips and captures are kept, a directory or a URL such as "
        "s3://BUCKET/PATH (default: $SKEPTIC_STORE or .skeptic)",
    )
    add(
        "--report-dir",
        metavar="DIR",
        default=DEFAULTS.report_dir,
        help="where verdict and report are written (default: %(default)s)",
    )
    add(
        "--plan-only",
        metavar="FILE",
        default=None,
        help="write the plan to FILE and stop, for a --device that need not be here; "
        "any number of `python -m harness.sampling --plan FILE` then generate it "
        "(default: generate here)",
    )


def _or_auto(option: str, unit: str) -> Any:
    number = _at_least_one(option, unit, other=f" or {_AUTO}")
    return lambda text: None if text == _AUTO else number(text)


def _at_least_one(option: str, unit: str, *, other: str = "") -> Any:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = 0
        if number < 1:
            msg = (
                f"`{option}` must be a whole number of {unit}, at least 1{other}, got "
                f"{text}."
            )
            raise pytest.UsageError(msg)
        return number

    return parse


def _positive(option: str, unit: str) -> Any:
    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            msg = f"`{option}` must be a number of {unit} above 0, got {text}."
            raise pytest.UsageError(msg)
        return number

    return parse


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        msg = f"`--seed` must be a whole number, 0 or more, got {text}."
        raise pytest.UsageError(msg)
    return int(text)


def _emotions(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        msg = f"`--emotions` must name emotions, separated by commas, got `{text}`."
        raise pytest.UsageError(msg)
    return names


def request_of(config: pytest.Config) -> Request:
    """What the options ask for."""
    names = (field.name for field in fields(Request))
    given = {n: config.getoption(f"--{n.replace('_', '-')}") for n in names}
    if given["samples"] is None:
        given["samples"] = samples_for(max(asked_weeks(config.option.markexpr)))
    return Request(**{**given, "emotions": tuple(given["emotions"])})
