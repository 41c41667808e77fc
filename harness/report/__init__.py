"""Verdict record in; a page for the supervisor and a summary for the terminal out."""

from harness.report.page import write_reports
from harness.report.terminal import summary_lines

__all__ = ["summary_lines", "write_reports"]
