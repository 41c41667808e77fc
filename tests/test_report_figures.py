"""Figures show what the record says, hold for any record, and fit a strict page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from figures_for_tests import claim_of, record_of, whole_verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.report.figures import FIGURES, Figure, draw_figures
from harness.report.figures.layers import layer_curve
from harness.report.figures.learning import learning_curve
from harness.report.figures.looks import history_of_looks
from harness.report.figures.music import features_by_emotion
from harness.report.figures.over_time import signal_over_time
from harness.report.figures.plane import plane_of_clips
from harness.report.figures.power import power_of_looks
from harness.report.figures.squares import confusions, listeners, similarities
from harness.report.record import Record, read_record

Draw = Callable[[Record], Figure]


@cache
def drawn() -> dict[str, Figure]:
    return {figure.name: figure for figure in draw_figures(record_of(whole_verdict()))}


def texts(figure: Figure) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", figure.svg)


def ids(svg: str) -> list[str]:
    return re.findall(r' id="([^"]*)"', svg)


def spoken(figure: Figure) -> str:
    return figure.caption.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


# --- all of them ----------------------------------------------------------------------


def test_a_whole_record_has_every_figure() -> None:
    assert len(drawn()) == len(FIGURES)
    assert {f.name: f.missing for f in drawn().values() if not f.svg} == {}
    for figure in drawn().values():
        assert figure.title
        assert figure.caption.endswith(".")
        assert figure.claims


@pytest.mark.parametrize("name", drawn())
def test_a_drawing_needs_nothing_but_itself(name: str) -> None:
    figure = drawn()[name]
    root = ElementTree.fromstring(figure.svg)
    kinds = {element.tag for element in root.iter()}
    assert kinds <= {"svg", "g", "defs", "path", "use", "text"}
    names = {attribute for element in root.iter() for attribute in element.attrib}
    assert not names & {"style", "class", "clip-path", "onload"}
    assert not re.search(r"http|url\(|xmlns|NaN|nan", figure.svg)
    links = {element.get("href") for element in root.iter("use")}
    assert links == {f"#{name}" for name in ids(figure.svg)}
    assert root.get("role") == "img"
    assert figure.caption in (root.get("aria-label") or "")
    assert len(figure.svg) < 20_000


def test_no_two_drawings_share_an_identifier() -> None:
    known = [name for figure in drawn().values() for name in ids(figure.svg)]
    assert known
    assert len(known) == len(set(known))


def test_the_same_record_is_drawn_the_same() -> None:
    again = draw_figures(record_of(whole_verdict()))
    assert {f.name: f for f in again} == drawn()


def test_a_copy_is_the_same_drawing_under_other_names() -> None:
    figure = drawn()["layer-curve"]
    copy = figure.copy("row-7")
    assert not set(ids(copy)) & set(ids(figure.svg))
    links = re.findall(r' href="#([^"]*)"', copy)
    assert set(links) == set(ids(copy))
    assert copy.replace("row-7-", "") == figure.svg


def test_a_file_has_its_name_space_and_plain_colours() -> None:
    root = ElementTree.fromstring(drawn()["music-by-emotion"].file())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    said = {value for element in root.iter() for value in element.attrib.values()}
    assert "#e69f00" in said
    assert not any("var(" in value for value in said)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("layer-curve", "emotion signal (cosine)"),
        ("signal-over-time", "time in the clip (s)"),
        ("music-by-emotion", "tempo (BPM)"),
        ("music-by-emotion", "loudness (LUFS)"),
        ("probe-confusion", "what the probe says (share of clips)"),
        ("learning-curve", "accuracy (%)"),
        ("power", "power (%)"),
        ("history", "clips per emotion"),
        ("text-or-music", "cosine"),
    ],
)
def test_axes_carry_names_and_units_as_text(name: str, named: str) -> None:
    assert named in texts(drawn()[name])


@pytest.mark.parametrize("draw", FIGURES)
def test_an_empty_record_has_no_figure_and_says_why(draw: Draw) -> None:
    figure = draw(record_of({}))
    assert figure.svg == figure.caption == ""
    assert re.fullmatch(r"[A-Z].*\.", figure.missing)


@pytest.mark.parametrize(
    ("draw", "claim"),
    [
        (layer_curve, "layer_signal"),
        (signal_over_time, "emotion_emerges"),
        (plane_of_clips, "clusters_in_plane"),
        (learning_curve, "probe_learning"),
    ],
)
def test_what_could_not_be_measured_says_what_was_broken(
    draw: Draw, claim: str
) -> None:
    verdict = whole_verdict()
    claim_of(verdict, claim).update(
        status="invalid", because="Some captures are gone.", detail={}
    )
    assert draw(record_of(verdict)).missing.endswith(": Some captures are gone.")


def test_what_an_invalid_claim_shows_is_called_no_result() -> None:
    verdict = whole_verdict()
    claim_of(verdict, "layer_signal")["status"] = "invalid"
    assert layer_curve(record_of(verdict)).caption.endswith("this is no result.")


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner)
    ),
    max_leaves=6,
)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in nested data, outermost first."""
    found = [path] if path else []
    inner = dict(enumerate(value)) if isinstance(value, list) else value
    for key, entry in inner.items() if isinstance(inner, dict) else ():
        found += places(entry, (*path, key))
    return found


def places_of(figure: Figure) -> list[tuple[Any, ...]]:
    """Every place in a record that a figure may read."""
    verdict = whole_verdict()
    read = [k for k, c in enumerate(verdict["claims"]) if c["id"] in figure.claims]
    return [
        place
        for place in places(verdict)
        if place[0] in ("design", "music", "looks")
        or (place[0] == "claims" and len(place) > 1 and place[1] in read)
    ]


READ = [
    (draw, place)
    for draw, figure in zip(FIGURES, drawn().values(), strict=True)
    for place in places_of(figure)
]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(where=st.sampled_from(READ), junk=JUNK)
def test_junk_anywhere_in_a_record_is_no_error(
    where: tuple[Draw, tuple[Any, ...]], junk: Any
) -> None:
    draw, place = where
    verdict = whole_verdict()
    holder: Any = verdict
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = junk
    figure = draw(record_of(verdict))
    assert bool(figure.svg) != bool(figure.missing)


# --- one by one -----------------------------------------------------------------------


def line(figure: Figure, *, colour: str) -> np.ndarray:
    """Corners of the widest line of a colour."""
    found = [
        np.array(re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path.get("d", "")), np.float64)
        for path in ElementTree.fromstring(figure.svg).iter("path")
        if (path.get("stroke") or "").startswith(f"var(--{colour},")
    ]
    return max(found, key=lambda corners: np.ptp(corners[:, 0]))


def test_both_halves_are_drawn_where_their_numbers_say() -> None:
    figure = drawn()["layer-curve"]
    signal, silent = [0.01, 0.04, 0.03], [0.005, 0.02, 0.01]
    words, music = (line(figure, colour=c) for c in ("blue", "vermillion"))
    assert words.shape == music.shape == (3, 2)
    np.testing.assert_allclose(np.diff(words[:, 0], n=2), 0, atol=0.2)
    slope, zero = np.polyfit(signal, words[:, 1], 1)
    assert slope < 0  # SVG counts downwards
    np.testing.assert_allclose(np.polyval([slope, zero], silent), music[:, 1], atol=0.2)


def test_the_layer_curve_is_explained_with_its_numbers() -> None:
    assert spoken(drawn()["layer-curve"]) == (
        "How much more alike clips of one emotion are than clips of different emotions."
        " It is largest at layer 1: 0.04 cosine (p, corrected for the choice of layer: "
        "0.0001). 2 of 3 layers lie above the grey band, where shuffled labels put 95 %"
        " of their signals; 2 reach the documents' minimum. The half of the model that "
        "never sees the words, where only the music can tell them apart, reaches 0.02 "
        "cosine."
    )
    labels = texts(drawn()["layer-curve"])
    assert "documents' minimum (0.02 cosine, or 2 %)" in labels


def test_layers_that_were_not_measured_leave_gaps() -> None:
    verdict = whole_verdict()
    claim_of(verdict, "layer_signal")["detail"].update(
        signal=[None, 0.04, 0.03], null_low=None, null_half_signal=[None] * 3
    )
    figure = layer_curve(record_of(verdict))
    assert len(line(figure, colour="blue")) == 2
    assert not any("shuffled" in t or "without" in t for t in texts(figure))


def test_squares_print_the_numbers_that_they_shade() -> None:
    figure = drawn()["similarity-matrix"]
    minus = "\N{MINUS SIGN}"
    assert texts(figure)[-4:] == ["+0.50", f"{minus}0.25", f"{minus}0.25", "+0.75"]
    shades = [float(s) for s in re.findall(r'[^-]opacity="([\d.]+)"', figure.svg)]
    np.testing.assert_allclose(shades, [0.4, 0.2, 0.2, 0.6])
    assert f"within emotions +0.62, between them {minus}0.25" in figure.caption


def test_small_similarities_are_not_made_to_look_large() -> None:
    verdict = whole_verdict()
    detail = claim_of(verdict, "layer_signal")["detail"]
    detail["similarity of emotions"] = [[0.02, -0.01], [-0.01, 0.0]]
    figure = similarities(record_of(verdict))
    shades = [float(s) for s in re.findall(r'[^-]opacity="([\d.]+)"', figure.svg)]
    np.testing.assert_allclose(shades, [0.06, 0.03, 0.03, 0.0])
    assert "most alike" not in figure.caption


def test_similarities_of_an_older_record_are_those_of_its_ranks() -> None:
    verdict = whole_verdict()
    detail = claim_of(verdict, "layer_signal")["detail"]
    table = detail.pop("similarity of emotions")
    detail = {"emotions": ["happy", "sad"], "similarity of emotions, best layer": table}
    verdict["claims"].append({"id": "layer_ranks", "detail": detail})
    again = similarities(record_of(verdict))
    assert texts(again) == texts(drawn()["similarity-matrix"])


def test_a_confusion_says_what_is_mistaken_for_what() -> None:
    figure = drawn()["probe-confusion"]
    assert texts(figure)[-4:] == ["90 %", "10 %", "40 %", "60 %"]
    assert "75 % on average, where guessing gives 50 %" in figure.caption
    assert figure.caption.endswith("Most often mistaken: sad for happy (40 %).")
    verdict = whole_verdict()
    verdict["claims"].remove(claim_of(verdict, "probe_all"))
    assert texts(confusions(record_of(verdict)))[-4:] == [
        "70 %",
        "30 %",
        "20 %",
        "80 %",
    ]


def test_people_are_shown_as_the_probe_is() -> None:
    figure = drawn()["listeners-confusion"]
    assert texts(figure)[-4:] == ["75 %", "25 %", "50 %", "50 %"]
    assert figure.caption.endswith("Most often mistaken: sad for happy (50 %).")
    verdict = whole_verdict()
    claim_of(verdict, "emotion_heard").update(
        status="inconclusive", because="No ratings yet: make a test.", detail={}
    )
    assert listeners(record_of(verdict)).missing == "No ratings yet: make a test."


def test_bounds_are_counted_clip_by_clip() -> None:
    """What has no tempo keeps no bound on it; the median is that of all clips."""
    assert spoken(drawn()["music-by-emotion"]).endswith(
        "Of 4 bounds, 1 are kept by every clip; the others by some: happy: tempo above "
        "120 BPM 1 of 2; happy: in major 1 of 2; sad: tempo below 80 BPM 1 of 2."
    )


def test_every_clip_has_a_mark_in_every_feature() -> None:
    root = ElementTree.fromstring(drawn()["music-by-emotion"].svg)
    hues = [f"var(--c{k}," for k in range(2)]
    marks = [
        mark
        for group in root.iter("g")
        for mark in group.findall("use")
        if any(
            (mark.get("fill") or group.get("fill") or "").startswith(hue)
            for hue in hues
        )
    ]
    assert len(marks) == 7 * 4 - 1  # one has no tempo


def test_eighty_clips_take_little_room() -> None:
    verdict = whole_verdict()
    verdict["music"] = {
        key: value if key == "bounds" else value * 20
        for key, value in verdict["music"].items()
    }
    figure = features_by_emotion(record_of(verdict))
    assert "80 clips" in figure.caption
    assert 20_000 < len(figure.svg) < 60_000


def test_windows_that_show_the_emotion_are_filled() -> None:
    figure = drawn()["signal-over-time"]
    assert "with the words it is first found in part 2 of 4, without them nowhere" in (
        figure.caption
    )
    silent = whole_verdict()
    silent["design"]["alpha"] = 0.001
    fewer = signal_over_time(record_of(silent))
    assert figure.svg.count("<use") == fewer.svg.count("<use") + 1


def test_the_plane_joins_clips_of_one_template() -> None:
    assert texts(drawn()["clips-in-a-plane"])[:2] == [
        "marked by emotion",
        "joined by prompt template",
    ]
    verdict = whole_verdict()
    del claim_of(verdict, "clusters_in_plane")["detail"]["template of clip"]
    alone = plane_of_clips(record_of(verdict))
    assert "joined by prompt template" not in texts(alone)
    assert "marked by emotion" in texts(alone)


def test_the_ladder_reads_from_words_to_music() -> None:
    labels = texts(drawn()["text-or-music"])
    rungs = ["words, no music yet", "words and music", "music, without the words"]
    where = [labels.index(rung) for rung in rungs]
    assert where == sorted(where)
    assert labels.count("p 0.2000") == 2
    assert "layer signal is in the music" in drawn()["text-or-music"].caption


def test_curves_of_power_that_coincide_are_drawn_once() -> None:
    verdict = whole_verdict()
    twin = {**claim_of(verdict, "layer_signal"), "id": "acoustic_match"}
    verdict["claims"].append(twin)
    figure = power_of_looks(record_of(verdict))
    assert "layer signal; acoustic match" in texts(figure)
    assert figure.svg.count('stroke="var(--c') == drawn()["power"].svg.count(
        'stroke="var(--c'
    )
    assert "With the 20 clips of this run: 30 % for " in figure.caption


def test_history_has_a_mark_for_each_look() -> None:
    labels = texts(drawn()["history"])
    assert {"10", "20", "inconclusive", "supported", "layer signal"} <= set(labels)


@pytest.mark.parametrize(
    ("keep", "why"),
    [
        (slice(1, 2), "There is no history yet"),
        (slice(0, 0), "There is no history yet"),
    ],
)
def test_one_look_is_no_history(keep: slice, why: str) -> None:
    verdict = whole_verdict()
    verdict["looks"] = verdict["looks"][keep]
    assert history_of_looks(record_of(verdict)).missing.startswith(why)


def test_smoke_runs_are_no_history() -> None:
    verdict = whole_verdict()
    verdict["looks"][0]["kind"] = "smoke"
    assert not history_of_looks(record_of(verdict)).svg


def test_history_without_the_ledger_says_what_is_not_at_hand() -> None:
    verdict = whole_verdict()
    for look in verdict["looks"]:
        del look["claims"]
    missing = history_of_looks(record_of(verdict)).missing
    assert missing.endswith("the ledger is not at hand.")


@pytest.mark.parametrize("state", ["running", "incomplete"])
def test_what_an_unfinished_run_lacks_was_not_reached(state: str) -> None:
    figures = draw_figures(read_record({"state": state, "claims": []}))
    absent = [f.missing for f in figures if "asked" in f.missing]
    assert len(absent) > 5
    assert all("not reached by this run" in said for said in absent)
    whole = draw_figures(read_record({"state": "complete", "claims": []}))
    assert not any("reached" in figure.missing for figure in whole)
