"""Claim: a clip is the same clip tomorrow, whichever other clips are made with it.

Null: bytes depend on batch mates, on the place in the batch, or on chance.
Effect: share of clips that have the same bytes when made again among other clips.
Controls: one changed byte is found.
Source: Critical Reality Check, 'Always Run Control Tests First'.
"""

import pytest

from harness.verdict import Evidence


@pytest.mark.claim("same_key_same_bytes")
def test_the_same_key_gives_the_same_bytes(repeated, decide_claim):
    made, differing = len(repeated["clips"]), repeated["differing"]
    share = 1 - len(differing) / made
    decide_claim(Evidence(effect=share, n_clips=made, detail={"differing": differing}))


@pytest.mark.control("same_key_same_bytes")
def test_a_changed_byte_is_found(records, changed_bytes, decide_claim):
    found = [
        r["files"] != changed for r, changed in zip(records, changed_bytes, strict=True)
    ]
    decide_claim(Evidence(effect=sum(found) / len(found), n_clips=len(found)))
