"""Each check of the instrument finds its fault and is silent where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clips_for_tests import CARD

from harness.instrument import (
    duplicates,
    halves_mixed,
    not_finite,
    require_finite,
    require_steps,
    wrong_steps,
)
from harness.verdict import BrokenInstrument

SECONDS = 8.0
STEPS = 403  # 400 frames and three delays


def sound_records() -> list[dict[str, Any]]:
    """What a store says of three clips of the card's 2 layers."""
    return [
        {
            "key": f"key-{n}",
            "prompt": f"prompt {n}",
            "steps": [STEPS] * CARD.layers,
            "not_finite": [],
        }
        for n in range(3)
    ]


# --- numbers ----------------------------------------------------------------------


def test_finite_records_are_passed_over_in_silence() -> None:
    assert not_finite(sound_records()) == []
    require_finite(sound_records())


def test_the_first_place_that_is_not_finite_is_named_for_each_clip() -> None:
    records = sound_records()
    records[1]["not_finite"] = [["null", 1, 17], ["conditional", 1, 20]]
    records[2]["not_finite"] = [["conditional", 0, 5]]
    assert not_finite(records) == [
        "layer 1, step 17, clip key-1 (null half, prompt `prompt 1`)",
        "layer 0, step 5, clip key-2 (conditional half, prompt `prompt 2`)",
    ]
    with pytest.raises(
        BrokenInstrument, match=r"not finite: layer 1, step 17, clip key-1.*; 2 clips"
    ):
        require_finite(records)


# --- steps ------------------------------------------------------------------------


def test_right_numbers_of_steps_are_passed_over_in_silence() -> None:
    assert wrong_steps(sound_records(), card=CARD, seconds=SECONDS) == []
    require_steps(sound_records(), card=CARD, seconds=SECONDS)


@pytest.mark.parametrize(
    "steps",
    [
        [STEPS, STEPS - 1],
        [STEPS + 1, STEPS],
        [STEPS - 1] * 2,
        [400] * 2,
        [STEPS],
        [STEPS] * 3,
        [],
    ],
    ids=[
        "one missing",
        "one doubled",
        "one missing everywhere",
        "delays forgotten",
        "a layer missing",
        "a layer too many",
        "nothing",
    ],
)
def test_a_wrong_number_of_steps_is_found(steps: list[int]) -> None:
    records = sound_records()
    records[1]["steps"] = steps
    (sentence,) = wrong_steps(records, card=CARD, seconds=SECONDS)
    assert sentence.startswith("clip key-1: ")
    assert f"{STEPS}" in sentence
    with pytest.raises(BrokenInstrument, match=r"clip key-1.*; 1 clips in all"):
        require_steps(records, card=CARD, seconds=SECONDS)


def test_steps_are_counted_for_the_duration_that_was_asked_for() -> None:
    assert len(wrong_steps(sound_records(), card=CARD, seconds=8.02)) == 3


# --- halves -----------------------------------------------------------------------

PROMPTS = ("a", "b", "c", "a", "d")


def first_steps() -> npt.NDArray[np.float32]:
    """Sound captures of five clips, `(clips, layers, halves, d_model)`."""
    rng = np.random.default_rng(6)
    null = rng.normal(size=(2, 4))
    conditional = {prompt: rng.normal(size=(2, 4)) for prompt in PROMPTS}
    captures = [np.stack([conditional[p], null], axis=1) for p in PROMPTS]
    return np.stack(captures).astype(np.float32)


def test_halves_that_are_kept_apart_are_passed_over_in_silence() -> None:
    assert not halves_mixed(first_steps(), prompts=PROMPTS).any()


@pytest.mark.parametrize("clip", range(len(PROMPTS)))
def test_a_clip_whose_halves_are_swapped_is_found_and_no_clip_of_another_prompt(
    clip: int,
) -> None:
    captures = first_steps()
    captures[clip] = captures[clip, :, ::-1]
    mixed = halves_mixed(captures, prompts=PROMPTS)
    assert mixed[clip]
    others = [PROMPTS[k] != PROMPTS[clip] for k in range(len(PROMPTS))]
    assert not mixed[others].any()


def test_halves_that_are_swapped_everywhere_are_found() -> None:
    mixed = halves_mixed(first_steps()[:, :, ::-1], prompts=PROMPTS)
    assert mixed.mean() > 0.5


def test_halves_that_are_averaged_are_found() -> None:
    captures = first_steps()
    captures[:] = captures.mean(axis=2, keepdims=True)
    assert halves_mixed(captures, prompts=PROMPTS).all()


def test_a_null_half_that_differs_in_its_last_bit_is_found() -> None:
    captures = first_steps()
    captures[2, 1, 1, 3] = np.nextafter(captures[2, 1, 1, 3], np.float32(9))
    assert halves_mixed(captures, prompts=PROMPTS).tolist() == [
        clip == 2 for clip in range(len(PROMPTS))
    ]


def test_a_conditional_half_that_did_not_read_the_prompt_is_found() -> None:
    captures = first_steps()
    captures[1, :, 0] = captures[1, :, 1]
    assert halves_mixed(captures, prompts=PROMPTS)[1]


def test_a_conditional_half_may_equal_the_null_half_in_an_early_layer() -> None:
    captures = first_steps()
    captures[:, 0, 0] = captures[:, 0, 1]  # nothing was read there yet
    assert not halves_mixed(captures, prompts=PROMPTS).any()


def test_one_prompt_with_two_conditional_halves_is_found() -> None:
    captures = first_steps()
    captures[3, :, 0] += 1
    mixed = halves_mixed(captures, prompts=PROMPTS)
    assert mixed[[0, 3]].any()
    assert not mixed[[1, 2, 4]].any()


def test_a_conditional_half_that_read_the_prompt_of_another_clip_is_found() -> None:
    captures = first_steps()
    captures[2, :, 0] = captures[1, :, 0]
    mixed = halves_mixed(captures, prompts=PROMPTS)
    assert mixed[[1, 2]].any()
    assert not mixed[[0, 3, 4]].any()


def test_prompts_that_were_never_told_apart_are_found() -> None:
    captures = first_steps()
    captures[:, :, 0] = captures[0, :, 0]
    assert halves_mixed(captures, prompts=PROMPTS).any()


# --- copies -----------------------------------------------------------------------


def test_clips_that_all_differ_are_passed_over_in_silence() -> None:
    assert duplicates(["x", "y", "z"]) == []
    assert duplicates([]) == []


def test_clips_that_are_the_same_are_named_once_each() -> None:
    assert duplicates(["z", "x", "y", "x", "z", "x"]) == ["x", "z"]
