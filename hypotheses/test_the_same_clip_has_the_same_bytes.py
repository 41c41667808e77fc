"""Claim: a clip is the same clip tomorrow, and another seed is another clip.

Null: bytes depend on batch mates or on chance; or seeds do nothing.
Effect: share of clips that have the same bytes when made again among other clips; share
of clips whose audio no other clip has.
Controls: a changed byte, and a clip that occurs twice, are found.
Source: Critical Reality Check, 'Always Run Control Tests First' and 'N=1 is Not
Evidence'.
"""

import pytest

from harness.instrument import duplicates
from harness.verdict import Evidence


@pytest.mark.claim("same_key_same_bytes")
def test_the_same_key_gives_the_same_bytes(repeated, decide_claim):
    made, differing = len(repeated["clips"]), repeated["differing"]
    share = 1 - len(differing) / made
    decide_claim(Evidence(effect=share, n_clips=made, detail={"differing": differing}))


@pytest.mark.claim("seeds_differ")
def test_different_seeds_give_different_clips(audio_checksums, decide_claim):
    repeated = duplicates(audio_checksums)
    share = 1 - len(repeated) / len(audio_checksums)
    decide_claim(Evidence(effect=share, n_clips=len(audio_checksums)))


@pytest.mark.control("seeds_differ")
def test_a_clip_that_occurs_twice_is_found(audio_checksums, decide_claim):
    found = duplicates([*audio_checksums, audio_checksums[0]])
    decide_claim(Evidence(effect=float(len(found)), n_clips=len(audio_checksums)))
