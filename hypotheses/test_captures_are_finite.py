"""Claim: captures are finite and of the shape that the model implies.

Null: a NaN, an infinity, or an array of another shape.
Effect: share of clips without any.
Controls: a NaN put into a capture is found.
Source: Start Here, 'Critical Learnings' 2.
"""

import numpy as np
import pytest

from harness.instrument import not_finite
from harness.verdict import Evidence


@pytest.mark.claim("captures_finite")
def test_captures_are_finite_and_of_the_expected_shape(
    run, records, captures, decide_claim
):
    places = not_finite(records)
    shape = (len(records), run.card.layers, 2, run.card.d_model)
    problem = f"An activation is not finite: {places[0]}." if places else None
    if captures.shape != shape:
        problem = f"Captures must have shape {shape}, got {captures.shape}."
    share = float(np.isfinite(captures).all(axis=(1, 2, 3)).mean())
    decide_claim(Evidence(effect=share, n_clips=len(records), problem=problem))


@pytest.mark.control("captures_finite")
def test_a_nan_is_found(records, decide_claim):
    spoilt = [{**records[0], "not_finite": [["null", 3, 17]]}, *records[1:]]
    found = [place for place in not_finite(spoilt) if "layer 3, step 17" in place]
    decide_claim(Evidence(effect=float(len(found)), n_clips=len(records)))
