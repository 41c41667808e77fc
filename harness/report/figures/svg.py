"""From matplotlib's file to an element that a page under a strict policy can show.

Conventions
-----------
The element has no style, script, image, link or clip path; styles become attributes,
and text stays text. Coordinates are rounded to a tenth of a point. Colours may be CSS
variables with a fallback, `var(--ink, #1d2126)`, so that a page can change them.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping

__all__ = ["alone", "inline", "renamed"]

_SPACE = "http://www.w3.org/2000/svg"
_KEPT = {"fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "opacity"}
_KEPT |= {"stroke-dasharray", "font-size", "font-weight", "text-anchor"}
_NUMBER = re.compile(r"-?\d+\.\d{2,}")


def inline(file: str, *, label: str, theme: Mapping[str, str]) -> str:
    """Turn a file into an `<svg>` element to be set inline.

    Parameters
    ----------
    file
        As matplotlib writes it, with text as text.
    label
        What the drawing is, for those who do not see it.
    theme
        Colour that is written there -> what is to stand in its place.
    """
    root = ElementTree.fromstring(file)
    _prune(root)
    box = root.get("viewBox", "")
    root.attrib = {
        "viewBox": box,
        "role": "img",
        "aria-label": " ".join(label.split()),
        "font-family": "var(--sans, sans-serif)",
        "stroke-linejoin": "round",
    }
    text = ElementTree.tostring(root, encoding="unicode")
    for colour, variable in theme.items():
        text = text.replace(f'"{colour}"', f'"{variable}"')
    return text


def renamed(svg: str, place: str) -> str:
    """The same element with other identifiers, for another place on its page."""
    return re.sub(r'( id="| href="#)', rf"\g<1>{place}-", svg)


def alone(svg: str) -> str:
    """The element as a file of its own, with plain colours."""
    plain = re.sub(r"var\(--[\w-]+, ([^)]+)\)", r"\1", svg)
    return plain.replace("<svg", f'<svg xmlns="{_SPACE}"', 1)


def _prune(element: ElementTree.Element) -> None:
    """Leave only what is needed, in place."""
    element.tag = element.tag.rpartition("}")[2]
    for child in list(element):
        kind = child.tag.rpartition("}")[2]
        if kind in ("metadata", "style", "clipPath"):
            element.remove(child)
            continue
        _prune(child)
        if kind in ("g", "defs") and not len(child):
            element.remove(child)
    element.text = element.text if element.tag == "text" else None
    element.tail = None
    element.attrib = _attributes(element)
    if element.tag == "g":
        _gather(element)


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    """Styles become attributes, which a strict policy lets through."""
    found: dict[str, str] = {}
    for name, value in element.attrib.items():
        plain = name.rpartition("}")[2]
        if plain == "style":
            pairs = (entry.partition(":") for entry in value.split(";"))
            styles = {key.strip(): said.strip() for key, _, said in pairs}
            found |= {key: said for key, said in styles.items() if key in _KEPT}
        elif plain == "id":  # only what is used again needs a name
            found |= {"id": value} if element.tag == "path" else {}
        elif plain == "d":
            found["d"] = _NUMBER.sub(_rounded, " ".join(value.split()))
        elif plain == "transform":  # text that is not turned need not be
            turned = not value.startswith("rotate(-0 ")
            found |= {"transform": _NUMBER.sub(_rounded, value)} if turned else {}
        elif plain != "clip-path":
            found[plain] = _NUMBER.sub(_rounded, value)
    return found


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".rstrip("0").rstrip(".")


def _gather(group: ElementTree.Element) -> None:
    """Say once what is the same of every mark in a group."""
    marks = list(group)
    if len(marks) < 2 or any(mark.tag != "use" for mark in marks):
        return
    for name in set(marks[0].attrib) & _KEPT:
        values = {mark.get(name) for mark in marks}
        if len(values) == 1:
            group.set(name, marks[0].attrib[name])
            for mark in marks:
                del mark.attrib[name]
