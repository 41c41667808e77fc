"""Clips in which nothing can be heard: a sentence for every claim about the music."""

from __future__ import annotations

from test_bad_data import Measured, measured, sound

from harness.claims import load_claims

__all__ = ["measured"]

pytest_plugins = ["pytester"]

ABOUT_MUSIC = {
    "tempo_arousal": "tempo_rises",
    "feature_separation": "feature_separates",
    "single_rule": "clips_keep_the_rule",
    "acoustic_guided": "activations_follow_the_music",
    "acoustic_guided_within": "activations_follow_the_music",
    "prompts_that_work": "prompts_that_work",
}


def test_clips_too_short_for_a_tempo_are_invalid_and_it_is_said_why(
    measured: Measured,
) -> None:
    chosen = " or ".join(sorted(set(ABOUT_MUSIC.values())))
    _, claims = measured(sound, "-mweek2", chosen=chosen)
    found = [c for c in claims if c["id"] in ABOUT_MUSIC]
    assert {c["id"] for c in found} == set(ABOUT_MUSIC)
    assert len(found) > len(ABOUT_MUSIC)  # features and rules are asked one by one
    for claim in found:
        assert claim["status"] == "invalid"
        assert claim["effect"] is None
        assert "cannot be measured" in claim["because"]
        assert "2 s" in claim["because"]
    assert {load_claims()[c["id"]].week for c in found} == {2}
