"""Models as they lie in a Hugging Face cache: found, described, loaded, fingerprinted.

The repositories are made here, in the layout and with the configuration fields of the
released ones, with small random weights in place of the real.

Conventions
-----------
Audio is 32 kHz, 50 frames a second, as in the released checkpoints; hidden states are
`(layers, steps, 2, d_model)`, conditional half first.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import numpy.typing as npt
import pytest
import torch
from audiocraft.models.builders import get_compression_model, get_lm_model
from omegaconf import OmegaConf
from transformers import EncodecConfig, EncodecModel, T5Config, T5EncoderModel

from harness.models import phantoms
from harness.models.checkpoint import describe, file_digest, locate
from harness.models.musicgen import (
    LoadedMusicGen,
    _without_stem_separator,
    load,
    restore_weights,
)
from harness.models.protocol import ModelCard, ModelError
from harness.phantoms.config import CODEC, LANGUAGE_MODEL
from harness.plan import ClipSpec, Generation
from harness.prompts import Prompt
from harness.sampling.engine import Decoder
from harness.sampling.sampler import Sampler

ROOT = Path(__file__).parents[1]
SMALL, MELODY = "facebook/musicgen-small", "facebook/musicgen-melody"
NAMED_CODEC = "facebook/musicgen-style"  # one whose codec is a name, not a file
HUB_CODEC, TEXT_ENCODER = "facebook/encodec_32khz", "t5-base"
COMMIT = "4c8334b02c6ec4e8664a91979669a501ec497792"
PROMPT = "happy music for solo piano"
FRAMES = 12

Files = dict[str, bytes]
FloatArray = npt.NDArray[np.float64]


# --- repositories as they are -------------------------------------------------------


def put(cache: Path, repository: str, files: Files) -> Path:
    """Add a repository to a hub cache, and return its snapshot."""
    home = cache / f"models--{repository.replace('/', '--')}"
    snapshot = home / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    for name, content in files.items():
        (home / "blobs" / blob_name(name, content)).write_bytes(content)
        blob = Path("..", "..", "blobs", blob_name(name, content))
        (snapshot / name).symlink_to(blob)
    return snapshot


def blob_name(name: str, content: bytes) -> str:
    """Large files are named by their SHA-256, the others as git names them."""
    if name.endswith((".bin", ".safetensors")):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def text_encoder(directory: Path, *, seed: int = 0) -> Files:
    """A T5 as wide as audiocraft takes the base model to be, and a real tokenizer."""
    shipped = phantoms.WEIGHTS / "t5-tiny"
    vocabulary = json.loads((shipped / "config.json").read_text())["vocab_size"]
    config = T5Config(
        d_model=768, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=vocabulary
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        T5EncoderModel(config).save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(shipped / name, directory)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def hub_codec(directory: Path, *, seed: int = 0) -> Files:
    """An EnCodec in the format of transformers, 4 codebooks of 2048."""
    config = EncodecConfig(
        target_bandwidths=[2.2],
        sampling_rate=32_000,
        audio_channels=1,
        num_filters=2,
        num_residual_layers=1,
        upsampling_ratios=[8, 5, 4, 4],
        codebook_size=2048,
        codebook_dim=8,
        hidden_size=8,
        num_lstm_layers=1,
        use_causal_conv=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = EncodecModel(config)
        for name, buffer in model.named_buffers():
            if name.endswith("codebook.embed"):  # zeros before training
                buffer.copy_(torch.randn_like(buffer))
        model.save_pretrained(directory)
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def codec_config() -> dict[str, Any]:
    config = copy.deepcopy(CODEC)
    config["sample_rate"] = 32_000
    config["encodec"]["sample_rate"] = "${sample_rate}"
    config["seanet"].update(n_filters=2, dimension=16, ratios=[8, 5, 4, 4])
    config["rvq"].update(bins=2048, kmeans_init=False)
    return config


def small_config() -> dict[str, Any]:
    """Of musicgen-small: text by cross-attention, T5 base, 4 codebooks of 2048."""
    config = copy.deepcopy(LANGUAGE_MODEL)
    config["sample_rate"] = 32_000
    config["classifier_free_guidance"]["inference_coef"] = 3.0
    config["transformer_lm"].update(dim=32, num_heads=2, num_layers=3, card=2048)
    config["conditioners"]["description"]["t5"].update(
        name=TEXT_ENCODER, word_dropout=0.2
    )
    config["conditioners"]["args"] = {
        "merge_text_conditions_p": 0.25,
        "drop_desc_p": 0.5,
    }
    config["generate"] = {"lm": {"use_sampling": True, "top_k": 250, "top_p": 0.0}}
    return config


def melody_config() -> dict[str, Any]:
    """Of musicgen-melody: chroma, then text, put before the music."""
    config = small_config()
    config["fuser"].update(cross=[], prepend=["self_wav", "description"])
    config["conditioners"]["self_wav"] = {
        "model": "chroma_stem",
        "chroma_stem": {
            "sample_rate": "${sample_rate}",
            "n_chroma": 12,
            "radix2_exp": 14,
            "argmax": True,
            "cache_path": "/cache/of/the/training/cluster",
            "match_len_on_eval": False,
            "eval_wavs": None,
            "n_eval_wavs": 100,
        },
    }
    return config


def built(build: Any, config: dict[str, Any], *, seed: int) -> torch.nn.Module:
    """A model with random weights, the norms included."""
    with torch.random.fork_rng(devices=[]), _without_stem_separator():
        torch.manual_seed(seed)
        model: torch.nn.Module = build(OmegaConf.create(config))
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.data.add_(0.3 * torch.randn_like(weight))
    return model


def exported(model: torch.nn.Module, config: dict[str, Any]) -> bytes:
    """What `audiocraft.utils.export` writes."""
    return saved(
        {
            "best_state": model.state_dict(),
            "xp.cfg": OmegaConf.to_yaml(OmegaConf.create(config)),
            "version": "1.3.0",
            "exported": True,
        }
    )


def saved(package: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(package, buffer)
    return buffer.getvalue()


def use_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if HF_HOME had been set before Python started."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.delenv("AUDIOCRAFT_CACHE_DIR", raising=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """HF_HOME with three MusicGens, their text encoder and a codec in `home/hub`."""
    home = tmp_path_factory.mktemp("home")
    cache, work = home / "hub", tmp_path_factory.mktemp("work")
    put(cache, TEXT_ENCODER, text_encoder(work / "t5"))
    put(cache, HUB_CODEC, hub_codec(work / "encodec"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_cache(cache, monkeypatch)
        codec = built(get_compression_model, codec_config(), seed=1)
        compression = exported(codec, codec_config())
        for name, config, codec_file in (
            (SMALL, small_config(), compression),
            (MELODY, melody_config(), compression),
            (NAMED_CODEC, small_config(), saved({"pretrained": HUB_CODEC})),
        ):
            model = exported(built(get_lm_model, config, seed=2), config)
            files = {"state_dict.bin": model, "compression_state_dict.bin": codec_file}
            put(cache, name, files)
        yield home


@pytest.fixture
def cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_cache(home / "hub", monkeypatch)
    return home / "hub"


@pytest.fixture
def own_cache(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that the test may spoil."""
    own = tmp_path / "hub"
    shutil.copytree(cache, own, symlinks=True)
    use_cache(own, monkeypatch)
    return own


def described(name: str) -> ModelCard:
    return describe(locate(name))


def loaded(name: str) -> LoadedMusicGen:
    checkpoint = locate(name)
    card = describe(checkpoint)
    return load(checkpoint, card, device="cpu", dtype=torch.float32)


# --- found and described ------------------------------------------------------------


@pytest.mark.parametrize("name", [SMALL, MELODY, NAMED_CODEC])
def test_a_model_in_the_cache_is_found_and_described(cache: Path, name: str) -> None:
    checkpoint = locate(name)
    assert checkpoint.language_model.name == "state_dict.bin"
    assert cache in checkpoint.language_model.parents
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


def test_the_card_counts_the_parameters_of_the_language_model(cache: Path) -> None:
    model = loaded(SMALL)
    counted = sum(p.numel() for p in model.language_model.parameters())
    assert model.card.parameters == counted


def test_steps_are_frames_and_the_longest_delay(cache: Path) -> None:
    card = described(SMALL)
    assert (card.frames(8.0), card.steps(8.0)) == (400, 403)
    assert (card.frames(0.5), card.steps(0.5)) == (25, 28)


# --- loaded and run -----------------------------------------------------------------


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
def test_captures_equal_hooks_on_audiocraft_itself(cache: Path, name: str) -> None:
    model = loaded(name)
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
def test_a_micro_batch_gives_clips_and_whole_captures(cache: Path, name: str) -> None:
    model = loaded(name)
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


def test_weights_that_were_rounded_while_loading_are_restored(cache: Path) -> None:
    model = loaded(SMALL)
    before = {k: v.clone() for k, v in model.language_model.state_dict().items()}
    model.language_model.half().float()
    rounded = model.language_model.state_dict()
    assert any((rounded[name] != value).any() for name, value in before.items())
    restore_weights(model.language_model, locate(SMALL).pretrained)
    for name, value in model.language_model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_audio_of_a_named_codec_is_what_transformers_decodes(cache: Path) -> None:
    model = loaded(NAMED_CODEC)
    codes = torch.randint(2048, (1, 4, 10), generator=torch.manual_seed(3))
    codec = EncodecModel.from_pretrained(HUB_CODEC).eval()
    with torch.no_grad():
        expected = codec.decode(codes[None], [None])[0][0]
    np.testing.assert_allclose(model.decode_audio(codes), expected, rtol=1e-5)


def test_loading_a_melody_model_leaves_no_stem_separator_behind(cache: Path) -> None:
    loaded(MELODY)
    assert not [name for name in sys.modules if name.split(".")[0] == "demucs"]


# --- fingerprints -------------------------------------------------------------------


def copied(name: str, directory: Path) -> Path:
    """The checkpoint's two files in a plain directory."""
    checkpoint = locate(name)
    directory.mkdir()
    shutil.copy(checkpoint.language_model, directory / "state_dict.bin")
    shutil.copy(checkpoint.codec, directory / "compression_state_dict.bin")
    return directory


@pytest.mark.parametrize("name", [SMALL, NAMED_CODEC])
def test_a_fingerprint_stays_where_the_files_go_elsewhere(
    cache: Path, tmp_path: Path, name: str
) -> None:
    here, there = described(name), described(str(copied(name, tmp_path / "copy")))
    assert there.fingerprint == here.fingerprint
    assert there.name != here.name


def test_a_blob_is_named_by_the_digest_of_what_it_holds(
    cache: Path, tmp_path: Path
) -> None:
    path = locate(SMALL).language_model
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.resolve().name == digest
    assert file_digest(path) == digest
    copy_of_it = shutil.copy(path, tmp_path / "x.bin")
    assert file_digest(Path(copy_of_it)) == digest


@pytest.mark.parametrize("file", ["state_dict.bin", "compression_state_dict.bin"])
def test_one_weight_makes_another_fingerprint(
    cache: Path, tmp_path: Path, file: str
) -> None:
    model = copied(SMALL, tmp_path / "copy")
    before = described(str(model)).fingerprint
    package = torch.load(model / file, weights_only=True)
    weight = next(w for w in package["best_state"].values() if w.ndim > 1)
    weight.view(-1)[0] += 1e-3
    torch.save(package, model / file)
    assert described(str(model)).fingerprint != before


def test_another_configuration_makes_another_fingerprint(
    cache: Path, tmp_path: Path
) -> None:
    model = copied(SMALL, tmp_path / "copy")
    before = described(str(model)).fingerprint
    package = torch.load(model / "state_dict.bin", weights_only=True)
    package["xp.cfg"] = package["xp.cfg"].replace("coef: 3.0", "coef: 5.0")
    torch.save(package, model / "state_dict.bin")
    after = described(str(model))
    assert after.cfg_coef == 5.0
    assert after.fingerprint != before


def replace_in_cache(cache: Path, repository: str, files: Files) -> None:
    shutil.rmtree(cache / f"models--{repository.replace('/', '--')}")
    put(cache, repository, files)


def test_another_text_encoder_makes_another_fingerprint(
    own_cache: Path, tmp_path: Path
) -> None:
    before = described(SMALL).fingerprint
    replace_in_cache(own_cache, TEXT_ENCODER, text_encoder(tmp_path / "t5", seed=9))
    assert described(SMALL).fingerprint != before


def test_another_named_codec_makes_another_fingerprint(
    own_cache: Path, tmp_path: Path
) -> None:
    before = described(NAMED_CODEC).fingerprint
    replace_in_cache(own_cache, HUB_CODEC, hub_codec(tmp_path / "codec", seed=9))
    assert described(NAMED_CODEC).fingerprint != before


def test_models_differ_in_their_fingerprints(cache: Path) -> None:
    found = {described(name).fingerprint for name in (SMALL, MELODY, NAMED_CODEC)}
    assert len(found) == 3


# --- what is missing ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("repository", "said"),
    [
        (
            SMALL,
            r"`--model facebook/musicgen-small` needs state_dict.bin, .*hf download",
        ),
        (
            TEXT_ENCODER,
            r"encoder `t5-base`, whose model.safetensors is not .*download t5-base",
        ),
    ],
)
def test_a_repository_that_is_missing_is_named(
    own_cache: Path, repository: str, said: str
) -> None:
    shutil.rmtree(own_cache / f"models--{repository.replace('/', '--')}")
    with pytest.raises(ModelError, match=said):
        described(SMALL)


def test_a_named_codec_that_is_missing_is_named(own_cache: Path) -> None:
    shutil.rmtree(own_cache / "models--facebook--encodec_32khz")
    with pytest.raises(ModelError, match=r"facebook/encodec_32khz.*hf download"):
        described(NAMED_CODEC)


def test_a_text_encoder_that_was_fetched_in_part_is_named(own_cache: Path) -> None:
    (snapshot,) = own_cache.glob("models--t5-base/snapshots/*")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (snapshot / name).unlink()
    with pytest.raises(ModelError, match="t5-base"):
        loaded(SMALL)


def test_weights_that_do_not_fit_their_configuration_are_refused(
    cache: Path, tmp_path: Path
) -> None:
    model = copied(SMALL, tmp_path / "copy")
    package = torch.load(model / "state_dict.bin", weights_only=True)
    package["xp.cfg"] = package["xp.cfg"].replace("num_layers: 3", "num_layers: 4")
    torch.save(package, model / "state_dict.bin")
    with pytest.raises(ModelError, match=r"cannot be loaded: .*layers\.3") as caught:
        loaded(str(model))
    assert "\n" not in str(caught.value)


# --- as a user types it -------------------------------------------------------------


def test_a_model_in_the_cache_runs_without_a_network(
    home: Path, tmp_path: Path
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-m", "week1", "-k", "step"),
            *(f"--model={SMALL}", "--samples=2", "--duration=2"),
            *(f"--store={tmp_path / 'store'}", f"--report-dir={tmp_path / 'report'}"),
        ],
        cwd=ROOT,
        env={**environment, "HF_HOME": str(home)},
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
