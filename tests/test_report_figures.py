"""The drawings of the page stand where the numbers say."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.report.audio import Sound
from harness.report.figures import (
    LayerCurve,
    draw_layer_curve,
    explain,
    read_layer_curve,
)
from harness.report.record import ClaimRow, layer_claim, read_record
from harness.report.strips import interval_strip, waveform_path

RECORDS: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("test_report_records.json").read_text(encoding="utf-8")
)


def curve_of(**detail: Any) -> LayerCurve | None:
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict["claims"][9]["detail"].update(detail)
    return read_layer_curve(layer_claim(read_record(verdict)))


def whole_curve(**detail: Any) -> LayerCurve:
    curve = curve_of(**detail)
    assert curve is not None
    return curve


def claim(**fields: Any) -> ClaimRow:
    return read_record({"claims": [fields]}).claims[0]


def points(svg: str, *, colour: str) -> list[tuple[float, float]]:
    """Read the corners of the line that is drawn in a colour."""
    paths = re.findall(r'<path d="([^"]*)"[^>]*style="fill: none; ([^"]*)"', svg)
    data = next(d for d, style in paths if f"stroke: var(--{colour}" in style)
    numbers = re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", data)
    return [(float(x), float(y)) for x, y in numbers]


def test_the_curve_is_read_in_per_cent() -> None:
    curve = whole_curve()
    np.testing.assert_allclose(curve.signal, [0.21, 1.12, 2.91, 4.13, 4.72, 4.40])
    np.testing.assert_allclose(curve.null_half[4], 2.61)
    assert (curve.minimum, curve.unit) == (2.0, "% of variance")


def test_both_halves_are_drawn_where_their_numbers_say() -> None:
    curve = whole_curve()
    svg = draw_layer_curve(curve)
    words, silent = (np.array(points(svg, colour=c)) for c in ("blue", "vermillion"))
    assert words.shape == silent.shape == (6, 2)
    np.testing.assert_allclose(np.diff(words[:, 0], n=2), 0, atol=1e-4)
    np.testing.assert_array_equal(words[:, 0], silent[:, 0])
    slope, zero = np.polyfit(curve.signal, words[:, 1], 1)
    assert slope < 0  # SVG counts downwards
    np.testing.assert_allclose(slope * curve.signal + zero, words[:, 1], atol=1e-3)
    np.testing.assert_allclose(slope * curve.null_half + zero, silent[:, 1], atol=1e-3)


def test_axes_carry_names_and_units_as_text() -> None:
    svg = draw_layer_curve(whole_curve())
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert "emotion signal (% of variance)" in texts
    assert "layer (0 is nearest to the input)" in texts
    assert any(text.endswith("minimum (2 % of variance)") for text in texts)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_drawing_is_self_contained_and_repeatable(narrow: bool) -> None:
    svg = draw_layer_curve(whole_curve(), narrow=narrow)
    assert svg == draw_layer_curve(whole_curve(), narrow=narrow)
    assert svg.startswith("<svg")
    assert svg.endswith("</svg>")
    for unwanted in ("http", "<style", "<metadata", "<script", "<!DOCTYPE", "xmlns"):
        assert unwanted not in svg
    assert "var(--blue, #0072b2)" in svg


def test_the_two_widths_share_no_identifier() -> None:
    wide, narrow = (
        set(re.findall(r' id="([^"]*)"', draw_layer_curve(whole_curve(), narrow=n)))
        for n in (False, True)
    )
    assert wide
    assert not wide & narrow


def test_the_caption_says_what_the_curve_shows() -> None:
    assert explain(whole_curve()).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") == (
        "The signal is largest at layer 4: 4.72 % of variance (p, corrected for the "
        "choice of layer: 0.0001). 4 of 6 layers reach the documents' minimum of 2 % "
        "of variance. The half that runs without the words reaches 2.61 % of variance."
    )


def test_the_minimum_of_a_cosine_is_also_told_in_per_cent() -> None:
    verdict = copy.deepcopy(RECORDS["GO"])
    verdict["claims"][9]["unit"] = "cosine"
    curve = read_layer_curve(layer_claim(read_record(verdict)))
    assert curve is not None
    assert "minimum of 0.02 cosine, or 2 %." in explain(curve)
    assert "minimum (0.02 cosine, or 2 %)" in draw_layer_curve(curve)
    assert "layer 4: 0.0472 cosine" in explain(curve)


def test_layers_that_were_not_measured_leave_gaps() -> None:
    curve = whole_curve(
        signal=[None, 0.01, None, 0.03, float("nan"), 0.02],
        null_low=None,
        null_half_signal=[None] * 6,
        p_adjusted=[0.1],
    )
    assert explain(curve).startswith("The signal is largest at layer 3: 3 %")
    assert "without the words" not in explain(curve)
    svg = draw_layer_curve(curve)
    assert "shuffled labels" not in svg
    assert "half without" not in svg


@pytest.mark.parametrize(
    "detail",
    [
        {"signal": None},
        {"signal": []},
        {"signal": [0.1, 0.2]},
        {"signal": [None] * 6},
        {"layers": None},
        {"layers": "0-5"},
    ],
)
def test_a_curve_without_signal_is_not_measured(detail: dict[str, Any]) -> None:
    assert curve_of(**detail) is None


def test_a_model_of_one_layer_has_a_curve() -> None:
    curve = whole_curve(
        layers=[0], signal=[0.03], null_low=[-0.01], null_high=[0.01], p_adjusted=[0.2]
    )
    assert explain(curve).startswith("The signal is largest at layer 0: 3 %")
    assert "<svg" in draw_layer_curve(curve)


def test_forty_eight_layers_are_drawn_in_little_space() -> None:
    wave = (0.03 * np.sin(np.arange(48) / 8)).tolist()
    curve = whole_curve(layers=list(range(48)), signal=wave, null_half_signal=wave)
    svg = draw_layer_curve(curve)
    assert len(points(svg, colour="blue")) == 48
    assert len(svg) < 60_000


def test_a_strip_places_values_in_proportion() -> None:
    limits = {"none": 0.0, "minimum": 5.0, "strong": 10.0}
    strip = interval_strip(claim(effect=5.0, ci=[2.5, 7.5], threshold=limits))
    assert strip is not None
    assert strip.none is not None
    assert strip.strong is not None
    assert (strip.effect, strip.minimum) == (50.0, 50.0)
    assert strip.none == pytest.approx(100 * 0.06 / 1.12, abs=0.01)
    assert strip.strong == pytest.approx(100 * 1.06 / 1.12, abs=0.01)
    assert strip.low == pytest.approx((50.0 + strip.none) / 2, abs=0.01)
    assert strip.high == pytest.approx((50.0 + strip.strong) / 2, abs=0.01)


@pytest.mark.parametrize(
    "fields",
    [
        {"effect": None, "ci": [0, 1]},
        {"effect": 1.0},
        {"effect": 1.0, "threshold": {"minimum": 1.0}},
    ],
)
def test_there_is_no_strip_without_something_to_compare(fields: dict[str, Any]) -> None:
    assert interval_strip(claim(**fields)) is None


def test_waveforms_share_the_scale_of_the_loudest() -> None:
    clip = read_record({"clips": [{"emotion": "calm"}]}).clips[0]
    quiet = Sound(clip=clip, envelope=(0.25, 0.0))
    assert waveform_path(quiet, loudest=0.5) == "M25.0 5.0V15.0M75.0 9.8V10.2"
    assert waveform_path(quiet, loudest=0.25) == "M25.0 0.0V20.0M75.0 9.8V10.2"
    assert waveform_path(Sound(clip=clip), loudest=1.0) == ""
    assert waveform_path(quiet, loudest=0.0) == ""
