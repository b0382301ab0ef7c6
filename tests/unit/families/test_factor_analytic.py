"""Factor-analytic covariances: against scikit-learn's factor analysis and the closed form of principal components."""

import itertools

import numpy as np
import pytest
from sklearn.decomposition import FactorAnalysis

import emkit
from emkit.core import ParametersChart, check_parameters, n_free
from emkit.errors import ParameterError
from emkit.families import FactorAnalytic


def _rows(seed=0, n=300, d=6, q=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, q)) @ rng.normal(size=(q, d)) + rng.normal(size=(n, d)) * np.linspace(0.4, 1.0, d)


@pytest.mark.parametrize("q", [1, 2])
def test_one_component_is_the_factor_analysis_of_scikit_learn(q):
    X = _rows()
    fit = emkit.GaussianMixture(1, covariance_type=FactorAnalytic(q), tol=1e-9).fit(X).fit_
    peer = FactorAnalysis(q, tol=1e-8, max_iter=50000, svd_method="lapack").fit(X)
    above = fit.loglik - peer.score(X) * len(X)  # the peer stops where a step gains 1e-8 per row
    assert -1e-6 <= above <= 2e-3


def test_isotropic_noise_is_the_mean_of_the_eigenvalues_left_over():
    """Tipping & Bishop 1999, equation 8."""
    X = _rows(1)
    mixture = emkit.GaussianMixture(1, covariance_type=FactorAnalytic(2, is_isotropic=True)).fit(X)
    values = np.linalg.eigvalsh(np.cov(X.T, bias=True))
    assert mixture.parameters_.members.noise[0, 0] == pytest.approx(values[:4].mean(), rel=1e-9)
    np.testing.assert_allclose(np.linalg.eigvalsh(mixture.covariances_[0])[4:], values[4:], rtol=1e-9)


KINDS = list(itertools.product(["own", "common"], ["own", "common"], [False, True]))


@pytest.mark.parametrize(("loadings", "noise", "is_isotropic"), KINDS)
def test_free_parameters_slopes_and_ascent(loadings, noise, is_isotropic):
    structure, k, d, q = FactorAnalytic(2, loadings, noise, is_isotropic), 3, 6, 2
    mean = np.zeros((k, d))
    scatter = np.stack([_rows(s).T @ _rows(s) for s in range(k)]) / 10
    statistics = structure.pooled(np.array([30.0, 25.0, 40.0]), scatter)
    fitted = structure.estimate(mean, *statistics, None)
    check_parameters(fitted)
    groups = [k if kind == "own" else 1 for kind in (loadings, noise)]
    # McNicholas & Murphy 2008, table 2
    assert n_free(fitted) == k * d + groups[0] * (d * q - q * (q - 1) // 2) + groups[1] * (1 if is_isotropic else d)
    before = structure.loglik(fitted, *statistics)
    again = structure.estimate(mean, *statistics, fitted)
    assert structure.loglik(again, *statistics) >= before - 1e-9 * abs(before)
    chart = ParametersChart(fitted)
    vector = chart.to_vector(fitted) + 0.05 * np.random.default_rng(0).normal(size=chart.size)
    at = chart.from_vector(vector)
    slope = chart.pull_back(at, vector, structure.slopes(at, mean, structure.gradient(at, *statistics)))
    steps = 1e-6 * np.eye(chart.size)
    ends = [[structure.loglik(chart.from_vector(vector + s * step), *statistics) for s in (1, -1)] for step in steps]
    differenced = np.array([(a - b) / 2e-6 for a, b in ends])
    np.testing.assert_allclose(slope, differenced, atol=1e-5 * np.abs(differenced).max())


def test_mixture_is_saved_selected_and_named(tmp_path):
    X = np.concatenate([_rows(2, 120), _rows(3, 80) + 4])
    kinds = [FactorAnalytic(1), FactorAnalytic(2)]
    selection = emkit.select(X, (1, 2), structures=kinds, n_init=2)
    assert selection.structures == ("UUU-1", "UUU-2")
    assert selection.best_cell.name == "UUU-2 2"
    emkit.save(selection.best, tmp_path / "factors.emkit")
    again = emkit.load(tmp_path / "factors.emkit")
    np.testing.assert_array_equal(again.predict(X), selection.best.predict(X))
    assert again.covariance_type == FactorAnalytic(2)


def test_missing_entries_are_taken():
    X = _rows(4, 100)
    X[::7, 2] = np.nan
    mixture = emkit.GaussianMixture(1, covariance_type=FactorAnalytic(2)).fit(X)
    assert mixture.converged_
    seen = ~np.isnan(X)
    cov, mean = mixture.covariances_[0], mixture.means_[0]
    part = [np.linalg.slogdet(cov[np.ix_(s, s)])[1] for s in seen]
    gaps = [(x - mean)[s] @ np.linalg.solve(cov[np.ix_(s, s)], (x - mean)[s]) for x, s in zip(X, seen, strict=True)]
    total = -0.5 * (np.sum(part) + np.sum(gaps) + seen.sum() * np.log(2 * np.pi))
    assert mixture.fit_.loglik == pytest.approx(total, rel=1e-10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FactorAnalytic(0), "`n_factors` must be an integer of at least 1, got 0"),
        (lambda: FactorAnalytic(2, loadings="shared"), "`loadings` must be 'own' or 'common', got 'shared'"),
        (
            lambda: emkit.GaussianMixture(2, covariance_type=FactorAnalytic(3)).fit(_rows(d=4)),
            "`n_factors` is 3, but 4 features determine at most 1",
        ),
    ],
)
def test_bad_argument_is_told(make, words):
    with pytest.raises(ParameterError) as caught:
        make()
    assert words in str(caught.value)
