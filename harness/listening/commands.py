"""`python -m harness.listening`: make a blinded listening test, collect its ratings."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.files import FileError, read_json
from harness.ledger import Ledger, LedgerError
from harness.listening.answers import read_answers
from harness.listening.making import Wish, make
from harness.listening.ratings import RATINGS_NAME, OnRecordError, add
from harness.listening.sheet import ListeningError, read_sheet
from harness.request import Request
from harness.run import RunError
from harness.store import StoreError
from harness.store.places import open_disk

__all__ = ["main"]

_REFUSED, _WRONG = 1, 4  # some ratings were not added; nothing could be done


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0; 1 if a file of ratings was refused; 4 if nothing could be done.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.command(options)
    except (ListeningError, LedgerError, FileError, RunError, StoreError) as error:
        print(error, file=sys.stderr)
        return _WRONG
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.listening", description=__doc__
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    making = _command(commands, "make", _make, "write the page for raters, and its key")
    default = Wish()
    add_option = making.add_argument
    add_option(
        "--clips",
        type=int,
        default=default.clips,
        metavar="N",
        help="clips of each emotion (%(default)s: ten minutes with four emotions)",
    )
    add_option(
        "--repeats",
        type=int,
        default=default.repeats,
        metavar="N",
        help="clips that are heard a second time, to see how steady a rater is "
        "(%(default)s)",
    )
    add_option(
        "--raters",
        type=int,
        default=default.raters,
        metavar="N",
        help="how many will be asked, at least 4: the claim is tested when so many "
        "have answered, and never before (%(default)s)",
    )
    add_option(
        "--listen",
        type=float,
        default=default.minimum_seconds,
        metavar="SECONDS",
        help="how much of a clip must be heard before it can be answered (%(default)s)",
    )
    add_option(
        "--seed",
        type=int,
        default=default.seed,
        metavar="N",
        help="chooses the clips (%(default)s)",
    )
    add_option("--model", help="where the run's name for it does not lead to it")
    add_option("--prompts", help="the run's prompt bank, where it is a file")
    collecting = _command(commands, "collect", _collect, "add what raters sent back")
    collecting.add_argument("files", nargs="+", type=Path, metavar="FILE")
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "--store",
        default=os.environ.get("SKEPTIC_STORE", Request().store),
        help="where the clips are, directory or URL (%(default)s)",
    )
    parser.add_argument(
        "--report-dir",
        type=Path,
        default=Path(Request().report_dir),
        metavar="DIR",
        help="where the run's verdict.json is (%(default)s)",
    )
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="DIR",
        help="where page and key are (listening/ beside the report's directory)",
    )
    return parser


def _folder(options: argparse.Namespace) -> Path:
    folder: Path = options.keys or options.report_dir.parent / "listening"
    return folder


def _make(options: argparse.Namespace) -> int:
    wish = Wish(
        clips=options.clips,
        repeats=options.repeats,
        raters=options.raters,
        minimum_seconds=options.listen,
        seed=options.seed,
    )
    record = _record_of(options.report_dir)
    named = {"model": options.model, "prompts": options.prompts}
    made = make(
        record,
        wish,
        store=options.store,
        folder=_folder(options),
        named={name: value for name, value in named.items() if value},
    )
    print(made.said())
    return 0


def _record_of(directory: Path) -> Mapping[str, Any]:
    path = directory / "verdict.json"
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("design"), dict):
        msg = (
            f"`{path}` must hold the record of a run. Run `uv run pytest -m week2` "
            "first, or name its directory with --report-dir."
        )
        raise ListeningError(msg)
    return record


def _collect(options: argparse.Namespace) -> int:
    place = open_disk(options.store).directory or options.report_dir
    ratings = Ledger(place / RATINGS_NAME)
    ratings.entries()  # refuse all at once if they are broken
    refused = known = 0
    for path in options.files:
        try:
            answers = read_answers(path)
            sheet = read_sheet(answers.test, folder=_folder(options))
            raters = add(ratings, answers, sheet)
        except OnRecordError as note:
            known += 1
            print(f"{path}: {note}")
            continue
        except ListeningError as error:
            refused += 1
            print(f"{path}: not added: {error}", file=sys.stderr)
            continue
        print(f"{path}: added, {_place(raters, sheet.raters)} for test {sheet.id}.")
    added = len(options.files) - refused - known
    print(
        f"{added} added, {known} on record before, {refused} refused; ratings are in "
        f"{ratings.path}."
    )
    if added:
        print("Decide the claim with `uv run pytest -m week2`.")
    return _REFUSED if refused else 0


def _place(number: int, planned: int) -> str:
    if number <= planned:
        return f"rater {number} of {planned} planned"
    return f"but beyond the {planned} raters planned, so it is kept and not counted"
