"""Claim: activations separate emotions as extreme as metal and lullaby, rave and
meditation.

Null: prompts are exchangeable between the two emotions of a contrast.
Effect: mean centred cosine within the two emotions minus between them, in the layer
that other prompts choose.
Controls: emotions shuffled among the prompts; the null half, which never saw the words.
Source: Critical Reality Check, 'Immediate Actions' 3; the prompts are those of the
extreme bank.
"""

import pytest

from harness.claims import load_claims
from harness.evidence.common import silence

EXTREMES = load_claims()["extreme_contrast"].contrasts


@pytest.mark.claim("extreme_contrast")
@pytest.mark.parametrize("extreme", EXTREMES, ids=" against ".join)
def test_extreme_emotions_separate(extreme, extreme_contrasts, decide_claim):
    decide_claim(extreme_contrasts[extreme])


@pytest.mark.control("extreme_contrast")
@pytest.mark.parametrize("extreme", EXTREMES, ids=" against ".join)
def test_shuffled_extremes_do_not_separate(extreme, shuffled_extremes, decide_claim):
    decide_claim(silence(shuffled_extremes[extreme]))
