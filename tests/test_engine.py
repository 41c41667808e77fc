"""The engine is audiocraft's arithmetic, its draws are fair, its bytes a clip's own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import ConditioningAttributes
from models_for_tests import loaded, phantom_shaped_musicgen, tiny_musicgen
from scipy.stats import chisquare
from torch import Tensor

from harness.models.musicgen import LoadedMusicGen
from harness.models.protocol import ModelError
from harness.prompts import Prompt
from harness.sampling.engine import Decoded, Decoder, sample, text_bucket, uniforms
from harness.sampling.plan import ClipSpec, Generation
from harness.sampling.sampler import Sample, Sampler
from harness.sampling.summary import ClipCapture

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
    forced_codes: Tensor | None = None,
) -> Decoded:
    return Decoder(model.language_model).decode(
        [model.encode_text(p) for p in prompts],
        seeds or range(1, len(prompts) + 1),
        generation,
        frames=FRAMES,
        windows=WINDOWS,
        forced_codes=forced_codes,
    )


# --- audiocraft itself is the reference -------------------------------------------


def hooked(lm: LMModel, prompt: str, codes: Tensor) -> FloatArray:
    """Hidden states `(layers, steps, 2, d_model)` of audiocraft's own `generate`.

    One prompt, plain forward hooks, and the answer of the sampler replaced by `codes`
    `(codebooks, frames)`.
    """
    pattern = lm.pattern_provider.get_pattern(codes.shape[-1])
    sequence, _, _ = pattern.build_pattern_sequence(codes[None], lm.special_token_id)
    heard: list[list[Tensor]] = [[] for _ in lm.transformer.layers]
    asked = lm._sample_next_token

    def answer(*args: Any, **kwargs: Any) -> Tensor:
        asked(*args, **kwargs)
        token: Tensor = sequence[..., len(heard[0])][..., None].clone()
        return token

    handles = [
        layer.register_forward_hook(
            lambda module, inputs, out, heard=heard[index]: heard.append(out[:, -1])
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


def assert_same(capture: ClipCapture, expected: dict[str, FloatArray]) -> None:
    for name, values in expected.items():
        found = getattr(capture, name)
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
    captures = decoded.capture.clips()
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
        zip(prompts, decoded.capture.clips(), strict=True)
    ):
        hidden = hooked(prefixed.language_model, prompt, decoded.codes[row])
        assert hidden.shape[:3] == (3, STEPS, 2)
        assert_same(capture, moments(hidden))


def test_the_comparison_with_audiocraft_sees_another_prompt_and_swapped_halves(
    tiny: LoadedMusicGen,
) -> None:
    decoded = decode(tiny, [SHORT])
    capture = decoded.capture.clips()[0]
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
    for own, again in zip(sampled.capture.clips(), fed.capture.clips(), strict=True):
        assert capture_bytes(own) == capture_bytes(again)


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
        windows=WINDOWS,
        on_step=lambda step, steps: heard.append((step, steps)),
    )
    steps = frames + 3
    assert decoded.codes.shape == (1, 4, frames)
    assert decoded.codes.dtype == torch.int64
    assert 0 <= decoded.codes.min() <= decoded.codes.max() < tiny.card.vocabulary
    assert decoded.capture.clips()[0].steps == (steps,) * tiny.card.layers
    assert heard == [(step, steps) for step in range(1, steps + 1)]


def test_without_text_the_first_step_is_the_same_for_every_clip(
    tiny: LoadedMusicGen,
) -> None:
    first = [c.first_step for c in decode(tiny, [SHORT, LONG]).capture.clips()]
    np.testing.assert_array_equal(first[0][:, 1], first[1][:, 1])
    assert (first[0][:, 0] != first[1][:, 0]).any()
    assert (first[0][:, 0] != first[0][:, 1]).any()


def test_a_weight_that_is_not_a_number_is_found_where_it_is() -> None:
    model = loaded(tiny_musicgen(layers=3))
    with torch.no_grad():
        model.language_model.transformer.layers[1].linear2.weight[0, 0] = torch.nan
    for capture in decode(model, [SHORT, MEDIUM]).capture.clips():
        assert capture.not_finite == (
            ("conditional", 1, 0),
            ("null", 1, 0),
            ("conditional", 2, 0),
            ("null", 2, 0),
        )


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


# --- drawing codes ----------------------------------------------------------------


def drawn(
    probabilities: Sequence[float], draws: Sequence[float], **changes: Any
) -> list[int]:
    """The codes that `sample` gives for one distribution and many draws."""
    logits = torch.tensor(probabilities).log().expand(len(draws), 1, -1)
    generation = Generation(**{"duration_seconds": 1.0, "top_k": 0, **changes})
    numbers = torch.tensor(draws, dtype=torch.float64)[:, None]
    codes: list[int] = sample(logits, numbers, generation)[:, 0].tolist()
    return codes


ALMOST_ONE = float(np.nextafter(1.0, 0.0))


def test_draws_fall_into_the_shares_of_the_codes() -> None:
    draws = (0.0, 0.09, 0.11, 0.29, 0.31, 0.59, 0.61, ALMOST_ONE)
    assert drawn((0.1, 0.2, 0.3, 0.4), draws) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_top_k_keeps_the_likeliest_codes_and_their_proportions() -> None:
    # 0.3 and 0.4 are left: the border is at 3/7 = 0.4286.
    draws = (0.0, 0.42, 0.43, ALMOST_ONE)
    assert drawn((0.3, 0.2, 0.4, 0.1), draws, top_k=2) == [0, 0, 2, 2]


def test_top_p_keeps_the_fewest_codes_that_reach_it_and_their_proportions() -> None:
    # 0.4 does not reach 0.6, 0.4 + 0.3 does: borders as above.
    draws = (0.0, 0.42, 0.43, ALMOST_ONE)
    assert drawn((0.3, 0.2, 0.4, 0.1), draws, top_p=0.6) == [0, 0, 2, 2]


def test_top_p_goes_before_top_k() -> None:
    draws = (0.0, 0.5, ALMOST_ONE)
    assert drawn((0.3, 0.2, 0.4, 0.1), draws, top_p=0.1, top_k=3) == [2, 2, 2]


def test_temperature_sharpens_and_flattens() -> None:
    # Squared: 1 / 17 and 16 / 17; square rooted: 1 / 3 and 2 / 3.
    assert drawn((0.2, 0.8), (0.058, 0.06), temperature=0.5) == [0, 1]
    assert drawn((0.2, 0.8), (0.333, 0.334), temperature=2.0) == [0, 1]


def test_temperature_zero_takes_the_likeliest_code_whatever_is_drawn() -> None:
    assert drawn((0.3, 0.2, 0.4, 0.1), (0.0, ALMOST_ONE), temperature=0.0) == [2, 2]


def test_codes_that_tie_at_the_border_of_top_k_are_all_kept() -> None:
    draws = (0.1, 0.3, 0.6, 0.9)
    assert drawn((0.25, 0.25, 0.25, 0.25), draws, top_k=2) == [0, 1, 2, 3]


def test_codes_that_tie_under_top_p_are_taken_in_order() -> None:
    # 0, 0.25 and 0.5 before them is not beyond 0.5; 0.75 is.
    draws = (0.1, 0.5, 0.9)
    assert drawn((0.25, 0.25, 0.25, 0.25), draws, top_p=0.5) == [0, 1, 2]


@pytest.mark.parametrize("top_k", [4, 5, 250])
def test_top_k_of_the_whole_vocabulary_or_more_leaves_all_codes(top_k: int) -> None:
    draws = (0.05, 0.2, 0.5, 0.9)
    assert drawn((0.1, 0.2, 0.3, 0.4), draws, top_k=top_k) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "changes", [{}, {"top_k": 3}, {"top_p": 0.5}], ids=["all", "top_k", "top_p"]
)
def test_no_draw_gives_a_code_without_probability(changes: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(0, 3, (2000, 1, 40))).float()
    logits[:, :, [0, 1, 17, 38, 39]] = -1e4  # exp underflows to exactly zero
    generation = Generation(duration_seconds=1.0, **{"top_k": 0, **changes})
    allowed = reference_probabilities(logits[:, 0].double().numpy(), generation) > 0
    for draw in (0.0, float(np.nextafter(0.0, 1.0)), 1 - 1e-9, ALMOST_ONE):
        codes = sample(logits, torch.full((2000, 1), draw).double(), generation)[:, 0]
        assert allowed[np.arange(2000), codes.numpy()].all()


def reference_probabilities(logits: FloatArray, generation: Generation) -> FloatArray:
    """What each code must be drawn with, `(clips, vocabulary)`, by plain loops."""
    out = np.zeros_like(logits)
    for row, values in enumerate(logits / generation.temperature):
        weights = np.exp(values - values.max())
        weights = np.where(weights < 1e-45, 0, weights) / weights.sum()
        order = sorted(range(len(weights)), key=lambda code: -weights[code])
        kept: list[int] = []
        mass = 0.0
        for code in order:
            if generation.top_p and mass > generation.top_p:
                break
            if not generation.top_p and generation.top_k == len(kept) > 0:
                break
            kept.append(code)
            mass += weights[code]
        out[row, kept] = weights[kept] / mass
    return out


@pytest.mark.parametrize(
    "changes",
    [
        {"top_k": 0},
        {"top_k": 5},
        {"top_k": 0, "top_p": 0.7},
        {"top_k": 0, "temperature": 0.6},
    ],
    ids=["softmax", "top_k", "top_p", "temperature"],
)
def test_many_draws_follow_the_probabilities(changes: dict[str, Any]) -> None:
    generation = Generation(duration_seconds=1.0, **changes)
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1.2, (1, 12))
    count = 20_000
    codes = sample(
        torch.from_numpy(logits).float().expand(count, 1, -1),
        torch.from_numpy(rng.random((count, 1))),
        generation,
    )
    seen = np.bincount(codes[:, 0].numpy(), minlength=12)
    expected = reference_probabilities(logits, generation)[0]
    possible = expected > 0
    assert seen[~possible].sum() == 0
    fit = chisquare(seen[possible], count * expected[possible])
    assert fit.pvalue > 0.001
    # The test itself can fail: it tells a temperature of 1 from one of 0.9.
    tempered = expected[possible] ** (1 / 0.9)
    misfit = chisquare(seen[possible], count * tempered / tempered.sum())
    assert misfit.pvalue < 1e-6


def test_clips_and_codebooks_are_drawn_with_their_own_numbers() -> None:
    logits = torch.tensor((0.5, 0.5)).log().expand(2, 3, -1)
    draws = torch.tensor([[0.1, 0.9, 0.1], [0.9, 0.1, 0.9]], dtype=torch.float64)
    codes = sample(logits, draws, Generation(duration_seconds=1.0))
    assert codes.tolist() == [[0, 1, 0], [1, 0, 1]]


# --- random numbers ---------------------------------------------------------------


def test_random_numbers_of_a_seed_do_not_depend_on_how_many_are_asked_for() -> None:
    long = uniforms(7, steps=1503, codebooks=4)
    for steps in (1, 23, 403):
        np.testing.assert_array_equal(
            uniforms(7, steps=steps, codebooks=4), long[:steps]
        )
    assert long.dtype == np.float64
    assert long.shape == (1503, 4)
    assert 0 <= long.min() < 0.01
    assert 0.99 < long.max() < 1


def test_random_numbers_differ_between_seeds_steps_and_codebooks() -> None:
    both = np.stack([uniforms(seed, steps=403, codebooks=4) for seed in (7, 8)])
    assert len(np.unique(both)) == both.size


def test_random_numbers_of_a_seed_are_what_they_always_were() -> None:
    # If this fails, clips of one key have changed: raise `ENGINE`.
    found = uniforms(1, steps=1, codebooks=4)[0]
    expected = [
        0.3035680343067586,
        0.8487087496857769,
        0.1561347780434731,
        0.031106436954376093,
    ]
    np.testing.assert_array_equal(found, expected)


# --- a clip's bytes are its own ---------------------------------------------------


def clip(key: str, text: str, seed: int) -> ClipSpec:
    prompt = Prompt(text=text, emotion="happy", template="t001")
    return ClipSpec(key=key, prompt=prompt, replicate=0, seed=seed)


CLIPS = tuple(
    clip(f"{text[:3]}-{seed}", text, seed)
    for seed in (11, 12, 13)
    for text in (SHORT, MEDIUM, "calm music for a harp")
)


def capture_bytes(capture: ClipCapture) -> tuple[bytes, ...]:
    return tuple(
        getattr(capture, name).tobytes()
        for name in (
            "mean",
            "variance",
            "magnitude",
            "first_step",
            "window_mean",
            "window_variance",
            "window_magnitude",
        )
    )


def sample_bytes(made: Sample) -> tuple[bytes, ...]:
    return made.audio.tobytes(), *capture_bytes(made.capture)


def generated(
    model: LoadedMusicGen, clips: Sequence[ClipSpec], *, batch_size: int
) -> dict[str, tuple[bytes, ...]]:
    generation = Generation(duration_seconds=0.4, batch_size=batch_size)
    batches = Sampler(model, generation).generate(clips)
    return {made.clip.key: sample_bytes(made) for batch in batches for made in batch}


@pytest.mark.parametrize("shape", ["tiny", "phantom_shaped", "prefixed"])
@pytest.mark.parametrize("batch_size", [3, 8])
def test_the_bytes_of_a_clip_depend_on_nothing_but_the_clip(
    shape: str, batch_size: int, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(shape)
    together = generated(model, CLIPS, batch_size=batch_size)
    assert len(set(together.values())) == len(CLIPS)
    reverse = generated(model, CLIPS[::-1], batch_size=batch_size)
    assert reverse == together  # other places, other mates, another short batch
    for one in CLIPS[::4]:  # alone in a batch that is filled up
        assert generated(model, [one], batch_size=batch_size) == {
            one.key: together[one.key]
        }


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


def test_every_clip_is_made_once_and_progress_counts_them(tiny: LoadedMusicGen) -> None:
    clips = [*CLIPS[:3], clip("long", LONG, 3), *CLIPS[3:5]]
    told: list[float] = []
    generation = Generation(duration_seconds=0.4, batch_size=2)
    batches = list(Sampler(tiny, generation).generate(clips, on_progress=told.append))
    made = [m.clip.key for batch in batches for m in batch]
    assert sorted(made) == sorted(c.key for c in clips)
    assert told == sorted(told)
    assert told[-1] == len(clips)
    assert all(len(batch) <= 2 for batch in batches)


def test_only_texts_of_one_padded_shape_share_a_batch(tiny: LoadedMusicGen) -> None:
    clips = [CLIPS[0], clip("long", LONG, 3), CLIPS[1]]
    generation = Generation(duration_seconds=0.4, batch_size=8)
    for batch in Sampler(tiny, generation).generate(clips):
        buckets = {text_bucket(tiny.encode_text(m.clip.prompt.text)) for m in batch}
        assert len(buckets) == 1


def test_audio_is_what_audiocraft_decodes_from_the_codes(tiny: LoadedMusicGen) -> None:
    generation = Generation(duration_seconds=0.4, batch_size=1)
    one = clip("one", SHORT, 5)
    (made,) = next(Sampler(tiny, generation).generate([one]))
    codes = decode(tiny, [SHORT], seeds=[5]).codes
    with torch.no_grad():
        expected = tiny.musicgen.compression_model.decode(codes, None)[0, 0]
    assert made.audio.shape == (6400,)  # 0.4 s at 16 kHz
    np.testing.assert_array_equal(made.audio, expected.numpy())


def test_provenance_names_versions_and_no_machine(tiny: LoadedMusicGen) -> None:
    provenance = Sampler(tiny, GENERATION).provenance()
    assert set(provenance) == {"python", "torch", "audiocraft", "device", "dtype"}
    assert provenance["audiocraft"] == "1.3.0"
    assert provenance["device"] == "cpu"
