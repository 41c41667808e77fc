"""Claim: how fast activations move differs more between emotions than between prompts.

Null: emotions are exchangeable among the prompts of a template.
Effect: of the logarithm of each octave's share of the power of the activations over
time: mean square between emotions over mean square between prompts, in the layer and
the octave that other templates choose; p is corrected for all of them.
Controls: emotions shuffled within templates.
Source: Solution Strategy, 'Phase 4' C (spectra of activation sequences).
"""

import pytest

from harness.evidence import frequency_evidence, qualified, silence


@pytest.mark.claim("frequency_ratio")
def test_emotions_differ_in_frequency(spectra, run, decide_claim):
    table, bands = spectra.table, spectra.bands
    found = qualified(
        frequency_evidence(spectra.conditional, table, bands=bands),
        lambda: frequency_evidence(spectra.null, table, bands=bands),
        alpha=run.look.alpha,
    )
    decide_claim(found)


@pytest.mark.control("frequency_ratio")
def test_shuffled_emotions_do_not_differ_in_frequency(spectra, decide_claim):
    shuffled = spectra.table.shuffled()
    found = frequency_evidence(spectra.conditional, shuffled, bands=spectra.bands)
    decide_claim(silence(found))
