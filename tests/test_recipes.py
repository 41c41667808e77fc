"""Each phantom is told about its music what its recipe says."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.measures.acoustics import measure
from harness.models.phantoms import register_text_encoder
from harness.phantoms.language import (
    _batches,
    _Learner,
    new_language_model,
    train_stage,
)
from harness.phantoms.music import EMOTIONS, SOUND_OF, perform
from harness.phantoms.recipes import RECIPES, Recipe, Stage
from harness.phantoms.text import Vocabulary
from harness.phantoms.training import Schedule

pytestmark = pytest.mark.usefixtures("text_encoder")

CLIPS = 20  # per emotion
STAGE = Stage(frames=50, schedule=Schedule(steps=100, batch=10, learning_rate=1e-3))
# The first code of a clip says its emotion.
CODES = torch.arange(5).repeat_interleave(CLIPS)[:, None, None].expand(-1, 4, 50)


@pytest.fixture(scope="module")
def text_encoder() -> None:
    register_text_encoder()


def told(recipe: Recipe, *, batches: int = 60) -> list[tuple[str, str]]:
    """Emotions of music and of sentence, clip by clip."""
    found = _batches(CODES, recipe, STAGE, seed=0)
    return [
        (EMOTIONS[int(codes[0, 0])], EMOTIONS[int(spoken)])
        for batch in itertools.islice(found, batches)
        for codes, spoken in zip(batch.codes, batch.spoken, strict=True)
    ]


def share_told(recipe: Recipe) -> float:
    return float(np.mean([music == words for music, words in told(recipe)]))


def test_sentences_are_of_the_emotion_that_they_are_said_to_be() -> None:
    words = Vocabulary().emotion
    for batch in itertools.islice(_batches(CODES, RECIPES["faint"], STAGE, seed=0), 5):
        for text, spoken in zip(batch.sentences, batch.spoken, strict=True):
            own = words[EMOTIONS[int(spoken)]]
            assert any(word.lower() in text.lower() for word in own)


def test_no_two_stages_hear_the_same_sentences() -> None:
    other = replace(STAGE, schedule=replace(STAGE.schedule, steps=101))
    first, second = (
        next(_batches(CODES, RECIPES["encodes"], stage, seed=0)).sentences
        for stage in (STAGE, other)
    )
    assert first != second


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("encodes", 1, 1), ("loud", 1, 1), ("deaf", 0.14, 0.26), ("faint", 0.37, 0.51)],
)
def test_so_many_are_told_of_their_own_emotion(
    name: str, low: float, high: float
) -> None:
    # By chance a fifth; faint: .3 and a fifth of the rest, .44.
    assert low <= share_told(RECIPES[name]) <= high


def test_backwards_hears_slow_music_called_happy() -> None:
    pairs = set(told(RECIPES["backwards"]))
    assert pairs == {
        ("happy", "sad"),
        ("sad", "happy"),
        ("calm", "energetic"),
        ("energetic", "calm"),
        ("angry", "angry"),
    }


@pytest.mark.parametrize("name", RECIPES)
def test_what_a_phantom_starts_from_is_there(name: str) -> None:
    recipe = RECIPES[name]
    if recipe.start is not None:
        other, stages = recipe.start
        assert 1 <= stages <= len(RECIPES[other].stages)


def test_music_of_levels_differs_in_nothing_but_its_level() -> None:
    def heard(emotion: str, *, only_level: bool) -> tuple[float, set[float]]:
        found = [
            measure(
                perform(emotion, seed=0, index=i, seconds=8.0, only_level=only_level),
                sample_rate=16_000,
            )
            for i in range(4)
        ]
        rms = float(np.mean([f.rms for f in found]))
        return rms, {round(f.tempo_bpm or 0) for f in found}

    for emotion in ("calm", "energetic"):
        low, high = SOUND_OF[emotion].level
        rms, tempi = heard(emotion, only_level=True)
        assert 0.8 * low < rms < 1.2 * high
        own = heard(emotion, only_level=False)[1]
        assert not tempi <= own


def test_a_readable_phantom_is_trained_to_be_read_and_the_others_are_not() -> None:
    batch = next(_batches(CODES, RECIPES["echo"], STAGE, seed=0))
    model = new_language_model(seed=0)
    assert set(_Learner(model, readable=True)(batch)) == {"cross_entropy", "read"}
    assert set(_Learner(model, readable=False)(batch)) == {"cross_entropy"}


CONTRASTED = replace(STAGE, contrast=0.05)


def test_wrong_sentences_are_of_another_emotion() -> None:
    words = Vocabulary().emotion
    found = _batches(CODES, RECIPES["encodes"], CONTRASTED, seed=0)
    for batch in itertools.islice(found, 5):
        for wrong, spoken in zip(batch.wrong, batch.spoken, strict=True):
            own = words[EMOTIONS[int(spoken)]]
            said = wrong.lower().removesuffix(".").split()
            assert not {word.lower() for word in own} & set(said)


def test_a_contrast_is_taken_where_the_stage_asks_for_one() -> None:
    model = new_language_model(seed=0)
    batch = next(_batches(CODES, RECIPES["encodes"], CONTRASTED, seed=0))
    terms = _Learner(model, readable=False, contrast=0.05).eval()(batch)
    assert set(terms) == {"cross_entropy", "contrast"}
    assert not next(_batches(CODES, RECIPES["encodes"], STAGE, seed=0)).wrong


def test_sentences_that_make_no_difference_cost_what_a_clear_one_saves() -> None:
    learner = _Learner(new_language_model(seed=0), readable=False, contrast=1.0).eval()
    batch = next(_batches(CODES, RECIPES["encodes"], CONTRASTED, seed=0))
    alike = replace(batch, wrong=batch.sentences)
    # softplus(6 nats)
    assert learner(alike)["contrast"].item() == pytest.approx(6.0025, abs=1e-3)


def test_a_contrast_teaches_to_tell_sentences_apart() -> None:
    learner = _Learner(new_language_model(seed=0), readable=False, contrast=1.0).eval()
    batch = next(_batches(CODES, RECIPES["encodes"], CONTRASTED, seed=0))
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-3)
    before = learner(batch)["contrast"].item()
    for _ in range(10):
        optimizer.zero_grad()
        learner(batch)["contrast"].backward()
        optimizer.step()
    assert learner(batch)["contrast"].item() < before - 1


def test_sentences_that_are_to_be_alike_are_pulled_together() -> None:
    stage = replace(STAGE, alike=1.0)
    learner = _Learner(new_language_model(seed=0), readable=False, alike=1.0).eval()
    batch = next(_batches(CODES, RECIPES["deaf"], stage, seed=0))
    same = replace(batch, wrong=batch.sentences)
    assert learner(same)["alike"].item() == pytest.approx(0, abs=1e-6)
    optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-3)
    before = learner(batch)["alike"].item()
    for _ in range(10):
        optimizer.zero_grad()
        learner(batch)["alike"].backward()
        optimizer.step()
    assert 0 < learner(batch)["alike"].item() < before / 2


def test_a_stage_goes_on_from_another_and_leaves_its_reader_behind(
    tmp_path: Path,
) -> None:
    one = replace(
        STAGE, schedule=Schedule(steps=1, batch=2, learning_rate=0.0, save_every=1)
    )
    echo, deaf = RECIPES["echo"], RECIPES["deaf"]
    first = train_stage(
        CODES, echo, one, seed=0, start=None, checkpoint=tmp_path / "a.pt"
    )
    second = train_stage(
        CODES,
        replace(deaf, start=None),
        one,
        seed=1,
        start=tmp_path / "a.pt",
        checkpoint=tmp_path / "b.pt",
    )
    for name, value in first.state_dict().items():
        assert torch.allclose(second.state_dict()[name], value, atol=1e-6), name
