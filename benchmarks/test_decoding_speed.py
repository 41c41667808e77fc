"""Decoding with capture of every layer against audiocraft, hooks, and the machine.

    uv run pytest benchmarks/test_decoding_speed.py

Each figure is a ratio of times taken in one run on the same weights, and stands in
`reports/benchmarks.json` with the machine described. Nothing is asserted of time;
beside each figure is a check that what was timed is right.
"""

from __future__ import annotations

import multiprocessing
import resource
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from time import perf_counter
from typing import Any

import numpy as np
import pytest
import torch
from audiocraft.modules.conditioners import ConditioningAttributes
from models_for_benchmarks import SHAPES, released_shape, shipped_phantom
from recording import record

from harness.captures import ClipCapture
from harness.models.musicgen import LoadedMusicGen
from harness.plan import Generation
from harness.sampling import engine
from harness.sampling.capture import ActivationCapture
from harness.sampling.cursor import Cursor
from harness.sampling.engine import Decoded, Decoder

PROMPT = "joyful music for solo piano, with a soft drum beat and a wandering bass line"
FRAMES = {"phantom": 400, "musicgen-small": 100}
GREEDY = Generation(duration_seconds=1.0, temperature=0.0)
SAMPLED = Generation(duration_seconds=1.0)
CPU_THREADS = 2

cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="there is no CUDA device here"
)


@pytest.fixture(autouse=True, scope="module")
def threads() -> None:
    torch.set_num_threads(CPU_THREADS)


@pytest.fixture(scope="module")
def models() -> dict[str, LoadedMusicGen]:
    small = released_shape("musicgen-small")
    return {"phantom": shipped_phantom(), "musicgen-small": small}


def ours(
    decoder: Decoder, model: LoadedMusicGen, generation: Generation, batch: int, n: int
) -> Decoded:
    conditions = [model.encode_text(PROMPT)] * batch
    return decoder.decode(conditions, range(batch), generation, frames=n)


def theirs(
    model: LoadedMusicGen, generation: Generation, batch: int, n: int
) -> torch.Tensor:
    attributes = [ConditioningAttributes(text={"description": PROMPT})] * batch
    codes: torch.Tensor = model.language_model.generate(
        None,
        attributes,
        max_gen_len=n,
        use_sampling=generation.temperature > 0,
        top_k=generation.top_k,
        cfg_coef=generation.cfg_coef,
    )
    return codes


def seconds(run: Callable[[], Any]) -> float:
    started = perf_counter()
    run()
    return perf_counter() - started


def alternating(a: Callable[[], Any], b: Callable[[], Any], *, rounds: int) -> float:
    """How many times as long `b` takes as `a`: the median over alternating rounds."""
    return float(np.median([seconds(b) / seconds(a) for _ in range(rounds)]))


@pytest.mark.parametrize("batch", [1, 8, 32])
@pytest.mark.parametrize("name", ["phantom", "musicgen-small"])
def test_engine_with_capture_against_generate(
    name: str, batch: int, models: dict[str, LoadedMusicGen], benchmark: Any
) -> None:
    model, frames = models[name], FRAMES[name]
    decoder = Decoder(model.language_model)
    expected = theirs(model, GREEDY, batch, 8)
    assert torch.equal(ours(decoder, model, GREEDY, batch, 8).codes, expected)
    ours(decoder, model, SAMPLED, batch, frames)  # memory is taken once
    ratio = benchmark.pedantic(
        alternating,
        args=(
            lambda: ours(decoder, model, SAMPLED, batch, frames),
            lambda: theirs(model, SAMPLED, batch, frames),
        ),
        kwargs={"rounds": 3 if name == "phantom" else 1},
    )
    record(f"{name}, float32, batch {batch}: times faster than generate", ratio)


def test_bfloat16_engine_with_capture_against_float32_generate(
    models: dict[str, LoadedMusicGen], benchmark: Any
) -> None:
    name, batch = "musicgen-small", 32
    single, frames = models[name], FRAMES[name]
    half = released_shape(name, dtype=torch.bfloat16)
    decoder = Decoder(half.language_model)
    exact = ours(Decoder(single.language_model), single, GREEDY, 2, 8).captures[0]
    near = ours(decoder, half, GREEDY, 2, 8).captures[0]
    scale = np.sqrt(np.mean(exact.first_step**2))
    assert np.abs(exact.first_step - near.first_step).max() < 0.1 * scale
    ours(decoder, half, SAMPLED, batch, frames)
    ratio = benchmark.pedantic(
        alternating,
        args=(
            lambda: ours(decoder, half, SAMPLED, batch, frames),
            lambda: theirs(single, SAMPLED, batch, frames),
        ),
        kwargs={"rounds": 1},
    )
    record(f"{name}, bfloat16, batch {batch}: times faster than generate", ratio)


class _NoCapture(ActivationCapture):
    """Keeps nothing."""

    def add(
        self, site: str, layer: int, values: torch.Tensor, cursor: Cursor
    ) -> None: ...

    def close_step(self) -> None: ...

    def clips(self) -> list[ClipCapture]:
        return []


@pytest.mark.parametrize(("name", "batch"), [("phantom", 8), ("musicgen-small", 8)])
def test_capture_on_against_capture_off(
    name: str,
    batch: int,
    models: dict[str, LoadedMusicGen],
    benchmark: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, frames = models[name], FRAMES[name]
    on = Decoder(model.language_model)
    captured = ours(on, model, SAMPLED, batch, frames)
    off = Decoder(model.language_model)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "ActivationCapture", _NoCapture)
        nothing = ours(off, model, SAMPLED, batch, frames)
    assert torch.equal(captured.codes, nothing.codes)
    assert captured.captures[0].steps == (frames + 3,) * model.card.layers
    assert nothing.captures == []
    ratio = benchmark.pedantic(
        alternating,
        args=(
            lambda: ours(off, model, SAMPLED, batch, frames),
            lambda: ours(on, model, SAMPLED, batch, frames),
        ),
        kwargs={"rounds": 5},
    )
    record(f"{name}, batch {batch}: time with capture over time without", ratio)


def test_share_of_what_the_machine_can_do(
    models: dict[str, LoadedMusicGen], benchmark: Any
) -> None:
    """Products of weights only are counted, not attention: the share is a low one."""
    name, batch = "musicgen-small", 32
    model, frames = models[name], FRAMES[name]
    decoder = Decoder(model.language_model)
    decoded = ours(decoder, model, SAMPLED, batch, frames)
    assert decoded.codes.shape == (batch, 4, frames)
    a, b = torch.randn(2, 4096, 4096)
    a @ b
    flops = operations_per_step(model, batch) * (frames + 3)
    share = benchmark.pedantic(
        lambda: float(
            np.median(
                [
                    flops
                    / seconds(lambda: ours(decoder, model, SAMPLED, batch, frames))
                    / (2 * 4096**3 / seconds(lambda: a @ b))
                    for _ in range(3)
                ]
            )
        )
    )
    record(f"{name}, float32, batch {batch}: share of a large matmul's FLOP/s", share)


def operations_per_step(model: LoadedMusicGen, batch: int) -> float:
    """Multiplications and additions with weights: both halves, text only for one."""
    d, layers = model.card.d_model, model.card.layers
    per_layer = 2 * batch * (4 + 8) * d * d + batch * 2 * d * d
    heads = 2 * batch * model.card.codebooks * d * model.card.vocabulary
    return 2.0 * (layers * per_layer + heads)


def test_peak_memory_does_not_grow_with_duration(benchmark: Any) -> None:
    """Of a process that decodes 8 clips of 8 s or of 30 s, caches aside."""

    def peaks() -> list[float]:
        return [peak_bytes(frames) for frames in (400, 1500)]

    short, long = benchmark.pedantic(peaks)
    assert short > 100e6
    record("phantom, batch 8: peak memory of 30 s over 8 s, caches aside", long / short)


def peak_bytes(frames: int) -> float:
    """Peak memory of a fresh process that decodes, without its caches, in bytes."""
    command = [sys.executable, __file__, str(frames)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _decode_and_print_peak(frames: int) -> None:
    torch.set_num_threads(1)
    model = shipped_phantom()
    decoded_by = Decoder(model.language_model)
    decoded = ours(decoded_by, model, SAMPLED, 8, frames)
    assert decoded.captures[0].steps == (frames + 3,) * model.card.layers
    batch = decoded_by._batch
    assert batch is not None
    caches = sum(memory.past.nbytes for memory in batch.memories)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - caches)


def test_two_workers_against_the_documents_loop(
    models: dict[str, LoadedMusicGen], benchmark: Any
) -> None:
    """One clip and one layer at a time, a hook that appends to a list, 40 clips.

    Every pair of clip and layer takes as long as every other, so a tenth of the pairs
    is run and their time multiplied by ten. Ours are two processes of one thread each,
    as `-n 2` makes them, from codes to audio; loading is left out on both sides.
    """
    model, clips, frames = models["phantom"], 40, FRAMES["phantom"]
    layers = list(model.language_model.transformer.layers)
    kept: list[list[torch.Tensor]] = []

    def one(layer: torch.nn.Module) -> None:
        kept.append([])
        handle = layer.register_forward_hook(
            lambda module, inputs, out: kept[-1].append(out.detach().cpu())
        )
        model.musicgen.set_generation_params(duration=frames / 50, top_k=250)
        model.musicgen.generate([PROMPT])
        handle.remove()

    def loop() -> None:
        for _ in range(clips // 10):
            for layer in layers:
                one(layer)

    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:

        def both() -> list[int]:
            work = [(clips // 2, frames)] * 2
            return [n for steps in pool.map(_share, work) for n in steps]

        both()  # loads the model
        ratio = benchmark.pedantic(lambda: 10 * seconds(loop) / seconds(both))
        assert both() == [frames + 3] * clips * len(layers)
    assert len(kept) == clips // 10 * len(layers)
    assert all(len(steps) == frames + 3 for steps in kept)
    record(
        "phantom, 40 clips, all layers: times faster than the documents' loop", ratio
    )


@cache
def _worker() -> tuple[LoadedMusicGen, Decoder]:
    torch.set_num_threads(1)
    model = shipped_phantom()
    return model, Decoder(model.language_model)


def _share(work: tuple[int, int]) -> list[int]:
    """Make some clips, and say how many steps of each layer were captured."""
    clips, frames = work
    model, decoder = _worker()
    decoded = ours(decoder, model, SAMPLED, clips, frames)
    for codes in decoded.codes:
        model.decode_audio(codes[None])
    return [steps for capture in decoded.captures for steps in capture.steps]


@cuda
@pytest.mark.parametrize("batch", [1, 8, 32])
def test_cuda_engine_against_generate(batch: int, benchmark: Any) -> None:
    name, frames = "musicgen-large", 400
    model = released_shape(name, device="cuda", dtype=torch.float16)
    decoder = Decoder(model.language_model)
    eager = Decoder(model.language_model)
    eager.on_device = False
    assert torch.equal(
        ours(decoder, model, GREEDY, batch, 8).codes,
        ours(eager, model, GREEDY, batch, 8).codes,
    )
    ours(decoder, model, SAMPLED, batch, frames)

    def synchronized(run: Callable[[], Any]) -> Callable[[], Any]:
        def timed() -> None:
            run()
            torch.cuda.synchronize()

        return timed

    def one() -> None:
        ours(decoder, model, SAMPLED, batch, frames)

    with torch.autocast("cuda", dtype=torch.float16):
        ratio = benchmark.pedantic(
            alternating,
            args=(
                synchronized(one),
                synchronized(lambda: theirs(model, SAMPLED, batch, frames)),
            ),
            kwargs={"rounds": 2},
        )
    record(f"{name}, CUDA float16, batch {batch}: times faster than generate", ratio)
    took = seconds(synchronized(one)) / (frames + 3)
    bound = bytes_per_step(model, batch, frames) / copy_bandwidth()
    record(f"{name}, CUDA, batch {batch}: share of the bandwidth bound", bound / took)


def bytes_per_step(model: LoadedMusicGen, batch: int, frames: int) -> float:
    """Weights once, and keys and values of half of the clip on average, in float16."""
    shape = SHAPES[model.card.name]
    past = 2 * 2 * batch * shape["num_layers"] * shape["dim"] * frames / 2
    return 2.0 * (model.card.parameters + past)


def copy_bandwidth() -> float:
    """Bytes per second that the device reads and writes when it copies 1 GiB."""
    source = torch.empty(2**30, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)

    def copy() -> None:
        target.copy_(source)
        torch.cuda.synchronize()

    copy()
    return 2 * 2**30 / min(seconds(copy) for _ in range(5))


if __name__ == "__main__":
    _decode_and_print_peak(int(sys.argv[1]))
