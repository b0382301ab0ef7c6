"""Markov switching regressions and autoregressions against the values in the tests of statsmodels 0.15.0.

Data and values come with those tests: Stata's for the federal funds rate and mumps, EViews' for Hamilton's series with
transitions by recession dates, Filardo's (1994) for industrial production. Likelihoods are given the first rows that
serve as lags, and the chain begins by its stationary distribution.
"""

from pathlib import Path

import numpy as np
import pytest

import emkit

HERE = Path(__file__).parent / "data" / "hmm"


def _read(name):
    return np.loadtxt(HERE / name, delimiter=",", skiprows=1, ndmin=2)


FUNDS, GAP, INFLATION = _read("fedfunds.csv").T
AutoregressiveHMM = emkit.AutoregressiveHMM


def test_federal_funds_by_a_constant():
    model = AutoregressiveHMM(2, 0, switching_variance=False, random_state=0).fit(FUNDS)
    assert model.fit_.loglik == pytest.approx(-508.63592, abs=1e-5)
    np.testing.assert_allclose(model.intercepts_, [3.70877, 9.556793], atol=1e-4)
    np.testing.assert_allclose(model.transmat_[:, 0], [0.982, 0.0504], atol=1e-3)


def test_federal_funds_by_their_lag():
    model = AutoregressiveHMM(2, 1, switching_variance=False, n_init=8, random_state=0).fit(FUNDS)
    assert model.fit_.loglik == pytest.approx(-264.71069, abs=1e-5)


@pytest.mark.parametrize(("k", "loglik"), [(2, -229.25614), (3, -182.27188)])
def test_federal_funds_by_lag_gap_and_inflation(k, loglik):
    rows = np.column_stack([FUNDS[4:], FUNDS[3:-1], GAP[4:], INFLATION[4:]])
    model = AutoregressiveHMM(k, 0, switching_variance=False, n_init=16, random_state=0).fit(rows)
    assert model.fit_.loglik > loglik - 1e-5  # with three states 1.466 above what statsmodels ends at


def test_mumps_without_a_constant():
    model = AutoregressiveHMM(2, 1, intercept="none", random_state=0).fit(_read("mumps.csv"))
    assert model.fit_.loglik == pytest.approx(131.7225, abs=1e-4)
    np.testing.assert_allclose(model.ar_coefs_.ravel(), [0.420275, 0.9847369], atol=1e-4)
    np.testing.assert_allclose(model.variances_, [0.0562405**2, 0.2611362**2], rtol=1e-3)
    np.testing.assert_array_equal(model.intercepts_, 0.0)
    assert model.n_parameters_ == 6


def test_hamilton_with_slopes_that_switch():
    model = AutoregressiveHMM(2, 1, form="mean", switching_slopes=True, n_init=8, random_state=0)
    model.fit(_read("rgnp_recession.csv")[:, 0])
    assert model.fit_.loglik == pytest.approx(-186.7575, abs=1e-4)


def test_hamilton_with_transitions_by_recession():
    """EViews stops at -163.914049, statsmodels' search at -161.786477."""
    model = AutoregressiveHMM(
        2, 1, form="mean", switching_slopes=True, transition_covariates=[1], n_init=8, random_state=0
    ).fit(_read("rgnp_recession.csv"))
    assert model.fit_.loglik > -161.786477 - 1e-5


def test_filardo():
    growth, leading = _read("filardo.csv").T
    rows = np.column_stack([growth[1:], leading[:-1]])
    model = AutoregressiveHMM(2, 4, form="mean", transition_covariates=[1], n_init=2, random_state=0).fit(rows)
    assert model.fit_.loglik == pytest.approx(-586.5718, abs=1e-4)
    np.testing.assert_allclose(model.intercepts_, [-0.865888, 0.517298], atol=1e-4)
    np.testing.assert_allclose(model.ar_coefs_[0], [0.189474, 0.079344, 0.110944, 0.122251], atol=1e-4)
    np.testing.assert_allclose(model.variances_[0], np.exp(-0.362469) ** 2, atol=1e-4)
    odds = [[-1.6493936, 0.9945672], [4.35941747, 1.7702123]]  # of staying or going to the state of growth
    np.testing.assert_allclose(model.transition_coefs_[:, 1], odds, atol=1e-3)
    assert model.n_parameters_ == 11
