"""Claim: specific prompts make larger differences between emotions than generic ones:
in tempo, in energy, in the activations.

Null: within an emotion, prompts are exchangeable between the two banks.
Effect: the gap between two emotions, or the signal, with extreme prompts less that with
generic ones; the signal in the layer that other prompts choose.
Controls: prompts dealt out to the banks anew.
Source: Solution Strategy, 'Prompts Are Too Generic'; Next Steps, 'Generic prompts'.
"""

import pytest

from harness.evidence import qualified
from harness.evidence.banks import bank_signal
from harness.evidence.common import silence


@pytest.mark.claim("specific_tempo")
def test_tempo_differs_more(contrast, paired_gaps, decide_claim):
    decide_claim(paired_gaps["specific_tempo", contrast])


@pytest.mark.claim("specific_energy")
def test_energy_differs_more(contrast, paired_gaps, decide_claim):
    decide_claim(paired_gaps["specific_energy", contrast])


@pytest.mark.claim("specific_signal")
def test_activations_differ_more(paired, run, decide_claim):
    found = qualified(
        bank_signal(paired.conditional, paired.design),
        lambda: bank_signal(paired.null, paired.design),
        alpha=run.look.alpha,
    )
    decide_claim(found)


@pytest.mark.control("specific_tempo")
def test_tempo_differs_no_more_in_shuffled_banks(shuffled_gaps, decide_claim):
    decide_claim(silence(shuffled_gaps["specific_tempo"]))


@pytest.mark.control("specific_energy")
def test_energy_differs_no_more_in_shuffled_banks(shuffled_gaps, decide_claim):
    decide_claim(silence(shuffled_gaps["specific_energy"]))


@pytest.mark.control("specific_signal")
def test_activations_differ_no_more_in_shuffled_banks(paired, decide_claim):
    decide_claim(silence(bank_signal(paired.conditional, paired.design.shuffled())))
