"""Allure's results in, a site that opens without a server and calls nobody out.

The site is made by Allure 3's own command (npm package `allure`), one page with all in
it. Allure writes a script for Google Analytics into every page (allure3 issue 476); it
is taken out, and a page in which anything of it is left is not handed over.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness.report.allure_claim import SOURCES_URL
from harness.report.allure_results import CATEGORIES_NAME, ENVIRONMENT_NAME
from harness.report.sources import PAGE_NAME

__all__ = ["ALLURE", "AllureSiteError", "history_path", "main", "make_site"]

ALLURE = "allure@3.18.0"
_USAGE = "usage: python -m harness.report allure RESULTS OUT"
_TIMEOUT_SECONDS = 900
_ANALYTICS = re.compile(
    r"<script\b[^>]*\bsrc=[\"'][^\"']*(?:googletagmanager|google-analytics)[^>]*>"
    r"\s*</script>|<script>(?:(?!</script>).)*?\bgtag\((?:(?!</script>).)*</script>",
    re.DOTALL,
)
_LEAD = f"""<script>addEventListener("click", event => {{
const link = event.target.closest("a[href^='{SOURCES_URL}']");
if (link) {{ event.preventDefault(); open("{PAGE_NAME}" + new URL(link.href).hash); }}
}}, true);</script>"""
_LEFT = re.compile(r"googletagmanager|google-analytics|\bgtag\(")


class AllureSiteError(ValueError):
    """The site cannot be made; the message says what to do."""


def main(arguments: list[str]) -> int:
    """Make the site as a command; return its exit code, 2 where there is none."""
    if len(arguments) != 2 or any(a.startswith("-") for a in arguments):
        print(_USAGE, file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        page = make_site(Path(arguments[0]), Path(arguments[1]))
    except AllureSiteError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Allure: {page}")
    return 0


def make_site(results: Path, out: Path) -> Path:
    """Make Allure's site from results, and return its page.

    Parameters
    ----------
    results
        What `pytest --alluredir` wrote.
    out
        Directory of the site: new, empty, or made by this before. The history of
        earlier sites is kept beside it, see `history_path`.

    Raises
    ------
    AllureSiteError
        If there are no results, Allure cannot be run or fails, `out` holds other
        things, or a page would still call an analytics service.
    """
    _check_places(results, out)
    command = _command()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".allure-", dir=out.parent) as folder:
        made = Path(folder) / "site"
        config = Path(folder) / "allurerc.json"
        config.write_text(json.dumps(_config(results, made, out)), encoding="utf-8")
        _generate([*command, "generate", "--config", str(config), str(results)])
        if not (made / "index.html").is_file():
            msg = f"{command[-1]} made no page of {results}. Look at what it printed."
            raise AllureSiteError(msg)
        for page in made.rglob("*.html"):
            _take_out_analytics(page)
        if (results / PAGE_NAME).is_file():
            shutil.copyfile(results / PAGE_NAME, made / PAGE_NAME)
            _lead_to_sources(made / "index.html")
        shutil.rmtree(out, ignore_errors=True)
        made.rename(out)
    return out / "index.html"


def history_path(out: Path) -> Path:
    """Name the file that joins the sites of several runs, one line of JSON for each."""
    return out.with_name(f"{out.name}-history.jsonl")


def _check_places(results: Path, out: Path) -> None:
    if not any(results.glob("*-result.json")):
        msg = (
            f"`RESULTS` must be a directory with results of Allure, got {results}, "
            f"which has none. Make them: pytest -m week1 --alluredir {results}"
        )
        raise AllureSiteError(msg)
    if out.exists() and not out.is_dir():
        msg = f"`OUT` must be a directory, got the file {out}. Give another name."
        raise AllureSiteError(msg)
    if out.is_dir() and any(out.iterdir()) and not _is_site(out):
        msg = (
            f"`OUT` must be new, empty or a site of Allure, got {out}, which holds "
            "other files. Give another name, or empty it."
        )
        raise AllureSiteError(msg)


def _is_site(out: Path) -> bool:
    page = out / "index.html"
    return page.is_file() and "allureReportOptions" in page.read_text(
        "utf-8", "replace"
    )


def _command() -> list[str]:
    """Find Allure 3, or npx, which fetches it once and keeps it."""
    allure = shutil.which("allure")
    if allure is not None and _version(allure).startswith("3."):
        return [allure]
    npx = shutil.which("npx")
    if npx is not None:
        return [npx, "--yes", ALLURE]
    msg = (
        "Allure's site is made by Node, and neither `allure` (3 or newer) nor `npx` is "
        "there. Install Node 20 or newer with npm (https://nodejs.org), then: "
        f"npm install --global {ALLURE}"
    )
    raise AllureSiteError(msg)


def _version(allure: str) -> str:
    try:
        told = subprocess.run(
            [allure, "--version"], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip()


def _generate(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"`{' '.join(command)}` could not be run: {error}."
        raise AllureSiteError(msg) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        msg = (
            f"`{' '.join(command)}` ended with {done.returncode}: {said[-1]}. If npm "
            f"could not be reached, install it first: npm install --global {ALLURE}"
        )
        raise AllureSiteError(msg)


def _config(results: Path, made: Path, out: Path) -> dict[str, Any]:
    history = history_path(out).resolve()
    about = _environment(results)
    name = ": ".join(filter(None, ["Skeptic", about.get("model.name", "")]))
    config = {
        "name": name,
        "output": str(made.resolve()),
        "historyPath": str(history),
        "appendHistory": not _is_in(history, results),
        "plugins": {
            "awesome": {
                "options": {
                    "singleFile": True,
                    "reportName": name,
                    "reportLanguage": "en",
                    "groupBy": ["epic", "feature", "story"],
                }
            }
        },
    }
    categories = _categories(results)
    return {**config, "categories": categories} if categories else config


def _environment(results: Path) -> dict[str, str]:
    path = results / ENVIRONMENT_NAME
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key: value for key, _, value in pairs}


def _categories(results: Path) -> list[dict[str, Any]]:
    """Read the categories; Allure 3 takes them from its settings only."""
    try:
        read = json.loads((results / CATEGORIES_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []  # results of another tool, or of a run that was stopped
    return read if isinstance(read, list) else []


def _is_in(history: Path, results: Path) -> bool:
    """Are these results in the history already? A site made again is no new run."""
    if not history.is_file():
        return False
    known = history.read_text(encoding="utf-8", errors="replace")
    return any(
        hashlib.md5(path.name.removesuffix("-result.json").encode()).hexdigest()
        in known
        for path in results.glob("*-result.json")
    )


def _take_out_analytics(page: Path) -> None:
    text = _ANALYTICS.sub("", page.read_text(encoding="utf-8"))
    if _LEFT.search(text):
        msg = (
            f"{page.name}, as {ALLURE.partition('@')[0]} wrote it, would call an "
            f"analytics service in a way that is not known. Use {ALLURE}."
        )
        raise AllureSiteError(msg)
    page.write_text(text, encoding="utf-8")


def _lead_to_sources(page: Path) -> None:
    """Let links to a source open its section on the page of sources."""
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace("</body>", f"{_LEAD}</body>", 1), encoding="utf-8")
