"""The engine is audiocraft's arithmetic, whoever shares the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from audiocraft.modules.conditioners import ConditioningAttributes
from audiocraft_for_tests import WINDOWS, assert_same, hidden_states, logits_of, moments
from decoding_for_tests import FRAMES, GENERATION, LONG, MEDIUM, SHORT, STEPS, decode
from torch import Tensor

from harness.models.musicgen import LoadedMusicGen
from harness.plan import CaptureSpec, Generation
from harness.sampling.codes import guided
from harness.sampling.engine import Decoder

pytestmark = pytest.mark.usefixtures("one_thread")


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
        hidden = hidden_states(model.language_model, prompt, decoded.codes[row])
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
        hidden = hidden_states(prefixed.language_model, prompt, decoded.codes[row])
        assert hidden.shape[:3] == (3, STEPS, 2)
        assert_same(capture, moments(hidden))


def test_the_comparison_with_audiocraft_sees_another_prompt_and_swapped_halves(
    tiny: LoadedMusicGen,
) -> None:
    decoded = decode(tiny, [SHORT])
    capture = decoded.captures[0]
    other = moments(hidden_states(tiny.language_model, "sad tune", decoded.codes[0]))
    own = moments(hidden_states(tiny.language_model, SHORT, decoded.codes[0]))
    with pytest.raises(AssertionError, match=r"mean, layer 0, half 0"):
        assert_same(capture, other)
    with pytest.raises(AssertionError, match=r"mean, layer 0, half 0"):
        assert_same(capture, {name: v[:, ::-1] for name, v in own.items()})


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
            hidden = hidden_states(
                tiny.language_model, prompt, decoded.codes[row], part=name
            )
            index = spec.sites.index(site)
            assert_same(capture, moments(hidden), site=index)
        # Without text there is nothing to read: exactly nothing.
        np.testing.assert_array_equal(capture.mean[2, :, 1], 0)
        assert (capture.mean[2, :, 0] != 0).all()


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
        expected = logits_of(model.language_model, prompt, codes[row])
        scale = np.sqrt(np.mean(expected**2))
        np.testing.assert_allclose(
            found[[row, clips + row]], expected, rtol=1e-4, atol=1e-4 * scale
        )
    if shape != "prefixed":
        other = logits_of(model.language_model, "sad tune", codes[1])
        assert np.abs(found[1] - other[0]).max() > 0.01 * scale
