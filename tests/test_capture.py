"""Running moments are the moments, step by step, and a fault is named by its place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.sampling.capture import ActivationCapture, CaptureError
from harness.sampling.cursor import Cursor

FloatArray = npt.NDArray[np.float64]


def new_capture(hidden: FloatArray, *, windows: int) -> ActivationCapture:
    """An empty capture for hidden states `(layers, steps, rows, d_model)`."""
    layers, steps, rows, width = hidden.shape
    return ActivationCapture(
        layers=layers,
        rows=rows,
        width=width,
        steps=steps,
        windows=windows,
        device=torch.device("cpu"),
    )


def captured(hidden: FloatArray, *, windows: int = 8) -> ActivationCapture:
    """`hidden` taken step by step, all layers of a step before the next."""
    capture = new_capture(hidden, windows=windows)
    for step in range(hidden.shape[1]):
        for layer in range(len(hidden)):
            take(capture, layer, torch.tensor(hidden[layer, step]).float())
        capture.close_step()
    return capture


def take(
    capture: ActivationCapture,
    layer: int,
    values: torch.Tensor,
    *,
    site: str = "resid_post",
) -> None:
    cursor = Cursor(capture.closed, offset=0, slot=capture.slot)
    capture.add(site, layer, values, cursor)


def noise(*, layers: int, steps: int, rows: int, width: int = 3) -> FloatArray:
    rng = np.random.default_rng([layers, steps, rows, width])
    return rng.normal(0.5, 2.0, (layers, steps, rows, width))


def test_moments_of_four_steps_are_as_by_hand() -> None:
    # One layer, one clip, one dimension, two windows; columns are the two halves.
    steps = [(1.0, 0.0), (2.0, -1.0), (3.0, 0.0), (6.0, -1.0)]
    hidden = np.array(steps)[None, :, :, None]
    (clip,) = captured(hidden, windows=2).clips()
    np.testing.assert_allclose(clip.mean[0], [[[3.0], [-0.5]]])
    np.testing.assert_allclose(clip.variance[0], [[[3.5], [0.25]]], rtol=1e-6)
    np.testing.assert_allclose(clip.magnitude[0], [[[3.0], [0.5]]])
    np.testing.assert_allclose(clip.first_step[0], [[[1.0], [0.0]]])
    np.testing.assert_allclose(
        clip.window_mean[0], [[[[1.5], [4.5]], [[-0.5], [-0.5]]]]
    )
    np.testing.assert_allclose(
        clip.window_variance[0], [[[[0.25], [2.25]], [[0.25], [0.25]]]], rtol=1e-6
    )
    np.testing.assert_allclose(
        clip.window_magnitude[0], [[[[1.5], [4.5]], [[0.5], [0.5]]]]
    )
    assert clip.steps == (4,)
    assert clip.not_finite == ()


def test_rows_are_conditional_clips_first_and_null_clips_second() -> None:
    rows = np.array([10.0, 20.0, 30.0, -10.0, -20.0, -30.0])
    clips = captured(rows[None, None, :, None], windows=1).clips()
    assert [clip.mean[0, 0, :, 0].tolist() for clip in clips] == [
        [10.0, -10.0],
        [20.0, -20.0],
        [30.0, -30.0],
    ]


@given(
    steps=st.integers(1, 40), windows=st.integers(1, 9), clip_count=st.integers(1, 3)
)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_moments_are_those_of_all_steps_at_once(
    steps: int, windows: int, clip_count: int
) -> None:
    hidden = noise(layers=2, steps=steps, rows=2 * clip_count)
    for clip, capture in enumerate(captured(hidden, windows=windows).clips()):
        own = hidden[:, :, [clip, clip_count + clip]].astype(np.float32)
        for name, values in (
            ("mean", own.mean(1)),
            ("variance", own.var(1)),
            ("magnitude", np.abs(own).mean(1)),
            ("first_step", own[:, 0]),
        ):
            found = getattr(capture, name)[0]
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-5)
        assert capture.window_mean.shape == (1, 2, 2, windows, 3)


@pytest.mark.parametrize("steps", [8, 9, 15, 23, 403])
def test_windows_share_all_steps_among_them_as_evenly_as_can_be(steps: int) -> None:
    hidden = noise(layers=1, steps=steps, rows=2)
    capture = captured(hidden, windows=8)
    counts = capture.counts
    assert counts.sum() == steps
    assert counts.max() - counts.min() <= 1
    (clip,) = capture.clips()
    for statistic in ("mean", "magnitude"):
        windows = getattr(clip, f"window_{statistic}").astype(np.float64)
        whole = (windows * counts[:, None]).sum(3) / steps
        np.testing.assert_allclose(whole, getattr(clip, statistic), rtol=1e-4)


def test_windows_follow_time() -> None:
    ramp = np.arange(16.0).repeat(2).reshape(1, 16, 2, 1)
    (clip,) = captured(ramp, windows=8).clips()
    expected = np.arange(0.5, 16, 2)
    np.testing.assert_allclose(clip.window_mean[0, 0, 0, :, 0], expected)


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_a_clip_shorter_than_the_windows_fills_some_and_leaves_the_rest_zero(
    steps: int,
) -> None:
    hidden = noise(layers=1, steps=steps, rows=2)
    capture = captured(hidden, windows=8)
    (clip,) = capture.clips()
    filled = capture.counts > 0
    assert filled.sum() == steps
    # A window of one step has its value and no variance.
    np.testing.assert_allclose(
        clip.window_mean[0, 0][:, filled], hidden[0].swapaxes(0, 1), rtol=1e-5
    )
    np.testing.assert_allclose(clip.window_variance, 0, atol=1e-5)
    np.testing.assert_array_equal(clip.window_mean[0, 0][:, ~filled], 0)
    np.testing.assert_allclose(clip.mean[0, 0], hidden[0].mean(0), rtol=1e-4, atol=1e-6)


def test_variance_survives_a_mean_that_is_much_larger() -> None:
    # A few dimensions of a transformer's residual stream are like this.
    rng = np.random.default_rng(4)
    hidden = (300 + rng.normal(0, 0.5, (1, 403, 2, 16))).astype(np.float32)
    (clip,) = captured(hidden.astype(np.float64)).clips()
    expected = hidden.astype(np.float64).var(1)
    np.testing.assert_allclose(clip.variance[0], expected, rtol=1e-3)


def test_variance_is_never_negative() -> None:
    constant = np.full((1, 50, 2, 4), 1234.567)
    (clip,) = captured(constant).clips()
    assert (clip.variance >= 0).all()
    assert (clip.window_variance >= 0).all()


def test_a_layer_that_was_missed_or_came_twice_is_refused() -> None:
    hidden = noise(layers=2, steps=8, rows=2)
    for layers, named in (
        ([0], "Layer 1 must be captured once at step 1, got 0 times"),
        ([0, 1, 1], "Layer 1 must be captured once at step 1, got 2 times"),
        ([0, 0], "Layer 0 must be captured once at step 1, got 2 times"),
    ):
        capture = new_capture(hidden, windows=8)
        for layer in (0, 1):
            take(capture, layer, torch.zeros(2, 3))
        capture.close_step()
        for layer in layers:
            take(capture, layer, torch.zeros(2, 3))
        with pytest.raises(CaptureError, match=f"{named} at `resid_post`"):
            capture.close_step()


def test_a_step_too_many_is_refused() -> None:
    capture = captured(noise(layers=1, steps=3, rows=2))
    take(capture, 0, torch.zeros(2, 3))
    with pytest.raises(CaptureError, match=r"Step 3 must not be: .* has 3 steps"):
        capture.close_step()


def test_steps_are_counted() -> None:
    assert captured(noise(layers=3, steps=5, rows=2)).clips()[0].steps == (5, 5, 5)
    unfinished = new_capture(noise(layers=1, steps=40, rows=2), windows=2)
    for _ in range(17):
        take(unfinished, 0, torch.zeros(2, 3))
        unfinished.close_step()
    assert unfinished.clips()[0].steps == (17,)


def test_sites_are_kept_apart_and_rows_that_are_not_given_are_zero() -> None:
    capture = ActivationCapture(
        sites=("resid_post", "cross_attn"),
        layers=1,
        rows=4,
        width=1,
        steps=2,
        windows=1,
        device=torch.device("cpu"),
    )
    for step in range(2):
        take(capture, 0, torch.full((4, 1), 3.0 + step))
        take(capture, 0, torch.full((2, 1), 7.0), site="cross_attn")
        take(capture, 0, torch.full((4, 1), 99.0), site="mlp")  # not asked for
        capture.close_step()
    for clip in capture.clips():
        assert clip.sites == ("resid_post", "cross_attn")
        np.testing.assert_array_equal(clip.mean[:, 0, :, 0], [[3.5, 3.5], [7, 0]])
        np.testing.assert_array_equal(clip.variance[:, 0, :, 0], [[0.25] * 2, [0, 0]])


@pytest.mark.parametrize("steps", [5, 40, 403])
def test_every_step_is_handed_on_once_and_in_order(steps: int) -> None:
    hidden = noise(layers=2, steps=steps, rows=2)
    capture = new_capture(hidden, windows=8)
    heard: list[tuple[int, torch.Tensor]] = []
    capture.on_held = lambda first, held: heard.append((first, held.clone()))
    for step in range(steps):
        for layer in range(2):
            take(capture, layer, torch.tensor(hidden[layer, step]).float())
        capture.close_step()
    firsts = [first for first, _ in heard]
    assert firsts == [sum(len(h) for _, h in heard[:i]) for i in range(len(heard))]
    whole = torch.cat([held for _, held in heard])[:, 0].transpose(0, 1)
    np.testing.assert_array_equal(whole.numpy(), hidden.astype(np.float32))


def test_a_capture_that_starts_again_has_forgotten_everything() -> None:
    first, second = (noise(layers=2, steps=n, rows=2) for n in (20, 20))
    first[1, 3] = np.nan
    capture = captured(first)
    capture.restart()
    for step in range(20):
        for layer in range(2):
            take(capture, layer, torch.tensor(second[layer, step]).float())
        capture.close_step()
    (again,), (fresh,) = capture.clips(), captured(second).clips()
    assert again.not_finite == fresh.not_finite == ()
    for name in ("mean", "variance", "first_step", "window_magnitude"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fresh, name))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("row", "clip", "half"),
    [(0, 0, "conditional"), (1, 1, "conditional"), (2, 0, "null"), (3, 1, "null")],
)
def test_a_value_that_is_not_a_number_is_named_by_half_layer_and_first_step(
    bad: float, row: int, clip: int, half: str
) -> None:
    hidden = noise(layers=3, steps=10, rows=4)
    hidden[1, 6, row, 2] = hidden[1, 8, row, 0] = bad
    hidden[2, 7:, row] = bad
    captures = captured(hidden).clips()
    assert captures[clip].not_finite == ((half, 1, 6), (half, 2, 7))
    assert captures[1 - clip].not_finite == ()
    assert np.isfinite(captures[1 - clip].mean).all()
    other = ("conditional", "null").index(half) ^ 1
    assert np.isfinite(captures[clip].mean[0, :, other]).all()
    assert not np.isfinite(captures[clip].mean[0, 1, other ^ 1]).all()


def test_opposite_infinities_do_not_cancel() -> None:
    hidden = noise(layers=1, steps=4, rows=2)
    hidden[0, 2, 0, :2] = np.inf, -np.inf
    assert captured(hidden).clips()[0].not_finite == (("conditional", 0, 2),)


def test_half_precision_is_summed_in_single() -> None:
    # 2048 + 1 is not a float16: a sum in float16 would stand still there.
    capture = ActivationCapture(
        layers=1, rows=2, width=1, steps=4000, windows=1, device=torch.device("cpu")
    )
    for _ in range(4000):
        take(capture, 0, torch.ones(2, 1, dtype=torch.float16))
        capture.close_step()
    (clip,) = capture.clips()
    np.testing.assert_array_equal(clip.mean, 1)
    np.testing.assert_array_equal(clip.variance, 0)


def test_memory_does_not_grow_with_the_number_of_steps() -> None:
    sizes = []
    for steps in (128, 1280):
        capture = captured(noise(layers=1, steps=steps, rows=2))
        tensors = [v for v in vars(capture).values() if isinstance(v, torch.Tensor)]
        sizes.append(sum(t.numel() for t in tensors))
    assert sizes[0] == sizes[1]
