"""Krippendorff's alpha: published values, Fleiss' kappa, and nothing from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from harness.measures.agreement import AgreementError, krippendorff_alpha

# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: four
# observers, twelve units, 0 for missing.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ],
    np.float64,
)


def test_alpha_is_what_was_published() -> None:
    ratings = np.where(PUBLISHED == 0, np.nan, PUBLISHED)
    assert krippendorff_alpha(ratings, level="nominal") == pytest.approx(
        0.743, abs=5e-4
    )
    assert krippendorff_alpha(ratings, level="interval") == pytest.approx(
        0.849, abs=5e-4
    )


def test_alpha_of_names_is_fleiss_kappa_for_a_finite_sample() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 30)
    ratings = np.where(rng.random((6, 30)) < 0.6, truth, rng.integers(0, 4, (6, 30)))
    kappa = fleiss_kappa(aggregate_raters(ratings.T)[0])
    # Alpha expects without replacement where Fleiss expects with it.
    expected = 1 - (1 - kappa) * (ratings.size - 1) / ratings.size
    alpha = krippendorff_alpha(ratings, level="nominal")
    assert alpha == pytest.approx(expected, abs=1e-12)


def test_alpha_is_one_where_all_agree_and_near_zero_where_all_guess() -> None:
    rng = np.random.default_rng(1)
    same = np.tile(rng.integers(0, 4, 40), (5, 1))
    assert krippendorff_alpha(same, level="nominal") == 1.0
    guesses = rng.integers(0, 4, (5, 400))
    assert abs(krippendorff_alpha(guesses, level="nominal")) < 0.05


def test_there_is_no_alpha_of_nothing_to_disagree_about() -> None:
    assert np.isnan(krippendorff_alpha(np.ones((3, 5)), level="nominal"))
    assert np.isnan(krippendorff_alpha(np.array([[1.0, 2.0]]), level="interval"))


def test_what_is_no_table_of_ratings_is_refused() -> None:
    with pytest.raises(AgreementError, match=r"shape \(raters, units\), got \(3,\)"):
        krippendorff_alpha([1, 2, 3], level="nominal")
    with pytest.raises(AgreementError, match="nominal or interval"):
        krippendorff_alpha(np.ones((2, 2)), level="ordinal")  # type: ignore[arg-type]
