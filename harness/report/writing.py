"""Which reports a run leaves behind, and where: page, Markdown, note, PDF, summary.

Conventions
-----------
A file is written under a temporary name and renamed, so a reader finds the old one or
the new one, never half of one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.report import pdf
from harness.report.findings import render_findings
from harness.report.markdown import render_markdown, step_summary
from harness.report.names import FINDINGS_NAME, HTML_NAME, MARKDOWN_NAME, PDF_NAME
from harness.report.page import render_html
from harness.report.past import ledger_of, with_ledger
from harness.report.record import read_record

__all__ = [
    "append_step_summary",
    "replace_file",
    "write_reports",
]

SUMMARY_BYTES = 1024 * 1024  # the most that GitHub takes of one step


def write_reports(
    verdict: Mapping[str, Any],
    *,
    directory: Path,
    audio_root: Path | None = None,
    ledger: Path | None = None,
) -> tuple[Path, ...]:
    """Write all reports of a verdict record; the PDF where typst is installed.

    Parameters
    ----------
    verdict
        The record as parsed from `verdict.json`; any field may be missing or null.
    directory
        Where the files go; made if it does not exist.
    audio_root
        The folder that the clips' paths are relative to, `directory` if not given. A
        clip that cannot be read is stated on the page.
    ledger
        The ledger of looks; the one that the record names if not given.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    place = ledger or ledger_of(verdict, directory=directory)
    whole = with_ledger(verdict, place)
    paper = None
    try:
        paper = pdf.render_pdf(read_record(whole)) if pdf.is_there() else None
    except pdf.PdfError as error:  # the other reports do not depend on it
        whole["warnings"] = [*(whole.get("warnings") or []), str(error)]
    pages: dict[str, bytes] = {
        HTML_NAME: _bytes(render_html(whole, audio_root=audio_root or directory)),
        MARKDOWN_NAME: _bytes(render_markdown(whole)),
        FINDINGS_NAME: _bytes(render_findings(whole)),
    }
    if paper is not None:
        pages[PDF_NAME] = paper
    else:  # one of an earlier run must not stand beside the page of this one
        (directory / PDF_NAME).unlink(missing_ok=True)
    return tuple(replace_file(directory / n, content) for n, content in pages.items())


def append_step_summary(verdict: Mapping[str, Any]) -> None:
    """Add the Markdown report to the page of a GitHub job, where this is one.

    Beyond what GitHub takes it is cut, and says so. Elsewhere nothing happens.

    Raises
    ------
    OSError
        If the file that `GITHUB_STEP_SUMMARY` names cannot be written.
    """
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        return
    path = Path(place)
    used = path.stat().st_size if path.exists() else 0
    content = _bytes(step_summary(verdict, most_bytes=SUMMARY_BYTES - used))
    with path.open("ab") as stream:
        stream.write(content)


def replace_file(path: Path, content: bytes) -> Path:
    """Write `content` whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _bytes(text: str) -> bytes:
    """UTF-8; a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace")
