"""What is not in the cache, or does not fit, is named with the remedy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from hub_for_tests import (
    NAMED_CODEC,
    SMALL,
    TEXT_ENCODER,
    copied,
    described,
    load_named,
)

from harness.models.protocol import ModelError


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
    own_hub: Path, repository: str, said: str
) -> None:
    shutil.rmtree(own_hub / f"models--{repository.replace('/', '--')}")
    with pytest.raises(ModelError, match=said):
        described(SMALL)


def test_a_named_codec_that_is_missing_is_named(own_hub: Path) -> None:
    shutil.rmtree(own_hub / "models--facebook--encodec_32khz")
    with pytest.raises(ModelError, match=r"facebook/encodec_32khz.*hf download"):
        described(NAMED_CODEC)


def test_a_text_encoder_that_was_fetched_in_part_is_named(own_hub: Path) -> None:
    (snapshot,) = own_hub.glob("models--t5-base/snapshots/*")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (snapshot / name).unlink()
    with pytest.raises(ModelError, match="t5-base"):
        load_named(SMALL)


def test_weights_that_do_not_fit_their_configuration_are_refused(
    hub: Path, tmp_path: Path
) -> None:
    model = copied(SMALL, tmp_path / "copy")
    package = torch.load(model / "state_dict.bin", weights_only=True)
    package["xp.cfg"] = package["xp.cfg"].replace("num_layers: 3", "num_layers: 4")
    torch.save(package, model / "state_dict.bin")
    with pytest.raises(ModelError, match=r"cannot be loaded: .*layers\.3") as caught:
        load_named(str(model))
    assert "\n" not in str(caught.value)
