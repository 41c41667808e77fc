"""Power in bands: tones where they were put, and scipy's Welch beside it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, signal

from harness.measures.temporal import TemporalError, band_powers, octave_bands

FRAME_RATE = 50.0
STEPS = 400
BANDS = octave_bands(FRAME_RATE, STEPS / FRAME_RATE)


def tone(hertz: float, amplitude: float = 1.0) -> npt.NDArray[np.float64]:
    """One dimension, shape (steps, 1)."""
    seconds = np.arange(STEPS)[:, None] / FRAME_RATE
    return np.asarray(amplitude * np.sin(2 * np.pi * hertz * seconds + 0.3))


def test_octaves_go_down_from_half_of_the_frame_rate_to_the_slowest() -> None:
    assert len(BANDS) == 8
    assert BANDS[-1] == (12.5, 25.0)
    assert BANDS[0] == pytest.approx((25 / 256, 25 / 128))
    for (_, high), (low, _) in pairwise(BANDS):
        assert high == low


@pytest.mark.parametrize("seconds", [0.16, 0.5, 1.0, 8.0, 30.0])
def test_every_octave_holds_a_frequency_of_the_clip(seconds: float) -> None:
    steps = round(seconds * FRAME_RATE)
    sequence = np.random.default_rng(0).normal(size=(steps, 3))
    powers = band_powers(sequence, FRAME_RATE, octave_bands(FRAME_RATE, seconds))
    assert (powers > 0).all()


@pytest.mark.parametrize("band", range(1, 8))
def test_a_tone_is_in_its_octave_with_half_of_its_squared_amplitude(band: int) -> None:
    low, high = BANDS[band]
    powers = band_powers(tone(np.sqrt(low * high), amplitude=3.0), FRAME_RATE, BANDS)
    assert int(np.argmax(powers)) == band
    assert powers.sum() == pytest.approx(4.5, rel=0.05)
    assert powers[band] > 0.5 * powers.sum()


def test_powers_of_all_bands_add_up_to_the_variance() -> None:
    noise = np.random.default_rng(1).normal(5.0, 2.0, size=(STEPS, 200))
    powers = band_powers(noise, FRAME_RATE, BANDS)
    assert powers.sum() == pytest.approx(4.0, rel=0.05)
    # Of white noise every octave has twice the power of the one below.
    assert powers[-1] / powers[-2] == pytest.approx(2.0, rel=0.1)


def test_bands_agree_with_welch_of_scipy() -> None:
    rng = np.random.default_rng(2)
    sequence = signal.lfilter([1.0], [1.0, -0.8], rng.normal(size=(STEPS, 50)), axis=0)
    frequencies, density = signal.welch(
        sequence, fs=FRAME_RATE, nperseg=100, axis=0, detrend="constant"
    )
    powers = band_powers(sequence, FRAME_RATE, BANDS)
    for band, power in list(zip(BANDS, powers, strict=True))[-3:]:
        hertz = np.linspace(*band, 1_000)
        expected = np.interp(hertz, frequencies, density.mean(axis=1))
        assert power == pytest.approx(integrate.trapezoid(expected, hertz), rel=0.1)


@pytest.mark.parametrize("steps", [STEPS, STEPS - 1], ids=["even", "odd"])
def test_a_band_is_a_sum_over_the_periodogram_of_scipy(steps: int) -> None:
    sequence = np.random.default_rng(4).normal(size=(steps, 7)).cumsum(axis=0)
    frequencies, density = signal.periodogram(
        sequence, fs=FRAME_RATE, window="hann", detrend="constant", axis=0
    )
    power = density.mean(axis=1) * frequencies[1]
    for band in [(0.0, 2.0), (2.0, 25.0), (3.1, 7.7)]:
        own = (frequencies >= band[0]) & (frequencies < band[1] + (band[1] == 25))
        own[0] = False
        found = band_powers(sequence, FRAME_RATE, [band])
        assert found[0] == pytest.approx(power[own].sum())


def test_the_constant_and_the_order_of_dimensions_do_not_matter() -> None:
    sequence = np.random.default_rng(3).normal(size=(STEPS, 6))
    powers = band_powers(sequence, FRAME_RATE, BANDS)
    moved = sequence[:, ::-1] + 1_000.0
    np.testing.assert_allclose(band_powers(moved, FRAME_RATE, BANDS), powers)


def test_a_sequence_that_stands_still_has_no_power() -> None:
    assert (band_powers(np.full((STEPS, 2), 3.0), FRAME_RATE, BANDS) == 0).all()


def test_what_is_too_short_or_no_number_is_refused() -> None:
    with pytest.raises(TemporalError, match=r"8 steps or more, got \(5, 3\)"):
        band_powers(np.ones((5, 3)), FRAME_RATE, BANDS)
    with pytest.raises(TemporalError, match=r"0\.0976562 to 0\.195312 Hz must hold"):
        band_powers(np.ones((100, 3)), FRAME_RATE, BANDS)
    with pytest.raises(TemporalError, match=r"clip of 0\.04 s .* must hold one octave"):
        octave_bands(FRAME_RATE, 0.04)
    bad = tone(3.0)
    bad[17] = np.inf
    with pytest.raises(TemporalError, match="got others at step 17"):
        band_powers(bad, FRAME_RATE, BANDS)
