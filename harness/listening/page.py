"""The page that raters open: one file, blinded, without a network.

It holds the sounds, opaque ids and the words that can be answered. What an id stands
for is in the key (`harness.listening.sheet`), which is not on the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.listening.sheet import Sheet

__all__ = ["minutes_of", "render_page"]

_HERE = Path(__file__).parent
# In the order in which one needs what the other says.
_SCRIPT = ("test", "memory", "order", "start", "clip", "end", "main")
_ANSWERING_SECONDS = 10.0  # to choose and to set two sliders


def minutes_of(sheet: Sheet, *, seconds: float) -> int:
    """How long the test takes, with clips of `seconds`."""
    return max(1, round(len(sheet.trials) * (seconds + _ANSWERING_SECONDS) / 60))


def render_page(sheet: Sheet, sounds: Mapping[str, str], *, seconds: float) -> str:
    """The page as HTML.

    Parameters
    ----------
    sheet : Sheet
        The test.
    sounds : mapping of str to str
        A data URI for the `sound` of every trial.
    seconds : float
        Length of a clip.
    """
    script = _script()
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    data = {
        "id": sheet.id,
        "emotions": sorted(sheet.emotions),
        "minimum_ms": sheet.minimum_ms,
        "trials": [{"id": t.id, "sound": t.sound} for t in sheet.trials],
        "partners": sheet.partners,
        "sounds": dict(sorted(sounds.items())),
    }
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            data=Markup(_inside_a_script(data)),
            script=Markup(script),
            style=Markup(style),
            script_hash=_hash(script),
            style_hash=_hash(style),
            test=sheet.id,
            trials=len(sheet.trials),
            minutes=minutes_of(sheet, seconds=seconds),
            minimum_seconds=f"{sheet.minimum_ms / 1000:g}",
            repeats=len(sheet.partners),
        )
    )


def _script() -> str:
    """All parts of the script, in one scope of their own."""
    parts = [
        (_HERE / "script" / f"{name}.js").read_text(encoding="utf-8")
        for name in _SCRIPT
    ]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();", ""])


def _inside_a_script(data: object) -> str:
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c")  # nothing in it can end the element


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
