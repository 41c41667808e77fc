"""Claim: the tempo estimator is right on clips of known tempo.

Null: it halves or doubles, as it did when happy was read as slower than sad.
Effect: share of reference clips that are read right; octave errors count as errors.
Controls: noise has no tempo.
Source: Critical Reality Check, 'Acoustic Features BARELY Differ'.
"""

import pytest

from harness.verdict import Evidence


@pytest.mark.claim("tempo_instrument")
def test_the_tempo_of_reference_clips_is_read_right(tempo_errors, decide_claim):
    share = 1 - tempo_errors["wrong"] / tempo_errors["n"]
    decide_claim(Evidence(effect=share, n_clips=tempo_errors["n"], detail=tempo_errors))


@pytest.mark.control("tempo_instrument")
def test_noise_has_no_tempo(planted_sound, decide_claim):
    decide_claim(Evidence(effect=float(not planted_sound["noise"]["has_tempo"])))
