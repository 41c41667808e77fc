"""Models of a Hugging Face cache are found, described, loaded and run.

Conventions
-----------
Hidden states are `(layers, steps, 2, d_model)`, conditional half first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hub_for_tests import (
    HUB_CODEC,
    MELODY,
    NAMED_CODEC,
    SMALL,
    TEXT_ENCODER,
    described,
    load_named,
)
from transformers import EncodecModel

from harness.models.checkpoint import describe, locate
from harness.models.musicgen import LoadedMusicGen, restore_weights
from harness.models.protocol import ModelCard
from harness.plan import ClipSpec, Generation
from harness.prompts import Prompt
from harness.sampling.engine import Decoder
from harness.sampling.sampler import Sampler

ROOT = Path(__file__).parents[1]
PROMPT = "happy music for solo piano"
FRAMES = 12

FloatArray = npt.NDArray[np.float64]


@pytest.mark.parametrize("name", [SMALL, MELODY, NAMED_CODEC])
def test_a_model_in_the_cache_is_found_and_described(hub: Path, name: str) -> None:
    checkpoint = locate(name)
    assert checkpoint.language_model.name == "state_dict.bin"
    assert hub in checkpoint.language_model.parents
    card = describe(checkpoint)
    assert card == ModelCard(
        name=name,
        fingerprint=card.fingerprint,
        layers=3,
        d_model=32,
        heads=2,
        codebooks=4,
        vocabulary=2048,
        delays=(0, 1, 2, 3),
        frame_rate=50.0,
        sample_rate=32_000,
        max_duration_seconds=30.0,
        parameters=card.parameters,
        text_encoder=TEXT_ENCODER,
        codec=HUB_CODEC if name == NAMED_CODEC else "",
    )
    assert len(card.fingerprint) == 32
    assert ModelCard.from_dict(json.loads(json.dumps(card.as_dict()))) == card


def test_the_card_counts_the_parameters_of_the_language_model(hub: Path) -> None:
    model = load_named(SMALL)
    counted = sum(p.numel() for p in model.language_model.parameters())
    assert model.card.parameters == counted


def test_steps_are_frames_and_the_longest_delay(hub: Path) -> None:
    card = described(SMALL)
    assert (card.frames(8.0), card.steps(8.0)) == (400, 403)
    assert (card.frames(0.5), card.steps(0.5)) == (25, 28)


def audiocraft_hidden(model: LoadedMusicGen) -> tuple[FloatArray, torch.Tensor]:
    """Hidden states by plain hooks on audiocraft's own `generate`, and its codes."""
    lm, heard = model.language_model, []
    for layer in lm.transformer.layers:
        steps: list[torch.Tensor] = []
        heard.append(steps)
        layer.register_forward_hook(
            lambda module, inputs, out, steps=steps: steps.append(out[:, -1])
        )
    attributes, _ = model.musicgen._prepare_tokens_and_attributes([PROMPT], None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        codes = lm.generate(None, attributes, max_gen_len=FRAMES)
    hidden = torch.stack([torch.stack(steps) for steps in heard])
    return hidden.double().numpy(), codes


@pytest.mark.parametrize("name", [SMALL, MELODY, NAMED_CODEC])
def test_captures_equal_hooks_on_audiocraft_itself(hub: Path, name: str) -> None:
    model = load_named(name)
    hidden, codes = audiocraft_hidden(model)
    assert hidden.shape == (3, FRAMES + 3, 2, 32)
    decoded = Decoder(model.language_model).decode(
        [model.encode_text(PROMPT)],
        [0],
        Generation(duration_seconds=FRAMES / 50),
        frames=FRAMES,
        forced_codes=codes,
    )
    assert torch.equal(decoded.codes, codes)
    (capture,) = decoded.captures
    assert capture.steps == (FRAMES + 3,) * 3
    expected = {
        "mean": hidden.mean(1),
        "variance": hidden.var(1),
        "magnitude": np.abs(hidden).mean(1),
        "first_step": hidden[:, 0],
    }
    for statistic, values in expected.items():
        found = getattr(capture, statistic)[0]
        np.testing.assert_allclose(
            found, values, rtol=1e-4, atol=1e-5, err_msg=statistic
        )
    # The halves differ, or the comparison could not tell them apart.
    assert np.abs(hidden[:, :, 0] - hidden[:, :, 1]).mean() > 1e-3


@pytest.mark.parametrize("name", [SMALL, MELODY, NAMED_CODEC])
def test_a_micro_batch_gives_clips_and_whole_captures(hub: Path, name: str) -> None:
    model = load_named(name)
    generation = Generation(duration_seconds=0.4, batch_size=2)
    clips = [
        ClipSpec(
            key=f"clip-{emotion}",
            prompt=Prompt(text=f"{emotion} tune", emotion=emotion, template="t001"),
            replicate=0,
            seed=seed,
        )
        for seed, emotion in enumerate(("happy", "sad"))
    ]
    ((happy, sad),) = Sampler(model, generation).generate(clips)
    for sample in (happy, sad):
        assert sample.audio.shape == (12_800,)  # 0.4 s at 32 kHz
        assert np.isfinite(sample.audio).all()
        assert sample.audio.std() > 0
        assert sample.capture.steps == (23, 23, 23)
        assert sample.capture.not_finite == ()
    assert (happy.audio != sad.audio).any()
    first = [sample.capture.first_step for sample in (happy, sad)]
    np.testing.assert_array_equal(first[0][:, :, 1], first[1][:, :, 1])
    assert (first[0][:, :, 0] != first[1][:, :, 0]).any()


def test_weights_that_were_rounded_while_loading_are_restored(hub: Path) -> None:
    model = load_named(SMALL)
    before = {k: v.clone() for k, v in model.language_model.state_dict().items()}
    model.language_model.half().float()
    rounded = model.language_model.state_dict()
    assert any((rounded[name] != value).any() for name, value in before.items())
    restore_weights(model.language_model, locate(SMALL).pretrained)
    for name, value in model.language_model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_audio_of_a_named_codec_is_what_transformers_decodes(hub: Path) -> None:
    model = load_named(NAMED_CODEC)
    codes = torch.randint(2048, (1, 4, 10), generator=torch.manual_seed(3))
    codec = EncodecModel.from_pretrained(HUB_CODEC).eval()
    with torch.no_grad():
        expected = codec.decode(codes[None], [None])[0][0]
    np.testing.assert_allclose(model.decode_audio(codes), expected, rtol=1e-5)


def test_loading_a_melody_model_leaves_no_stem_separator_behind(hub: Path) -> None:
    load_named(MELODY)
    assert not [name for name in sys.modules if name.split(".")[0] == "demucs"]


def test_a_model_in_the_cache_runs_without_a_network(
    hub_home: Path, tmp_path: Path
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-m", "week1", "-k", "step"),
            *(f"--model={SMALL}", "--samples=2", "--duration=2"),
            *(f"--store={tmp_path / 'store'}", f"--report-dir={tmp_path / 'report'}"),
        ],
        cwd=ROOT,
        env={**environment, "HF_HOME": str(hub_home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 12, result.stdout + result.stderr
    assert f"model: {SMALL} (" in result.stdout
    record = json.loads((tmp_path / "report" / "verdict.json").read_text())
    assert (record["state"], record["verdict"]) == ("incomplete", None)
    assert record["model"]["name"] == SMALL
    assert {claim["id"]: claim["status"] for claim in record["claims"]} == {
        "every_step_captured": "supported",
        "every_step_captured control": "supported",
    }
    assert len(list(tmp_path.glob("store/*/*/audio/*.wav"))) == 16
