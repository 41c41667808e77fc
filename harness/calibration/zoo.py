"""The suite on models whose truth is known: what was found against what is true.

Every phantom is put through week 1 again and again, with other prompts and seeds, and
what is found of each claim is held against `harness/phantoms/truth.toml`.

    python -m harness.calibration.zoo --repetitions 20 --processes 2

runs it by hand, as long as it takes. What has been run is not run again.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.calibration.findings import Found
from harness.calibration.repetitions import (
    Repetition,
    RepetitionError,
    repeat,
    suite_digest,
    verdicts_of,
)
from harness.calibration.summary import write_summary
from harness.calibration.tables import REPORTS, write_report
from harness.calibration.truth import TruthError, load_truths
from harness.calibration.zoo_tables import zoo_markdown, zoo_record
from harness.inference.looks import PLANNED
from harness.models.phantoms import names
from harness.request import Request

__all__ = ["FIRST_LOOK", "PLACE", "gather", "main", "report", "visit"]

PLACE = Path(os.environ.get("SKEPTIC_STORE", Request().store)) / "calibration" / "zoo"
FIRST_LOOK = PLANNED[:1]
_REPETITIONS = 20


def visit(
    models: Sequence[str],
    *,
    repetitions: int,
    processes: int,
    looks: Sequence[int] = FIRST_LOOK,
    place: Path = PLACE,
    keep: bool = True,
    minutes: float | None = None,
    say: Callable[[str], None] = print,
) -> list[Found]:
    """Run what is missing of `repetitions` of each phantom, and gather what is there.

    Raises
    ------
    TruthError
        If it is not known what must be found in one of them.
    RepetitionError
        If one came to no verdict.
    """
    _check(models)
    wanted = [
        Repetition(
            model=model, number=number, place=place, looks=tuple(looks), keep=keep
        )
        for number in range(repetitions)
        for model in models
    ]
    repeat(wanted, processes=processes, minutes=minutes, say=say)
    return gather(models, looks=looks, place=place)


def gather(
    models: Sequence[str], *, looks: Sequence[int] = FIRST_LOOK, place: Path = PLACE
) -> list[Found]:
    """Whatever has been run of each phantom and is still up to date."""
    truths, suite = load_truths(), suite_digest()
    found = []
    for model in models:
        numbers = sorted(int(p.name) for p in (place / model).glob("[0-9]*"))
        repetitions = [
            Repetition(model=model, number=number, place=place, looks=tuple(looks))
            for number in numbers
        ]
        taken = [t for r in repetitions if (t := verdicts_of(r, suite))]
        first, last = [t[0] for t in taken], [t[-1] for t in taken]
        found.append(Found(truth=truths[model], first=first, last=last))
    return found


def report(zoo: Sequence[Found]) -> str:
    """Write `zoo.md` and `.json`, and its part of the summary; returns the first."""
    text = zoo_markdown(zoo)
    record = zoo_record(zoo)
    write_report("zoo", text, {"suite": suite_digest(), **record})
    write_summary("zoo", record, directory=REPORTS)
    return text


def _check(models: Sequence[str]) -> None:
    unknown = sorted(set(models) - set(load_truths()))
    if unknown:
        msg = (
            f"What must be found in {', '.join(unknown)} is not stated. Add it to "
            "harness/phantoms/truth.toml."
        )
        raise TruthError(msg)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it by hand; returns 1 if a phantom was not seen for what it is."""
    options = _parser().parse_args(arguments)
    try:
        zoo = visit(
            options.models,
            repetitions=options.repetitions,
            processes=options.processes,
            looks=options.samples,
            keep=not options.discard,
        )
    except RepetitionError as error:
        print(error)
        zoo = gather(options.models, looks=options.samples)
    print(report(zoo))
    return int(not all(found.as_it_must_be() for found in zoo))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.calibration.zoo",
        description="Put phantoms through week 1 again and again.",
    )
    add = parser.add_argument
    add("--models", nargs="+", default=list(names()), choices=names(), metavar="NAME")
    add("--repetitions", type=int, default=_REPETITIONS, metavar="N")
    add("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    add(
        "--samples",
        type=int,
        nargs="+",
        default=list(FIRST_LOOK),
        metavar="N",
        help="looks to take one after the other as long as the verdict is EXTEND",
    )
    add("--discard", action="store_true", help="do not keep the clips")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
