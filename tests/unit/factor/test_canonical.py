"""Canonical correlation."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

import emkit
from emkit.errors import DataError, ParameterError
from emkit.families.normal import Normal


@pytest.fixture(scope="module")
def two_sets():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 2))
    X = z @ rng.normal(size=(2, 4)) + rng.normal(size=(400, 4))
    return X, z @ rng.normal(size=(2, 3)) * 10 + rng.normal(size=(400, 3)) + 1e4


def _gone(rows, share, seed):
    return np.where(np.random.default_rng(seed).random(rows.shape) < share, np.nan, rows)


def test_iris_as_in_r():
    """R 4.2.2: cancor(iris[, 1:2], iris[, 3:4]), its coefficients times sqrt(149)."""
    X = emkit.load_data("iris").numeric()[0]
    model = emkit.CanonicalCorrelation(2).fit(X[:, :2], X[:, 2:])
    assert model.correlations_ == pytest.approx([0.94096899697575, 0.12393688120540], abs=1e-12)


def test_complete_rows_as_scikit_learn(two_sets):
    X, Y = two_sets
    model = emkit.CanonicalCorrelation(2).fit(X, Y)
    peer = CCA(2, max_iter=10000, tol=1e-12).fit(X, Y)
    theirs = peer.transform(X, Y)
    for ours, other in zip(model.transform(X, Y), theirs, strict=True):
        for m in range(2):
            assert abs(np.corrcoef(ours[:, m], other[:, m])[0, 1]) == pytest.approx(1, abs=1e-6)
    own = [np.corrcoef(a, b)[0, 1] for a, b in zip(*(part.T for part in model.transform(X, Y)), strict=True)]
    assert model.correlations_ == pytest.approx(own)
    assert model.converged_
    assert np.cov(model.transform(X, Y)[0].T, bias=True) == pytest.approx(np.eye(2), abs=1e-10)


def test_loadings_are_correlations(two_sets):
    X, Y = two_sets
    model = emkit.CanonicalCorrelation(1).fit(X, Y)
    a, b = model.transform(X, Y)
    assert model.x_loadings_[:, 0] == pytest.approx([np.corrcoef(x, a[:, 0])[0, 1] for x in X.T])
    assert model.y_loadings_[:, 0] == pytest.approx([np.corrcoef(y, b[:, 0])[0, 1] for y in Y.T])


def test_all_pairs_are_the_unrestricted_normal(two_sets):
    X, Y = _gone(two_sets[0], 0.2, 1), _gone(two_sets[1], 0.2, 2)
    model = emkit.CanonicalCorrelation(3, tol=1e-9).fit(X, Y)
    whole = emkit.fit(Normal(), np.hstack([X, Y]), tol=1e-9)
    assert model.fit_.loglik == pytest.approx(whole.loglik, abs=1e-6)
    assert model.fit_.n_free == whole.n_free
    assert model.covariance_ == pytest.approx(whole.parameters.cov, rel=1e-3)


def test_rank_is_counted_and_costs_little_where_true(two_sets):
    X, Y = _gone(two_sets[0], 0.2, 1), _gone(two_sets[1], 0.2, 2)
    one, two, three = (emkit.CanonicalCorrelation(k).fit(X, Y).fit_ for k in (1, 2, 3))
    assert [three.n_free - two.n_free, two.n_free - one.n_free] == [2, 4]
    assert three.loglik - two.loglik < 6
    assert two.loglik - one.loglik > 20


def test_one_side_missing(two_sets):
    X, Y = two_sets
    Y = Y.copy()
    Y[::4] = np.nan
    model = emkit.CanonicalCorrelation(2).fit(X, Y)
    assert model.converged_
    truth, guess = two_sets[1][::4], model.predict(X)[::4]
    assert ((guess - truth) ** 2).mean() < 0.7 * truth.var(axis=0).mean()
    a = model.transform(X)
    b = model.transform(X[::4], Y[::4])[1]
    assert b == pytest.approx(a[::4] * model.correlations_)  # the best guess of a side that is not there
    assert model.latent(X) == pytest.approx(a * np.sqrt(model.correlations_))
    both, root = model.transform(*two_sets), np.sqrt(model.correlations_)
    assert model.latent(*two_sets) == pytest.approx((both[0] + both[1]) * root / (1 + model.correlations_))


def test_bartletts_tests(two_sets):
    X, Y = two_sets
    found = emkit.CanonicalCorrelation(1).fit(X, Y).tests()
    assert found.dof.tolist() == [12, 6, 2]
    assert found.p_value[2] > 0.01
    assert found.p_value[1] < 1e-10
    assert found.wilks[0] == pytest.approx(np.prod(1 - found.correlations**2))
    assert found.chi_square[0] == pytest.approx(-(400 - 1 - 4) * np.log(found.wilks[0]))
    assert "at most" in str(found)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda X, Y: (X, Y[:-1]), DataError, "same rows, got 400 and 399"),
        (lambda X, Y: (X, None), DataError, "requires y to be passed"),
        (lambda X, Y: (np.column_stack([X, X[:, 0]]), Y), DataError, "determine one another"),
        (lambda X, Y: (X, Y[:, 0] * 0), DataError, "column 'y0' is constant"),
        (lambda X, Y: (X, X), DataError, "determine one another: the likelihood"),
        (lambda X, Y: (X[:5], Y[:5]), DataError, "5 rows of 7 columns"),
    ],
)
def test_bad_data(two_sets, change, error, message):
    with pytest.raises(error, match=message):
        emkit.CanonicalCorrelation().fit(*change(*two_sets))


def test_sets_that_never_meet(two_sets):
    upper = (np.arange(400) < 200)[:, None]
    with pytest.raises(DataError, match="fewer than 2 rows hold entries of both sets"):
        emkit.CanonicalCorrelation().fit(np.where(upper, np.nan, two_sets[0]), np.where(upper, two_sets[1], np.nan))


def test_bad_arguments(two_sets):
    with pytest.raises(ParameterError, match="from 1 to 3"):
        emkit.CanonicalCorrelation(4).fit(*two_sets)
    model = emkit.CanonicalCorrelation().fit(*two_sets)
    with pytest.raises(DataError, match="give `X` or `Y`"):
        model.latent()
    with pytest.raises(DataError, match="expected `Y` of shape"):
        model.transform(two_sets[0], two_sets[1][:, :2])


def test_round_trip(two_sets, tmp_path):
    model = emkit.CanonicalCorrelation(1).fit(*two_sets)
    emkit.save(model, tmp_path / "pair.emkit")
    loaded = emkit.load(tmp_path / "pair.emkit")
    assert (loaded.predict(two_sets[0]) == model.predict(two_sets[0])).all()
    with pytest.raises(ParameterError, match="holds no rows"):
        loaded.tests()
    assert [part.shape for part in model.sample(5, 0)] == [(5, 4), (5, 3)]
    assert model.score(*two_sets) == pytest.approx(model.fit_.loglik / 400)
