"""Claim: no clip is silent or clipped.

Null: the codec gives silence or overload.
Effect: share of sound clips.
Controls: silence and overload are found.
Source: Critical Reality Check, 'Validate at Multiple Levels'.
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


@pytest.mark.control("audio_sound")
def test_silence_and_overload_are_found(planted_sound, decide_claim):
    found = [
        planted_sound["silence"]["silent"],
        planted_sound["overload"]["clipped"],
    ]
    decide_claim(Evidence(effect=sum(found) / len(found)))
