"""Claim: different seeds give different clips.

Null: seeds do nothing, and N clips are one clip N times.
Effect: share of clips whose audio no other clip has.
Controls: a clip that occurs twice is found.
Source: Critical Reality Check, 'N=1 is Not Evidence'.
"""

import pytest

from harness.instrument import duplicates
from harness.verdict import Evidence


@pytest.mark.claim("seeds_differ")
def test_different_seeds_give_different_clips(audio_checksums, decide_claim):
    repeated = duplicates(audio_checksums)
    share = 1 - len(repeated) / len(audio_checksums)
    decide_claim(Evidence(effect=share, n_clips=len(audio_checksums)))


@pytest.mark.control("seeds_differ")
def test_a_clip_that_occurs_twice_is_found(audio_checksums, decide_claim):
    found = duplicates([*audio_checksums, audio_checksums[0]])
    decide_claim(Evidence(effect=float(len(found)), n_clips=len(audio_checksums)))
