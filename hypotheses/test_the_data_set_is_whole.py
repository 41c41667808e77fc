"""Claim: the data set of week 2 is whole.

Null: clips, prompts, captures or rows of the table are missing.
Effect: clips of the emotion that has the fewest, or prompts where these are fewer:
audio, captures of every layer and a row in metadata.csv, read byte by byte.
Controls: one clip that is damaged is missed.
Source: Plan, 'Week 2: Comprehensive Data Collection' (20 clips per emotion).
"""

import pytest

from harness.evidence import dataset_evidence
from harness.verdict import Evidence


@pytest.mark.claim("data_set")
def test_the_data_set_is_whole(clips, dataset, decide_claim):
    decide_claim(
        dataset_evidence(
            clips, whole=dataset.whole, listed=dataset.listed, layers=dataset.layers
        )
    )


@pytest.mark.control("data_set")
def test_a_damaged_clip_is_missed(clips, dataset, decide_claim):
    less = dataset.without_last()
    found = dataset_evidence(
        clips, whole=less.whole, listed=less.listed, layers=less.layers
    )
    missed = found.n_clips == int((dataset.whole & dataset.listed).sum()) - 1
    decide_claim(Evidence(effect=float(missed), n_clips=found.n_clips))
