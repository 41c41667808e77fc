"""`python -m harness.report DIR`: write the reports of a run anew, or compare two.

- `python -m harness.report [DIR] [--ledger FILE] [--pdf]`
- `python -m harness.report compare A B [--out FILE]`
- `python -m harness.report allure RESULTS OUT`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.report import pdf
from harness.report.compare import render_comparison
from harness.report.names import PDF_NAME
from harness.report.reading import RecordError, read_file
from harness.report.writing import replace_file, write_reports

_DIRECTORY = Path("reports/latest")
_COMPARISON = Path("reports/comparison.html")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 2 where there is nothing to report on or no place to write."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["allure"]:
        from harness.report import allure_site

        return allure_site.main(given[1:])
    try:
        if given[:1] == ["compare"]:
            return _compare(given[1:])
        return _rebuild(given)
    except (RecordError, pdf.PdfError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        what = error.filename or "The report"
        print(f"`{what}` cannot be written: {error.strerror}.", file=sys.stderr)
    return 2


def _rebuild(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m harness.report",
        description="Write report.html, report.md and, where typst is installed, "
        "report.pdf anew from verdict.json and the ledger.",
        epilog="Also: `python -m harness.report compare A B`, to see two runs on one "
        "page; `python -m harness.report allure RESULTS OUT`, for an Allure site.",
    )
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        default=_DIRECTORY,
        metavar="DIR",
        help="where verdict.json is (default: %(default)s)",
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        metavar="FILE",
        help="the ledger of looks (default: the one that verdict.json names)",
    )
    parser.add_argument(
        "--pdf", action="store_true", help="fail where report.pdf cannot be made"
    )
    given = parser.parse_args(arguments)
    if given.pdf and not pdf.is_there():
        raise pdf.PdfError(pdf.HOW_TO_INSTALL)
    found = read_file(given.directory)
    paths = write_reports(
        found.verdict, directory=found.path.parent, ledger=given.ledger
    )
    print("\n".join(map(str, paths)))
    if given.pdf and PDF_NAME not in [path.name for path in paths]:
        msg = "report.pdf cannot be set: report.html says why, under its warnings."
        raise pdf.PdfError(msg)
    return 0


def _compare(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m harness.report compare",
        description="Show two runs on one page: two looks, two models, two weeks.",
    )
    for name in ("A", "B"):
        parser.add_argument(
            name.lower(), type=Path, metavar=name, help="a directory or verdict.json"
        )
    parser.add_argument(
        "--out",
        type=Path,
        default=_COMPARISON,
        metavar="FILE",
        help="the page (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    page = render_comparison(read_file(given.a), read_file(given.b))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    print(replace_file(given.out, page.encode("utf-8", "replace")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
