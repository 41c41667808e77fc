"""What is to be kept of activations, as it is asked for, and what that takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from clips_for_tests import CARD, make_capture

from harness.capture_options import CaptureOptionError, capture_bytes, capture_spec
from harness.captures import SITES
from harness.plan import CAPTURE, CaptureSpec


def spec(**given: Any) -> CaptureSpec:
    nothing = {
        "sites": "resid_post",
        "resolved_layers": "",
        "resolved_sites": "resid_post",
        "attention_layers": "",
    }
    return capture_spec(**{**nothing, **given}, layers=6)


def test_what_nobody_asked_for_is_the_default() -> None:
    assert spec() == CAPTURE


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"sites": "mlp"}, {"sites": ("resid_post", "mlp")}),
        (
            {"sites": "mlp, self_attn,mlp"},
            {"sites": ("resid_post", "self_attn", "mlp")},
        ),
        ({"sites": "all"}, {"sites": SITES}),
        ({"resolved_layers": "5,0, 3,0"}, {"resolved_layers": (0, 3, 5)}),
        ({"resolved_layers": "all"}, {"resolved_layers": (0, 1, 2, 3, 4, 5)}),
        ({"attention_layers": "2"}, {"attention_layers": (2,)}),
        (
            {"resolved_layers": "1", "resolved_sites": "mlp"},
            # Moments are taken wherever anything is.
            {
                "resolved_layers": (1,),
                "resolved_sites": ("mlp",),
                "sites": ("resid_post", "mlp"),
            },
        ),
    ],
)
def test_lists_are_put_in_order_and_each_is_named_once(
    given: dict[str, str], expected: dict[str, Any]
) -> None:
    assert spec(**given) == CaptureSpec(**expected)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"sites": "mpl"},
            r"`--capture-sites` .* of resid_post, .*`mpl`",
        ),
        ({"resolved_layers": "6"}, r"`--resolved-layers` .* from 0 to 5, .* got `6`"),
        ({"resolved_layers": "-1"}, "`--resolved-layers` .* got `-1`"),
        ({"resolved_layers": "0-3"}, "`--resolved-layers` .* got `0-3`"),
        ({"resolved_layers": "²"}, "`--resolved-layers` .* got `²`"),
        ({"attention_layers": "first"}, "`--attention-layers` .* got `first`"),
        ({"resolved_sites": "mlp"}, "must come with `--resolved-layers`"),
        ({"resolved_sites": ",", "resolved_layers": "0"}, "`--resolved-sites` must"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(
    given: dict[str, str], said: str
) -> None:
    with pytest.raises(CaptureOptionError, match=said) as caught:
        spec(**given)
    assert "\n" not in str(caught.value)


def test_what_is_kept_by_default_takes_what_its_arrays_take() -> None:
    capture = make_capture(0)
    arrays = [a for a in vars_of(capture) if isinstance(a, np.ndarray)]
    assert len(arrays) == 7
    expected = sum(array.nbytes for array in arrays)
    assert capture_bytes(CAPTURE, CARD, steps=8) == expected


def vars_of(capture: Any) -> list[Any]:
    return [getattr(capture, name) for name in type(capture).__dataclass_fields__]


def test_what_is_kept_step_by_step_is_counted() -> None:
    default = capture_bytes(CAPTURE, CARD, steps=100)
    resolved = CaptureSpec(resolved_layers=(0, 1))
    # Two layers and halves of 100 steps, of d_model float32 numbers.
    more = capture_bytes(resolved, CARD, steps=100) - default
    assert more == 2 * 2 * 100 * CARD.d_model * 4
    maps = CaptureSpec(attention_layers=(1,))
    # Both halves look at all steps; the text is some tokens more.
    more = capture_bytes(maps, CARD, steps=100) - default
    assert more >= 2 * 100 * CARD.heads * 100 * 4
    sites = CaptureSpec(sites=("resid_post", "mlp"))
    assert capture_bytes(sites, CARD, steps=100) == 2 * default
