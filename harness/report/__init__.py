"""Verdict record in; page, Markdown, PDF and a summary for the terminal out."""

from harness.report.terminal import summary_lines
from harness.report.writing import append_step_summary, write_reports

__all__ = ["append_step_summary", "summary_lines", "write_reports"]
