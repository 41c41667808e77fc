"""`python -m harness.store`: what is in a store, is it whole, remove, export."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.captures import HALVES, SITES
from harness.files import FileError
from harness.store.audit import audit, open_shelf
from harness.store.disk import Disk, StoreError
from harness.store.export import FORMATS, Wish, export
from harness.store.gc import Choice, removals, size_below
from harness.store.places import open_disk
from harness.store.survey import is_laid_out, shelves

__all__ = ["main"]

_FAILED, _WRONG = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        disk = open_disk(options.store)
        if not is_laid_out(disk) and not shelves(disk):
            msg = f"`--store {options.store}` holds no clips. Give another directory."
            raise StoreError(msg)
        status: int = options.command(disk, options)
    except (StoreError, FileError) as error:
        print(error, file=sys.stderr)
        return _WRONG
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.store", description=__doc__
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    ls = _command(commands, "ls", _ls, "what is there, by model and engine")
    ls.add_argument("--json", action="store_true", help="for programs")
    _command(commands, "verify", _verify, "read everything; exit 1 if it is not whole")
    gc = _command(commands, "gc", _gc, "remove clips, or files that no clip has")
    gc.add_argument(
        "--model", help="of this model: its name, or 8 characters of its fingerprint"
    )
    gc.add_argument("--engine", type=int, help="of this engine")
    gc.add_argument("--older-than", type=float, metavar="DAYS", help="made before")
    gc.add_argument(
        "--unreferenced", action="store_true", help="files that no clip has, not clips"
    )
    gc.add_argument("--yes", action="store_true", help="do it, do not only say it")
    out = _command(commands, "export", _export, "write clips for other programs")
    out.add_argument("--format", choices=FORMATS, required=True)
    out.add_argument("--to", type=Path, required=True, metavar="DIR")
    out.add_argument("--model", help="name or fingerprint, if there are several")
    out.add_argument("--emotion", help="only clips of this emotion")
    out.add_argument(
        "--duration", type=float, metavar="SECONDS", help="only clips of this length"
    )
    out.add_argument("--site", choices=SITES, help="default: resid_post")
    out.add_argument("--layers", type=_numbers, metavar="0,3,5", help="default: all")
    out.add_argument("--half", choices=HALVES, help=f"default: {HALVES[0]}")
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text
    )
    parser.set_defaults(command=run)
    default = os.environ.get("SKEPTIC_STORE", ".skeptic")
    parser.add_argument(
        "--store", default=default, help="directory or URL (%(default)s)"
    )
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not all(number.isdecimal() for number in numbers):
        msg = f"must be numbers and commas, such as 0,3,5, got {text}. Mend it."
        raise argparse.ArgumentTypeError(msg)
    return tuple(map(int, numbers))


def _ls(disk: Disk, options: argparse.Namespace) -> int:
    rows = contents(disk, options.store)
    if options.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "fingerprint", "engine", box=None, pad_edge=False)
    for title in ("clips", "prompts", "hours", "bytes"):
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            row["model"],
            row["fingerprint"][:12],
            str(row["engine"] or "before 1"),
            str(row["clips"]),
            str(row["prompts"]),
            f"{row['hours']:.2f}",
            sized(row["bytes"]),
        )
    Console(soft_wrap=True).print(table)
    total = sum(row["bytes"] for row in rows)
    hours = sum(row["hours"] for row in rows)
    clips = sum(row["clips"] for row in rows)
    print(f"{clips} clips, {hours:.2f} hours of audio, {sized(total)} in {disk.label}")
    return 0


def contents(disk: Disk, root: str) -> list[dict[str, Any]]:
    """Model, engine, prompts, clips, hours of audio and bytes, by model and engine."""
    rows = []
    for shelf in shelves(disk):
        records = disk.names(f"{shelf.folder}/records")
        store = open_shelf(shelf, root)
        prompts, seconds = set(), 0.0
        for record in store.readable() if store is not None else ():
            prompts.add(record["prompt"])
            seconds += record["generation"]["duration_seconds"]
        rows.append(
            {
                "model": shelf.name,
                "fingerprint": shelf.fingerprint,
                "engine": shelf.engine,
                "clips": len(records),
                "prompts": len(prompts),
                "hours": seconds / 3600,
                "bytes": size_below(disk, shelf.folder, apart="engine-"),
            }
        )
    return rows


def _verify(disk: Disk, options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    screen = Console(stderr=True)
    clips = sum(len(disk.names(f"{s.folder}/records")) for s in shelves(disk))
    with Progress(
        console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        task = progress.add_task("clips checked", total=clips)
        problems = list(
            audit(disk, options.store, on_clip=lambda: progress.advance(task))
        )
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{clips} clips in {disk.label} are whole.")
    return _FAILED if problems else 0


def _gc(disk: Disk, options: argparse.Namespace) -> int:
    choice = Choice(
        model=options.model,
        engine=options.engine,
        older_than_days=options.older_than,
        unreferenced=options.unreferenced,
    )
    if choice == Choice():
        msg = (
            "`gc` must be told what to remove, got nothing. Give --model, --engine, "
            "--older-than or --unreferenced."
        )
        raise StoreError(msg)
    if options.older_than is not None and not options.older_than >= 0:
        msg = f"`--older-than` must be 0 days or more, got {options.older_than:g}."
        raise StoreError(msg)
    found = list(removals(disk, options.store, choice))
    for removal in found:
        kept = removal.carry_out() if options.yes else 0
        shelf = removal.shelf
        what = (
            f"{len(removal.files)} files that no clip has"
            if choice.unreferenced
            else f"{len(removal.clips)} clips"
        )
        print(
            f"{'Removed' if options.yes else 'Would remove'} {what} of {shelf.name} "
            f"(engine {shelf.engine}): {removal.bytes} bytes"
            + (f"; {kept} are in use and were kept" if kept else "")
        )
    if not found:
        print("There is nothing to remove.")
    elif not options.yes:
        print("Nothing was removed. Add --yes to remove it.")
    return 0


def _export(disk: Disk, options: argparse.Namespace) -> int:
    named = {name: getattr(options, name) for name in ("site", "layers", "half")}
    given = {name: value for name, value in named.items() if value is not None}
    if given and options.format == "audiofolder":
        msg = (
            f"`--format audiofolder` must stand without --{next(iter(given))}: it is "
            "audio alone. Leave it out, or give another format."
        )
        raise StoreError(msg)
    wish = Wish(
        format=options.format,
        to=options.to,
        model=options.model,
        emotion=options.emotion,
        duration_seconds=options.duration,
        **given,
    )
    print(export(disk, options.store, wish))
    return 0


def sized(count: int) -> str:
    """Bytes for people."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.4g} {unit}"
        size /= 1000
    return f"{size:.4g} TB"
