"""The shape of a phantom, in the words of audiocraft's own configuration files.

A checkpoint carries its configuration as YAML; these are the fields that
`audiocraft.models.loaders` reads. The layout follows `musicgen_base_32khz` and
`encodec_base_32khz` of audiocraft 1.3.0, with every size made small.
"""

from __future__ import annotations

from typing import Any

__all__ = ["CODEC", "LANGUAGE_MODEL", "SAMPLE_RATE", "TEXT_ENCODER_NAME"]

SAMPLE_RATE = 16_000
TEXT_ENCODER_NAME = "skeptic/t5-tiny"

CODEC: dict[str, Any] = {
    "device": "cpu",
    "dtype": "float32",
    "compression_model": "encodec",
    "channels": 1,
    "sample_rate": SAMPLE_RATE,
    "encodec": {
        "autoencoder": "seanet",
        "quantizer": "rvq",
        "sample_rate": SAMPLE_RATE,
        "channels": 1,
        "causal": False,
        "renormalize": False,
    },
    "seanet": {
        "dimension": 64,
        "channels": 1,
        "causal": False,
        "n_filters": 8,
        "n_residual_layers": 1,
        "ratios": [8, 5, 4, 2],  # 320 samples a frame: 50 frames a second
        "activation": "ELU",
        "activation_params": {"alpha": 1.0},
        "norm": "weight_norm",
        "norm_params": {},
        "kernel_size": 7,
        "residual_kernel_size": 3,
        "last_kernel_size": 7,
        "dilation_base": 2,
        "pad_mode": "constant",
        "true_skip": True,
        "compress": 2,
        "lstm": 1,
        "disable_norm_outer_blocks": 0,
        "decoder": {
            "trim_right_ratio": 1.0,
            "final_activation": None,
            "final_activation_params": None,
        },
        "encoder": {},
    },
    "rvq": {
        "n_q": 4,
        "q_dropout": False,
        "bins": 256,
        "decay": 0.99,
        "kmeans_init": True,
        "kmeans_iters": 50,
        "threshold_ema_dead_code": 2,
        "orthogonal_reg_weight": 0.0,
        "orthogonal_reg_active_codes_only": False,
    },
}

LANGUAGE_MODEL: dict[str, Any] = {
    "device": "cpu",
    "dtype": "float32",
    "solver": "musicgen",
    "sample_rate": SAMPLE_RATE,
    "channels": 1,
    "lm_model": "transformer_lm",
    "codebooks_pattern": {
        "modeling": "delay",
        "delay": {"delays": [0, 1, 2, 3], "flatten_first": 0, "empty_initial": 0},
    },
    "transformer_lm": {
        "dim": 128,
        "num_heads": 4,
        "num_layers": 6,
        "hidden_scale": 4,
        "n_q": 4,
        "card": 256,
        "dropout": 0.0,
        "emb_lr": None,
        "activation": "gelu",
        "norm_first": True,
        "bias_ff": False,
        "bias_attn": False,
        "bias_proj": False,
        "past_context": None,
        "causal": True,
        "custom": False,
        "memory_efficient": True,
        "attention_as_float32": False,
        "layer_scale": None,
        "positional_embedding": "sin",
        "xpos": False,
        "checkpointing": "none",
        "weight_init": "gaussian",
        "depthwise_init": "current",
        "zero_bias_init": True,
        "norm": "layer_norm",
        "cross_attention": False,  # audiocraft turns it on: the fuser names a condition
        "qk_layer_norm": False,
        "qk_layer_norm_cross": False,
        "attention_dropout": None,
        "kv_repeat": 1,
        "two_step_cfg": False,
    },
    # What the released models are sampled with (guidance 3, temperature 1) is too much
    # for a small one: slow music loses its beat.
    "classifier_free_guidance": {"training_dropout": 0.2, "inference_coef": 2.0},
    "generate": {
        "lm": {"use_sampling": True, "top_k": 250, "top_p": 0.0, "temp": 0.55}
    },
    "attribute_dropout": {},
    "fuser": {
        "cross_attention_pos_emb": False,
        "cross_attention_pos_emb_scale": 1,
        "sum": [],
        "prepend": [],
        "cross": ["description"],
        "input_interpolate": [],
    },
    "conditioners": {
        "description": {
            "model": "t5",
            "t5": {
                "name": TEXT_ENCODER_NAME,
                "finetune": False,
                "word_dropout": 0.0,
                "normalize_text": False,
            },
        }
    },
    # As in the real checkpoints: what the model may be asked for, not what it heard
    # (8 s). audiocraft refuses to build a MusicGen with less than 18 s.
    "dataset": {"segment_duration": 30},
}
