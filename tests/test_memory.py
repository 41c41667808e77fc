"""Micro-batches are as large as memory allows, and the estimate is not too small."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from clips_for_tests import CARD
from hypothesis import given
from hypothesis import strategies as st
from models_for_tests import loaded, tiny_musicgen

from harness.plan import CAPTURE, CaptureSpec, Generation
from harness.sampling.engine import Decoder
from harness.sampling.memory import clip_bytes, free_bytes, micro_batch, model_bytes

LARGE = replace(CARD, layers=48, d_model=2048, heads=32, parameters=3_300_000_000)
ON_CPU = Generation(duration_seconds=8.0)
ON_CUDA = replace(ON_CPU, dtype="float16", device_type="cuda")
GIB = 1024**3


def test_a_large_model_needs_as_much_as_by_hand() -> None:
    assert model_bytes(LARGE, ON_CUDA) == 6_600_000_000
    assert model_bytes(LARGE, ON_CPU) == 2 * 13_200_000_000
    # Keys and values: 2 halves x 2 x 48 layers x 467 positions x 2048 x 2 bytes.
    caches = 2 * 2 * 48 * (403 + 64) * 2048 * 2
    found = clip_bytes(LARGE, ON_CUDA, CAPTURE)
    assert caches < found < 1.3 * caches


@pytest.mark.parametrize(
    ("gibibytes", "clips"), [(140, 32), (24, 32), (12, 8), (8, 1), (1, 1), (0, 1)]
)
def test_what_fits_on_a_device(gibibytes: int, clips: int) -> None:
    assert micro_batch(LARGE, ON_CUDA, CAPTURE, gibibytes * GIB) == clips


def test_on_the_cpu_batches_are_small() -> None:
    assert micro_batch(CARD, ON_CPU, CAPTURE, 64 * GIB) == 8


@given(free=st.integers(0, 200 * GIB), layers=st.integers(0, 48))
def test_what_is_chosen_fits_and_twice_as_much_does_not(free: int, layers: int) -> None:
    spec = CaptureSpec(attention_layers=tuple(range(layers)))
    size = micro_batch(LARGE, ON_CUDA, spec, free)
    each, model = clip_bytes(LARGE, ON_CUDA, spec), model_bytes(LARGE, ON_CUDA)
    assert size == 1 or model + size * each <= free
    assert size == 32 or model + 2 * size * each > 0.75 * free


def test_everything_that_is_asked_for_counts() -> None:
    plain = clip_bytes(LARGE, ON_CUDA, CAPTURE)
    for spec in (
        replace(CAPTURE, sites=("resid_post", "mlp")),
        replace(CAPTURE, windows=16),
        replace(CAPTURE, attention_layers=(3,)),
    ):
        assert clip_bytes(LARGE, ON_CUDA, spec) > plain
    longer = replace(ON_CUDA, duration_seconds=16.0)
    assert clip_bytes(LARGE, longer, CAPTURE) > 1.5 * plain
    assert clip_bytes(LARGE, replace(ON_CUDA, dtype="float32"), CAPTURE) > plain


@pytest.mark.parametrize("attention_layers", [(), (0, 1)])
def test_what_the_engine_holds_is_not_more_than_was_estimated(
    attention_layers: tuple[int, ...],
) -> None:
    model = loaded(tiny_musicgen(dim=64))
    generation = Generation(duration_seconds=4.0)
    spec = CaptureSpec(attention_layers=attention_layers)
    decoder = Decoder(model.language_model)
    clips = 4
    decoder.decode(
        [model.encode_text("sad music")] * clips,
        range(clips),
        generation,
        frames=200,
        capture=spec,
        forced_codes=torch.zeros(clips, 4, 200, dtype=torch.int64),
    )
    batch = decoder._batch
    assert batch is not None
    values = [*vars(batch).values(), *vars(batch.capture).values()]
    values += [*batch.maps.to_music.values(), *batch.maps.to_text.values()]
    held = [value for value in values if isinstance(value, torch.Tensor)]
    held += [t for m in batch.memories for t in (m.past, m.text, m.text_mask)]
    found = sum(tensor.nbytes for tensor in held)
    estimate = clips * clip_bytes(model.card, generation, spec)
    assert 0.5 * estimate < found < estimate


def test_some_memory_is_free() -> None:
    assert 2**20 < free_bytes("cpu") < 2**50
