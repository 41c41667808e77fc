"""Sections of the research documents that the claims cite, and a page that lists them.

A claim's source is written for people: "Plan, 'Experiment 2'; strong: Start, 'The
Results' (8 %)". Parts are separated by semicolons; a part that names no document goes
on with that of the part before it; what stands in single quotes is a section.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.report import wording
from harness.report.rows import ClaimRow

__all__ = ["DOCUMENTS", "PAGE_NAME", "Citation", "citations", "sources_page"]

PAGE_NAME = "sources.html"
DOCUMENTS = {
    "Next Steps": "Next Steps - The Complete Solution",
    "Strategy": "Solution Strategy",
    "Reality Check": "Critical Reality Check",
    "Plan": "Phase 0 Completion Plan",
    "Start": "Start Here",
}

_SHORT = {
    **{full: short for short, full in DOCUMENTS.items()},
    **{d: d for d in DOCUMENTS},
}
_DOCUMENT = re.compile(rf"\b({'|'.join(map(re.escape, _SHORT))}),")
_SECTION = re.compile(r"(?<!\w)'(.+?)'(?!\w)")  # an apostrophe inside is no end
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;"
    "padding:0 1rem;color:#1d2126;background:#fff}h2{margin:2rem 0 .25rem}"
    "h3{margin:1.25rem 0 .25rem;font-size:1rem}ul{margin:0}"
    ":target{background:#fff3c4}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """One section of one document."""

    document: str  # short name; empty where the source names none that is known
    section: str

    @property
    def anchor(self) -> str:
        """Name of the section's place on the page."""
        words = f"{self.document} {self.section}".lower()
        return re.sub(r"[^a-z0-9]+", "-", words).strip("-")

    @property
    def text(self) -> str:
        """Write it as the documents are cited."""
        shown = f"'{self.section}'" if self.section else ""
        return ", ".join(part for part in (self.document, shown) if part)


def citations(source: str) -> tuple[Citation, ...]:
    """List the sections that a claim's source names, each once.

    Parameters
    ----------
    source
        As in `claims.toml`; a source that names neither document nor section gives
        one citation with the whole text as its section, an empty one gives none.
    """
    found: dict[Citation, None] = {}
    document = ""
    for part in source.split(";"):
        named = _DOCUMENT.search(part)
        if named:
            document = _SHORT[named[1]]
        for section in _SECTION.findall(part):
            found[Citation(document=document, section=section)] = None
        if named and not _SECTION.search(part):
            found[Citation(document=document, section="")] = None
    if not found and source.strip():
        found[Citation(document="", section=source.strip())] = None
    return tuple(found)


def sources_page(claims: Sequence[ClaimRow]) -> str:
    """Write a page of the cited sections, each with the claims that rest on it.

    It loads nothing and runs no script.
    """
    cited: dict[Citation, list[ClaimRow]] = {}
    for claim in claims:
        if not claim.is_control:
            for citation in citations(claim.source):
                cited.setdefault(citation, []).append(claim)
    order = [*DOCUMENTS, ""]
    body = []
    for document in order:
        here = [c for c in cited if c.document == document]
        if here:
            title = DOCUMENTS.get(document, "Elsewhere")
            body.append(f"<h2>{html.escape(title)}</h2>")
        body += [_section(citation, cited[citation]) for citation in here]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>What the claims rest on</title>\n<style>{_STYLE}</style></head>\n"
        "<body><main><h1>What the claims rest on</h1>\n<p>The sections of the research "
        "documents that claims cite, and the claims, as this run found them.</p>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _section(citation: Citation, claims: Sequence[ClaimRow]) -> str:
    rows: dict[str, ClaimRow] = {}
    for claim in claims:  # what they report may be of one member only
        name = f"{claim.id}: {claim.statement}"
        if claim.documented or name not in rows:
            rows[name] = claim
    lines = []
    for name, claim in rows.items():
        limits = ", ".join(f"{k} {v}" for k, v in wording.thresholds(claim))
        theirs = f" They report: {claim.documented}." if claim.documented else ""
        stated = f" ({limits})." if limits else "."
        lines.append(f"<li>{html.escape(name + stated + theirs)}</li>")
    heading = html.escape(citation.section or "The document as a whole")
    return f'<h3 id="{citation.anchor}">{heading}</h3><ul>{"".join(lines)}</ul>'
