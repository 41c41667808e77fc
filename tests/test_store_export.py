"""What is exported is read by the programs that it is for."""

from __future__ import annotations

import csv
import gc
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import datasets
import numpy as np
import pytest
import soundfile
from clips_for_tests import (
    CARD,
    GENERATION,
    PROVENANCE,
    filled,
    make_audio,
    make_capture,
    plan_of,
    put_clip,
    resolved_tensors,
)

from harness.captures import HALVES, STATISTICS, WINDOWED
from harness.store import Store
from harness.store.commands import main

PLAN = plan_of(2)
CLIPS = sorted(PLAN.clips[:4], key=lambda c: (c.prompt.emotion, c.prompt.template))
HAPPY = [clip for clip in CLIPS if clip.prompt.emotion == "happy"]

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four clips of two emotions."""
    return filled(tmp_path / "store", CLIPS)


@pytest.fixture
def export(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """A function that exports to `out` and returns what was said."""

    def run(*words: str, status: int = 0) -> str:
        to = ["--to", str(tmp_path / "out"), "--store", str(store.root)]
        assert main(["export", *to, *words]) == status
        captured = capsys.readouterr()
        return captured.out + captured.err

    return run


Export = Callable[..., str]


# --- SAELens ----------------------------------------------------------------------


def load_as_saelens_does(
    path: Path, *, hook_name: str, context_size: int, d_in: int
) -> np.ndarray:
    """What `ActivationsStore.load_cached_activation_dataset` asks of a directory."""
    found = datasets.load_from_disk(str(path))
    found.set_format(type="numpy", columns=[hook_name])
    assert hook_name in found.column_names
    assert found.features[hook_name].shape == (context_size, d_in)
    activations: np.ndarray = found[:][hook_name]
    return activations


def test_saelens_reads_a_row_a_clip_and_a_column_a_hook(
    export: Export, tmp_path: Path
) -> None:
    said = export("--format", "saelens", "--half", "null")
    assert "4 clips of phantom:paper" in said
    assert "means of time windows; context_size 8, d_in 3" in said
    for layer in range(CARD.layers):
        found = load_as_saelens_does(
            tmp_path / "out",
            hook_name=f"blocks.{layer}.hook_resid_post",
            context_size=8,
            d_in=CARD.d_model,
        )
        assert found.dtype == np.float32
        expected = [make_capture(c.seed).window_mean[0, layer, 1] for c in CLIPS]
        np.testing.assert_array_equal(found, expected)


def test_the_data_set_says_what_it_is_and_whose_the_rows_are(
    export: Export, tmp_path: Path
) -> None:
    export("--format", "saelens")
    found = datasets.load_from_disk(str(tmp_path / "out"))
    assert "conditional half, means of time windows" in found.info.description
    assert found["key"][:] == [clip.key for clip in CLIPS]
    assert found["emotion"][:] == [clip.prompt.emotion for clip in CLIPS]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert "cache" not in names
    assert "dataset_info.json" in names


def test_saelens_gets_every_step_where_every_step_was_kept(
    export: Export, store: Store, tmp_path: Path
) -> None:
    for clip in CLIPS:
        put_clip(store, clip, scratch=tmp_path)
    said = export("--format", "saelens")
    steps = CARD.steps(GENERATION.duration_seconds)
    assert f"every step; context_size {steps}, d_in 3" in said
    found = load_as_saelens_does(
        tmp_path / "out",
        hook_name="blocks.1.hook_resid_post",  # the only layer that was kept
        context_size=steps,
        d_in=CARD.d_model,
    )
    name = "resid_post.layer_1.conditional"
    expected = [resolved_tensors(clip.seed)[name] for clip in CLIPS]
    np.testing.assert_array_equal(found, expected)


def test_windows_are_taken_where_a_layer_was_not_kept_at_every_step(
    export: Export, store: Store, tmp_path: Path
) -> None:
    for clip in CLIPS:
        put_clip(store, clip, scratch=tmp_path)
    said = export("--format", "saelens", "--layers", "0")
    assert "hooks blocks.0.hook_resid_post;" in said
    assert "means of time windows" in said


def test_without_its_package_the_remedy_is_named(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    said = export("--format", "saelens", status=2)
    assert said == (
        "`--format saelens` needs the package datasets. Install it with "
        "`pip install 'skeptic[export]'`.\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


# --- audiofolder ------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it leaves metadata.csv open
def test_datasets_loads_the_audiofolder(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loading asks for torchcodec, which it needs for decoding only.
    encoders = ModuleType("torchcodec.encoders")
    monkeypatch.setattr(encoders, "AudioEncoder", None, raising=False)
    monkeypatch.setitem(sys.modules, "torchcodec", ModuleType("torchcodec"))
    monkeypatch.setitem(sys.modules, "torchcodec.encoders", encoders)
    export("--format", "audiofolder")
    found = datasets.load_dataset(
        "audiofolder",
        data_dir=str(tmp_path / "out"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    ).cast_column("audio", datasets.Audio(decode=False))
    assert len(found) == 4
    by_key = {clip.key: clip for clip in CLIPS}
    for row in found:
        clip = by_key[row["key"]]
        assert row["prompt"] == clip.prompt.text
        assert row["emotion"] == clip.prompt.emotion
        samples, rate = soundfile.read(row["audio"]["path"], dtype="float32")
        assert rate == CARD.sample_rate
        np.testing.assert_allclose(samples, make_audio(clip.seed), atol=1 / 32767)
    gc.collect()


def test_one_emotion_is_exported_alone(export: Export, tmp_path: Path) -> None:
    export("--format", "audiofolder", "--emotion", "happy")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"metadata.csv", *(f"{clip.key}.wav" for clip in HAPPY)}


# --- NumPy ------------------------------------------------------------------------


def test_numpy_loads_a_file_for_each_statistic(export: Export, tmp_path: Path) -> None:
    export("--format", "numpy", "--layers", "1", "--half", "conditional")
    half = HALVES.index("conditional")
    for name in (*STATISTICS, *WINDOWED):
        found = np.load(tmp_path / "out" / f"{name}.npy")
        expected = [getattr(make_capture(c.seed), name)[0, [1], half] for c in CLIPS]
        np.testing.assert_array_equal(found, np.stack(expected), strict=True)
    with (tmp_path / "out" / "clips.csv").open(encoding="utf-8") as stream:
        assert [row["key"] for row in csv.DictReader(stream)] == [c.key for c in CLIPS]


def test_another_site_is_exported_by_its_name(
    export: Export, store: Store, tmp_path: Path
) -> None:
    for clip in CLIPS:
        capture = make_capture(clip.seed)
        names = (*STATISTICS, *WINDOWED)
        both: dict[str, Any] = {
            n: np.concatenate([getattr(capture, n)] * 2) for n in names
        }
        both["mean"][1] += 1
        capture = replace(capture, sites=("resid_post", "mlp"), **both)
        store.put(
            clip,
            make_audio(clip.seed),
            capture,
            generation=GENERATION,
            provenance=PROVENANCE,
        )
    export("--format", "numpy", "--site", "mlp")
    found = np.load(tmp_path / "out" / "mean.npy")
    expected = [make_capture(clip.seed).mean[0, :, 0] + 1 for clip in CLIPS]
    np.testing.assert_array_equal(found, expected)


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize("form", ["saelens", "audiofolder", "numpy"])
def test_an_export_of_damaged_clips_is_refused_and_leaves_nothing(
    export: Export, store: Store, tmp_path: Path, form: str
) -> None:
    for name in (f"audio/{CLIPS[2].key}.wav", f"captures/{CLIPS[2].key}.parquet"):
        path = store.directory / name
        content = bytearray(path.read_bytes())
        content[200] ^= 1
        path.write_bytes(bytes(content[:-1]))
    said = export("--format", form, status=2)
    assert CLIPS[2].key in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_a_target_that_exists_is_left_alone(export: Export, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    said = export("--format", "numpy", status=2)
    assert said.startswith(f"`--to {tmp_path / 'out'}` must not exist yet.")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--layers", "0,2"], "`--layers` must be below 2, got 2."),
        (["--emotion", "bored"], "There are no such clips."),
        (["--duration", "8"], "There are no such clips."),
        (["--model", "other"], "`--model` must name one model in the store, got none"),
        (["--site", "mlp"], "was captured at resid_post, not at `mlp`"),
    ],
)
def test_a_wish_that_nothing_meets_is_refused_in_one_line(
    export: Export, tmp_path: Path, words: list[str], expected: str
) -> None:
    said = export("--format", "numpy", *words, status=2)
    assert expected in said
    assert said.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


@pytest.mark.parametrize("layers", ["0,x", "all", "0,", "-1", ""])
def test_layers_that_are_no_numbers_are_refused_in_words(
    export: Export, capsys: pytest.CaptureFixture[str], layers: str
) -> None:
    with pytest.raises(SystemExit):
        export("--format", "numpy", f"--layers={layers}")
    said = capsys.readouterr().err
    assert f"must be numbers and commas, such as 0,3,5, got {layers}." in said
    assert "_numbers" not in said


@pytest.mark.parametrize(
    "words", [("--layers", "0"), ("--site", "resid_post"), ("--half", "null")]
)
def test_audio_has_no_layers_sites_or_halves(
    export: Export, tmp_path: Path, words: tuple[str, str]
) -> None:
    said = export("--format", "audiofolder", *words, status=2)
    assert f"`--format audiofolder` must stand without {words[0]}:" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert "4 clips" in export("--format", "numpy", *words)


def test_of_several_models_one_must_be_named(
    export: Export, store: Store, tmp_path: Path
) -> None:
    other = replace(CARD, fingerprint="f" * 32, name="phantom:other")
    put_clip(Store(store.root, other), CLIPS[0])
    said = export("--format", "numpy", status=2)
    assert "got phantom:other (ffffffffffff), phantom:paper (0123456789ab)" in said
    assert "1 clips of phantom:other" in export(
        "--format", "numpy", "--model", "ffffffff"
    )


def test_clips_of_two_lengths_are_told_apart(
    export: Export, store: Store, tmp_path: Path
) -> None:
    store.put(
        PLAN.clips[5],
        make_audio(0),
        make_capture(0),
        generation=replace(GENERATION, duration_seconds=8.0),
        provenance=PROVENANCE,
    )
    said = export("--format", "numpy", status=2)
    assert "must have one length, got 0.1, 8 s. Choose with --duration." in said
    assert "4 clips" in export("--format", "numpy", "--duration", "0.1")
