"""Clips that cannot be measured: a sentence, and never a traceback or a number.

The claims as shipped are run by the whole of pytest on a store that is filled with
made-up clips, spoilt in one way each; no model is loaded. The probe, which also listens
to the clips, is asked on its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clips_for_tests import CARD, GENERATION, PROVENANCE, make_audio, make_capture

import harness.record
from harness.captures import ClipCapture
from harness.design import ClipTable, clip_table
from harness.evidence import probe_evidence
from harness.inference import InferenceError
from harness.inference.looks import design_for, look_for
from harness.measures.probe import ProbeError
from harness.models.checkpoint import locate
from harness.plan import ClipSpec, make_plan
from harness.prompts import load_bank
from harness.request import Request
from harness.run import Run
from harness.store import Store

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
MEASURED = (
    "emotions_separate or labels_beat or same_prompt or different_seeds or finite"
)
ON_ACTIVATIONS = {
    "layer_signal",
    "layer_signal_by_layer",
    "permutation_baseline",
    "control_similarity",
}

Spoil = Callable[[ClipSpec, ClipCapture], ClipCapture]
Claims = list[dict[str, Any]]


def sound(clip: ClipSpec, capture: ClipCapture) -> ClipCapture:
    return capture


class FullRun(Run):
    """All clips are there; none is made."""

    def collect(self, *listeners: Any) -> int:
        self.repeat = {"clips": ["all"], "differing": []}
        return 0


def full_run(request: Request, spoil: Spoil) -> Run:
    bank, counts = load_bank(request.prompts), design_for(request.samples)
    generation = replace(GENERATION, duration_seconds=request.duration)
    prompts = bank.select(request.emotions, counts.prompts_per_emotion, seed=0)
    plan = make_plan(
        prompts,
        seeds_per_prompt=counts.seeds_per_prompt,
        seed=0,
        fingerprint=CARD.fingerprint,
        generation=generation,
    )
    store = Store(request.store, CARD)
    steps = (CARD.steps(request.duration),) * CARD.layers
    for clip in store.missing(plan.clips):
        store.put(
            clip,
            np.tile(make_audio(clip.seed), round(request.duration / 0.1)),
            replace(spoil(clip, make_capture(clip.seed)), steps=steps),
            generation=generation,
            provenance=PROVENANCE,
        )
    return FullRun(
        request,
        checkpoint=locate("phantom:encodes"),
        card=CARD,
        bank=bank,
        prompts=prompts,
        plan=plan,
        store=store,
        planned=look_for(request.samples),
    )


@pytest.fixture
def measured(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[pytest.RunResult, Claims]]:
    """Run claims on spoilt clips: what was printed, and what was decided."""

    def run(
        spoil: Spoil, *arguments: str, chosen: str = MEASURED
    ) -> tuple[pytest.RunResult, Claims]:
        outside = pytester.path
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(
            "harness.plugin.open_run", lambda request: full_run(request, spoil)
        )
        monkeypatch.setattr(
            harness.record.VerdictRecord, "_write_reports", lambda *_: None
        )
        result = pytester.runpytest_inprocess(
            f"--rootdir={ROOT}",
            f"-c{ROOT / 'pytest.ini'}",
            "-pno:cacheprovider",
            "-Wignore::pytest.PytestAssertRewriteWarning",
            f"--store={outside / 'store'}",
            f"--report-dir={outside / 'report'}",
            "--duration=0.1",
            "-mweek1",
            f"-k{chosen}",
            *arguments,
        )
        record = json.loads((outside / "report" / "verdict.json").read_text())
        text = result.stdout.str() + result.stderr.str()
        assert "Traceback" not in text
        assert "INTERNALERROR" not in text
        failed = result.parseoutcomes()
        assert not {"failed", "error", "errors"} & set(failed), text
        return result, record["claims"]

    return run


def invalid(claims: Claims, ids: set[str]) -> set[str]:
    """Those of `ids` of which every member is invalid, and without a number."""
    bad = {c["id"] for c in claims if c["status"] != "invalid"}
    found = {c["id"] for c in claims} & ids - bad
    for claim in claims:
        if claim["id"] in found:
            assert claim["effect"] is None
            assert claim["p"] is None
            assert claim["because"].endswith(".")
    return found


Measured = Callable[..., tuple[pytest.RunResult, Claims]]


def test_sound_clips_are_measured(measured: Measured) -> None:
    _, claims = measured(sound)
    assert {c["id"] for c in claims} >= ON_ACTIVATIONS
    assert "invalid" not in {c["status"] for c in claims}


def test_constant_activations_are_invalid(measured: Measured) -> None:
    def constant(clip: ClipSpec, capture: ClipCapture) -> ClipCapture:
        ones = np.ones_like(capture.mean)
        return replace(capture, mean=ones, first_step=np.ones_like(capture.first_step))

    _, claims = measured(constant)
    assert invalid(claims, ON_ACTIVATIONS) == ON_ACTIVATIONS


def test_one_constant_layer_is_no_traceback_and_finds_nothing(
    measured: Measured,
) -> None:
    def constant(clip: ClipSpec, capture: ClipCapture) -> ClipCapture:
        mean = capture.mean.copy()
        mean[:, 1] = 1.0
        return replace(capture, mean=mean)

    _, claims = measured(constant)
    assert not {c["id"] for c in claims if c["status"] == "supported"} & ON_ACTIVATIONS


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_activation_that_is_no_number_is_invalid_though_nobody_noted_it(
    measured: Measured, value: float
) -> None:
    def broken(clip: ClipSpec, capture: ClipCapture) -> ClipCapture:
        mean = capture.mean.copy()
        if clip.prompt.emotion == "sad":
            mean[0, 1, :, 2] = value
        return replace(capture, mean=mean)

    _, claims = measured(broken)
    assert invalid(claims, ON_ACTIVATIONS) == ON_ACTIVATIONS


def test_one_clip_many_times_is_found_and_is_no_evidence(measured: Measured) -> None:
    def same(clip: ClipSpec, capture: ClipCapture) -> ClipCapture:
        return make_capture(1)

    _, claims = measured(same)
    assert invalid(claims, ON_ACTIVATIONS) == ON_ACTIVATIONS


@pytest.mark.parametrize("samples", [1, 2])
def test_one_prompt_an_emotion_is_never_evidence(
    measured: Measured, samples: int
) -> None:
    _, claims = measured(sound, f"--samples={samples}")
    deciding = [c for c in claims if c["role"] != "instrument"]
    assert {c["id"] for c in deciding} == ON_ACTIVATIONS
    for claim in deciding:
        assert claim["status"] in ("inconclusive", "invalid")
        assert claim["because"].endswith(".")
    assert samples > 1 or invalid(claims, ON_ACTIVATIONS) == ON_ACTIVATIONS


def test_an_emotion_whose_clips_are_gone_is_invalid(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_away = Store.verify

    def verify(store: Store, keys: Any) -> list[str]:
        found = taken_away(store, keys)
        for path in store.directory.glob("records/*.json"):
            if json.loads(path.read_text())["emotion"] == "sad":
                path.unlink()
        return found

    monkeypatch.setattr(Store, "verify", verify)
    _, claims = measured(sound)
    assert invalid(claims, ON_ACTIVATIONS) == ON_ACTIVATIONS
    said = {c["because"] for c in claims if c["id"] in ON_ACTIVATIONS}
    assert all("is not in" in sentence for sentence in said)


# --- the probe ----------------------------------------------------------------------


def table_of(samples: int, bank: str = "matched") -> ClipTable:
    counts, loaded = design_for(samples), load_bank(bank)
    emotions = Request().emotions
    plan = make_plan(
        loaded.select(emotions, counts.prompts_per_emotion, seed=0),
        seeds_per_prompt=counts.seeds_per_prompt,
        seed=0,
        fingerprint=CARD.fingerprint,
        generation=GENERATION,
    )
    return replace(clip_table(plan, bank=loaded), relabeling_count=50)


def noise(table: ClipTable) -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(table.n_clips, 2, 5))


def test_the_probe_measures_sound_activations() -> None:
    table = table_of(10)
    assert probe_evidence(noise(table), table).p is not None


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.0])
def test_the_probe_refuses_what_is_no_number_or_does_not_vary(value: float) -> None:
    table = table_of(10)
    bad = noise(table)
    bad[...] = value if value == 1.0 else bad
    bad[3, 1, 2] = value
    with pytest.raises((ProbeError, InferenceError), match=r"must|constant|vary"):
        probe_evidence(bad, table)


@pytest.mark.parametrize("bank", ["matched", "extreme"])
@pytest.mark.parametrize("samples", [1, 2])
def test_the_probe_refuses_a_prompt_or_two(samples: int, bank: str) -> None:
    table = table_of(samples, bank)
    with pytest.raises((ProbeError, InferenceError), match="must"):
        probe_evidence(noise(table), table)


def test_the_probe_reads_nothing_in_a_constant_layer() -> None:
    table = table_of(10)
    half = noise(table)
    half[:, 1] = 1.0
    found = probe_evidence(half, table)
    assert found.detail["accuracy by layer"][1] == pytest.approx(0.5)
