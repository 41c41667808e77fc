"""What the reports of a run are called."""

__all__ = ["FINDINGS_NAME", "HTML_NAME", "MARKDOWN_NAME", "NAMES", "PDF_NAME"]

HTML_NAME = "report.html"
MARKDOWN_NAME = "report.md"
FINDINGS_NAME = "phase0_findings.md"
PDF_NAME = "report.pdf"
NAMES = (HTML_NAME, MARKDOWN_NAME, FINDINGS_NAME, PDF_NAME)
