"""A clip's bytes are its own; clips are made once each, and out of memory is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from decoding_for_tests import GENERATION, LONG, MEDIUM, SHORT

from harness.captures import STATISTICS, WINDOWED, ClipCapture
from harness.models.musicgen import LoadedMusicGen
from harness.models.protocol import TextCondition
from harness.plan import CaptureSpec, ClipSpec, Generation
from harness.prompts import Prompt
from harness.sampling.engine import Decoder, text_bucket
from harness.sampling.memory import OutOfMemory
from harness.sampling.sampler import Sample, Sampler

pytestmark = pytest.mark.usefixtures("one_thread")


def clip(key: str, text: str, seed: int) -> ClipSpec:
    prompt = Prompt(text=text, emotion="happy", template="t001")
    return ClipSpec(key=key, prompt=prompt, replicate=0, seed=seed)


CLIPS = tuple(
    clip(f"{text[:3]}-{seed}", text, seed)
    for seed in (11, 12, 13)
    for text in (SHORT, MEDIUM, "calm music for a harp")
)


def capture_bytes(capture: ClipCapture) -> tuple[bytes, ...]:
    return tuple(getattr(capture, name).tobytes() for name in (*STATISTICS, *WINDOWED))


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
    codes = (
        Decoder(tiny.language_model)
        .decode([tiny.encode_text(SHORT)], [5], generation, frames=20)
        .codes
    )
    with torch.no_grad():
        expected = tiny.musicgen.compression_model.decode(codes, None)[0, 0]
    assert made.audio.shape == (6400,)  # 0.4 s at 16 kHz
    np.testing.assert_array_equal(made.audio, expected.numpy())


def test_codes_and_text_are_kept_with_the_clip(
    tiny: LoadedMusicGen, prefixed: LoadedMusicGen
) -> None:
    clips = [clip("one", SHORT, 5), clip("two", MEDIUM, 6)]
    for model in (tiny, prefixed):
        for made in [s for b in Sampler(model, GENERATION).generate(clips) for s in b]:
            tokens = made.capture.tokens
            assert tokens is not None
            codes = torch.from_numpy(tokens.codes)[None]
            audio = model.decode_audio(codes)[0].numpy()
            np.testing.assert_allclose(made.audio, audio, atol=1e-6)
            condition = model.encode_text(made.clip.prompt.text)
            read = condition.prefix[0] if model is prefixed else condition.cross
            expected = read.mean(0).numpy()
            np.testing.assert_allclose(tokens.text, expected, atol=1e-6)


def test_provenance_names_versions_and_no_machine(tiny: LoadedMusicGen) -> None:
    provenance = Sampler(tiny, GENERATION).provenance()
    assert set(provenance) == {"python", "torch", "audiocraft", "device", "dtype"}
    assert provenance["audiocraft"] == "1.3.0"
    assert provenance["device"] == "cpu"


def test_a_text_is_encoded_once(
    tiny: LoadedMusicGen, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    encode = tiny.encode_text

    def listen(prompt: str) -> TextCondition:
        asked.append(prompt)
        return encode(prompt)

    monkeypatch.setattr(tiny, "encode_text", listen)
    sampler = Sampler(tiny, Generation(duration_seconds=0.1, batch_size=2))
    for _ in range(2):
        list(sampler.generate(CLIPS))
        list(sampler.with_batch_size(3).generate(CLIPS[:2]))
    assert sorted(asked) == sorted({one.prompt.text for one in CLIPS})


def test_another_batch_size_is_as_if_it_had_been_asked_for(
    tiny: LoadedMusicGen,
) -> None:
    eight = Sampler(tiny, replace(GENERATION, batch_size=8))
    list(eight.generate(CLIPS[:2]))
    three = eight.with_batch_size(3)
    assert (eight.generation.batch_size, three.generation.batch_size) == (8, 3)
    batches = three.generate(CLIPS)
    made = {m.clip.key: sample_bytes(m) for batch in batches for m in batch}
    assert made == generated(tiny, CLIPS, batch_size=3)


def while_recording() -> RuntimeError:
    """What a recording that ran out of memory ends with."""
    try:
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        finally:
            raise RuntimeError("operation failed due to a previous error")
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("could not create a primitive"),
        MemoryError("Unable to allocate 2.00 GiB"),
        while_recording(),
    ],
    ids=["cuda", "cpu", "onednn", "numpy", "recording"],
)
def test_no_memory_is_said_with_the_remedy_after_what_was_made(
    tiny: LoadedMusicGen, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sampler = Sampler(tiny, replace(GENERATION, batch_size=2))
    decode = sampler.decoder.decode
    calls = 0

    def fail_at_second(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise error
        return decode(*args, **kwargs)

    monkeypatch.setattr(sampler.decoder, "decode", fail_at_second)
    batches = sampler.generate(CLIPS[:4])
    assert len(next(batches)) == 2
    with pytest.raises(OutOfMemory, match=r"of 2 clips does not fit .* --batch-size"):
        next(batches)


def test_other_errors_are_not_taken_for_a_lack_of_memory(
    tiny: LoadedMusicGen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("shapes do not match")

    sampler = Sampler(tiny, GENERATION)
    monkeypatch.setattr(sampler.decoder, "decode", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        next(sampler.generate(CLIPS[:1]))


def test_keeping_layers_step_by_step_needs_a_place(tiny: LoadedMusicGen) -> None:
    spec = CaptureSpec(resolved_layers=(0,))
    with pytest.raises(ValueError, match="`scratch` must be a directory"):
        next(Sampler(tiny, GENERATION, capture=spec).generate(CLIPS[:1]))
