"""How every figure is drawn: its size, its colours, its markers, its legend.

Conventions
-----------
Sizes are in inches, text in points. A figure is 4 inches wide, so that its text can be
read on a phone; it grows in height. What differs by colour differs by marker too.
Importing matplotlib costs about a second: it happens when the first figure is drawn.

References
----------
Okabe, M. and Ito, K. (2008). Color Universal Design.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.report.figures.svg import alone, inline, renamed

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

__all__ = [
    "BAND",
    "BLUE",
    "DASHED",
    "DOTTED",
    "INK",
    "MARKERS",
    "MUTED",
    "PAPER",
    "SMALL",
    "TEXT",
    "VERMILLION",
    "WIDTH",
    "Figure",
    "drawn",
    "emotion_style",
    "furnish",
    "left_out",
    "legend",
]

WIDTH = 4.0
TEXT = 8.5
SMALL = 7.5

BLUE, VERMILLION, BAND = "#0072b2", "#d55e00", "#b8bcc4"
INK, MUTED, PAPER = "#1d2126", "#5c636e", "#fefefe"
_EMOTIONS = ("#e69f00", "#0072b3", "#009e73", "#d55e01", "#cc79a7", "#56b4e9")
MARKERS = ("o", "s", "D", "^", "P", "v")
DASHED, DOTTED = (0, (4, 2)), (0, (1, 2))

# What matplotlib writes -> what a page's style sheet may override. The emotions' blue
# and vermillion differ by a bit from the others, so that they can be told from them.
_THEME = {
    BLUE: f"var(--blue, {BLUE})",
    VERMILLION: f"var(--vermillion, {VERMILLION})",
    BAND: f"var(--band, {BAND})",
    INK: f"var(--ink, {INK})",
    MUTED: f"var(--muted, {MUTED})",
    PAPER: f"var(--paper, {PAPER})",
    **{hue: f"var(--c{k}, {hue})" for k, hue in enumerate(_EMOTIONS)},
}
_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A drawing with what is said of it, or the reason why there is none."""

    name: str  # unique among the figures of a page
    title: str
    caption: str = ""
    svg: str = ""  # trusted; empty where nothing could be drawn
    missing: str = ""  # one sentence; empty where there is a drawing
    claims: tuple[str, ...] = ()  # ids; the one that it shows most of comes first

    def copy(self, place: str) -> str:
        """The drawing once more, for another `place` on a page that has one already.

        Parameters
        ----------
        place
            A word that no other copy on the page has.

        Returns
        -------
        str
            As `svg`, with other identifiers; empty where there is none.
        """
        return renamed(self.svg, place)

    def file(self) -> str:
        """The drawing as the text of an SVG file, which needs no page around it."""
        return alone(self.svg)


def left_out(name: str, title: str, why: str, *, claims: Sequence[str] = ()) -> Figure:
    """A figure that could not be drawn: `why` is a sentence."""
    return Figure(
        name=name,
        title=title.replace("'", _APOSTROPHE),
        missing=why,
        claims=tuple(claims),
    )


def drawn(
    name: str,
    title: str,
    caption: str,
    compose: Callable[[Sheet], None],
    *,
    height: float,
    claims: Sequence[str],
) -> Figure:
    """Draw a figure; title and caption also say what it is to those who do not see it.

    Parameters
    ----------
    name
        Unique among the figures; keeps its identifiers apart from those of others.
    title, caption
        What is asked, and what there is to see.
    compose
        What draws on the empty sheet.
    height
        In inches.
    claims
        Ids, the one that it shows most of first.

    Returns
    -------
    Figure
        The same for the same input.
    """
    title, caption = (text.replace("'", _APOSTROPHE) for text in (title, caption))
    label = f"{title}{'' if title.endswith('?') else '.'} {caption}"
    return Figure(
        name=name,
        title=title,
        caption=caption,
        svg=_draw(name, compose, label=label, height=height),
        claims=tuple(claims),
    )


def _draw(
    name: str, compose: Callable[[Sheet], None], *, label: str, height: float
) -> str:
    import matplotlib
    from matplotlib.figure import Figure as Sheet

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        sheet = Sheet(figsize=(WIDTH, height))
        sheet.patch.set_visible(False)
        compose(sheet)
        packed = io.BytesIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        sheet.savefig(packed, format="svg", metadata=nothing)
    return inline(packed.getvalue().decode("utf-8"), label=label, theme=_THEME)


def emotion_style(index: int) -> tuple[str, str]:
    """Colour and marker of the emotion with this number; those after six begin anew."""
    return _EMOTIONS[index % len(_EMOTIONS)], MARKERS[index % len(MARKERS)]


def furnish(axes: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Give axes their names with units, and take away what says nothing."""
    axes.patch.set_visible(False)
    axes.set_xlabel(x, color=INK, fontsize=TEXT)
    axes.set_ylabel(y, color=INK, fontsize=TEXT)
    if title:
        axes.set_title(title, color=INK, fontsize=TEXT, loc="left", pad=4)
    axes.tick_params(color=MUTED, labelcolor=MUTED, labelsize=SMALL, length=2.5)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)


def legend(sheet: Sheet, *, columns: int = 1, left: float = 0.0) -> None:
    """Name what is drawn, above the axes; what has one name is named once."""
    entries: dict[str, Artist] = {}
    for axes in sheet.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    sheet.legend(
        list(entries.values()),
        list(entries),
        loc="upper left",
        bbox_to_anchor=(left, 1.0),
        ncols=columns,
        frameon=False,
        labelcolor=INK,
        fontsize=SMALL,
        borderaxespad=0.2,
        columnspacing=1.2,
        handletextpad=0.5,
    )
