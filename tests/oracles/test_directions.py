"""Mixtures of directions against movMF 0.2-11 (R) on the household expenditures of HSAUR3: housing, food, service."""

from pathlib import Path

import numpy as np
import pytest

import emkit

_TABLE = emkit.data.read_table(Path(__file__).parent / "data" / "household.csv")


def _rows():
    return _TABLE.numeric(["housing", "food", "service"])[0]


@pytest.mark.parametrize(("k", "loglik", "n_free"), [(1, 90.2478516409, 3), (2, 113.0792676299, 7)])
def test_household_optimum(k, loglik, n_free):
    mixture = emkit.VonMisesFisherMixture(k, random_state=0).fit(_rows())
    assert mixture.fit_.loglik == pytest.approx(loglik, abs=1e-5)
    assert mixture.n_parameters_ == n_free
    assert mixture.fit_.is_converged


def test_household_parameters():
    mixture = emkit.VonMisesFisherMixture(2, random_state=0, tol=1e-10).fit(_rows())
    np.testing.assert_allclose(mixture.weights_, [0.53424240819, 0.46575759181], atol=1e-5)
    np.testing.assert_allclose(mixture.concentrations_, [17.9586841444, 114.7196477403], rtol=1e-4)
    expected = [[0.66889235252, 0.62891743257, 0.39629015097], [0.95453478023, 0.12550340053, 0.27039276948]]
    np.testing.assert_allclose(mixture.mean_directions_, expected, atol=1e-5)
