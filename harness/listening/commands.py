"""`python -m harness.listening`: make a blinded listening test, collect its ratings."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.files import FileError, read_json
from harness.ledger import LedgerError
from harness.listening.answers import read_answers
from harness.listening.making import Wish, make, request_of
from harness.listening.ratings import OnRecordError, add, ratings_in, refuse
from harness.listening.sheet import ListeningError, Sheet, read_sheet
from harness.request import Request
from harness.run import RunError
from harness.store import StoreError
from harness.store.disk import Disk
from harness.store.places import open_disk
from harness.store.survey import shelves
from harness.weeks import samples_for

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
        help="clips of each emotion (%(default)s: a quarter of an hour with four "
        "emotions)",
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
    collecting.add_argument(
        "--as",
        dest="code",
        metavar="CODE",
        help="of one file: the rater's code, where two raters took the same one",
    )
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text
    )
    parser.set_defaults(command=run)
    parser.add_argument(
        "--store",
        default=_store_by_default(),
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
    print(made.said(collect=_collect_command(options)))
    return 0


def _collect_command(options: argparse.Namespace) -> str:
    """What to type when the ratings are there, with the options that were given."""
    words = ["uv run python -m harness.listening collect"]
    given = (
        ("--store", options.store, _store_by_default()),
        ("--report-dir", str(options.report_dir), Request().report_dir),
        ("--keys", str(options.keys or ""), ""),
    )
    words += [
        f"{name} {shlex.quote(is_)}" for name, is_, usual in given if is_ != usual
    ]
    return " ".join([*words, "ratings-*.json"])


def _store_by_default() -> str:
    return os.environ.get("SKEPTIC_STORE", Request().store)


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
    if options.code is not None and len(options.files) > 1:
        msg = f"`--as` is for one file, got {len(options.files)}. Give them one by one."
        raise ListeningError(msg)
    disk = open_disk(options.store)
    clips = _clips_in(disk)
    ratings = ratings_in(disk.directory or options.report_dir)
    ratings.entries()  # refuse all at once if they are broken
    refused = known = 0
    for path in options.files:
        try:
            answers = read_answers(path)
            if options.code is not None:
                answers = answers.of_rater(options.code)
            sheet = read_sheet(answers.test, folder=_folder(options))
            _check_store(sheet, clips, options.store)
            raters = add(ratings, answers, sheet, file=path.name)
        except OnRecordError as note:
            known += 1
            print(f"{path}: {note}")
            continue
        except ListeningError as error:
            refused += 1
            print(f"{path}: not added: {error}", file=sys.stderr)
            if path.is_file():
                refuse(ratings, file=path.name, because=str(error))
            continue
        print(f"{path}: added, {_place(raters, sheet.raters)} for test {sheet.id}.")
    added = len(options.files) - refused - known
    print(
        f"{added} added, {known} on record before, {refused} refused; ratings are in "
        f"{ratings.path}."
    )
    if added:
        print(f"Decide the claim with `{_deciding_command(options)}`.")
    return _REFUSED if refused else 0


def _clips_in(disk: Disk) -> set[tuple[str, str]]:
    """Fingerprint of the model, and key, of every clip of a store."""
    clips = {
        (shelf.fingerprint, name.removesuffix(".json"))
        for shelf in shelves(disk)
        for name in disk.names(f"{shelf.folder}/records")
    }
    if not clips:
        msg = (
            f"`--store {disk.label}` holds no clips, so no run would find ratings "
            "there. Give the --store that the test was made from."
        )
        raise ListeningError(msg)
    return clips


def _check_store(sheet: Sheet, clips: set[tuple[str, str]], store: str) -> None:
    if not any((sheet.model, trial.key) in clips for trial in sheet.trials):
        msg = (
            f"`--store {store}` holds none of the clips of test `{sheet.id}`, so no "
            "run would find the ratings there. Give the --store that it was made from."
        )
        raise ListeningError(msg)


def _deciding_command(options: argparse.Namespace) -> str:
    """What to type to ask week 2 of the run that the report is of."""
    try:
        request = request_of(_record_of(options.report_dir), store=options.store)
    except ListeningError:  # ratings are added without it
        request = Request(store=options.store, samples=samples_for(2))
    request = replace(request, report_dir=str(options.report_dir))
    return request.command(samples=request.samples, week=2)


def _place(number: int, planned: int) -> str:
    if number <= planned:
        return f"rater {number} of {planned} planned"
    return f"but beyond the {planned} raters planned, so it is kept and not counted"
