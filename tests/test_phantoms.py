"""The shipped models are what their README says, and can be made again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from audiocraft.models import MusicGen
from torch import Tensor, nn

from harness.measures.acoustics import Features, measure
from harness.models import phantoms
from harness.models.checkpoint import describe, locate
from harness.models.musicgen import load
from harness.phantoms.music import EMOTIONS, FRAME_RATE, SOUND_OF, compose, perform
from harness.phantoms.text import Vocabulary, build_tokenizer, sentence
from harness.phantoms.training import Schedule, run_steps
from harness.plan import Generation, make_plan
from harness.prompts import load_bank
from harness.sampling.sampler import Sampler

NAMES = ("backwards", "deaf", "echo", "encodes", "faint", "loud", "random")


def test_the_shipped_phantoms_are_listed_by_name() -> None:
    assert phantoms.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_phantom_is_a_musicgen_that_audiocraft_loads_itself(name: str) -> None:
    phantoms.register_text_encoder()
    model = MusicGen.get_pretrained(str(phantoms.WEIGHTS / name), device="cpu")
    assert len(model.lm.transformer.layers) >= 6
    assert model.lm.transformer.layers[0].cross_attention is not None
    assert model.frame_rate == 50
    assert model.compression_model.num_codebooks == 4
    model.set_generation_params(duration=0.2)
    assert model.generate(["joyful tune"]).shape == (1, 1, 3200)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_the_model_is(name: str) -> None:
    card = describe(locate(f"phantom:{name}"))
    assert (card.layers, card.codebooks, card.frame_rate) == (6, 4, 50)
    assert card.steps(8) == 403
    assert card.text_encoder == phantoms.TEXT_ENCODER


def test_weights_are_small_and_hold_nothing_but_weights() -> None:
    files = [p for p in phantoms.WEIGHTS.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) < 60e6
    for path in phantoms.WEIGHTS.rglob("*.bin"):
        package = torch.load(path, weights_only=True)
        assert {"best_state", "xp.cfg"} <= set(package)


def test_codec_and_text_encoder_are_shared() -> None:
    codecs = [phantoms.WEIGHTS / n / "compression_state_dict.bin" for n in NAMES]
    assert len({path.read_bytes() for path in codecs}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_finite(name: str) -> None:
    package = torch.load(phantoms.WEIGHTS / name / "state_dict.bin", weights_only=True)
    assert all(t.isfinite().all() for t in package["best_state"].values())


def _measured(
    name: str, emotions: tuple[str, ...], count: int
) -> dict[str, list[Features]]:
    """Features of `count` clips of 8 s for each emotion, by emotion."""
    torch.set_num_threads(1)
    checkpoint = locate(f"phantom:{name}")
    card = describe(checkpoint)
    model = load(checkpoint, card, device="cpu", dtype=torch.float32)
    prompts = load_bank("matched").select(emotions, count, seed=99)
    plan = make_plan(
        prompts,
        seeds_per_prompt=1,
        seed=99,
        fingerprint=card.fingerprint,
        generation=Generation(
            duration_seconds=8.0,
            cfg_coef=card.cfg_coef,
            temperature=card.temperature,
        ),
    )
    found: dict[str, list[Features]] = {emotion: [] for emotion in emotions}
    for samples in Sampler(model, plan.generation).generate(plan.evidence_clips()):
        for sample in samples:
            audio = np.clip(sample.audio, -1, 1)
            features = measure(audio, sample_rate=card.sample_rate)
            found[sample.clip.prompt.emotion].append(features)
    return found


def test_encodes_follows_the_emotion_of_prompts_it_never_saw() -> None:
    found = _measured("encodes", ("happy", "sad", "calm", "energetic"), 4)

    def mean(emotion: str, feature: str) -> float:
        return float(np.nanmean([getattr(f, feature) for f in found[emotion]]))

    assert mean("happy", "tempo_bpm") - mean("sad", "tempo_bpm") > 40
    assert mean("energetic", "tempo_bpm") - mean("calm", "tempo_bpm") > 40
    assert mean("happy", "brightness_hz") > 1.5 * mean("sad", "brightness_hz")
    assert mean("energetic", "rms") > 2 * mean("calm", "rms")
    assert mean("happy", "mode_strength") > 0 > mean("sad", "mode_strength")


def test_deaf_does_not_follow_the_emotion() -> None:
    found = _measured("deaf", ("happy", "sad"), 16)
    for feature in ("rms", "brightness_hz"):
        a, b = ([getattr(f, feature) for f in found[e]] for e in ("happy", "sad"))
        spread = math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / len(a))
        assert abs(np.mean(a) - np.mean(b)) < 3 * spread, feature


def test_backwards_follows_the_opposite_emotion() -> None:
    found = _measured("backwards", ("happy", "sad"), 8)
    # Every tenth clip or so has the other tempo: the median does not mind.
    tempo = {e: np.nanmedian([f.tempo_bpm for f in found[e]]) for e in found}
    assert tempo["sad"] - tempo["happy"] > 40


def test_loud_follows_in_loudness_alone() -> None:
    found = _measured("loud", ("happy", "sad"), 8)
    rms = {e: [f.rms for f in found[e]] for e in found}
    assert np.mean(rms["happy"]) > 1.5 * np.mean(rms["sad"])
    tempo = {e: np.nanmean([f.tempo_bpm for f in found[e]]) for e in found}
    assert tempo["happy"] - tempo["sad"] < 40


def test_the_words_of_every_bank_are_known() -> None:
    vocabulary = Vocabulary()
    bank = load_bank("matched")
    for prompt in bank.select(bank.emotions, 50, seed=0):
        known = [w for w in vocabulary.emotion[prompt.emotion] if w in prompt.text]
        assert known, prompt.text


def test_no_word_means_two_emotions_or_an_emotion_and_none() -> None:
    vocabulary = Vocabulary()
    words = [w for e in EMOTIONS for w in vocabulary.emotion[e]] + sorted(
        set(vocabulary.context)
    )
    assert len(words) == len(set(words))


def test_no_prompt_of_a_bank_is_a_training_sentence() -> None:
    vocabulary, rng = Vocabulary(), np.random.default_rng(0)
    trained = {
        sentence(e, vocabulary, rng).lower() for e in EMOTIONS for _ in range(4000)
    }
    for name in ("matched", "extreme", "generic"):
        bank = load_bank(name)
        count = bank.capacity(bank.emotions)
        asked = {p.text.lower() for p in bank.select(bank.emotions, count, seed=0)}
        assert not asked & trained


def test_any_text_can_be_read() -> None:
    tokenizer = build_tokenizer(Vocabulary())
    ids = tokenizer("Zurückhaltend, 120 BPM!?")["input_ids"]
    assert ids[-1] == 1  # the end
    assert len(ids) > 5


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_composed_pieces_are_what_the_table_says(emotion: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        piece, sound = compose(emotion, rng), SOUND_OF[emotion]
        assert 60 * FRAME_RATE / piece.tempo_bpm == pytest.approx(
            round(60 * FRAME_RATE / piece.tempo_bpm)
        )
        assert piece.mode in sound.modes
        assert sound.level[0] <= piece.level <= sound.level[1]
        assert piece.just_root_hz is not None
        assert piece.just_root_hz % 25 == 0


def test_the_same_number_is_the_same_music() -> None:
    first = perform("sad", seed=3, index=7, seconds=2)
    assert np.array_equal(first, perform("sad", seed=3, index=7, seconds=2))
    assert not np.array_equal(first, perform("sad", seed=3, index=8, seconds=2))


@pytest.mark.parametrize("mean_from", [None, 3, 5])
def test_training_that_was_stopped_goes_on_where_it_was(
    tmp_path: Path, mean_from: int | None
) -> None:
    train = partial(_train, steps=6, mean_from=mean_from)
    whole = train(tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped.pt", stop_at=4)
    assert torch.equal(train(tmp_path / "stopped.pt"), whole)
    assert torch.equal(train(tmp_path / "whole.pt"), whole)


def test_the_mean_is_over_the_weights_from_that_step_on(tmp_path: Path) -> None:
    seen: list[Tensor] = []  # after each step but the last
    _train(tmp_path / "longer.pt", steps=7, mean_from=3, seen=seen)
    found = _train(tmp_path / "mean.pt", steps=6, mean_from=3)
    assert torch.allclose(found, torch.stack(seen[3:]).mean(0), atol=1e-7)


def _train(
    checkpoint: Path,
    *,
    steps: int,
    stop_at: int | None = None,
    mean_from: int | None = None,
    seen: list[Tensor] | None = None,
) -> Tensor:
    torch.manual_seed(0)
    linear = nn.Linear(3, 1)
    model = nn.Sequential(linear, nn.Dropout(0.5))

    def batches() -> Iterator[Tensor]:
        rng = np.random.default_rng(0)
        while True:
            yield torch.from_numpy(rng.standard_normal((4, 3)).astype(np.float32))

    before = [] if seen is None else seen

    def step(batch: Tensor) -> dict[str, Tensor]:
        before.append(linear.weight.detach().clone())
        if stop_at is not None and len(before) > stop_at:
            raise KeyboardInterrupt
        return {"loss": model(batch).square().mean()}

    schedule = Schedule(
        steps=steps,
        batch=4,
        learning_rate=0.1,
        warmup=1,
        save_every=2,
        mean_from=mean_from,
    )
    run_steps(model, step, batches(), checkpoint=checkpoint, schedule=schedule)
    return next(model.parameters()).detach().clone()
