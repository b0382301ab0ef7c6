"""Poisson mixtures: likelihood by scipy, compression, missing entries, zero rates, wrong counts."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import poisson

import emkit
from emkit.data import as_source
from emkit.errors import DataError
from emkit.families.discrete import distinct_rows


def _rows(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return rng.poisson(np.where(rng.random((n, 1)) < 0.3, [1.0, 8.0], [6.0, 2.0])).astype(float)


@pytest.mark.parametrize("share_missing", [0.0, 0.3])
def test_likelihood_is_that_of_scipy(share_missing):
    X = _rows()
    X[np.random.default_rng(1).random(X.shape) < share_missing] = np.nan
    mixture = emkit.PoissonMixture(2, random_state=0).fit(X)
    terms = np.where(np.isnan(X)[:, None], 0.0, poisson.logpmf(np.nan_to_num(X)[:, None], mixture.rates_)).sum(axis=2)
    expected = logsumexp(np.log(mixture.weights_) + terms, axis=1)
    np.testing.assert_allclose(mixture.score_samples(X), expected, rtol=1e-12)
    assert mixture.fit_.loglik == pytest.approx(expected.sum(), rel=1e-12)


def test_rates_are_recovered_and_rows_told_apart():
    mixture = emkit.PoissonMixture(2, random_state=0).fit(_rows(5000))
    np.testing.assert_allclose(mixture.rates_, [[6, 2], [1, 8]], rtol=0.1)
    np.testing.assert_array_equal(mixture.predict([[7, 1], [0, 9]]), [0, 1])
    rows, labels = mixture.sample(2000, random_state=0)
    np.testing.assert_allclose(rows[labels == 0].mean(axis=0), [6, 2], rtol=0.1)


def test_equal_rows_are_counted_once():
    X = np.repeat(_rows(50), 40, axis=0)
    X[:40, 0] = np.nan
    source = distinct_rows(as_source(X))
    assert source.n_rows <= 51
    assert source.total_weight == 2000
    assert source.has_missing
    found = np.concatenate([block.X for block in source.blocks()])
    assert np.nansum(found * source.weights[:, None]) == np.nansum(X)


def test_rows_that_differ_are_left_alone():
    source = as_source(np.arange(20.0)[:, None])
    assert distinct_rows(source) is source


def test_a_rate_of_zero_is_an_ordinary_value():
    X = np.array([[0, 5], [0, 6], [0, 4], [9, 0], [8, 0], [10, 0]] * 5, dtype=float)
    mixture = emkit.PoissonMixture(2, random_state=0).fit(X)
    assert mixture.fit_.is_converged
    assert (mixture.rates_ < 1e-6).sum() == 2
    assert np.isfinite(mixture.fit_.loglik)
    proba = mixture.predict_proba([[0, 0], [3, 3]])
    assert np.isfinite(proba).all()


def test_all_zero_column_and_one_component():
    X = np.column_stack([np.zeros(10), np.arange(10.0)])
    mixture = emkit.PoissonMixture(1).fit(X)
    np.testing.assert_allclose(mixture.rates_, [[0.0, 4.5]])


@pytest.mark.parametrize("value", [-1.0, 0.5])
def test_what_is_no_count_is_named(value):
    X = _rows(20)
    X[3, 1] = value
    with pytest.raises(DataError, match=rf"expected counts .* got {value} in row 3, column 1"):
        emkit.PoissonMixture(2).fit(X)


def test_summary_shows_rates_and_saves(tmp_path):
    X = _rows()
    mixture = emkit.PoissonMixture(2, random_state=0).fit(X)
    assert "Rates" in mixture.summary()
    emkit.save(mixture, tmp_path / "counts.emkit")
    assert emkit.load(tmp_path / "counts.emkit").fit_.loglik == mixture.fit_.loglik
