"""A model is known by what its files hold: all that makes its clips, and no more."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from hub_for_tests import (
    HUB_CODEC,
    MELODY,
    NAMED_CODEC,
    SMALL,
    TEXT_ENCODER,
    copied,
    described,
    hub_codec,
    replace_in_hub,
    text_encoder,
)

from harness.models.checkpoint import file_digest, locate


@pytest.mark.parametrize("name", [SMALL, NAMED_CODEC])
def test_a_fingerprint_stays_where_the_files_go_elsewhere(
    hub: Path, tmp_path: Path, name: str
) -> None:
    here, there = described(name), described(str(copied(name, tmp_path / "copy")))
    assert there.fingerprint == here.fingerprint
    assert there.name != here.name


def test_a_blob_is_named_by_the_digest_of_what_it_holds(
    hub: Path, tmp_path: Path
) -> None:
    path = locate(SMALL).language_model
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.resolve().name == digest
    assert file_digest(path) == digest
    copy_of_it = shutil.copy(path, tmp_path / "x.bin")
    assert file_digest(Path(copy_of_it)) == digest


@pytest.mark.parametrize("file", ["state_dict.bin", "compression_state_dict.bin"])
def test_one_weight_makes_another_fingerprint(
    hub: Path, tmp_path: Path, file: str
) -> None:
    model = copied(SMALL, tmp_path / "copy")
    before = described(str(model)).fingerprint
    package = torch.load(model / file, weights_only=True)
    weight = next(w for w in package["best_state"].values() if w.ndim > 1)
    weight.view(-1)[0] += 1e-3
    torch.save(package, model / file)
    assert described(str(model)).fingerprint != before


def test_another_configuration_makes_another_fingerprint(
    hub: Path, tmp_path: Path
) -> None:
    model = copied(SMALL, tmp_path / "copy")
    before = described(str(model)).fingerprint
    package = torch.load(model / "state_dict.bin", weights_only=True)
    package["xp.cfg"] = package["xp.cfg"].replace("coef: 3.0", "coef: 5.0")
    torch.save(package, model / "state_dict.bin")
    after = described(str(model))
    assert after.cfg_coef == 5.0
    assert after.fingerprint != before


def test_another_text_encoder_makes_another_fingerprint(
    own_hub: Path, tmp_path: Path
) -> None:
    before = described(SMALL).fingerprint
    replace_in_hub(own_hub, TEXT_ENCODER, text_encoder(tmp_path / "t5", seed=9))
    assert described(SMALL).fingerprint != before


def test_another_named_codec_makes_another_fingerprint(
    own_hub: Path, tmp_path: Path
) -> None:
    before = described(NAMED_CODEC).fingerprint
    replace_in_hub(own_hub, HUB_CODEC, hub_codec(tmp_path / "codec", seed=9))
    assert described(NAMED_CODEC).fingerprint != before


def test_models_differ_in_their_fingerprints(hub: Path) -> None:
    found = {described(name).fingerprint for name in (SMALL, MELODY, NAMED_CODEC)}
    assert len(found) == 3
