"""Claim: what is heard can be measured: no clip silent or clipped, tempo read right.

Null: the codec gives silence or overload; the tempo estimator halves or doubles.
Effect: share of sound clips; share of reference clips of known tempo that are read
right.
Controls: silence and overload are found; noise has no tempo.
Source: Critical Reality Check, 'Validate at Multiple Levels' and 'Acoustic Features
BARELY Differ' (happy was read as slower than sad).
"""

import pytest

from harness.verdict import Evidence


@pytest.mark.claim("audio_sound")
def test_no_clip_is_silent_or_clipped(audio, decide_claim):
    unsound = audio.unsound()
    share = 1 - len(unsound) / audio.table.n_clips
    decide_claim(
        Evidence(effect=share, n_clips=audio.table.n_clips, detail={"unsound": unsound})
    )


@pytest.mark.claim("tempo_instrument")
def test_the_tempo_of_reference_clips_is_read_right(tempo_errors, decide_claim):
    share = 1 - tempo_errors["wrong"] / tempo_errors["n"]
    decide_claim(Evidence(effect=share, n_clips=tempo_errors["n"], detail=tempo_errors))


@pytest.mark.control("audio_sound")
def test_silence_and_overload_are_found_and_noise_has_no_tempo(
    planted_faults, decide_claim
):
    share = sum(planted_faults.values()) / len(planted_faults)
    decide_claim(Evidence(effect=share, detail=planted_faults))
