"""Language models that are built otherwise than the engine decodes are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from audiocraft.models.lm import LMModel
from decoding_for_tests import SHORT
from models_for_tests import loaded, tiny_musicgen

from harness.models.protocol import ModelError
from harness.sampling.engine import Decoder


def not_norm_first(lm: LMModel) -> None:
    lm.transformer.layers[0].norm_first = False


def rotary(lm: LMModel) -> None:
    lm.transformer.rope = torch.nn.Identity()


def cross_positions(lm: LMModel) -> None:
    lm.fuser.cross_attention_pos_emb = True


def torch_attention(lm: LMModel) -> None:
    lm.transformer.layers[0].self_attn.custom = False


def biased(lm: LMModel) -> None:
    attention = lm.transformer.layers[0].cross_attention
    attention.out_proj.bias = torch.nn.Parameter(torch.zeros(lm.dim))


def normalised(lm: LMModel) -> None:
    lm.transformer.layers[0].cross_attention.qk_layer_norm = True


def repeated(lm: LMModel) -> None:
    lm.transformer.layers[0].self_attn.kv_repeat = 2


def short_sighted(lm: LMModel) -> None:
    lm.transformer.layers[0].self_attn.past_context = 10


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (not_norm_first, "post-norm layers"),
        (rotary, "rotary positions"),
        (cross_positions, "positions in cross-attention"),
        (torch_attention, "attention without audiocraft's own kernel"),
        (biased, "attention biases"),
        (normalised, "normalised queries"),
        (repeated, "repeated keys"),
        (short_sighted, "a finite receptive field"),
    ],
)
def test_a_language_model_that_is_built_otherwise_is_refused(
    spoil: Any, named: str
) -> None:
    lm = tiny_musicgen(layers=1).lm
    Decoder(lm)
    spoil(lm)
    with pytest.raises(ModelError, match=named):
        Decoder(lm)


def test_text_that_is_fused_in_another_way_is_refused() -> None:
    model = loaded(tiny_musicgen(layers=1))
    model.language_model.fuser.cond2fuse["description"] = "sum"
    with pytest.raises(ModelError, match=r"`tiny` fuses `description` by `sum`"):
        model.encode_text(SHORT)
