"""A real browser for tests of pages: Chromium opens a file, axe-core judges it.

A page that is opened keeps account of itself: everything that it wrote to the console
as an error, every exception of its scripts, and every request for something that is
neither a file nor inside the page. Chromium and axe-core are the system's, never
fetched here; where they are missing the tests are skipped with a sentence that says
what to install, and fail where `SKEPTIC_BROWSER=required`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.sync_api import Browser, Error, Page, Request, sync_playwright

__all__ = ["OpenPage", "Opened", "browser", "node_tools", "open_page", "unavailable"]

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_PATIENCE_MS = 90_000  # machines of tests are busy
_LOCAL = ("file:", "data:", "blob:", "about:")
_SERIOUS = ("serious", "critical")


@dataclass
class Opened:
    """A page in the browser, and what it did that it should not have done."""

    page: Page
    errors: list[str] = field(default_factory=list)  # console errors and exceptions
    requests: list[str] = field(default_factory=list)  # addresses that are not local

    def sideways(self) -> int:
        """Count the pixels by which the page is wider than its window."""
        wide: int = self.page.evaluate(
            "() => document.documentElement.scrollWidth - window.innerWidth"
        )
        return max(wide, 0)

    def serious(self) -> list[str]:
        """List what axe-core finds serious or critical, with the places of each."""
        self.page.evaluate(_axe())
        found = self.page.evaluate("() => axe.run(document)")
        return [
            f"{rule['id']} ({rule['impact']}): {rule['help']}: "
            + "; ".join(str(node["target"]) for node in rule["nodes"][:5])
            for rule in found["violations"]
            if rule["impact"] in _SERIOUS
        ]

    def durations(self) -> list[float]:
        """Load every player, and list the seconds that each would play."""
        heard: list[float] = self.page.evaluate(
            """() => Promise.all([...document.querySelectorAll('audio')].map(
                audio => new Promise(done => {
                    const say = () => done(audio.duration || 0);
                    if (audio.readyState > 0 || audio.error) { say(); return; }
                    audio.addEventListener('loadedmetadata', say);
                    audio.addEventListener('error', () => done(0));
                    audio.preload = 'metadata';
                    audio.load();
                })
            ))"""
        )
        return heard

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Take a picture of the page, to its end unless `whole` is false."""
        self.page.screenshot(path=path, full_page=whole)


OpenPage = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start headless Chromium once for a file of tests.

    Not for the session: Playwright keeps an event loop running in this thread, and
    other files' tests may need one of their own.
    """
    program = next((p for p in map(shutil.which, _CHROMIUMS) if p), None)
    if program is None:
        unavailable("Chromium is not there. Install it: apt-get install chromium.")
    with sync_playwright() as driver:
        try:
            started = driver.chromium.launch(
                executable_path=program, args=_QUIET, timeout=_PATIENCE_MS
            )
        except Error as error:
            first = str(error).splitlines()[0]
            unavailable(f"{program} does not start: {first}")
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open a file: `open_page(path, width=390, height=844)` gives an `Opened`.

    Each call is a visitor of their own, with nothing remembered from another; a reload
    (`opened.page.reload()`) keeps what the page has stored.
    """
    contexts = []

    def opens(path: Path, *, width: int = 1200, height: int = 900) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        opened = Opened(context.new_page())

        def note(request: Request) -> None:
            if not request.url.startswith(_LOCAL):
                opened.requests.append(request.url)

        context.on("request", note)
        opened.page.on("pageerror", lambda e: opened.errors.append(str(e)))
        opened.page.on(
            "console",
            lambda said: (
                opened.errors.append(said.text) if said.type == "error" else None
            ),
        )
        opened.page.goto(path.resolve().as_uri())
        return opened

    yield opens
    for context in contexts:
        context.close()


def node_tools() -> Path:
    """Find the folder that holds what npm installed: axe-core and the Allure CLI.

    `SKEPTIC_NODE_TOOLS`, or `skeptic/node_modules` among the user's caches.
    """
    named = os.environ.get("SKEPTIC_NODE_TOOLS")
    caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(named) if named else Path(caches) / "skeptic" / "node_modules"


def unavailable(why: str) -> NoReturn:
    """Skip the test, or fail it where browsers are required."""
    if os.environ.get("SKEPTIC_BROWSER") == "required":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


@cache
def _axe() -> str:
    path = node_tools() / "axe-core" / "axe.min.js"
    if not path.exists():
        unavailable(
            f"axe-core is not at {path}. Install it: "
            f"npm install --prefix {node_tools().parent} axe-core@4.14.1."
        )
    return path.read_text(encoding="utf-8")
