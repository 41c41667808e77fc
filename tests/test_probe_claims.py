"""The claims about the probe and clusters as shipped, on clips of noise and worse.

UMAP is replaced here: it takes a minute to compile, and test_clustering tries it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import test_bad_data

from harness.captures import ClipCapture
from harness.evidence import clustering
from harness.plan import ClipSpec

pytest_plugins = ["pytester"]

measured = test_bad_data.measured

PROBES = {"probe_pair", "probe_by_layer", "probe_all", "probe_learning"}
CLUSTERS = {"clusters", "template_clusters", "clusters_in_plane"}
IN_TIME = "probe_in_time"
FILES = [
    "hypotheses/test_a_probe_tells_each_pair_apart.py",
    "hypotheses/test_emotions_form_clusters.py",
]

Measured = Callable[..., tuple[pytest.RunResult, list[dict[str, Any]]]]


@pytest.fixture(autouse=True)
def _a_plane_without_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_two(points: npt.NDArray[np.float64], *, seed: int) -> object:
        return points[:, :2]

    monkeypatch.setattr(clustering, "plane", first_two)


def asked(measured: Measured, spoil: Callable[..., ClipCapture]) -> list[Any]:
    _, claims = measured(
        spoil, "-mweek2 or week3", "--samples=10", *FILES, chosen="probe or cluster"
    )
    return [c for c in claims if c["id"] in PROBES | CLUSTERS | {IN_TIME}]


def test_sound_clips_of_noise_are_measured_and_support_nothing(
    measured: Measured,
) -> None:
    claims = asked(measured, test_bad_data.sound)
    assert {c["id"] for c in claims} == PROBES | CLUSTERS | {IN_TIME}
    for claim in claims:
        assert claim["status"] != "invalid", claim["because"]
        assert claim["effect"] is not None
        if claim["role"] == "panel":
            assert claim["status"] not in ("supported", "weak"), claim["because"]
            assert claim["p"] is not None
            assert claim["ci"] is not None


def test_clips_too_short_and_clips_that_are_all_the_same_say_so(
    measured: Measured,
) -> None:
    def spoilt(clip: ClipSpec, capture: ClipCapture) -> ClipCapture:
        means = capture.window_mean.copy()
        means[..., 1::2, :] = 0.0  # windows that no step fell into
        return replace(capture, window_mean=means, mean=np.ones_like(capture.mean))

    for claim in asked(measured, spoilt):
        assert claim["status"] == "invalid", claim["id"]
        short = claim["id"] == IN_TIME
        said = "Make longer clips" if short else ("clips", "points")
        assert any(s in claim["because"] for s in ([said] if short else said))
