"""A clip's key names all that its bytes depend on, and no more; plans are nested."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import plan as plan_module
from harness.inference.looks import design_for
from harness.plan import (
    CONTROL_PROMPTS,
    CaptureSpec,
    ClipSpec,
    Generation,
    Plan,
    PlanError,
    make_plan,
)
from harness.prompts import Prompt, load_bank

EMOTIONS = ("happy", "sad", "calm", "energetic")
PROMPT = Prompt(text="happy music", emotion="happy", template="t001")
OTHERS = tuple(
    Prompt(text=f"{emotion} music {n}", emotion=emotion, template=f"t{n:03d}")
    for n in range(2, 9)
    for emotion in ("happy", "sad")
)
GENERATION = Generation(duration_seconds=8.0)


def first_clip(**changes: Any) -> ClipSpec:
    arguments: dict[str, Any] = {
        "prompts": [PROMPT],
        "seeds_per_prompt": 1,
        "seed": 0,
        "fingerprint": "f" * 32,
        "generation": GENERATION,
    }
    return make_plan(**{**arguments, **changes}).clips[0]


def plan_for(samples: int, *, bank: str = "matched", seed: int = 0) -> Plan:
    design = design_for(samples)
    prompts = load_bank(bank).select(EMOTIONS, design.prompts_per_emotion, seed=seed)
    return make_plan(
        prompts,
        seeds_per_prompt=design.seeds_per_prompt,
        seed=seed,
        fingerprint="f" * 32,
        generation=GENERATION,
    )


# --- what a key depends on --------------------------------------------------------

OTHER_GENERATIONS: dict[str, Any] = {
    "duration_seconds": 4.0,
    "cfg_coef": 1.0,
    "top_k": 100,
    "top_p": 0.9,
    "temperature": 0.8,
    "dtype": "bfloat16",
    "device_type": "cuda",
    "batch_size": 16,
}
OTHER_CAPTURES: dict[str, Any] = {
    "sites": ("resid_post", "mlp"),
    "windows": 4,
    "resolved_layers": (0,),
    "resolved_sites": ("mlp",),
    "attention_layers": (1,),
}


def test_every_parameter_is_among_those_that_are_changed_below() -> None:
    assert set(OTHER_GENERATIONS) == {f.name for f in fields(Generation)}
    assert set(OTHER_CAPTURES) == {f.name for f in fields(CaptureSpec)}


@pytest.mark.parametrize("field", OTHER_GENERATIONS)
def test_a_key_changes_with_each_parameter_of_generation(field: str) -> None:
    other = replace(GENERATION, **{field: OTHER_GENERATIONS[field]})
    assert first_clip(generation=other).key != first_clip().key


@pytest.mark.parametrize("field", OTHER_CAPTURES)
def test_a_key_changes_with_what_is_captured(field: str) -> None:
    other = CaptureSpec(**{field: OTHER_CAPTURES[field]})
    assert first_clip(capture=other).key != first_clip().key


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": "e" * 32},
        {"seed": 1},
        {"prompts": [replace(PROMPT, text="happy music.")]},
    ],
    ids=["model", "seed", "prompt"],
)
def test_a_key_changes_with_model_seed_and_prompt(changes: dict[str, Any]) -> None:
    assert first_clip(**changes).key != first_clip().key


def test_a_key_changes_with_the_version_of_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = first_clip().key
    monkeypatch.setattr(plan_module, "ENGINE", plan_module.ENGINE + 1)
    assert first_clip().key != before


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"prompts": [PROMPT, *OTHERS]},
        {"prompts": [PROMPT, *OTHERS[::-1]]},
        {"seeds_per_prompt": 2},
        {"capture": CaptureSpec()},
        {"adaptive": True},
    ],
    ids=["nothing", "others", "their order", "more seeds", "defaults", "adaptive"],
)
def test_a_key_does_not_change_with_anything_else(changes: dict[str, Any]) -> None:
    assert first_clip(**changes) == first_clip()


def test_a_key_does_not_depend_on_the_place_of_its_prompt() -> None:
    last = make_plan(
        [*OTHERS, PROMPT],
        seeds_per_prompt=1,
        seed=0,
        fingerprint="f" * 32,
        generation=GENERATION,
    )
    (clip,) = (c for c in last.clips if c.prompt == PROMPT)
    assert clip == first_clip()


def test_generations_that_are_equal_give_equal_keys() -> None:
    whole, decimal = (
        replace(GENERATION, duration_seconds=seconds, cfg_coef=coefficient)
        for seconds, coefficient in ((8, 3), (8.0, 3.0))
    )
    assert whole == decimal
    assert first_clip(generation=whole).key == first_clip(generation=decimal).key


def test_the_key_of_a_clip_is_what_it_always_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # If this fails, no store that exists is of use any more: say so in the CHANGELOG.
    monkeypatch.setattr(plan_module, "ENGINE", 1)
    clip = first_clip()
    assert clip.key == "f62d6a8179080f31f835369ee53f98fe"
    assert clip.seed == 270_598_991_344_561_373


@given(seed=st.integers(0, 2**63 - 1))
@settings(max_examples=50)
def test_a_clips_seed_fits_where_seeds_go(seed: int) -> None:
    clip = first_clip(seed=seed)
    assert 0 <= clip.seed < 2**63
    assert clip.seed == first_clip(seed=seed).seed


# --- plans ------------------------------------------------------------------------


@pytest.mark.parametrize("bank", ["matched", "extreme"])
@pytest.mark.parametrize("samples", [1, 5, 10, 20])
def test_each_prompt_has_a_clip_and_five_of_each_emotion_a_second(
    bank: str, samples: int
) -> None:
    plan = plan_for(samples, bank=bank)
    first = Counter(c.prompt.emotion for c in plan.clips if not c.is_control)
    second = Counter(c.prompt.emotion for c in plan.clips if c.is_control)
    assert first == dict.fromkeys(EMOTIONS, samples)
    assert second == dict.fromkeys(EMOTIONS, min(CONTROL_PROMPTS, samples))
    assert CONTROL_PROMPTS == 5


def test_the_second_clips_are_of_the_first_prompts_and_differ_in_their_seed() -> None:
    plan = plan_for(20)
    for emotion in EMOTIONS:
        own = [c for c in plan.clips if c.prompt.emotion == emotion]
        first, second = own[:20], own[20:]
        assert [c.prompt for c in second] == [c.prompt for c in first[:5]]
        assert [c.replicate for c in own] == [0] * 20 + [1] * 5
    assert len({c.seed for c in plan.clips}) == len(plan.clips)


@pytest.mark.parametrize("samples", [10, 20, 50, 100])
def test_no_clip_is_planned_twice(samples: int) -> None:
    plan = plan_for(samples)
    assert len(set(plan.keys)) == len(plan.keys)
    assert plan.keys == tuple(c.key for c in plan.clips)


def test_twenty_clips_are_the_ten_and_ten_more_of_each_emotion() -> None:
    ten, twenty = plan_for(10), plan_for(20)
    assert set(ten.keys) < set(twenty.keys)
    added = [c for c in twenty.clips if c.key not in set(ten.keys)]
    assert Counter(c.prompt.emotion for c in added) == dict.fromkeys(EMOTIONS, 10)
    assert not any(c.is_control for c in added)


@pytest.mark.parametrize(("fewer", "more"), [(1, 10), (20, 50), (50, 100)])
def test_a_larger_plan_contains_the_smaller(fewer: int, more: int) -> None:
    assert set(plan_for(fewer).keys) < set(plan_for(more).keys)


@pytest.mark.parametrize("samples", [1, 10, 20, 50, 100])
def test_claims_are_decided_on_as_many_clips_as_were_asked_for(samples: int) -> None:
    evidence = plan_for(samples).evidence_clips()
    counts = Counter(c.prompt.emotion for c in evidence)
    assert counts == dict.fromkeys(EMOTIONS, samples)


def test_evidence_of_ten_is_among_the_evidence_of_fifty() -> None:
    ten, fifty = ({c.key for c in plan_for(n).evidence_clips()} for n in (10, 50))
    assert ten < fifty


def test_other_seeds_plan_other_clips() -> None:
    assert not set(plan_for(10).keys) & set(plan_for(10, seed=1).keys)


# --- plans that make no sense -----------------------------------------------------


@pytest.mark.parametrize(
    "again",
    [PROMPT, replace(PROMPT, template="t002"), replace(PROMPT, text="merry music")],
    ids=["all of it", "its text", "its place"],
)
def test_a_prompt_that_comes_twice_is_refused_in_one_line(again: Prompt) -> None:
    with pytest.raises(PlanError, match=r"must be in a plan once, got it twice") as no:
        first_clip(prompts=[PROMPT, *OTHERS, again])
    assert f"`{again.text}` (happy, {again.template})" in str(no.value)
    assert "\n" not in str(no.value)


def test_what_two_emotions_have_in_common_is_no_duplicate() -> None:
    sad = replace(PROMPT, emotion="sad")
    plan = make_plan(
        [PROMPT, sad],
        seeds_per_prompt=1,
        seed=0,
        fingerprint="f" * 32,
        generation=GENERATION,
    )
    assert len(set(plan.keys)) == 4


# --- clips of several sizes -------------------------------------------------------


def of_size(size: int) -> Plan:
    return make_plan(
        [PROMPT, *OTHERS],
        seeds_per_prompt=1,
        seed=0,
        fingerprint="f" * 32,
        generation=replace(GENERATION, batch_size=size),
    )


def test_a_resized_plan_is_the_plan_of_that_size() -> None:
    assert of_size(8).resized((4,), lambda key: False) == of_size(4)
    assert of_size(8).resized((8, 4), lambda key: False) == of_size(4)
    assert of_size(8).resized((8, 4), lambda key: False).clips_of_size(8) == ()


@given(there=st.sets(st.integers(0, 24)), sizes=st.sampled_from([(8, 4), (8, 4, 2)]))
def test_a_clip_that_is_there_in_an_older_size_keeps_it(
    there: set[int], sizes: tuple[int, ...]
) -> None:
    old, new = of_size(8), of_size(sizes[-1])
    kept = {clip.key for n, clip in enumerate(old.clips) if n in there}
    mixed = old.resized(sizes, kept.__contains__)
    expected = [
        before if n in there else after
        for n, (before, after) in enumerate(zip(old.keys, new.keys, strict=True))
    ]
    assert list(mixed.keys) == expected
    assert mixed.generation == new.generation
    assert {c.key for c in mixed.clips_of_size(8)} == kept
    # Settled once more it is the same.
    assert mixed.resized(sizes, kept.__contains__) == mixed


def test_the_oldest_size_counts_where_a_clip_is_there_in_two() -> None:
    assert of_size(4).resized((8, 4), lambda key: True).keys == of_size(8).keys
