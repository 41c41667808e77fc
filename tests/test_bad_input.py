"""What is asked for wrongly is refused before anything is spent, in one clear line.

Most cases ask `open_run` itself; some go through the whole of pytest, on the claims as
they are shipped. A weight that is not a number is found where it is.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.models import checkpoint, phantoms
from harness.request import Request
from harness.run import RunError, open_run
from harness.store import Store

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
ENCODES = phantoms.WEIGHTS / "encodes"
LFS_POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 841000000\n"
)


Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Ask for a run that is refused, and give what was said: one line."""

    def ask(**changes: Any) -> str:
        fields = {"store": str(tmp_path / "store"), "device": "cpu", **changes}
        with pytest.raises(RunError, match=r"\S") as caught:
            open_run(Request(**fields))
        said = str(caught.value)
        assert "\n" not in said
        assert not list(tmp_path.glob("store/*/*/audio"))
        return said

    return ask


# --- the model ----------------------------------------------------------------------


def test_an_unknown_phantom_is_refused_with_those_there_are(refused: Refused) -> None:
    said = refused(model="phantom:sings")
    assert "`--model phantom:sings` is not a phantom: must be one of phantom:" in said
    for name in phantoms.names():
        assert f"phantom:{name}" in said


@pytest.mark.parametrize("name", ["musicgen", "no/such/place", "a b/c", "./gone", ""])
def test_a_name_that_is_no_model_is_refused_with_what_may_be_given(
    refused: Refused, name: str
) -> None:
    said = refused(model=name)
    assert f"`--model {name}` is not a model: must be a phantom (phantom:" in said
    assert "facebook/musicgen-small" in said
    assert "a directory with state_dict.bin and compression_state_dict.bin" in said


def made_up_checkpoint(directory: Path) -> Path:
    """The phantom's two files, to be spoilt."""
    directory.mkdir()
    for name in ("state_dict.bin", "compression_state_dict.bin"):
        (directory / name).write_bytes((ENCODES / name).read_bytes())
    return directory


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return made_up_checkpoint(tmp_path / "model")


@pytest.mark.parametrize("name", ["state_dict.bin", "compression_state_dict.bin"])
def test_a_directory_that_lacks_a_file_is_refused(
    refused: Refused, model: Path, name: str
) -> None:
    (model / name).unlink()
    assert f"`--model {model}` is missing {name}: " in refused(model=str(model))


@pytest.mark.parametrize("name", ["state_dict.bin", "compression_state_dict.bin"])
@pytest.mark.parametrize("content", [b"", b"hello", LFS_POINTER.encode()])
def test_a_file_that_is_no_checkpoint_is_refused(
    refused: Refused, model: Path, name: str, content: bytes
) -> None:
    (model / name).write_bytes(content)
    said = refused(model=str(model))
    assert f"{name} cannot be read as a checkpoint" in said
    assert "Git LFS pointer: fetch it again" in said


@pytest.mark.parametrize("name", ["state_dict.bin", "compression_state_dict.bin"])
def test_a_file_that_is_cut_short_is_refused(
    refused: Refused, model: Path, name: str
) -> None:
    content = (model / name).read_bytes()
    (model / name).write_bytes(content[: len(content) // 2])
    assert f"{name} cannot be read as a checkpoint" in refused(model=str(model))


@pytest.mark.parametrize(
    ("package", "said"),
    [
        (torch.zeros(3), "state_dict.bin must hold a dictionary, got Tensor"),
        ([1, 2], "state_dict.bin must hold a dictionary, got list"),
        ({}, "is not a MusicGen checkpoint: 'xp.cfg' was not found"),
        ({"weight": torch.zeros(3)}, "is not a MusicGen checkpoint: 'xp.cfg'"),
        ({"xp.cfg": "a: 1", "best_state": {}}, "is not a MusicGen checkpoint"),
        ({"xp.cfg": "some text", "best_state": {}}, "is not a MusicGen checkpoint"),
        ({"xp.cfg": "a: [", "best_state": {}}, "is not a MusicGen checkpoint"),
        ({"xp.cfg": 7, "best_state": {}}, "is not a MusicGen checkpoint"),
    ],
)
def test_weights_of_something_else_are_refused(
    refused: Refused, model: Path, package: object, said: str
) -> None:
    torch.save(package, model / "state_dict.bin")
    assert said in refused(model=str(model))


def edited(model: Path, old: str, new: str) -> None:
    """Change the configuration of the language model."""
    package = torch.load(model / "state_dict.bin", weights_only=True)
    assert old in package["xp.cfg"]
    package["xp.cfg"] = package["xp.cfg"].replace(old, new)
    torch.save(package, model / "state_dict.bin")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("lm_model: transformer_lm", "lm_model: magnet_lm", "lm_model is magnet_lm"),
        ("  delay:", "  parallel:", "'delay'"),
        ("  description:", "  genre:", "'description'"),
        ("    t5:", "    clap:", "'t5'"),
        ("segment_duration: 30", "batch_size: 1", "'segment_duration'"),
    ],
)
def test_another_kind_of_model_is_refused_by_what_it_lacks(
    refused: Refused, model: Path, old: str, new: str, said: str
) -> None:
    edited(model, old, new)
    assert f"is not a MusicGen checkpoint: {said}" in refused(model=str(model))


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("name", ["state_dict.bin", "compression_state_dict.bin"])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_that_wants_to_run_code_is_refused_and_does_not_run_it(
    refused: Refused, tmp_path: Path, model: Path, name: str, zipped: bool
) -> None:
    marker = tmp_path / "exploded"
    package = {"best_state": {}, "xp.cfg": "", "bomb": Bomb(marker)}
    torch.save(package, model / name, _use_new_zipfile_serialization=zipped)
    said = refused(model=str(model))
    assert name in said
    assert not zipped or "wants to run code" in said
    assert not marker.exists()
    # The bomb is a real one.
    torch.load(model / name, weights_only=False)
    assert marker.exists()


# --- the design ---------------------------------------------------------------------


def test_an_unknown_emotion_is_refused_with_those_there_are(refused: Refused) -> None:
    said = refused(emotions=("happy", "hapy"))
    assert "'hapy'" in said
    for emotion in ("happy", "sad", "calm", "energetic", "angry"):
        assert emotion in said


@pytest.mark.parametrize(
    ("emotions", "said"),
    [
        (("happy",), "`--emotions` must name at least two, got one"),
        (("happy", "sad", "happy"), "must name each emotion once, got 'happy' twice"),
        ((), "must name at least one emotion"),
    ],
)
def test_emotions_that_make_no_comparison_are_refused(
    refused: Refused, emotions: tuple[str, ...], said: str
) -> None:
    assert said in refused(emotions=emotions)


def test_more_prompts_than_the_bank_has_are_refused(refused: Refused) -> None:
    said = refused(samples=5000)
    assert "2500 prompts per emotion are needed, bank `matched` has" in said
    assert "`--samples`" in said


@pytest.mark.parametrize("duration", [30.5, 31.0, 1e9])
def test_a_clip_beyond_the_model_s_context_is_refused(
    refused: Refused, duration: float
) -> None:
    said = refused(duration=duration)
    assert "is beyond the context of phantom:encodes: must be at most 30 s" in said


@pytest.mark.parametrize("duration", [1e-9, 0.01])
def test_a_clip_without_a_frame_is_refused(refused: Refused, duration: float) -> None:
    assert "`--duration" in refused(duration=duration)


def test_half_precision_on_the_cpu_is_refused(refused: Refused) -> None:
    assert "`--dtype float16` needs CUDA" in refused(dtype="float16")


def test_cuda_where_there_is_none_is_refused(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.device._NVIDIA_DRIVER", ())
    assert "there is no CUDA here. Use --device cpu." in refused(device="cuda")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"capture_sites": "mpl"}, "`--capture-sites` must name sites"),
        ({"resolved_layers": "0,6"}, "must name layers from 0 to 5, .* got `6`"),
        ({"attention_layers": "x"}, "`--attention-layers` must name layers"),
        ({"resolved_sites": "mlp"}, "must come with `--resolved-layers`"),
        ({"workers": 2}, "`--workers` must come with `--engine ray`"),
    ],
)
def test_what_cannot_be_kept_or_given_is_refused(
    refused: Refused, changes: dict[str, Any], said: str
) -> None:
    assert re.search(said, refused(**changes))


def test_clips_that_the_disk_has_no_room_for_are_refused(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything: dict[str, Any] = {"resolved_layers": "all", "attention_layers": "all"}
    monkeypatch.setattr(Store, "free_bytes", lambda self: 50_000_000)
    said = refused(**everything)
    assert "has 0.05 GB free, but the clips need" in said
    monkeypatch.setattr(Store, "free_bytes", lambda self: None)  # nobody knows
    open_run(Request(store=str(tmp_path / "store"), device="cpu", **everything))


# --- the prompt bank ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("", 1, "is empty"),
        ('[prompts]\nhappy = ["a"]\nsad = ["b"\n', 3, "is not TOML"),
        ('[prompts]\nhappy = ["a"]\nsad = [""]\n', 3, ""),
        ('[prompts]\nhappy = ["same"]\nsad = ["same"]\n', 3, "same"),
    ],
)
def test_a_prompt_bank_with_a_mistake_is_refused_with_its_line(
    refused: Refused, tmp_path: Path, content: str, line: int, said: str
) -> None:
    path = tmp_path / "bank.toml"
    path.write_text(content, encoding="utf-8")
    answer = refused(prompts=str(path), samples=1, emotions=("happy", "sad"))
    assert f"{path}:{line}: " in answer
    assert said in answer


def test_a_prompt_bank_that_is_not_there_is_refused(
    refused: Refused, tmp_path: Path
) -> None:
    assert "no such file" in refused(prompts=str(tmp_path / "gone.toml"))
    said = refused(prompts="mached")
    assert "'mached'" in said
    assert "matched" in said


# --- places -------------------------------------------------------------------------


def test_a_store_that_cannot_be_written_is_refused(
    refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    said = refused(store=str(tmp_path / "file" / "store"))
    assert "cannot be written" in said
    assert "--store" in said


# --- through the whole of pytest ----------------------------------------------------


@pytest.fixture
def claims_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., pytest.RunResult]:
    """Run pytest on the claims as shipped, from the checkout, in this process."""
    monkeypatch.delenv("SKEPTIC_STORE", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def run(*arguments: str, store: str = "store") -> pytest.RunResult:
        outside = pytester.path
        monkeypatch.chdir(ROOT)
        return pytester.runpytest_inprocess(
            f"--rootdir={ROOT}",
            f"-c{ROOT / 'pytest.ini'}",
            "-pno:cacheprovider",
            "-Wignore::pytest.PytestAssertRewriteWarning",
            f"--store={outside / store}",
            f"--report-dir={outside / 'report'}",
            *arguments,
        )

    return run


def assert_refused(result: pytest.RunResult, said: str) -> None:
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    text = result.stdout.str() + result.stderr.str()
    assert text.count("ERROR: ") == 1
    assert "Traceback" not in text
    assert re.search(said, next(t for t in text.splitlines() if "ERROR: " in t))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--model=phantom:sings"],
            "`--model phantom:sings` is not a phantom: .*encodes",
        ),
        (["--model=tests"], "`--model tests` is missing state_dict.bin"),
        (["--samples=0"], "`--samples` must be .*at least 1, got 0"),
        (["--duration=31"], "`--duration 31` is beyond the context .* at most 30 s"),
        (["--emotions=happy,hapy"], "'hapy'.*`happy`, `sad`"),
        (["--prompts=gone.toml"], "gone.toml: no such file"),
        (["--samples=5000"], "2500 prompts per emotion are needed"),
    ],
)
def test_a_refused_run_is_one_line_and_leaves_nothing_behind(
    claims_run: Callable[..., pytest.RunResult],
    pytester: pytest.Pytester,
    arguments: list[str],
    said: str,
) -> None:
    assert_refused(claims_run("-m", "week1", *arguments), said)
    assert not (pytester.path / "report").exists()
    assert not list(pytester.path.glob("store/*/*/audio"))


@pytest.mark.parametrize("option", ["--store", "--report-dir"])
def test_a_place_below_a_file_is_refused(
    claims_run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, option: str
) -> None:
    (pytester.path / "file").write_text("")
    result = claims_run("-m", "week1", f"{option}={pytester.path / 'file' / 'sub'}")
    assert_refused(result, rf"sub.*cannot be written .*{option}")


def test_an_activation_that_is_not_a_number_is_found_where_it_is(
    claims_run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    model = made_up_checkpoint(pytester.path / "model")
    package = torch.load(model / "state_dict.bin", weights_only=True)
    package["best_state"]["transformer.layers.3.linear2.weight"][0, 0] = torch.nan
    torch.save(package, model / "state_dict.bin")
    arguments = ("--samples=2", "--duration=2", f"--model={model}")
    result = claims_run("-m", "week1", "-v", *arguments)
    assert result.ret == 11
    text = " ".join(result.stdout.str().split())  # the summary is wrapped
    where = r"An activation is not finite: layer 3, step 0, clip [0-9a-f]{32}"
    assert re.search(where, text)
    assert re.search(r"test_captures_are_finite\S* INVALID", text)
    assert re.search(r"test_emotions_separate_in_some_layer\S* INVALID", text)
    assert "Traceback" not in text


# --- as a user types it -------------------------------------------------------------


def typed(
    *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", checkpoint.KNOWN_MODELS[:1])
def test_a_model_that_is_not_in_the_cache_is_refused_with_how_to_fetch_it(
    tmp_path: Path, name: str
) -> None:
    result = typed(
        *("-m", "week1", "--model", name),
        *("--store", str(tmp_path / "store"), "--report-dir", str(tmp_path / "report")),
        environment={"HF_HOME": str(tmp_path / "home")},
    )
    assert result.returncode == 4
    (line,) = (t for t in result.stderr.splitlines() if t.startswith("ERROR: "))
    assert f"`--model {name}` needs state_dict.bin, which is not in the Hugging" in line
    assert f"{tmp_path}/home/hub" in line
    assert f"Fetch it with `hf download {name}`" in line
    assert not (tmp_path / "report").exists()


def test_directories_elsewhere_may_be_given_with_a_space(tmp_path: Path) -> None:
    # pytest looks for its settings where it takes the value of an option for a path.
    model = made_up_checkpoint(tmp_path / "model")
    (model / "state_dict.bin").write_text("hello")
    for name in ("store", "report"):
        (tmp_path / name).mkdir()
    result = typed(
        *("-m", "week1", "--model", str(model)),
        *("--store", str(tmp_path / "store"), "--report-dir", str(tmp_path / "report")),
    )
    assert result.returncode == 4
    (line,) = (t for t in result.stderr.splitlines() if t.startswith("ERROR: "))
    assert "state_dict.bin cannot be read as a checkpoint" in line


@pytest.mark.parametrize(
    ("words", "samples", "refused"),
    [(3, 10, "0.25, not below the 0.005"), (8, 10, "0.0078"), (8, 20, None)],
)
def test_words_too_few_for_a_gate_are_refused(
    tmp_path: Path, words: int, samples: int, refused: str | None
) -> None:
    sentences = [f"{{emotion}} music {letter}" for letter in "abcdefghijklmnopqrst"]
    lists = {
        emotion: [f"{emotion}-{number}" for number in range(words)]
        for emotion in ("happy", "sad")
    }
    bank = tmp_path / "few.toml"
    text = f"templates = {json.dumps(sentences)}\n[words]\n"
    text += "".join(f"{name} = {json.dumps(list_)}\n" for name, list_ in lists.items())
    bank.write_text(text, "utf-8")
    request = Request(
        prompts=str(bank),
        emotions=("happy", "sad"),
        samples=samples,
        store=str(tmp_path / "store"),
    )
    if refused is None:
        assert open_run(request).plan.clips
        return
    with pytest.raises(RunError, match=rf"gives {words} words.*{re.escape(refused)}"):
        open_run(request)
    assert open_run(replace(request, samples=3)).plan.clips  # a smoke run may
