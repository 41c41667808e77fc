"""Clips seen once more: the maps are audiocraft's, and nothing is made twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from audiocraft_for_tests import attention_of
from models_for_tests import loaded, tiny_musicgen
from replays_for_tests import (
    EMOTIONS,
    GENERATION,
    MODEL,
    damage,
    damage_found,
    plan_of,
    put_with_other_codes,
    sampler,
)
from samplers_for_tests import never_loaded
from scipy import stats

from fixtures.attention import Attention
from harness.design import clip_table
from harness.instrument import require_replayed
from harness.measures.temporal import band_powers, band_sums, octave_bands
from harness.plan import CaptureSpec
from harness.prompts import load_bank
from harness.sampling import replay
from harness.sampling.maps import WholeMaps
from harness.sampling.replay import Replay, replay_clips, replayed
from harness.sampling.sampler import Sampler
from harness.sampling.workers import collect
from harness.store import Store
from harness.store.audit import unreferenced
from harness.verdict import BrokenInstrument

PLAN = plan_of(2)
STEPS, WINDOWS = 23, 8
LAYERS, HEADS = MODEL.card.layers, MODEL.card.heads
BANDS = octave_bands(50.0, 0.4)
of_step = np.arange(STEPS) * WINDOWS // STEPS  # which window

pytestmark = pytest.mark.usefixtures("one_thread", "no_waiting_for_the_disk")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, MODEL.card)
    collect(replace(PLAN, clips=replay_clips(PLAN)), store, sampler)
    return store


def maps_of(
    store: Store, clip: int, layer: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Audiocraft's own: `(halves, heads, steps, steps)`, `(heads, steps, tokens)`."""
    spec = replay_clips(PLAN)[clip]
    codes = torch.from_numpy(store.tokens(spec.key).codes.astype(np.int64))
    return attention_of(MODEL.language_model, spec.prompt.text, codes, layer=layer)


# --- what was seen ------------------------------------------------------------------


def test_entropy_and_distance_are_those_of_audiocrafts_maps(store: Store) -> None:
    found = replayed(PLAN, store, sampler)
    clips = len(replay_clips(PLAN))
    assert found.entropy.shape == (clips, LAYERS, HEADS, 2, WINDOWS)
    assert found.distance.shape == found.entropy.shape
    for clip, layer in ((0, 0), (4, 1)):
        own, _ = maps_of(store, clip, layer)
        for half, head in np.ndindex(2, HEADS):
            weights = own[half, head]
            entropy = [
                stats.entropy(row[: step + 1]) / np.log(step + 1)
                for step, row in enumerate(weights)
                if step > 0
            ]
            distance = [
                sum(weight * (step - k) / 50.0 for k, weight in enumerate(row))
                for step, row in enumerate(weights)
            ]
            for window in range(WINDOWS):
                np.testing.assert_allclose(
                    found.entropy[clip, layer, head, half, window],
                    np.mean(np.array(entropy)[of_step[1:] == window]),
                    rtol=1e-4,
                )
                np.testing.assert_allclose(
                    found.distance[clip, layer, head, half, window],
                    np.mean(np.array(distance)[of_step == window]),
                    rtol=1e-4,
                    atol=1e-6,
                )


def test_attention_to_text_is_that_of_audiocrafts_maps(store: Store) -> None:
    found = replayed(PLAN, store, sampler)
    assert found.to_text is not None
    for clip, layer in ((1, 0), (5, 1)):
        _, text = maps_of(store, clip, layer)
        tokens = text.shape[2]
        assert len(found.pieces[clip]) == tokens
        seen = found.to_text[clip, layer]
        for window in range(WINDOWS):
            mean = text[:, of_step == window].mean(1)
            np.testing.assert_allclose(seen[:, window, :tokens], mean, rtol=1e-4)
        assert np.isnan(seen[..., tokens:]).all()
        np.testing.assert_allclose(np.nansum(seen, axis=-1), 1.0, rtol=1e-5)


def test_power_is_that_of_the_activations_as_they_were_made(
    store: Store, tmp_path: Path
) -> None:
    spec = CaptureSpec(resolved_layers=tuple(range(LAYERS)))
    plan = replace(PLAN, clips=replay_clips(PLAN)[:1])
    resolved = Store(tmp_path / "resolved", MODEL.card)
    maker = Sampler(MODEL, GENERATION, capture=spec, scratch=resolved.aside)
    collect(plan, resolved, lambda: maker)
    found = replayed(PLAN, store, sampler)
    (key,) = plan.keys
    for layer in range(LAYERS):
        for half, name in enumerate(("conditional", "null")):
            sequence = resolved.resolved(key, f"resid_post.layer_{layer}.{name}")
            np.testing.assert_allclose(
                band_sums(found.power[0, layer, half], found.frequencies, BANDS),
                band_powers(sequence, 50.0, BANDS),
                rtol=1e-3,
            )


def test_by_hand_who_looks_everywhere_and_who_looks_at_itself() -> None:
    # Two rows of one head; queries of zero look everywhere, large ones at themselves.
    steps = 5
    keys = torch.eye(steps)[None, None].repeat(2, 1, 1, 1)
    query = keys * torch.tensor([0.0, 1e4])[:, None, None, None]
    maps = WholeMaps(offset=0)
    maps.add_self_attention(query, keys)
    assert maps.to_music is not None
    entropy, distance = replay._of_music(maps.to_music, 0)
    np.testing.assert_allclose(entropy[0, 0], [np.nan, 1, 1, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(distance[0, 0], [0, 0.5, 1, 1.5, 2], rtol=1e-6)
    np.testing.assert_allclose(entropy[1, 0], [np.nan, 0, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(distance[1, 0], 0, atol=1e-6)


def test_by_hand_means_in_windows_leave_out_what_is_not_known() -> None:
    values = np.array([np.nan, 2.0, *range(14)])
    np.testing.assert_allclose(
        replay._in_windows(values), [2.0, 0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5]
    )
    short = replay._in_windows(np.array([1.0, 2.0]))
    assert np.isnan(short).sum() == 6


def test_pieces_are_as_many_as_there_are_tokens() -> None:
    text = "melancholy tune, in a wooden hall"
    pieces = MODEL.text_pieces(text)
    assert len(pieces) == len(MODEL.encode_text(text).cross)
    assert pieces[:2] == ("▁melancholy", "▁tune")


# --- it is the clip that was made ---------------------------------------------------


def test_what_is_seen_is_what_was_captured(store: Store) -> None:
    found = replayed(PLAN, store, sampler)
    assert found.deviation < 1e-5
    require_replayed(found)


def test_a_long_clip_is_seen_up_to_its_first_seconds(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "REPLAYED_SECONDS", 0.2)
    found = replayed(PLAN, store, sampler)
    assert found.frequencies.size == found.power.shape[-1] == 7  # of 13 steps
    assert found.deviation < 1e-5
    monkeypatch.undo()
    whole = replayed(PLAN, store, sampler)
    assert not np.allclose(found.entropy, whole.entropy)


def test_codes_that_are_not_the_clips_own_are_found_out(store: Store) -> None:
    clip = replay_clips(PLAN)[4]
    put_with_other_codes(store, clip)
    found = replayed(PLAN, Store(store.root, MODEL.card), sampler)
    with pytest.raises(BrokenInstrument, match="its own codes under its own words"):
        require_replayed(found)


# --- it is kept ---------------------------------------------------------------------


def same(one: Replay, other: Replay) -> bool:
    arrays = ("entropy", "distance", "power", "to_text")
    others = ("keys", "pieces", "deviation", "steps", "frame_rate")
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
        for name in arrays
    ) and all(getattr(one, name) == getattr(other, name) for name in others)


def test_it_is_made_once_and_then_read_without_a_model(store: Store) -> None:
    first = replayed(PLAN, store, sampler)
    again = replayed(PLAN, Store(store.root, MODEL.card), never_loaded)
    assert same(first, again)


def test_a_damaged_file_is_reported_and_made_again(store: Store) -> None:
    first = replayed(PLAN, store, sampler)
    (file,) = (store.directory / "replays").iterdir()
    damage(file)
    said = damage_found(store)
    assert len(said) == 1
    assert file.name in said[0]
    assert same(replayed(PLAN, store, sampler), first)
    assert damage_found(store) == []


def test_it_goes_with_the_clips_that_it_is_of(store: Store) -> None:
    replayed(PLAN, store, sampler)
    assert unreferenced(store) == []
    store.disk.remove(store.record_name(replay_clips(PLAN)[0].key))
    (file,) = (store.directory / "replays").iterdir()
    assert any(name.endswith(file.name) for name in unreferenced(store))


def test_equally_many_prompts_of_every_emotion_are_seen() -> None:
    clips = replay_clips(plan_of(25))
    assert [c.prompt.emotion for c in clips] == list(EMOTIONS) * 20
    assert not any(c.is_control for c in clips)


# --- models and banks that cannot be asked ------------------------------------------


def test_a_model_that_attends_to_no_text_cannot_be_asked_which_words_it_reads(
    tmp_path: Path,
) -> None:
    model = loaded(tiny_musicgen(prefix=True), name="melody")
    plan = plan_of(1, model.card.fingerprint)
    plan = replace(plan, clips=replay_clips(plan))
    store = Store(tmp_path, model.card)
    maker = Sampler(model, GENERATION)
    collect(plan, store, lambda: maker)
    found = replayed(plan, store, lambda: maker)
    assert found.deviation < 1e-5
    assert found.to_text is None
    again = replayed(plan, Store(tmp_path, model.card), never_loaded)
    assert again.to_text is None
    seen = Attention(
        replay=found,
        table=clip_table(plan, bank=load_bank("matched")),
        bank=load_bank("matched"),
        model="melody",
    )
    assert seen.entropy.shape == (3, model.card.layers, model.card.heads)
    # What comes before the music is looked at, too, and is further back.
    assert np.exp(seen.distance).max() > 0.02
    with pytest.raises(BrokenInstrument, match="melody has no attention that reads"):
        _ = seen.readings


def test_listed_prompts_do_not_say_which_word_is_the_emotions(store: Store) -> None:
    seen = Attention(
        replay=replayed(PLAN, store, sampler),
        table=clip_table(replace(PLAN, clips=replay_clips(PLAN))),
        bank=load_bank("generic"),
        model="tiny",
    )
    with pytest.raises(BrokenInstrument, match="Use `--prompts matched`"):
        _ = seen.readings
