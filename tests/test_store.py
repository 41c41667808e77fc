"""What is put into a store comes back, and is not made again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from clips_for_tests import (
    CARD,
    CLIPS,
    FIRST,
    GENERATION,
    PLAN,
    PROVENANCE,
    flip_a_bit,
    make_audio,
    make_capture,
    make_tokens,
    put_clip,
    reopened,
    tree,
)

from harness.captures import ClipCapture, ClipTokens
from harness.models.protocol import ModelCard
from harness.plan import ENGINE
from harness.store import Store, StoreError
from harness.store.disk import LocalDisk

STATISTICS = ("mean", "variance", "magnitude", "first_step")
WINDOWED = ("window_mean", "window_variance", "window_magnitude")

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_captures_come_back_to_the_bit(store: Store) -> None:
    again = reopened(store)
    keys = [clip.key for clip in CLIPS]
    for name in (*STATISTICS, *WINDOWED):
        expected = np.stack([getattr(make_capture(c.seed), name)[0] for c in CLIPS])
        found = again.captures(keys, name)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected, strict=True)
        reverse = again.captures(keys[::-1], name)
        np.testing.assert_array_equal(reverse, expected[::-1])


def test_codes_and_text_come_back_as_the_model_wrote_and_read_them(
    store: Store,
) -> None:
    again = reopened(store)
    for clip in CLIPS:
        tokens = make_tokens(clip.seed)
        np.testing.assert_array_equal(again.tokens(clip.key).codes, tokens.codes)
    assert again.tokens(FIRST.key).codes.dtype == np.int16
    expected = np.stack([make_tokens(c.seed).text for c in CLIPS])
    found = again.text_embeddings([c.key for c in CLIPS])
    np.testing.assert_array_equal(found, expected, strict=True)


def test_codes_beyond_sixteen_bits_come_back_too(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    codes = np.array([[0, 2**15 - 1], [2**15, 70_000]])
    tokens = ClipTokens(codes=codes, text=np.zeros(3, np.float32))
    capture = replace(make_capture(FIRST.seed), tokens=tokens)
    audio = make_audio(FIRST.seed)
    store.put(FIRST, audio, capture, generation=GENERATION, provenance=PROVENANCE)
    np.testing.assert_array_equal(store.tokens(FIRST.key).codes, codes)


def test_a_clip_without_tokens_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path, CARD)
    capture = replace(make_capture(FIRST.seed), tokens=None)
    audio = make_audio(FIRST.seed)
    store.put(FIRST, audio, capture, generation=GENERATION, provenance=PROVENANCE)
    assert store.digests(audio, capture) == store.digests_of(FIRST.key)
    with pytest.raises(StoreError, match=f"Clip {FIRST.key} has no tokens"):
        store.tokens(FIRST.key)


def test_audio_comes_back_to_sixteen_bits(store: Store) -> None:
    samples, rate = reopened(store).audio(FIRST.key)
    assert rate == 16_000
    assert samples.shape == (1600,)
    np.testing.assert_allclose(samples, make_audio(FIRST.seed), atol=1 / 32767)


def test_the_record_says_what_the_clip_is(store: Store) -> None:
    record = reopened(store).record(FIRST.key)
    assert record["key"] == FIRST.key
    assert record["prompt"] == FIRST.prompt.text
    assert record["emotion"] == FIRST.prompt.emotion
    assert record["template"] == FIRST.prompt.template
    assert record["seed"] == FIRST.seed
    assert record["model"] == CARD.name
    assert record["generation"]["duration_seconds"] == 0.1
    assert record["steps"] == [8, 8]
    assert record["not_finite"] == []
    assert record["peak"] == pytest.approx(np.abs(make_audio(FIRST.seed)).max())
    assert record["sites"] == ["resid_post"]
    assert record["provenance"] == {
        **PROVENANCE,
        "model": CARD.fingerprint,
        "engine": ENGINE,
        "seed": FIRST.seed,
        "time": "2023-11-14T22:13:20Z",  # SOURCE_DATE_EPOCH of clips_for_tests
    }


def test_clips_that_were_not_put_are_missing(store: Store) -> None:
    again = reopened(store)
    assert again.missing(PLAN.clips) == list(PLAN.clips[3:])
    assert again.count(PLAN.keys) == 3
    assert [again.has(c.key) for c in PLAN.clips] == [True] * 3 + [False] * 5
    assert again.damage_reports() == []
    with pytest.raises(StoreError, match=rf"Clip {PLAN.clips[3].key} is not in .* Run"):
        again.captures([PLAN.clips[3].key], "mean")
    with pytest.raises(StoreError, match="is not in"):
        again.audio(PLAN.clips[3].key)


def test_the_same_clip_always_gives_the_same_files(
    store: Store, tmp_path: Path
) -> None:
    other = Store(tmp_path / "other", CARD)
    for clip in CLIPS:
        put_clip(other, clip)
        put_clip(other, clip)
    assert tree(other.directory) == tree(store.directory)


def test_digests_are_those_of_the_numbers_that_are_there(store: Store) -> None:
    audio, capture = make_audio(FIRST.seed), make_capture(FIRST.seed)
    there = store.digests_of(FIRST.key)
    assert set(there) == {"audio", "codes", "text", *STATISTICS, *WINDOWED}
    assert len(set(there.values())) == len(there)
    assert store.digests(audio, capture) == there
    for name in (*STATISTICS, *WINDOWED):
        nearly = getattr(capture, name).copy()
        last = (-1,) * nearly.ndim
        nearly[last] = np.nextafter(nearly[last], np.float32(np.inf))
        found = store.digests(audio, replace(capture, **{name: nearly}))
        assert {n for n in there if found[n] != there[n]} == {name}
    for name in ("codes", "text"):
        numbers = getattr(make_tokens(FIRST.seed), name).copy()
        numbers.flat[-1] += 1
        tokens = replace(make_tokens(FIRST.seed), **{name: numbers})
        found = store.digests(audio, replace(capture, tokens=tokens))
        assert {n for n in there if found[n] != there[n]} == {name}
    found = store.digests(-audio, capture)
    assert {n for n in there if found[n] != there[n]} == {"audio"}


def test_digests_do_not_depend_on_what_wrote_the_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of pyarrow puts its name into the file, or packs otherwise."""
    before, files = store.digests_of(FIRST.key), store.record(FIRST.key)["files"]
    write_table = pq.write_table

    def otherwise(table: Any, sink: Any, **how: Any) -> None:
        write_table(table, sink, **{**how, "compression": "gzip"})

    monkeypatch.setattr(pq, "write_table", otherwise)
    put_clip(store, FIRST)
    again = reopened(store)
    assert again.record(FIRST.key)["files"] != files
    assert again.digests_of(FIRST.key) == before


def test_digests_of_a_damaged_clip_are_refused(store: Store) -> None:
    flip_a_bit(store.directory / "captures" / f"{FIRST.key}.parquet")
    with pytest.raises(StoreError, match="does not match its checksum"):
        reopened(store).digests_of(FIRST.key)


def test_models_do_not_share_clips(store: Store) -> None:
    other = Store(store.root, replace(CARD, fingerprint="f" * 32))
    assert not other.has(FIRST.key)


def test_the_card_says_what_the_model_is(store: Store) -> None:
    path = store.directory.parent / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    assert ModelCard.from_dict(card) == CARD


def test_checks_and_features_come_back_and_are_none_before(store: Store) -> None:
    assert store.check("repeat") is None
    assert store.features(FIRST.key) is None
    store.write_check("repeat", {"differing": []})
    store.write_features(FIRST.key, {"tempo_bpm": 120.5})
    assert reopened(store).check("repeat") == {"differing": []}
    assert reopened(store).features(FIRST.key) == {"tempo_bpm": 120.5}


def several_sites(seed: int) -> ClipCapture:
    """A capture at two sites, each with its own numbers."""
    one, two = make_capture(seed), make_capture(seed + 1)
    names = (*STATISTICS, *WINDOWED)
    both: dict[str, Any] = {
        n: np.concatenate([getattr(one, n), getattr(two, n)]) for n in names
    }
    return replace(one, sites=("resid_post", "mlp"), **both)


def test_each_site_comes_back_by_its_name(store: Store) -> None:
    clip = PLAN.clips[3]
    capture = several_sites(clip.seed)
    store.put(
        clip,
        make_audio(clip.seed),
        capture,
        generation=GENERATION,
        provenance=PROVENANCE,
    )
    again = reopened(store)
    for place, site in enumerate(capture.sites):
        for name in ("variance", "window_mean"):
            found = again.captures([clip.key], name, site=site)
            np.testing.assert_array_equal(found[0], getattr(capture, name)[place])
    with pytest.raises(
        StoreError, match=r"at resid_post, mlp, not at `self_attn`\. Run"
    ):
        again.captures([clip.key], "mean", site="self_attn")


def test_a_statistic_that_there_is_not_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match=r"must be one of mean, .*got median"):
        store.captures([FIRST.key], "median")


def test_what_others_put_is_seen_after_a_refresh(store: Store) -> None:
    mine = reopened(store)
    assert mine.missing(PLAN.clips[:4]) == [PLAN.clips[3]]
    put_clip(store, PLAN.clips[3])
    assert not mine.has(PLAN.clips[3].key)
    assert mine.count(PLAN.keys) == 4  # progress looks each time
    mine.refresh()
    assert mine.missing(PLAN.clips[:4]) == []


def test_planning_opens_no_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    again = reopened(store)

    def opened(*args: Any, **named: Any) -> bytes:
        pytest.fail("a file was opened")

    monkeypatch.setattr(LocalDisk, "read", opened)
    assert again.missing(PLAN.clips) == list(PLAN.clips[3:])


def test_a_clip_is_checked_once_in_a_process(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = reopened(store)
    assert again.verify(PLAN.keys) == []
    monkeypatch.setattr(
        LocalDisk, "checksum", lambda self, name: pytest.fail("checked twice")
    )
    assert again.verify(PLAN.keys) == []


def test_a_clip_that_was_made_again_meanwhile_is_not_dropped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = reopened(store)
    flip_a_bit(store.audio_path(FIRST.key))
    found = again.problem

    def then_mended(key: str) -> str | None:
        problem = found(key)
        put_clip(store, FIRST)
        return problem

    monkeypatch.setattr(again, "problem", then_mended)
    assert again.verify([FIRST.key]) == []
    assert again.has(FIRST.key)
    assert reopened(store).missing(CLIPS) == []
