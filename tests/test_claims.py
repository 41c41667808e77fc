"""The claims as shipped, the files that decide them, and entries that are refused.

Figures in this file are the documents' own, typed from them, not read from claims.toml.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import claims
from harness.claims import (
    CLAIMS_FILE,
    ClaimError,
    Thresholds,
    acoustic_rules,
    load_claims,
    settings,
)

CLAIM_FILES = sorted(CLAIMS_FILE.parent.glob("test_*.py"))
FORBIDDEN = {"allure", "torch", "torchaudio", "audiocraft", "pathlib", "os", "shutil"}

SOUND_ENTRY = {
    "id": '"loud"',
    "statement": '"Loud music is loud"',
    "source": '"A document"',
    "week": "1",
    "role": '"gate"',
    "unit": '"RMS"',
    "direction": '"above"',
    "none": "0.1",
    "minimum": "0.2",
    "strong": "0.3",
}


@pytest.fixture
def load_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., dict[str, claims.Claim]]]:
    """Load a claims file with `SOUND_ENTRY`, some of its fields changed."""

    def load(*, times: int = 1, **changes: str | None) -> dict[str, claims.Claim]:
        fields = {**SOUND_ENTRY, **changes}
        lines = [f"{name} = {value}" for name, value in fields.items() if value]
        path = tmp_path / "claims.toml"
        path.write_text("\n".join(["[[claim]]", *lines, ""] * times))
        monkeypatch.setattr(claims, "CLAIMS_FILE", path)
        forget()
        return load_claims()

    yield load
    monkeypatch.undo()
    forget()


def forget() -> None:
    claims._data.cache_clear()
    load_claims.cache_clear()


# --- what is shipped ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "thresholds"),
    [
        # Next Steps, 'Success Criteria' and 'Minimum Viable Signal'
        ("layer_signal", Thresholds(none=0.01, minimum=0.02, strong=0.05)),
        ("layer_signal_by_layer", Thresholds(none=0.01, minimum=0.02, strong=0.05)),
        ("control_similarity", Thresholds(none=0.01, minimum=0.02, strong=0.05)),
        # Next Steps, 'Week 2' and 'Success Criteria'
        ("linear_probe", Thresholds(none=0.55, minimum=0.70, strong=0.75)),
        # Next Steps, 'Minimum Viable Signal'; Reality Check, 'Acoustic Features'
        ("tempo_gap", Thresholds(none=9.5, minimum=20.0, strong=40.0)),
        # Reality Check, 'Phase 0 Cannot Proceed Until'; Plan: 73 of 80
        ("acoustic_match", Thresholds(none=0.5, minimum=0.8, strong=0.91)),
        # Start, 'The Results'
        ("permutation_baseline", Thresholds(none=0.0, minimum=0.0, strong=0.08)),
        ("every_step_captured", Thresholds(minimum=1.0)),
        ("captures_finite", Thresholds(minimum=1.0)),
        ("halves_apart", Thresholds(minimum=1.0)),
        ("same_key_same_bytes", Thresholds(minimum=1.0)),
        ("seeds_differ", Thresholds(minimum=1.0)),
    ],
)
def test_the_documents_thresholds_stand_where_they_belong(
    name: str, thresholds: Thresholds
) -> None:
    claim = load_claims()[name]
    assert claim.thresholds == thresholds
    assert claim.direction == "above"


def test_the_documents_rules_of_how_an_emotion_sounds() -> None:
    rules = acoustic_rules()
    # Strategy, 'Phase 2'; Reality Check, 'Acoustic Reality Check'
    assert rules["happy"] == {
        "tempo_bpm_above": 120,
        "rms_above": 0.08,
        "mode": "major",
    }
    assert rules["sad"] == {"tempo_bpm_below": 80, "mode": "minor"}
    assert rules["energetic"] == {"tempo_bpm_above": 120, "rms_above": 0.05}
    assert rules["calm"]["tempo_bpm_below"] == 100


def test_the_tempo_contrasts_were_fixed_beforehand() -> None:
    expected = (("happy", "sad"), ("energetic", "calm"))
    assert load_claims()["tempo_gap"].contrasts == expected


def test_the_gates_are_music_activations_and_probe() -> None:
    gates = [claim.id for claim in load_claims().values() if claim.role == "gate"]
    assert gates == ["tempo_gap", "acoustic_match", "layer_signal", "linear_probe"]


@pytest.mark.parametrize("claim", load_claims().values(), ids=load_claims())
def test_every_claim_says_where_it_comes_from_and_what_would_support_it(
    claim: claims.Claim,
) -> None:
    documents = ("Next Steps", "Strategy", "Reality Check", "Plan", "Start")
    assert claim.source.startswith(documents)
    assert claim.role == "descriptive" or claim.thresholds.minimum is not None
    assert claim.statement[0].isupper()
    assert claim.week in (1, 2, 3)


def test_loading_gives_the_claims_in_the_order_of_the_file() -> None:
    entries = tomllib.loads(CLAIMS_FILE.read_text(encoding="utf-8"))["claim"]
    assert list(load_claims()) == [entry["id"] for entry in entries]


def test_a_measure_must_be_silent_and_a_check_must_find_what_was_planted() -> None:
    silent = load_claims()["layer_signal"].control()
    assert silent.role == "instrument"
    assert silent.thresholds.minimum == settings()["control_alpha"] == 0.001
    assert silent.statement.startswith("Silent on shuffled labels: in some layer")
    found = load_claims()["captures_finite"].control()
    assert found.thresholds.minimum == 1.0
    assert found.statement.startswith("Planted faults are found: ")


# --- what is refused ----------------------------------------------------------------


def test_an_entry_with_all_it_needs_is_loaded(
    load_entry: Callable[..., object],
) -> None:
    assert load_entry() == {
        "loud": claims.Claim(
            id="loud",
            statement="Loud music is loud",
            source="A document",
            week=1,
            role="gate",
            unit="RMS",
            direction="above",
            thresholds=Thresholds(none=0.1, minimum=0.2, strong=0.3),
        )
    }


def test_thresholds_of_a_small_effect_go_down(
    load_entry: Callable[..., object],
) -> None:
    load_entry(direction='"below"', none="0.3", strong="0.1")
    with pytest.raises(
        ClaimError, match=r"`loud`.*from none to strong, got \[0.1, 0.2"
    ):
        load_entry(direction='"below"')


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"role": '"judge"'}, r"`loud`: role must be one of instrument, gate, .*judge"),
        ({"direction": '"up"'}, r"`loud`: .*direction above or below, got gate and up"),
        ({"none": "0.25"}, r"`loud`: thresholds must .*got \[0.25, 0.2, 0.3\]"),
        ({"strong": "0.15"}, r"`loud`: thresholds must"),
        ({"none": "0.35", "minimum": None}, r"`loud`: "),
        ({"statement": None}, r"`loud`: .*'statement'"),
        ({"source": None}, r"`loud`: .*'source'"),
        ({"week": None}, r"`loud`: .*'week'"),
        ({"unit": None}, r"`loud`: .*'unit'"),
        ({"id": None}, r"Claim `\?`: .*'id'"),
        ({"threshold": "0.2"}, r"`loud`: .*'threshold'"),
        ({"minimum": None}, r"`loud`.*minimum"),
        ({"minimum": '"a lot"'}, r"`loud`"),
        ({"minimum": "nan"}, r"`loud`"),
        ({"contrasts": '[["happy"]]'}, r"`loud`.*contrasts"),
    ],
)
def test_an_entry_that_is_not_sound_is_refused_by_name(
    load_entry: Callable[..., object], changes: dict[str, str | None], said: str
) -> None:
    with pytest.raises(ClaimError, match=said):
        load_entry(**changes)


def test_a_claim_that_is_named_twice_is_refused(
    load_entry: Callable[..., object],
) -> None:
    with pytest.raises(ClaimError, match=r"`loud`.*once"):
        load_entry(times=2)


# --- the claim files ----------------------------------------------------------------


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def marked(path: Path, kind: str) -> dict[str, str]:
    """Tests of `path` with `@pytest.mark.KIND("id")`: name of the test -> id."""
    found = {}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            for mark in node.decorator_list:
                if ast.unparse(mark).startswith(f"pytest.mark.{kind}("):
                    assert isinstance(mark, ast.Call)
                    found[node.name] = ast.literal_eval(mark.args[0])
    return found


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def test_every_claim_is_decided_by_one_test() -> None:
    decided = [name for path in CLAIM_FILES for name in marked(path, "claim").values()]
    assert sorted(decided) == sorted(load_claims())


@pytest.mark.parametrize("kind", ["claim", "control"])
def test_every_marker_names_a_claim(kind: str) -> None:
    for path in CLAIM_FILES:
        assert set(marked(path, kind).values()) <= set(load_claims()), path.name


@pytest.mark.parametrize("path", CLAIM_FILES, ids=lambda path: path.stem)
def test_a_claim_file_has_a_control_of_a_claim_of_its_own(path: Path) -> None:
    controls = set(marked(path, "control").values())
    claims = set(marked(path, "claim").values())
    assert controls, f"{path.name} has no negative control"
    assert controls <= claims
    for claim in claims - controls:
        assert load_claims()[claim].controlled_by in controls, claim
    for claim in controls:
        assert load_claims()[claim].controlled_by is None, claim


@pytest.mark.parametrize("path", CLAIM_FILES, ids=lambda path: path.stem)
def test_every_test_of_a_claim_file_decides_and_does_so_once(path: Path) -> None:
    marks = {**marked(path, "claim"), **marked(path, "control")}
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            assert node.name in marks, node.name
            decides = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
            calls = [n for n in decides if ast.unparse(n.func) == "decide_claim"]
            assert len(calls) == 1, node.name


@pytest.mark.parametrize("path", CLAIM_FILES, ids=lambda path: path.stem)
def test_a_claim_file_has_no_plumbing(path: Path) -> None:
    assert not imported(path) & FORBIDDEN
    card = ast.get_docstring(tree(path)) or ""
    for line in ("Claim: ", "Null: ", "Effect: ", "Controls: ", "Source: "):
        assert line in card, f"{path.name} does not state its {line.strip(': ')}"


@pytest.mark.parametrize("path", CLAIM_FILES, ids=lambda path: path.stem)
def test_no_threshold_stands_in_a_claim_file(path: Path) -> None:
    numbers = {
        node.value
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and type(node.value) is float
    }
    assert not numbers, f"{path.name} compares with {numbers}"


# --- what the documents found of one contrast -----------------------------------------


@pytest.mark.parametrize(
    "name", ["tempo_gap", "brightness_gap", "loudness_gap", "permutation_baseline"]
)
def test_what_was_found_of_happy_and_sad_is_said_of_no_other(name: str) -> None:
    claim = load_claims()[name]
    assert claim.documented is not None
    assert claim.documented_of("happy against sad") == claim.documented
    assert claim.documented_of("energetic against calm") is None
    assert claim.documented_of(None) is None


def test_what_is_about_every_member_is_said_of_every_one() -> None:
    claim = load_claims()["feature_separation"]
    assert (
        claim.documented_of("tempo") == claim.documented_of(None) == "2 of 4 features"
    )


def test_a_number_of_no_contrast_of_the_claim_is_refused(
    load_entry: Callable[..., dict[str, claims.Claim]],
) -> None:
    fields = {"documented": '"1"', "contrasts": '[["happy", "sad"]]'}
    load_entry(**fields, documented_for='"happy against sad"')
    with pytest.raises(ClaimError, match="got sad against happy"):
        load_entry(**fields, documented_for='"sad against happy"')
