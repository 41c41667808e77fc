"""A clip is its own: codes, steps and capture, whatever was decoded beside it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from audiocraft_for_tests import WINDOWS
from decoding_for_tests import FRAMES, GENERATION, LONG, MEDIUM, SHORT, decode
from models_for_tests import loaded, tiny_musicgen

from harness.captures import STATISTICS, WINDOWED
from harness.models.musicgen import LoadedMusicGen
from harness.plan import CaptureSpec, Generation
from harness.sampling.cursor import SPAN
from harness.sampling.engine import Decoded, Decoder

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_clip_fed_with_its_own_codes_gives_its_own_capture(
    tiny: LoadedMusicGen,
) -> None:
    sampled = decode(tiny, [SHORT, MEDIUM])
    fed = decode(tiny, [SHORT, MEDIUM], seeds=[8, 9], forced_codes=sampled.codes)
    assert torch.equal(fed.codes, sampled.codes)
    for own, again in zip(sampled.captures, fed.captures, strict=True):
        for name in (*STATISTICS, *WINDOWED):
            np.testing.assert_array_equal(getattr(own, name), getattr(again, name))


@pytest.mark.parametrize("frames", [1, 5, FRAMES])
def test_there_are_as_many_steps_as_frames_and_delays(
    tiny: LoadedMusicGen, frames: int
) -> None:
    heard: list[tuple[int, int]] = []
    decoded = Decoder(tiny.language_model).decode(
        [tiny.encode_text(SHORT)],
        [1],
        GENERATION,
        frames=frames,
        capture=CaptureSpec(windows=WINDOWS),
        on_step=lambda step, steps: heard.append((step, steps)),
    )
    steps = frames + 3
    assert decoded.codes.shape == (1, 4, frames)
    assert decoded.codes.dtype == torch.int64
    assert 0 <= decoded.codes.min() <= decoded.codes.max() < tiny.card.vocabulary
    assert decoded.captures[0].steps == (steps,) * tiny.card.layers
    assert heard == [(step, steps) for step in range(1, steps + 1)]


def test_without_text_the_first_step_is_the_same_for_every_clip(
    tiny: LoadedMusicGen,
) -> None:
    first = [c.first_step for c in decode(tiny, [SHORT, LONG]).captures]
    np.testing.assert_array_equal(first[0][:, :, 1], first[1][:, :, 1])
    assert (first[0][:, :, 0] != first[1][:, :, 0]).any()
    assert (first[0][:, :, 0] != first[0][:, :, 1]).any()


def test_a_weight_that_is_not_a_number_is_found_where_it_is() -> None:
    model = loaded(tiny_musicgen(layers=3))
    with torch.no_grad():
        model.language_model.transformer.layers[1].linear2.weight[0, 0] = torch.nan
    for capture in decode(model, [SHORT, MEDIUM]).captures:
        assert capture.not_finite == (
            ("conditional", 1, 0),
            ("null", 1, 0),
            ("conditional", 2, 0),
            ("null", 2, 0),
        )


def test_steps_that_can_be_recorded_give_the_same_clip(tiny: LoadedMusicGen) -> None:
    """More than one span long, twice, so that recordings are used again."""
    frames = SPAN + 20
    generation = Generation(duration_seconds=frames / 50, temperature=0.0)
    decoders = Decoder(tiny.language_model), Decoder(tiny.language_model)
    decoders[1].on_device = True
    for prompts in ([SHORT, MEDIUM], [MEDIUM, "calm music for a harp"]):
        conditions = [tiny.encode_text(p) for p in prompts]
        eager, recorded = (
            d.decode(conditions, [1, 2], generation, frames=frames) for d in decoders
        )
        assert torch.equal(eager.codes, recorded.codes)
        for one, other in zip(eager.captures, recorded.captures, strict=True):
            assert one.steps == other.steps == (frames + 3,) * 2
            for name in ("mean", "variance", "first_step", "window_magnitude"):
                np.testing.assert_allclose(
                    getattr(one, name), getattr(other, name), rtol=1e-3, atol=1e-4
                )


def test_a_clip_that_is_no_number_spoils_no_clip_after_it(
    tiny: LoadedMusicGen,
) -> None:
    """Where steps can be recorded, the past of clips before is still there."""
    decoder, fresh = Decoder(tiny.language_model), Decoder(tiny.language_model)
    decoder.on_device = fresh.on_device = True

    def made(by: Decoder) -> Decoded:
        conditions = [tiny.encode_text(SHORT)]
        return by.decode(conditions, [1], GENERATION, frames=FRAMES)

    made(decoder)
    batch = decoder._batch
    assert batch is not None
    for memory in batch.memories:
        memory.past.fill_(torch.nan)
    again, expected = made(decoder), made(fresh)
    assert torch.equal(again.codes, expected.codes)
    assert again.captures[0].not_finite == ()
    np.testing.assert_array_equal(again.captures[0].mean, expected.captures[0].mean)


def test_half_precision_is_near_single(tiny: LoadedMusicGen) -> None:
    """bfloat16 has 8 bits: a few per cent of the size of the activations."""
    single = decode(tiny, [SHORT, MEDIUM])
    half = loaded(tiny_musicgen())
    half.dtype = torch.bfloat16
    half.language_model.to(torch.bfloat16)
    forced = decode(half, [SHORT, MEDIUM], forced_codes=single.codes)
    for one, other in zip(single.captures, forced.captures, strict=True):
        scale = np.sqrt(np.mean(one.mean**2))
        worst = np.abs(one.mean - other.mean).max()
        assert 0 < worst < 0.05 * scale


def test_the_codes_of_a_clip_do_not_depend_on_its_batch_mates_or_its_place(
    tiny: LoadedMusicGen,
) -> None:
    one = decode(tiny, [MEDIUM, SHORT, SHORT], seeds=[5, 6, 7]).codes
    two = decode(tiny, [SHORT, SHORT, MEDIUM], seeds=[9, 6, 5]).codes
    assert torch.equal(one[0], two[2])
    assert torch.equal(one[1], two[1])


def test_other_seeds_and_other_prompts_give_other_codes(tiny: LoadedMusicGen) -> None:
    codes = decode(tiny, [SHORT, SHORT, MEDIUM], seeds=[5, 6, 5]).codes
    same = (codes[:, None] == codes[None]).float().mean((-1, -2))
    assert same.diagonal().tolist() == [1, 1, 1]
    assert (same - torch.eye(3)).max() < 0.5


def test_generating_leaves_the_global_random_numbers_alone(
    tiny: LoadedMusicGen,
) -> None:
    before = torch.random.get_rng_state()
    first = decode(tiny, [SHORT]).codes
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(99)
    assert torch.equal(decode(tiny, [SHORT]).codes, first)
