"""Filling in from a Gaussian mixture."""

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError


def _rows():
    X, _ = emkit.load_data("iris").numeric()
    return X, np.where(np.random.default_rng(0).random(X.shape) < 0.15, np.nan, X)


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical", "EII", "VVE"])
def test_means_are_those_of_the_conditional_mixture(kind):
    X = _rows()[1]
    model = emkit.GaussianMixture(2, covariance_type=kind, n_init=2, random_state=0).fit(X)
    done = model.impute(X)
    np.testing.assert_array_equal(done[~np.isnan(X)], X[~np.isnan(X)])
    for i in np.flatnonzero(np.isnan(X).any(axis=1))[:6]:
        known = {j: X[i, j] for j in range(4) if not np.isnan(X[i, j])}
        if known:
            rest = model.conditional(known)
            np.testing.assert_allclose(done[i, np.isnan(X[i])], rest.weights_ @ rest.means_, rtol=1e-6)


def test_one_component_is_the_normal_imputer():
    X = _rows()[1]
    mixture = emkit.GaussianMixture(1, tol=1e-9).fit(X).impute(X)
    np.testing.assert_allclose(mixture, emkit.EMImputer(tol=1e-9).fit_transform(X), rtol=1e-4)


def test_draws_keep_the_groups():
    rng = np.random.default_rng(1)
    side = rng.choice([-5.0, 5.0], size=2000)
    X = np.column_stack([side + rng.normal(size=2000), rng.normal(size=2000)])
    X[::2, 0] = np.nan
    model = emkit.GaussianMixture(2, random_state=0).fit(X)
    drawn = model.impute(X, method="draw", random_state=0)
    np.testing.assert_array_equal(drawn, model.impute(X, method="draw", random_state=0))
    assert np.mean(np.abs(drawn[::2, 0]) < 1.5) < 0.02  # nothing between the groups, where the mean is
    assert np.std(drawn[::2, 0]) == pytest.approx(np.std(drawn[1::2, 0]), rel=0.05)
    assert np.abs(model.impute(X)[::2, 0]).max() < 4


def test_wrong_method_is_an_error():
    X = _rows()[1]
    with pytest.raises(ParameterError, match="draw"):
        emkit.GaussianMixture(1).fit(X).impute(X, method="median")
