"""`python -m harness.verdict explain [DIR]`: how the verdict came about."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.files import read_json
from harness.verdict.explain import explain


def main(arguments: list[str] | None = None) -> int:
    """Print the path of the verdict in a directory of reports; 2 if there is none."""
    parser = argparse.ArgumentParser(prog="python -m harness.verdict")
    commands = parser.add_subparsers(dest="command", required=True)
    about = "print the path taken, each node with its number and source"
    command = commands.add_parser("explain", help=about, description=about)
    command.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=Path("reports/latest"),
        metavar="DIR",
        help="where verdict.json is (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    path = given.directory / "verdict.json"
    record = read_json(path)
    if not isinstance(record, dict):
        said = f"{path}: must hold a verdict. Run `uv run pytest -m week1` first."
        print(said, file=sys.stderr)
        return 2
    try:
        lines = explain(record)
    except ValueError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
