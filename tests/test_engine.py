"""The engine is audiocraft's arithmetic, whoever shares the batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import (
    ClassifierFreeGuidanceDropout,
    ConditioningAttributes,
)
from models_for_tests import loaded, phantom_shaped_musicgen, tiny_musicgen
from torch import Tensor

from harness.captures import STATISTICS, WINDOWED, ClipCapture
from harness.models.musicgen import LoadedMusicGen
from harness.models.protocol import ModelError
from harness.plan import CaptureSpec, Generation
from harness.sampling.codes import guided
from harness.sampling.cursor import SPAN
from harness.sampling.engine import Decoded, Decoder

SHORT = "sad music"
MEDIUM = "an energetic tune for piano and drums"
LONG = (
    "a calm melody, slowly wandering over the hills and the sea in the evening, with "
    "flute and harp and a very distant choir of old friends"
)
GENERATION = Generation(duration_seconds=0.4)  # 20 frames
FRAMES, STEPS, WINDOWS = 20, 23, 8

FloatArray = npt.NDArray[np.float64]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """As in a run: the number of threads decides the last bits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny() -> LoadedMusicGen:
    return loaded(tiny_musicgen())


@pytest.fixture(scope="module")
def prefixed() -> LoadedMusicGen:
    return loaded(tiny_musicgen(prefix=True, layers=3))


@pytest.fixture(scope="module")
def phantom_shaped() -> LoadedMusicGen:
    return loaded(phantom_shaped_musicgen())


def decode(
    model: LoadedMusicGen,
    prompts: Sequence[str],
    *,
    seeds: Sequence[int] | None = None,
    generation: Generation = GENERATION,
    capture: CaptureSpec = CaptureSpec(windows=WINDOWS),  # noqa: B008
    forced_codes: Tensor | None = None,
) -> Decoded:
    return Decoder(model.language_model).decode(
        [model.encode_text(p) for p in prompts],
        seeds or range(1, len(prompts) + 1),
        generation,
        frames=FRAMES,
        capture=capture,
        forced_codes=forced_codes,
    )


# --- audiocraft itself is the reference -------------------------------------------


def hooked(
    lm: LMModel, prompt: str, codes: Tensor, *, part: str | None = None
) -> FloatArray:
    """Hidden states `(layers, steps, 2, d_model)` of audiocraft's own `generate`.

    One prompt, plain forward hooks on the layers or a part of them, and the answer of
    the sampler replaced by `codes` `(codebooks, frames)`.
    """
    pattern = lm.pattern_provider.get_pattern(codes.shape[-1])
    sequence, _, _ = pattern.build_pattern_sequence(codes[None], lm.special_token_id)
    heard: list[list[Tensor]] = [[] for _ in lm.transformer.layers]
    asked = lm._sample_next_token

    def answer(*args: Any, **kwargs: Any) -> Tensor:
        asked(*args, **kwargs)
        token: Tensor = sequence[..., len(heard[0])][..., None].clone()
        return token

    def listen(out: Any, heard: list[Tensor]) -> None:
        heard.append((out[0] if isinstance(out, tuple) else out)[:, -1])

    handles = [
        (getattr(layer, part) if part else layer).register_forward_hook(
            lambda module, inputs, out, heard=heard[index]: listen(out, heard)
        )
        for index, layer in enumerate(lm.transformer.layers)
    ]
    lm._sample_next_token = answer
    try:
        fed = lm.generate(
            None,
            [ConditioningAttributes(text={"description": prompt})],
            max_gen_len=codes.shape[-1],
        )
    finally:
        del lm._sample_next_token
        for handle in handles:
            handle.remove()
    assert torch.equal(fed[0], codes)
    return torch.stack([torch.stack(steps) for steps in heard]).double().numpy()


def moments(hidden: FloatArray) -> dict[str, FloatArray]:
    """What a capture must hold, from hidden states `(layers, steps, 2, d_model)`."""
    steps = hidden.shape[1]
    edges = [-(-window * steps // WINDOWS) for window in range(WINDOWS + 1)]
    windows = [hidden[:, a:b] for a, b in itertools.pairwise(edges)]
    return {
        "mean": hidden.mean(1),
        "variance": hidden.var(1),
        "magnitude": np.abs(hidden).mean(1),
        "first_step": hidden[:, 0],
        "window_mean": np.stack([w.mean(1) for w in windows], axis=2),
        "window_variance": np.stack([w.var(1) for w in windows], axis=2),
        "window_magnitude": np.stack([np.abs(w).mean(1) for w in windows], axis=2),
    }


def assert_same(
    capture: ClipCapture, expected: dict[str, FloatArray], *, site: int = 0
) -> None:
    for name, values in expected.items():
        found = getattr(capture, name)[site]
        assert found.shape == values.shape, name
        for layer, half in np.ndindex(values.shape[:2]):
            own = values[layer, half]
            np.testing.assert_allclose(
                found[layer, half],
                own,
                rtol=1e-4,
                atol=1e-4 * float(np.sqrt(np.mean(own**2))),
                err_msg=f"{name}, layer {layer}, half {half}",
            )


@pytest.mark.parametrize("shape", ["tiny", "phantom_shaped"])
def test_captures_equal_hooks_on_audiocraft_whoever_shares_the_batch(
    shape: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(shape)
    prompts = (SHORT, LONG, MEDIUM)
    tokens = [len(model.encode_text(p).cross) for p in prompts]
    assert len(set(tokens)) == 3
    assert max(tokens) > 32 > min(tokens)  # not even the padded lengths agree
    decoded = decode(model, prompts)
    captures = decoded.captures
    for row, prompt in enumerate(prompts):
        hidden = hooked(model.language_model, prompt, decoded.codes[row])
        assert hidden.shape[:3] == (model.card.layers, STEPS, 2)
        assert_same(captures[row], moments(hidden))


def test_captures_equal_hooks_on_audiocraft_where_text_is_put_before_the_music(
    prefixed: LoadedMusicGen,
) -> None:
    prompts = ("happy music for piano", "angry music for piano")
    conditions = [prefixed.encode_text(p) for p in prompts]
    assert conditions[0].prefix.shape == conditions[1].prefix.shape
    assert conditions[0].prefix.shape[1] > 3
    assert len(conditions[0].cross) == 0
    decoded = decode(prefixed, prompts)
    for row, (prompt, capture) in enumerate(
        zip(prompts, decoded.captures, strict=True)
    ):
        hidden = hooked(prefixed.language_model, prompt, decoded.codes[row])
        assert hidden.shape[:3] == (3, STEPS, 2)
        assert_same(capture, moments(hidden))


def test_the_comparison_with_audiocraft_sees_another_prompt_and_swapped_halves(
    tiny: LoadedMusicGen,
) -> None:
    decoded = decode(tiny, [SHORT])
    capture = decoded.captures[0]
    other = moments(hooked(tiny.language_model, "sad tune", decoded.codes[0]))
    own = moments(hooked(tiny.language_model, SHORT, decoded.codes[0]))
    with pytest.raises(AssertionError, match=r"mean, layer 0, half 0"):
        assert_same(capture, other)
    with pytest.raises(AssertionError, match=r"mean, layer 0, half 0"):
        assert_same(capture, {name: v[:, ::-1] for name, v in own.items()})


@pytest.mark.parametrize("shape", ["tiny", "prefixed"])
@pytest.mark.parametrize("prompt", [SHORT, LONG])
def test_greedy_codes_are_those_of_audiocraft(
    shape: str, prompt: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(shape)
    greedy = Generation(duration_seconds=0.4, temperature=0.0)
    expected = model.language_model.generate(
        None,
        [ConditioningAttributes(text={"description": prompt})],
        max_gen_len=FRAMES,
        use_sampling=False,
        cfg_coef=3.0,
    )
    assert len(expected.unique()) > 4  # it does not just repeat itself
    assert torch.equal(decode(model, [prompt], generation=greedy).codes, expected)


def test_greedy_codes_depend_on_guidance(tiny: LoadedMusicGen) -> None:
    by_guidance = [
        decode(
            tiny,
            [SHORT],
            generation=Generation(
                duration_seconds=0.4, temperature=0.0, cfg_coef=cfg_coef
            ),
        ).codes
        for cfg_coef in (1.0, 3.0)
    ]
    assert not torch.equal(*by_guidance)


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


def audiocraft_logits(lm: LMModel, prompt: str, codes: Tensor) -> FloatArray:
    """`(2, codebooks, steps, vocabulary)` for codes `(codebooks, frames)`, all at once.

    A single forward pass of audiocraft over the whole sequence, conditional then null.
    """
    pattern = lm.pattern_provider.get_pattern(codes.shape[-1])
    sequence, _, _ = pattern.build_pattern_sequence(codes[None], lm.special_token_id)
    described = [ConditioningAttributes(text={"description": prompt})]
    null = ClassifierFreeGuidanceDropout(p=1.0)(described)
    tokenized = lm.condition_provider.tokenize(described + null)
    conditions = lm.condition_provider(tokenized)
    fed = sequence[..., :-1]
    with torch.no_grad():
        logits = lm(torch.cat([fed, fed]), [], conditions)
    found: FloatArray = logits.double().numpy()
    return found


@pytest.mark.parametrize("shape", ["tiny", "phantom_shaped", "prefixed"])
@pytest.mark.parametrize("on_device", [False, True], ids=["eager", "recordable"])
def test_teacher_forced_logits_are_those_of_audiocraft(
    shape: str,
    on_device: bool,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = request.getfixturevalue(shape)
    prompts = (SHORT, LONG, MEDIUM) if shape != "prefixed" else (SHORT, "calm music")
    heard: list[Tensor] = []

    def listen(logits: Tensor, cfg_coef: float) -> Tensor:
        heard.append(logits.clone())
        return guided(logits, cfg_coef)

    monkeypatch.setattr("harness.sampling.engine.guided", listen)
    clips = len(prompts)
    codes = torch.randint(model.card.vocabulary, (clips, 4, FRAMES))
    decoder = Decoder(model.language_model)
    decoder.on_device = on_device
    conditions = [model.encode_text(p) for p in prompts]
    decoder.decode(
        conditions, range(clips), GENERATION, frames=FRAMES, forced_codes=codes
    )
    if on_device:  # the first step is taken twice
        heard = heard[-STEPS:]
    found = torch.stack(heard, dim=2).double().numpy()  # (rows, codebooks, steps, ...)
    for row, prompt in enumerate(prompts):
        expected = audiocraft_logits(model.language_model, prompt, codes[row])
        scale = np.sqrt(np.mean(expected**2))
        np.testing.assert_allclose(
            found[[row, clips + row]], expected, rtol=1e-4, atol=1e-4 * scale
        )
    if shape != "prefixed":
        other = audiocraft_logits(model.language_model, "sad tune", codes[1])
        assert np.abs(found[1] - other[0]).max() > 0.01 * scale


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


def test_what_each_part_of_a_layer_adds_is_that_of_audiocraft(
    tiny: LoadedMusicGen,
) -> None:
    prompts = (SHORT, LONG)
    spec = CaptureSpec(
        sites=("resid_post", "self_attn", "cross_attn", "mlp"), windows=WINDOWS
    )
    decoded = decode(tiny, prompts, capture=spec)
    for row, prompt in enumerate(prompts):
        capture = decoded.captures[row]
        assert capture.sites == spec.sites
        for site, name in (
            ("self_attn", "self_attn"),
            ("cross_attn", "cross_attention"),
            ("mlp", "linear2"),
        ):
            hidden = hooked(tiny.language_model, prompt, decoded.codes[row], part=name)
            index = spec.sites.index(site)
            assert_same(capture, moments(hidden), site=index)
        # Without text there is nothing to read: exactly nothing.
        np.testing.assert_array_equal(capture.mean[2, :, 1], 0)
        assert (capture.mean[2, :, 0] != 0).all()


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


# --- what is not decoded is refused -----------------------------------------------


def not_norm_first(lm: LMModel) -> None:
    lm.transformer.layers[0].norm_first = False


def rotary(lm: LMModel) -> None:
    lm.transformer.rope = torch.nn.Identity()


def cross_positions(lm: LMModel) -> None:
    lm.fuser.cross_attention_pos_emb = True


def torch_attention(lm: LMModel) -> None:
    lm.transformer.layers[0].self_attn.custom = False


def biased(lm: LMModel) -> None:
    attention = lm.transformer.layers[0].cross_attention
    attention.out_proj.bias = torch.nn.Parameter(torch.zeros(lm.dim))


def normalised(lm: LMModel) -> None:
    lm.transformer.layers[0].cross_attention.qk_layer_norm = True


def repeated(lm: LMModel) -> None:
    lm.transformer.layers[0].self_attn.kv_repeat = 2


def short_sighted(lm: LMModel) -> None:
    lm.transformer.layers[0].self_attn.past_context = 10


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (not_norm_first, "post-norm layers"),
        (rotary, "rotary positions"),
        (cross_positions, "positions in cross-attention"),
        (torch_attention, "attention without audiocraft's own kernel"),
        (biased, "attention biases"),
        (normalised, "normalised queries"),
        (repeated, "repeated keys"),
        (short_sighted, "a finite receptive field"),
    ],
)
def test_a_language_model_that_is_built_otherwise_is_refused(
    spoil: Any, named: str
) -> None:
    lm = tiny_musicgen(layers=1).lm
    Decoder(lm)
    spoil(lm)
    with pytest.raises(ModelError, match=named):
        Decoder(lm)


def test_text_that_is_fused_in_another_way_is_refused() -> None:
    model = loaded(tiny_musicgen(layers=1))
    model.language_model.fuser.cond2fuse["description"] = "sum"
    with pytest.raises(ModelError, match=r"`tiny` fuses `description` by `sum`"):
        model.encode_text(SHORT)


# --- a clip's codes are its own ---------------------------------------------------


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
