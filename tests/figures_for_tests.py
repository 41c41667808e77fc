"""A record that has what every figure needs, made by hand: 2 emotions, 3 layers."""

from __future__ import annotations

import copy
from typing import Any

from harness.report.record import Record, read_record

__all__ = ["claim_of", "record_of", "whole_verdict"]

EMOTIONS = ["happy", "sad"]
_GATE = {"role": "gate", "status": "supported"}
_LADDER = [
    {"rung": "first step", "effect": 0.3, "p": 0.0001},
    {"rung": "conditional", "effect": 0.2, "p": 0.0001},
    {"rung": "null half", "effect": 0.1, "p": 0.2},
]
_VERDICT: dict[str, Any] = {
    "schema": 1,
    "state": "complete",
    "stage": "week3",
    "verdict": "GO",
    "design": {
        "emotions": EMOTIONS,
        "clips_per_emotion": 20,
        "duration_s": 8.0,
        "alpha": 0.01,
    },
    "music": {
        "emotion": ["happy", "sad", "happy", "sad"],
        "tempo_bpm": [130.0, 70.0, 110.0, None],
        "rms": [0.1, 0.02, 0.12, 0.03],
        "loudness_lufs": [-20.0, -30.0, -18.0, -31.0],
        "brightness_hz": [2500.0, 700.0, 2600.0, 800.0],
        "mode_strength": [0.1, -0.2, -0.1, -0.3],
        "tempo_salience": [0.9, 0.8, 0.7, 0.6],
        "mode_clarity": [0.5, 0.6, 0.7, 0.8],
        "bounds": {
            "happy": {"tempo_bpm_above": 120, "mode": "major"},
            "sad": {"tempo_bpm_below": 80, "brightness_hz_below": "median"},
        },
    },
    "claims": [
        {
            **_GATE,
            "id": "layer_signal",
            "unit": "cosine",
            "effect": 0.04,
            "ci": [0.03, 0.05],
            "p": 0.0001,
            "threshold": {"none": 0.01, "minimum": 0.02, "strong": 0.05},
            "qualifier": "audio-borne",
            "power": [
                {"samples": 10, "power": 0.1},
                {"samples": 20, "power": 0.3},
                {"samples": 50, "power": 0.7},
            ],
            "detail": {
                "layers": [0, 1, 2],
                "signal": [0.01, 0.04, 0.03],
                "null_low": [-0.01, -0.012, -0.01],
                "null_high": [0.02, 0.012, 0.01],
                "null_half_signal": [0.005, 0.02, 0.01],
                "p_adjusted": [0.4, 0.0001, 0.0003],
                "emotions": EMOTIONS,
                "similarity of emotions": [[0.5, -0.25], [-0.25, 0.75]],
                "ladder": _LADDER,
            },
        },
        {
            **_GATE,
            "id": "linear_probe",
            "unit": "accuracy",
            "effect": 0.8,
            "ci": [0.7, 0.9],
            "p": 0.0005,
            "threshold": {"none": 0.6, "minimum": 0.7, "strong": 0.8},
            "power": [
                {"samples": 10, "power": 0.9},
                {"samples": 20, "power": 0.95},
                {"samples": 50, "power": 1.0},
            ],
            "detail": {
                "confusion": {"emotions": EMOTIONS, "share": [[0.7, 0.3], [0.2, 0.8]]},
                "ladder": _LADDER[1:],
            },
        },
        {
            "id": "probe_all",
            "role": "panel",
            "status": "supported",
            "detail": {"emotions": EMOTIONS, "confusion": [[0.9, 0.1], [0.4, 0.6]]},
        },
        {
            "id": "probe_learning",
            "role": "descriptive",
            "status": "supported",
            "detail": {
                "prompts of each emotion learnt from": [1, 2, 4, 8],
                "accuracy": [0.6, 0.7, 0.75, 0.8],
            },
        },
        {
            "id": "clusters_in_plane",
            "role": "descriptive",
            "status": "supported",
            "effect": 0.5,
            "detail": {
                "layer": 2,
                "points": [[0.0, 1.0], [4.0, 5.0], [0.5, 1.5], [4.5, 5.5]],
                "emotion of clip": [0, 1, 0, 1],
                "template of clip": [0, 0, 1, 1],
                "emotions": EMOTIONS,
                "silhouette of templates": -0.4,
            },
        },
        {
            "id": "emotion_emerges",
            "role": "panel",
            "status": "supported",
            "unit": "cosine",
            "detail": {
                "layer": 1,
                "first window that shows it": "2 of 4",
                "signal by window, in that layer": [0.01, 0.02, 0.03, 0.04],
                "p by window, corrected for layers and windows": [0.5, 0.002, 0.1, 0.1],
                "null half: first window that shows it": "none",
                "null half: signal by window, in that layer": [0.0, 0.01, 0.01, 0.02],
                "null half: p by window": [0.9, 0.8, 0.7, 0.6],
            },
        },
        {
            "id": "emotion_heard",
            "role": "panel",
            "status": "supported",
            "detail": {
                "confusion": {
                    "happy": {"happy": 0.75, "sad": 0.25},
                    "sad": {"happy": 0.5, "sad": 0.5},
                },
            },
        },
        {
            "id": "emotion_word_read",
            "role": "panel",
            "status": "supported",
            "effect": 3.0,
            "detail": {
                "layer": 1,
                "head": 2,
                "ratio by window and emotion, there": {
                    "sad": [1.0, 2.0, 2.5],
                    "happy": [2.0, 3.0, 3.5],
                },
            },
        },
    ],
}
_VERDICT["looks"] = [
    {
        "number": number,
        "samples": samples,
        "kind": "planned",
        "time": "2026-11-21T13:58:51Z",
        "same_data": samples == 20,
        "gates": {"layer_signal": status},
        "claims": [
            {
                **_GATE,
                "id": "layer_signal",
                "status": status,
                "effect": effect,
                "ci": [effect - 0.01, effect + 0.01],
            }
        ],
    }
    for number, samples, status, effect in (
        (1, 10, "inconclusive", 0.015),
        (2, 20, "supported", 0.04),
    )
]


def whole_verdict() -> dict[str, Any]:
    """As parsed from a verdict.json; a copy of one's own."""
    return copy.deepcopy(_VERDICT)


def claim_of(verdict: dict[str, Any], claim_id: str) -> dict[str, Any]:
    """The claim of this id, to be changed in place."""
    found: dict[str, Any] = next(c for c in verdict["claims"] if c["id"] == claim_id)
    return found


def record_of(verdict: dict[str, Any]) -> Record:
    return read_record(verdict)
