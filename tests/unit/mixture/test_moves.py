"""Split-and-merge moves: out of an optimum that no EM step leaves."""

import numpy as np
import pytest

import emkit
from emkit.errors import ParameterError
from emkit.mixture import split_and_merge


def _groups(seed=0):
    rng = np.random.default_rng(seed)
    centers = np.array([[0.0, 0], [8, 0], [0, 8], [8, 8]])
    return np.concatenate([rng.normal(center, 1.0, (60, 2)) for center in centers])


def _stuck(X):
    """Two components in one group, and one over two groups."""
    labels = np.repeat([0, 1, 2, 2], 60)
    labels[:60] = np.where(X[:60, 0] > 0, 0, 3)
    return emkit.GaussianMixture(4, covariance_type="spherical", start=labels).fit(X)


def test_moves_lead_out_of_a_local_optimum():
    X = _groups()
    stuck, best = _stuck(X), emkit.GaussianMixture(4, covariance_type="spherical", random_state=0).fit(X)
    assert stuck.fit_.loglik < best.fit_.loglik - 50
    before = stuck.fit_.loglik
    moved = split_and_merge(stuck, X)
    assert moved.fit_.loglik == pytest.approx(best.fit_.loglik, abs=1e-5)
    assert "1 split-and-merge move led to this optimum" in moved.fit_.notes
    assert stuck.fit_.loglik == before
    assert sorted(np.bincount(moved.predict(X))) == [60, 60, 60, 60]


def test_the_best_optimum_stays():
    X = _groups()
    best = emkit.GaussianMixture(4, covariance_type="spherical", random_state=0).fit(X)
    assert split_and_merge(best, X).fit_ is best.fit_


def test_moves_of_counts_with_weights_and_missing_entries():
    rng = np.random.default_rng(1)
    X = rng.poisson(np.repeat([[1.0, 30.0], [30.0, 1.0], [12.0, 12.0]], 50, axis=0)).astype(float)
    X[rng.random(X.shape) < 0.05] = np.nan
    weights = np.ones(150)
    labels = np.repeat([0, 0, 1], 50)
    labels[125:] = 2
    stuck = emkit.PoissonMixture(3, start=labels).fit(X, sample_weight=weights)
    moved = split_and_merge(stuck, X, sample_weight=weights)
    best = emkit.PoissonMixture(3, random_state=0).fit(X, sample_weight=weights)
    assert moved.fit_.loglik == pytest.approx(best.fit_.loglik, abs=1e-4)


def test_mistakes_are_told():
    X = _groups()
    with pytest.raises(ParameterError, match="takes three components, but the mixture has 2"):
        split_and_merge(emkit.GaussianMixture(2, n_init=1).fit(X), X)
    with pytest.raises(ParameterError, match="fitted mixture of one family"):
        split_and_merge(emkit.GaussianMixture(3), X)
    with pytest.raises(ParameterError, match="`n_candidates` must be an integer of at least 1, got 0"):
        split_and_merge(_stuck(X), X, n_candidates=0)
