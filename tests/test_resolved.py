"""What is kept at every step is every step, in a format that others read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from audiocraft_for_tests import attention_of
from models_for_tests import loaded, tiny_musicgen
from safetensors import safe_open

from harness.captures import HALVES, resolved_shapes
from harness.files import FileError
from harness.models.musicgen import LoadedMusicGen
from harness.plan import CaptureSpec, ClipSpec, Generation
from harness.prompts import Prompt
from harness.sampling.maps import AttentionMaps
from harness.sampling.resolved import ResolvedWriter
from harness.sampling.sampler import Sample, Sampler

SPEC = CaptureSpec(
    sites=("resid_post", "mlp"),
    resolved_layers=(0, 2),
    resolved_sites=("resid_post", "mlp"),
    attention_layers=(1,),
)
GENERATION = Generation(duration_seconds=0.4, batch_size=3)
STEPS, HEADS, WIDTH = 23, 2, 32
PROMPTS = ("sad music", "a calm melody for flute, harp and choir")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model() -> LoadedMusicGen:
    return loaded(tiny_musicgen(layers=3))


def clips(prompts: Sequence[str]) -> list[ClipSpec]:
    return [
        ClipSpec(
            key=f"key-{n}",
            prompt=Prompt(text=text, emotion="sad", template="t001"),
            replicate=0,
            seed=n,
        )
        for n, text in enumerate(prompts)
    ]


def made(
    model: LoadedMusicGen, scratch: Path, spec: CaptureSpec = SPEC
) -> Iterator[Sample]:
    """The samples; their files are there until the next batch is asked for."""
    sampler = Sampler(model, GENERATION, capture=spec, scratch=scratch)
    for batch in sampler.generate(clips(PROMPTS)):
        yield from batch


def tensors(file: Path) -> dict[str, npt.NDArray[np.float32]]:
    with safe_open(file, framework="np") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def test_names_and_shapes_of_what_is_time_resolved() -> None:
    found = resolved_shapes(
        SPEC, steps=STEPS, d_model=WIDTH, heads=HEADS, positions=STEPS + 5, tokens=7
    )
    activations = {
        f"{site}.layer_{layer}.{half}": (STEPS, WIDTH)
        for layer in (0, 2)
        for site in ("resid_post", "mlp")
        for half in HALVES
    }
    maps = {
        "self_attention_map.layer_1.conditional": (STEPS, HEADS, STEPS + 5),
        "self_attention_map.layer_1.null": (STEPS, HEADS, STEPS + 5),
        "cross_attention_map.layer_1.conditional": (STEPS, HEADS, 7),
    }
    assert found == {**activations, **maps}


def test_every_step_is_in_the_file_and_its_moments_are_those_of_the_capture(
    model: LoadedMusicGen, tmp_path: Path
) -> None:
    for sample in made(model, tmp_path):
        assert sample.capture.resolved is not None
        found = tensors(sample.capture.resolved)
        assert len(found) == 2 * 2 * 2 + 3
        for index, site in enumerate(SPEC.resolved_sites):
            for layer in (0, 2):
                for row, half in enumerate(HALVES):
                    values = found[f"{site}.layer_{layer}.{half}"]
                    assert values.shape == (STEPS, WIDTH)
                    assert values.dtype == np.float32
                    place = index, layer, row
                    capture = sample.capture
                    np.testing.assert_array_equal(values[0], capture.first_step[place])
                    for got, expected in (
                        (values.mean(0), capture.mean[place]),
                        (values.var(0), capture.variance[place]),
                    ):
                        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_attention_maps_are_those_of_the_definition(
    model: LoadedMusicGen, tmp_path: Path
) -> None:
    from harness.sampling.engine import Decoder

    lm = model.language_model
    frames = model.card.frames(GENERATION.duration_seconds)
    conditions = [model.encode_text(prompt) for prompt in (*PROMPTS, PROMPTS[1])]
    decoded = Decoder(lm).decode(conditions, [0, 1, 1], GENERATION, frames=frames)
    for clip, sample in enumerate(made(model, tmp_path)):
        assert sample.capture.resolved is not None
        found = tensors(sample.capture.resolved)
        own, text = attention_of(lm, PROMPTS[clip], decoded.codes[clip], layer=1)
        for row, half in enumerate(HALVES):
            weights = found[f"self_attention_map.layer_1.{half}"]
            np.testing.assert_allclose(
                weights.swapaxes(0, 1), own[row], rtol=1e-3, atol=1e-6
            )
        weights = found["cross_attention_map.layer_1.conditional"]
        assert weights.shape[2] == len(conditions[clip].cross)
        np.testing.assert_allclose(weights.swapaxes(0, 1), text, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(weights.sum(-1), 1, rtol=1e-5)


def test_looking_does_not_change_what_is_seen(
    model: LoadedMusicGen, tmp_path: Path
) -> None:
    plain = CaptureSpec(sites=SPEC.sites)
    seen = made(model, tmp_path)
    for sample, other in zip(seen, made(model, tmp_path, plain), strict=True):
        assert other.capture.resolved is None
        np.testing.assert_array_equal(sample.audio, other.audio)
        np.testing.assert_array_equal(sample.capture.mean, other.capture.mean)


def test_scratch_files_go_when_the_next_batch_is_asked_for(
    model: LoadedMusicGen, tmp_path: Path
) -> None:
    samples = made(model, tmp_path)
    first = next(samples).capture.resolved
    assert first is not None
    assert first.exists()
    for _ in samples:
        pass
    assert list(tmp_path.rglob("*")) == []


def test_a_place_that_cannot_be_written_is_named(
    model: LoadedMusicGen, tmp_path: Path
) -> None:
    (tmp_path / "scratch").write_text("not a directory")
    with pytest.raises(FileError, match=r"`.*scratch.*` cannot be written"):
        list(made(model, tmp_path / "scratch"))


def test_files_are_filled_piece_by_piece(tmp_path: Path) -> None:
    """By hand: 5 steps in pieces of 2, 2 and 1, for the first of two clips."""
    spec = CaptureSpec(resolved_layers=(1,))
    shapes = resolved_shapes(spec, steps=5, d_model=2, heads=1, positions=5, tokens=0)
    held = torch.arange(5.0 * 1 * 2 * 4 * 2).reshape(5, 1, 2, 4, 2)
    maps = AttentionMaps(
        layers=(),
        held_steps=2,
        clips=2,
        heads=1,
        positions=5,
        tokens=0,
        device=torch.device("cpu"),
    )
    file = tmp_path / "one.safetensors"
    with ResolvedWriter([file], [shapes], spec, clips=2) as writer:
        for first, last in ((0, 2), (2, 4), (4, 5)):
            writer.write(first, held[first:last], maps)
            size = file.stat().st_size
            assert size <= 8 + 200 + 2 * 5 * 2 * 4
    found = tensors(file)
    for row, half in ((0, "conditional"), (2, "null")):
        np.testing.assert_array_equal(
            found[f"resid_post.layer_1.{half}"], held[:, 0, 1, row].numpy()
        )
