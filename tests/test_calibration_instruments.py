"""The instruments are tried on sounds whose truth is known without them."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose

from harness.calibration import instruments
from harness.calibration.instrument_tables import (
    instruments_markdown,
    instruments_record,
)
from harness.calibration.instruments import (
    LIBROSA,
    MODE,
    TEMPO,
    Answers,
    Errors,
    Heard,
    listen,
)
from harness.calibration.sounds import (
    MUSIC,
    Kind,
    noise_band,
    overloaded_sine,
    partials,
    sine,
)
from harness.measures.acoustics import Mode, Tempo
from harness.synthesis import SAMPLE_RATE, Piece, render

# --- sounds -------------------------------------------------------------------------


def test_a_sine_has_the_level_that_was_asked_for() -> None:
    tone = sine(997, db=-20.0, seconds=2)
    assert np.abs(tone).max() == pytest.approx(0.1, rel=1e-3)
    assert np.sqrt(np.mean(tone**2)) == pytest.approx(0.1 / np.sqrt(2), rel=1e-3)


def test_partials_have_the_amplitudes_that_were_asked_for() -> None:
    tones = partials(np.array([500.0, 2000.0]), [1.0, 3.0])
    spectrum = np.abs(np.fft.rfft(tones)) / (tones.size / 2)
    hertz = np.fft.rfftfreq(tones.size, 1 / SAMPLE_RATE)
    heights = [spectrum[np.argmin(np.abs(hertz - f))] for f in (500.0, 2000.0)]
    assert_allclose(heights, [0.125, 0.375], rtol=1e-3)


def test_a_band_of_noise_has_nothing_beside_it() -> None:
    noise = noise_band(1000, 2000, rng=np.random.default_rng(0))
    power = np.abs(np.fft.rfft(noise)) ** 2
    hertz = np.fft.rfftfreq(noise.size, 1 / SAMPLE_RATE)
    inside = power[(hertz >= 1000) & (hertz <= 2000)].sum()
    assert inside / power.sum() > 0.999
    halves = [power[(hertz >= a) & (hertz < a + 500)].sum() for a in (1000, 1500)]
    assert halves[0] / halves[1] == pytest.approx(1, rel=0.15)


def test_what_is_too_loud_is_cut_off() -> None:
    share = np.mean(np.abs(overloaded_sine(gain=2.0)) >= 0.999)
    assert share == pytest.approx(2 / 3, abs=0.01)  # asin(1 / 2) is 30 degrees
    assert np.abs(overloaded_sine(gain=0.9)).max() < 0.91


def test_pieces_are_of_many_tempi_keys_and_levels() -> None:
    rng = np.random.default_rng(0)
    drums = next(kind for kind in MUSIC if kind.name == "drums")
    pieces = [drums.draw(rng) for _ in range(200)]
    tempi = [piece.tempo_bpm for piece in pieces]
    assert 60 <= min(tempi) < 65
    assert 175 < max(tempi) <= 180
    assert len({piece.tonic % 12 for piece in pieces}) == 12
    assert {piece.mode for piece in pieces} == {"major", "minor"}
    assert all(piece.drums >= 0.3 for piece in pieces)


# --- trials -------------------------------------------------------------------------


def test_good_instruments_hear_what_was_played() -> None:
    kinds = [k for k in MUSIC if k.name in ("drums", "soft, no drums", "as angry")]
    heard = listen(4, kinds=kinds)
    by_kind = {(a.question, a.kind): a for a in heard.answers}
    for kind in kinds:
        assert by_kind[TEMPO, kind.name].counts == {"right": 4}
        assert by_kind[MODE, kind.name].counts == {"right": 4}
    octaves = by_kind[LIBROSA, "as angry"].counts["octave"]
    assert octaves >= 3  # 167 and 176 BPM are read as half of that
    for told in ("soft", "silent"):
        assert by_kind["silence", told].counts == {"right": 4}
    for told in ("loud", "overloaded"):
        assert by_kind["clipping", told].counts == {"right": 4}
    for errors in heard.errors:
        assert_allclose(errors.errors, 0, atol=1.0 if "%" in errors.unit else 0.1)


def test_the_same_seed_gives_the_same_answers() -> None:
    kinds = [k for k in MUSIC if k.name == "no drums"]
    assert listen(2, seed=3, kinds=kinds) == listen(2, seed=3, kinds=kinds)
    assert listen(2, seed=3, kinds=kinds) != listen(2, seed=4, kinds=kinds)


@pytest.mark.parametrize(
    ("bpm", "answer"),
    [(100.0, "right"), (200.0, "octave"), (150.0, "wrong"), (float("nan"), "none")],
)
def test_a_bad_estimator_of_tempo_is_found_out(
    monkeypatch: pytest.MonkeyPatch, bpm: float, answer: str
) -> None:
    def stubborn(audio: object, *, sample_rate: int) -> Tempo:
        return Tempo(bpm=bpm, salience=1.0)

    monkeypatch.setattr(instruments, "estimate_tempo", stubborn)
    heard = listen(2, kinds=[_at_100_bpm()])
    tempo = next(a for a in heard.answers if a.question == TEMPO)
    assert tempo.counts == {answer: 2}


def test_an_ear_without_mode_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def always_minor(audio: object, *, sample_rate: int) -> Mode:
        return Mode(name="minor", tonic=0, strength=-0.1, clarity=0.9)

    monkeypatch.setattr(instruments, "estimate_mode", always_minor)
    heard = listen(2, kinds=[_at_100_bpm()])
    modes = {a.kind: a.counts for a in heard.answers if a.question == MODE}
    assert modes == {"at 100": {"wrong": 2}, "C major": {"wrong": 2}}


def test_a_meter_that_is_off_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "rms", lambda audio, *, sample_rate: 0.2)
    heard = listen(2, kinds=[_at_100_bpm()])
    level = next(e for e in heard.errors if e.question == "RMS")
    assert_allclose(level.errors, 20 * np.log10(2))


def test_hiss_is_part_of_the_level() -> None:
    hissing = Kind(name="hiss", draw=_at_100_bpm().draw, noise_db=0.0)
    heard = listen(2, kinds=[hissing])
    level = next(e for e in heard.errors if e.question == "RMS")
    assert_allclose(level.errors, 0, atol=0.1)


def test_what_is_played_is_the_piece() -> None:
    piece, audio = _at_100_bpm().play(np.random.default_rng(0))
    expected = render(piece, seconds=8.0, rng=np.random.default_rng(0))
    assert_allclose(audio, expected, atol=1 / 2**15)


# --- tables -------------------------------------------------------------------------


def test_the_tables_say_what_was_counted() -> None:
    heard = Heard(
        answers=(
            Answers(
                question=TEMPO,
                kind="drums",
                counts=Counter({"right": 19, "octave": 1}),
            ),
        ),
        errors=(
            Errors(question="LUFS", kind="sine", unit="dB", errors=(0.1, 0.2, 0.3)),
        ),
    )
    lines = [
        line.replace("  ", "") for line in instruments_markdown(heard).splitlines()
    ]
    assert any("| 95.0 [75.1, 99.9] | 5.0 [0.1, 24.9] |" in line for line in lines)
    # Student's: t of 2 degrees of freedom is 4.303, the standard error 0.1 / sqrt 3.
    assert any("0.200 [-0.048, 0.448] dB" in line for line in lines)
    data = json.loads(json.dumps(instruments_record(heard)))
    assert data["answers"][0]["answers"] == {"right": 19, "octave": 1}
    assert data["errors"][0]["greatest"] == 0.3


def _at_100_bpm() -> Kind:
    piece = Piece(tempo_bpm=100.0, mode="major", tonic=60, level=0.1, drums=0.4)
    return Kind(name="at 100", draw=lambda rng: piece)
