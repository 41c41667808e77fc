"""From captures on disk to a corrected p, at the size of the largest model.

Run with `uv run pytest benchmarks/test_inference_speed.py`. The design is that of the
last look: 4 emotions in 50 matched templates, 2 seeds each, 48 layers of 2048
dimensions, 10,000 relabelings. Everything runs on one core. Beside each figure stands a
check that the right thing was measured; nothing is asserted of time.

SciPy's `permutation_test` does the same work for one layer and a part of the
relabelings; its seconds are multiplied by the layers and relabelings that are missing.
It starts from three places: from the activations, from the finished Gram matrix with
one call of the statistic for each relabeling, and from the same matrix with a statistic
of many relabelings at once. The last two owe their speed to the Gram matrix, and are
compared with our time from the Gram matrix to p.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import process_time
from typing import Any

import numpy as np
import pytest
from clips_for_benchmarks import GENERATION, captured, card_of, plan_of, prompts_of
from recording import record
from scipy.stats import permutation_test
from threadpoolctl import threadpool_limits

from harness.inference.maxt import MaxT, max_t
from harness.inference.relabel import p_value, relabelings
from harness.measures.gram import prompt_gram, unit_vectors
from harness.measures.similarity import emotion_signals
from harness.plan import ClipSpec
from harness.store import Store

EMOTIONS, TEMPLATES, SEEDS = ("angry", "calm", "happy", "sad"), 50, 2
RELABELINGS = 10_000
CARD = card_of("shape of musicgen-large", layers=48, d_model=2048, heads=32)
PLANTED = 30  # the one layer in which emotions differ
EMOTION = np.repeat(np.arange(len(EMOTIONS)), TEMPLATES)
TEMPLATE = np.tile(np.arange(TEMPLATES), len(EMOTIONS))

Floats = np.ndarray


@contextmanager
def one_core() -> Iterator[None]:
    """This thread, and what it starts, on one core and with one BLAS thread."""
    cores = os.sched_getaffinity(0)
    with threadpool_limits(1):
        os.sched_setaffinity(0, {max(cores)})
        try:
            yield
        finally:
            os.sched_setaffinity(0, cores)


@pytest.fixture(scope="module")
def clips() -> tuple[ClipSpec, ...]:
    """Clips in the order of their prompts, as `EMOTION` and `TEMPLATE` have them."""
    prompts = sorted(prompts_of(EMOTIONS, TEMPLATES), key=lambda p: p.emotion)
    plan = plan_of(CARD, prompts, seeds=SEEDS)
    place = {prompt: number for number, prompt in enumerate(prompts)}
    return tuple(sorted(plan.clips, key=lambda clip: place[clip.prompt]))


@pytest.fixture(scope="module")
def captures(
    clips: tuple[ClipSpec, ...], tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """A store of captures, in its own format; of windows one, which is not read."""
    store = Store(tmp_path_factory.mktemp("store"), CARD)
    for clip in clips:
        capture = captured(CARD, partial(_shaped, mean_of(clip)), windows=1)
        audio = np.zeros(1600, np.float32)
        store.put(clip, audio, capture, generation=GENERATION, provenance={})
    return store


def _shaped(mean: Floats, shape: tuple[int, ...]) -> Floats:
    return mean if len(shape) == mean.ndim else mean[:, :, :, None]


def mean_of(clip: ClipSpec) -> np.ndarray:
    """A clip's activations, `(1, layers, 2, d_model)`, about a large common vector."""
    shape = (1, CARD.layers, 2, CARD.d_model)
    common = np.random.default_rng(1).normal(0, 5, shape)
    emotion = EMOTIONS.index(clip.prompt.emotion)
    direction = np.random.default_rng([2, emotion]).normal(0, 0.3, CARD.d_model)
    mean = common + np.random.default_rng([3, clip.seed]).normal(0, 1, shape)
    mean[:, PLANTED] += direction
    return mean.astype(np.float32)


def conditional_half(store: Store, clips: tuple[ClipSpec, ...]) -> Floats:
    return store.captures([clip.key for clip in clips], "mean")[:, :, 0]


def gram_of(activations: Floats) -> Floats:
    return prompt_gram(activations, np.repeat(np.arange(EMOTION.size), SEEDS))


def from_gram_to_p(gram: Floats) -> tuple[Floats, MaxT]:
    rng = np.random.default_rng(0)
    rows = relabelings(EMOTION, template=TEMPLATE, count=RELABELINGS, rng=rng)
    signals = emotion_signals(gram, rows.labels, template=TEMPLATE)
    return signals, max_t(signals, exact=rows.exact)


def test_from_captures_on_disk_to_a_corrected_p(
    clips: tuple[ClipSpec, ...], captures: Store, benchmark: Any
) -> None:
    processor: list[float] = []

    def work() -> tuple[Floats, MaxT]:
        started = process_time()
        store = Store(captures.root, CARD)  # knows nothing yet
        found = from_gram_to_p(gram_of(conditional_half(store, clips)))
        processor.append(process_time() - started)
        return found

    with one_core():
        signals, tested = benchmark.pedantic(work, rounds=3, warmup_rounds=1)

    assert signals.shape == (RELABELINGS, CARD.layers)
    assert tested.best == PLANTED
    assert tested.p_any == 1 / RELABELINGS
    assert np.sort(tested.p)[1] > 0.05
    for layer in (0, PLANTED):
        assert signals[0, layer] == pytest.approx(signal_by_pairs(clips, layer))
    record(
        "inference: processor seconds from captures on disk to a corrected p",
        float(np.median(processor)),
        elapsed_seconds=round(benchmark.stats.stats.median, 2),
        of="400 clips, 48 layers of 2048 dimensions, 10,000 relabelings, max-T; one"
        " core, every byte read is checked; elapsed is more where others use the core",
    )


def signal_by_pairs(clips: tuple[ClipSpec, ...], layer: int) -> float:
    """The signal of one layer, by its definition."""
    vectors = np.stack([mean_of(clip)[0, layer, 0] for clip in clips])
    units = unit_vectors(vectors[:, None])[:, 0]
    prompts = np.repeat(np.arange(EMOTION.size), SEEDS)
    first, second = np.triu_indices(len(clips), k=1)
    apart = TEMPLATE[prompts[first]] != TEMPLATE[prompts[second]]
    first, second = prompts[first[apart]], prompts[second[apart]]
    cosines = (units @ units.T)[np.triu_indices(len(clips), k=1)][apart]
    same = EMOTION[first] == EMOTION[second]
    return float(cosines[same].mean() - cosines[~same].mean())


def test_against_scipy_doing_the_same_work(
    clips: tuple[ClipSpec, ...], captures: Store
) -> None:
    activations = conditional_half(captures, clips)
    layer, starts = PLANTED + 1, {}
    with one_core():
        starts["captures"] = seconds(
            lambda: from_gram_to_p(gram_of(conditional_half(captures, clips)))
        )
        gram = gram_of(activations)
        starts["gram"] = seconds(lambda: from_gram_to_p(gram))
        signals, _ = from_gram_to_p(gram)
        ours = p_value(signals[:, layer])
        for name, start, draws, statistic, options in opponents(
            activations[:, layer], gram[layer]
        ):
            assert statistic(*GROUPS) == pytest.approx(signals[0, layer], rel=1e-9)
            taken, theirs = scipys(statistic, draws, **options)
            error = np.sqrt(ours * (1 - ours) * (1 / draws + 1 / RELABELINGS))
            assert abs(theirs - ours) < 4 * error
            scaled = taken * CARD.layers * RELABELINGS / draws
            record(
                f"inference: times scipy's permutation_test, {name}",
                scaled / starts[start],
                our_processor_seconds=round(starts[start], 2),
                scipy_processor_seconds=round(scaled, 1),
                of=f"1 of 48 layers and {draws:,} of 10,000 relabelings, scaled up;"
                f" ours from {start} to p; one core",
            )


# --- the same statistic, for SciPy ----------------------------------------------------

GROUPS = tuple(np.arange(EMOTION.size).reshape(len(EMOTIONS), TEMPLATES))
_APART = TEMPLATE[:, None] != TEMPLATE
_PAIRS = _APART.sum()
_WITHIN = len(EMOTIONS) * TEMPLATES * (TEMPLATES - 1)
Statistic = Callable[..., Any]


def opponents(
    activations: Floats, gram: Floats
) -> list[tuple[str, str, int, Statistic, dict[str, Any]]]:
    """Name, where it starts, relabelings, statistic of groups of prompts, options."""
    at_once = {"vectorized": True, "batch": 1000}
    return [
        ("from activations", "captures", 200, of_activations(activations), {}),
        ("from the Gram matrix", "gram", 1000, of_gram(gram), {}),
        ("from the Gram matrix, at once", "gram", 10_000, at_once_of(gram), at_once),
    ]


def of_activations(activations: Floats) -> Statistic:
    """As one writes it down: cosines of all pairs of prompts, and two means."""
    units = unit_vectors(activations[:, None])[:, 0]
    means = units.reshape(EMOTION.size, SEEDS, -1).mean(axis=1)
    same = EMOTION[:, None] == EMOTION

    def statistic(*groups: np.ndarray) -> float:
        order = np.concatenate(groups).astype(np.intp)
        dealt = means[order]
        cosines = dealt @ dealt.T
        apart = TEMPLATE[order][:, None] != TEMPLATE[order]
        return float(cosines[same & apart].mean() - cosines[~same & apart].mean())

    return statistic


def of_gram(gram: Floats) -> Statistic:
    weights = gram * _APART
    total = weights.sum()

    def statistic(*groups: np.ndarray) -> float:
        members = [group.astype(np.intp) for group in groups]
        within = sum(weights.take(m, 0).take(m, 1).sum() for m in members)
        return float(within / _WITHIN - (total - within) / (_PAIRS - _WITHIN))

    return statistic


def at_once_of(gram: Floats) -> Statistic:
    """Of groups with relabelings along the first axis: one matrix product each."""
    weights = gram * _APART
    total = weights.sum()

    def statistic(*groups: np.ndarray, axis: int = -1) -> Any:
        within: Any = 0.0
        for group in groups:
            members = np.moveaxis(group, axis, -1).astype(np.intp)
            chosen = np.zeros((*members.shape[:-1], EMOTION.size))
            np.put_along_axis(chosen, members, 1.0, axis=-1)
            within = within + ((chosen @ weights) * chosen).sum(axis=-1)
        return within / _WITHIN - (total - within) / (_PAIRS - _WITHIN)

    return statistic


def scipys(statistic: Statistic, draws: int, **options: Any) -> tuple[float, float]:
    """Seconds and p; "samples" deals labels out within a template, as ours are."""
    found: list[Any] = []
    taken = seconds(
        lambda: found.append(
            permutation_test(
                GROUPS,
                statistic,
                permutation_type="samples",
                n_resamples=draws,
                alternative="greater",
                rng=np.random.default_rng(0),
                **({"vectorized": False} | options),
            )
        )
    )
    return taken, float(found[-1].pvalue)


def seconds(work: Callable[[], object], *, times: int = 3) -> float:
    """Of the processor, the least of several times: another's work is not counted."""
    taken = []
    for _ in range(times):
        started = process_time()
        work()
        taken.append(process_time() - started)
    return min(taken)
